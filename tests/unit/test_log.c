/*
 * The log: what a line looks like, that it is always whole and parses, and
 * that nothing here ever waits or loses lines without saying so.
 */
#include "../../src/base/log.h"
#include "../../src/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static int ends[2]; /* [0] is read by the test, [1] is the log's */
static char got[64 * 1024];

static void pair_open(int type)
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
}

static void pair_close(void)
{
	log_done();
	close(ends[0]);
	close(ends[1]);
}

/* One datagram, or what a stream holds; "" when there is nothing. */
static const char *pair_read(void)
{
	ssize_t n = recv(ends[0], got, sizeof(got) - 1, MSG_DONTWAIT);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

/* A line less its time, which is checked for its shape. */
static const char *without_time(const char *line)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ ";

	for (size_t i = 0; shape[i]; i++) {
		if (shape[i] == 'd')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], shape[i]);
	}
	return line + sizeof(shape) - 1;
}

static void begin(enum log_format format)
{
	pair_open(SOCK_SEQPACKET);
	log_init("worker 1", ends[1], LOG_INFO, format);
}

static const char *end(void)
{
	log_end();
	log_flush();
	return pair_read();
}

static void text_line_is_key_value(void **state)
{
	struct prefix prefix;
	struct addr addr;

	assert_true(addr_parse("192.0.2.7", &addr));
	assert_true(prefix_parse("2001:db8::/48", &prefix));
	begin(LOG_TEXT);
	log_begin(LOG_INFO, "session");
	log_str("listener", "mx");
	log_addr("src", &addr);
	log_prefix("prefix", &prefix);
	log_peer("user", slice_str("anna"));
	log_peer("helo", slice_str("a b\"c\\d\r\n\xff\x01"));
	log_peer("empty", slice_of(NULL, 0));
	log_int("bytes", -9007199254740993);
	log_hex("ref", 0xab);
	log_bool("tls", true);
	assert_string_equal(without_time(end()),
		"info worker-1 session listener=mx src=192.0.2.7 "
		"prefix=2001:db8::/48 user=anna "
		"helo=\"a b\\\"c\\\\d\\x0d\\x0a\\xff\\x01\" empty=\"\" "
		"bytes=-9007199254740993 ref=00000000000000ab tls=true\n");
	pair_close();
}

static void values_are_quoted_only_when_they_must(void **state)
{
	static const char *const cases[][2] = {
		{"aZ09._:/@+-", "v=aZ09._:/@+-\n"},
		{"a b", "v=\"a b\"\n"},
		{"a=b", "v=\"a=b\"\n"},
		{"", "v=\"\"\n"},
		{"é", "v=\"\\xc3\\xa9\"\n"},
		{"\x7f", "v=\"\\x7f\"\n"},
	};

	begin(LOG_TEXT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *line;

		log_begin(LOG_WARN, "e");
		log_str("v", cases[i][0]);
		line = without_time(end());
		assert_string_equal(
			line + strlen("warn worker-1 e "), cases[i][1]);
	}
	pair_close();
}

static void levels_above_are_not_made(void **state)
{
	begin(LOG_TEXT);
	assert_true(log_wants(LOG_ERROR));
	assert_true(log_wants(LOG_INFO));
	assert_false(log_wants(LOG_DEBUG));
	log_begin(LOG_DEBUG, "no");
	log_str("k", "v");
	log_end();
	log_say(LOG_DEBUG, "no", "%d", 1);
	assert_false(log_waiting());
	log_say(LOG_ERROR, "yes", "%d %s", 1, "word");
	assert_true(log_waiting());
	log_flush();
	assert_false(log_waiting());
	assert_string_equal(without_time(pair_read()),
		"error worker-1 yes message=\"1 word\"\n");
	pair_close();
	assert_false(log_wants(LOG_ERROR));
}

static json_t *must_json(const char *line)
{
	json_error_t error;
	json_t *json;

	if (!line[0] || line[strlen(line) - 1] != '\n')
		fail_msg("no whole line: %s", line);
	json = json_loads(line, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		fail_msg("%s in %s", error.text, line);
	return json;
}

static const char *string_of(json_t *json, const char *key)
{
	const char *value = json_string_value(json_object_get(json, key));

	return value ? value : "(none)";
}

static void json_line_says_the_same(void **state)
{
	json_t *json;

	begin(LOG_JSON);
	log_begin(LOG_INFO, "session");
	log_peer("user", slice_str("a\"b\\c\n\xe9"));
	log_int("bytes", 12);
	log_bool("tls", false);
	log_hex("ref", 0xab);
	json = must_json(end());
	assert_string_equal(string_of(json, "level"), "info");
	assert_string_equal(string_of(json, "process"), "worker 1");
	assert_string_equal(string_of(json, "event"), "session");
	assert_string_equal(string_of(json, "user"), "a\"b\\c\n\xc3\xa9");
	assert_string_equal(string_of(json, "ref"), "00000000000000ab");
	assert_int_equal(
		json_integer_value(json_object_get(json, "bytes")), 12);
	assert_true(json_is_false(json_object_get(json, "tls")));
	assert_int_equal(strlen(string_of(json, "time")), 20);
	json_decref(json);
	pair_close();
}

static void every_octet_makes_valid_json(void **state)
{
	begin(LOG_JSON);
	for (unsigned c = 0; c < 256; c++) {
		uint8_t octets[3] = {'a', (uint8_t)c, 'z'};
		json_t *json, *value;

		log_begin(LOG_INFO, "e");
		log_peer("v", slice_of(octets, 3));
		log_end();
		log_flush();
		assert_true(recv(ends[0], got, sizeof(got), 0) > 0);
		*strchr(got, '\n') = '\0';
		json = json_loads(got, JSON_ALLOW_NUL, NULL);
		assert_non_null(json);
		value = json_object_get(json, "v");
		assert_int_equal(json_string_length(value), c < 128 ? 3 : 4);
		json_decref(json);
	}
	pair_close();
}

/* Lines are whole and say so, however full: fields of every length. */
static void full_line_loses_fields_never_its_end(void **state)
{
	static const enum log_format formats[] = {LOG_TEXT, LOG_JSON};
	static uint8_t octets[600];

	for (size_t n = 0; n < sizeof(octets); n += 7) {
		enum log_format format = formats[n % 2];
		const char *line;

		memset(octets, n % 3 ? 'x' : '\n', sizeof(octets));
		begin(format);
		log_begin(LOG_INFO, "e");
		for (unsigned i = 0; i < 26; i++) {
			char *key = (char[]){(char)('a' + i), 'k', '\0'};

			log_peer(key, slice_of(octets, n));
		}
		line = end();
		assert_in_range(strlen(line), 1, LOG_LINE_LONGEST);
		if (format == LOG_JSON) {
			json_t *json = must_json(line);

			/* 26 values of at most 512 never fit from here. */
			if (n > 160)
				assert_true(json_is_true(
					json_object_get(json, "cut")));
			json_decref(json);
		} else if (n > 160) {
			assert_non_null(strstr(line, " cut=true\n"));
		}
		pair_close();
	}
}

static void peer_values_are_cut_between_escapes(void **state)
{
	static uint8_t octets[2 * LOG_VALUE_LONGEST];
	char want[64 + LOG_VALUE_LONGEST], *p = want;
	const char *line;

	memset(octets, 0xff, sizeof(octets));
	p += sprintf(p, "info worker-1 e v=\"");
	for (unsigned i = 0; i < LOG_VALUE_LONGEST / 4; i++)
		p += sprintf(p, "\\xff");
	begin(LOG_TEXT);
	log_begin(LOG_INFO, "e");
	log_peer("v", slice_of(octets, sizeof(octets)));
	line = without_time(end());
	assert_int_equal(strlen(line), strlen(want) + 2);
	assert_memory_equal(line, want, strlen(want));
	assert_string_equal(line + strlen(want), "\"\n");
	memset(octets, 'x', sizeof(octets));
	log_begin(LOG_INFO, "e");
	log_peer("v", slice_of(octets, sizeof(octets)));
	assert_int_equal(strlen(without_time(end())), strlen(want) + 2);
	pair_close();
}

static void escaper_fits_any_room(void **state)
{
	static const char in[] = "ab\"\\\n\xff z";
	char whole[2][64], out[64];
	struct slice slice = slice_of(in, sizeof(in) - 1);

	for (unsigned f = LOG_TEXT; f <= LOG_JSON; f++) {
		size_t all = log_escape(slice, f, whole[f], sizeof(whole[f]));

		for (size_t room = 0; room <= all; room++) {
			size_t n;

			memset(out, '#', sizeof(out));
			n = log_escape(slice, f, out, room);
			assert_true(n <= room && room - n < 6);
			assert_memory_equal(out, whole[f], n);
			assert_int_equal(out[n], '#');
		}
		whole[f][all] = '\0';
	}
	assert_string_equal(whole[LOG_TEXT], "ab\\\"\\\\\\x0a\\xff z");
	assert_string_equal(whole[LOG_JSON], "ab\\\"\\\\\\u000a\\u00ff z");
}

static void say_line(unsigned i)
{
	static char filler[201];

	memset(filler, 'f', sizeof(filler) - 1);
	log_begin(LOG_INFO, "line");
	log_int("i", i);
	log_str("filler", filler);
	log_end();
}

/* Reads all lines; returns how many "line" events, adds up "log-dropped". */
static unsigned lines_in(char *text, unsigned *ret_said)
{
	unsigned lines = 0;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		char *said = strstr(line, " log-dropped lines=");

		without_time(line);
		if (said)
			*ret_said += (unsigned)atoi(
				said + strlen(" log-dropped lines="));
		else if (strstr(line, " line i="))
			lines++;
		else
			fail_msg("torn: %s", line);
	}
	return lines;
}

static void datagrams_hold_whole_lines_of_8k_at_most(void **state)
{
	unsigned said = 0, lines = 0;

	begin(LOG_TEXT);
	for (unsigned i = 0; i < 60; i++)
		say_line(i);
	log_flush();
	while (*pair_read()) {
		assert_in_range(strlen(got), 1, 8 * 1024);
		assert_int_equal(got[strlen(got) - 1], '\n');
		lines += lines_in(got, &said);
	}
	assert_int_equal(lines, 60);
	assert_int_equal(said, 0);
	pair_close();
}

static void lost_lines_are_counted_and_said_later(void **state)
{
	enum { LINES = 5000 };
	unsigned said = 0, lines = 0;
	int small = 4096;

	begin(LOG_TEXT);
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (unsigned i = 0; i < LINES; i++)
		say_line(i);
	assert_true(log_waiting());
	assert_in_range(log_dropped_count(), 1, LINES - 1);
	for (unsigned turn = 0; turn < 1000; turn++) {
		while (*pair_read())
			lines += lines_in(got, &said);
		log_flush();
	}
	assert_false(log_waiting());
	assert_int_equal(said, log_dropped_count());
	assert_int_equal(lines + said, LINES);
	pair_close();
}

static void full_pipe_never_blocks_and_lines_stay_whole(void **state)
{
	enum { LINES = 5000 };
	static char all[4 * 1024 * 1024];
	unsigned said = 0;
	size_t n = 0;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	log_init("keeper", ends[1], LOG_INFO, LOG_TEXT);
	alarm(20); /* it would stop here for ever */
	for (unsigned i = 0; i < LINES; i++)
		say_line(i);
	assert_true(log_dropped_count() > 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	do {
		ssize_t got_n;

		while ((got_n = read(ends[0], all + n, sizeof(all) - 1 - n)) >
			0)
			n += (size_t)got_n;
		log_flush();
	} while (log_waiting());
	n += (size_t)read(ends[0], all + n, sizeof(all) - 1 - n);
	alarm(0);
	all[n] = '\0';
	assert_int_equal(lines_in(all, &said) + said, LINES);
	assert_int_equal(said, log_dropped_count());
	pair_close();
}

static void dead_reader_costs_lines_not_the_process(void **state)
{
	begin(LOG_TEXT);
	close(ends[0]);
	for (unsigned i = 0; i < 200; i++) {
		say_line(i);
		log_flush();
	}
	assert_int_equal(log_dropped_count() >= 200, 1);
	ends[0] = dup(ends[1]);
	pair_close();
}

static void stream_socket_and_file_take_lines(void **state)
{
	FILE *file = tmpfile();
	char line[256];

	pair_open(SOCK_STREAM);
	log_init("supervisor", ends[1], LOG_INFO, LOG_TEXT);
	log_say(LOG_INFO, "start", "here");
	log_flush();
	assert_string_equal(without_time(pair_read()),
		"info supervisor start message=here\n");
	pair_close();
	assert_non_null(file);
	log_init("supervisor", fileno(file), LOG_INFO, LOG_TEXT);
	log_say(LOG_INFO, "start", "here");
	log_done();
	rewind(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(
		without_time(line), "info supervisor start message=here\n");
	fclose(file);
}

/* How many of `count` lines are made in one second. */
static unsigned made_in_a_second(unsigned count)
{
	wall_s_t second;
	unsigned made;

	do {
		while (*pair_read())
			;
		second = clock_wall_s();
		for (made = 0; clock_wall_s() == second;)
			; /* the next begins now */
		second = clock_wall_s();
		for (unsigned i = 0; i < count; i++) {
			log_begin(LOG_WARN, "often");
			log_end();
			log_flush();
			made += *pair_read() != 0;
		}
	} while (clock_wall_s() != second);
	return made;
}

static void lines_of_a_kind_are_limited_in_a_second(void **state)
{
	uint64_t before;

	(void)state;
	begin(LOG_TEXT);
	log_limit(20);
	assert_int_equal(made_in_a_second(19), 19);
	assert_int_equal(log_suppressed_count(), 0);
	assert_int_equal(made_in_a_second(20), 20);
	assert_int_equal(log_suppressed_count(), 0);
	before = log_suppressed_count();
	assert_int_equal(made_in_a_second(23), 20);
	assert_true(log_suppressed_count() >= before + 3);
	/* Another kind has its own budget. */
	log_begin(LOG_WARN, "seldom");
	assert_string_equal(without_time(end()), "warn worker-1 seldom\n");
	pair_close();
}

static void next_line_says_how_many_were_not(void **state)
{
	wall_s_t second;
	const char *line;

	(void)state;
	begin(LOG_TEXT);
	log_limit(1);
	log_begin(LOG_INFO, "line");
	(void)end();
	second = clock_wall_s();
	for (unsigned i = 0; i < 5; i++) {
		log_begin(LOG_INFO, "line");
		(void)end();
	}
	while (clock_wall_s() == second && log_suppressed_count() > 0)
		;
	log_begin(LOG_INFO, "line");
	line = without_time(end());
	if (log_suppressed_count() == 5)
		assert_string_equal(line, "info worker-1 line suppressed=5\n");
	else /* the second ended in between */
		assert_non_null(strstr(line, "info worker-1 line"));
	pair_close();
}

static void nothing_is_made_before_init_or_without_fd(void **state)
{
	log_init("x", -1, LOG_DEBUG, LOG_TEXT);
	log_say(LOG_ERROR, "e", "x");
	assert_false(log_waiting());
	log_flush();
	log_done();
}

static void a_fork_does_not_write_the_parents_lines(void **state)
{
	begin(LOG_TEXT);
	log_say(LOG_INFO, "of-the-parent", "x");
	log_init("child", ends[1], LOG_INFO, LOG_TEXT);
	log_say(LOG_INFO, "of-the-child", "x");
	log_flush();
	assert_null(strstr(pair_read(), "of-the-parent"));
	pair_close();
}

static void unescaped_text_is_what_was_escaped(void **state)
{
	uint8_t in[3 * 256];
	char escaped[4 * sizeof(in)], out[sizeof(in) + 1];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i < 256 ? i : i < 512 ? '\\' : i * 7);
	n = log_escape(
		slice_of(in, sizeof(in)), LOG_TEXT, escaped, sizeof(escaped));
	assert_int_equal(
		log_unescape(slice_of((uint8_t *)escaped, n), out, sizeof(out)),
		sizeof(in));
	assert_memory_equal(out, in, sizeof(in));
	for (size_t room = 0; room < 40; room++)
		assert_int_equal(log_unescape(slice_of((uint8_t *)escaped, n),
					 out, room),
			room);
	assert_int_equal(log_unescape(slice_str("\\"), out, 9), 1);
	assert_int_equal(log_unescape(slice_str("\\x"), out, 9), 1);
	assert_int_equal(log_unescape(slice_str("\\x4"), out, 9), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_line_is_key_value),
		cmocka_unit_test(values_are_quoted_only_when_they_must),
		cmocka_unit_test(levels_above_are_not_made),
		cmocka_unit_test(json_line_says_the_same),
		cmocka_unit_test(every_octet_makes_valid_json),
		cmocka_unit_test(full_line_loses_fields_never_its_end),
		cmocka_unit_test(peer_values_are_cut_between_escapes),
		cmocka_unit_test(escaper_fits_any_room),
		cmocka_unit_test(unescaped_text_is_what_was_escaped),
		cmocka_unit_test(datagrams_hold_whole_lines_of_8k_at_most),
		cmocka_unit_test(lost_lines_are_counted_and_said_later),
		cmocka_unit_test(full_pipe_never_blocks_and_lines_stay_whole),
		cmocka_unit_test(dead_reader_costs_lines_not_the_process),
		cmocka_unit_test(stream_socket_and_file_take_lines),
		cmocka_unit_test(lines_of_a_kind_are_limited_in_a_second),
		cmocka_unit_test(next_line_says_how_many_were_not),
		cmocka_unit_test(nothing_is_made_before_init_or_without_fd),
		cmocka_unit_test(a_fork_does_not_write_the_parents_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
