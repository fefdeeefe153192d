/*
 * The dialogue, its limits: each at n-1, n and n+1, and the same whether the
 * octets come at once or one by one.
 */
#include "dialog_script.h"

static struct world w;
static char line[128 * 1024];

static void begin(const char *name, enum from from, struct dialog_conf given)
{
	struct script script = {.name = name, .conf = given};
	struct dialog_conf conf = conf_of(&script);

	world_begin(&w, name, &conf, false);
	come_to(&w, from);
}

/* At once, or octet by octet, which must not differ. */
static void give_line(enum dialog_side side, size_t n, bool octets)
{
	if (!octets) {
		world_give(&w, side, line, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		world_give(&w, side, line + i, 1);
}

/* `head`, then filler up to n octets with the CRLF. */
static void fill_line(const char *head, size_t n)
{
	size_t head_n = strlen(head);

	memcpy(line, head, head_n);
	memset(line + head_n, 'x', n - head_n - 2);
	memcpy(line + n - 2, "\r\n", 2);
}

static bool to_client_is(const char *want)
{
	return w.to_c.n == strlen(want) && !memcmp(w.to_c.p, want, w.to_c.n);
}

static void command_line_limit_counts_its_crlf(void **state)
{
	for (size_t n = LIMIT_COMMAND - 1; n <= LIMIT_COMMAND + 1; n++)
		for (unsigned octets = 0; octets < 2; octets++) {
			begin("command", FROM_EHLO, (struct dialog_conf){0});
			fill_line("NOOP ", n);
			give_line(DIALOG_CLIENT, n, octets);
			if (n <= LIMIT_COMMAND) {
				assert_int_equal(w.to_s.n, n);
				assert_int_equal(w.to_c.n, 0);
				continue;
			}
			assert_int_equal(w.to_s.n, 0);
			assert_true(to_client_is(
				"{LINE_TOO_LONG}{CLOSE line-too-long}"));
		}
}

static void endless_line_gets_one_error(void **state)
{
	begin("endless", FROM_EHLO, (struct dialog_conf){0});
	memset(line, 'a', sizeof line);
	world_give(&w, DIALOG_CLIENT, "NOOP\r\n", 6);
	for (unsigned i = 0; i < 8; i++)
		world_give(&w, DIALOG_CLIENT, line, 8192);
	assert_int_equal(w.c_in.n, 0);
	assert_int_equal(w.to_c.n, 0);
	say(&w, NULL, "250 ok\r\n");
	assert_true(
		to_client_is("250 ok\r\n{LINE_TOO_LONG}{CLOSE line-too-long}"));
}

static void answer_limit_is_its_own(void **state)
{
	for (size_t n = LIMIT_ANSWER - 1; n <= LIMIT_ANSWER + 1; n++)
		for (unsigned octets = 0; octets < 2; octets++) {
			begin("answer", FROM_EHLO, (struct dialog_conf){0});
			say(&w, "AUTH LOGIN\r\n", "334 x\r\n");
			w.to_c.n = w.to_s.n = 0;
			fill_line("", n);
			give_line(DIALOG_CLIENT, n, octets);
			if (n <= LIMIT_ANSWER) {
				assert_int_equal(w.to_s.n, n);
				continue;
			}
			assert_int_equal(w.to_s.n, 0);
			assert_true(to_client_is(
				"{LINE_TOO_LONG}{CLOSE line-too-long}"));
		}
}

/* Also where answers are the shorter ones. */
static void judged_line_is_found_again_at_either_limit(void **state)
{
	const struct dialog_conf confs[] = {
		{.command_longest_bytes = 64, .answer_longest_bytes = 128},
		{.command_longest_bytes = 128, .answer_longest_bytes = 64},
	};

	for (size_t i = 0; i < COUNT(confs); i++) {
		size_t n = confs[i].command_longest_bytes;

		begin("judged", FROM_EHLO, confs[i]);
		fill_line("AUTH PLAIN ", n);
		give_line(DIALOG_CLIENT, n, false);
		assert_int_equal(w.dialog.state, DIALOG_STATE_AUTH_ASKING);
		happen(&w, HAPPENS_PASS);
		assert_int_equal(w.to_s.n, n);
	}
}

static void nth_bad_command_is_the_last(void **state)
{
	static const char *const bad[] = {"FROP\r\n", "TURN\r\n", " NOOP\r\n"};

	for (size_t kind = 0; kind < COUNT(bad); kind++) {
		begin("bad", FROM_EHLO,
			(struct dialog_conf){.bad_commands_most = 4});
		for (unsigned i = 1; i < 4; i++) {
			say(&w, bad[kind], NULL);
			if (kind == 0)
				say(&w, NULL, "500 what\r\n");
			say(&w, "NOOP\r\n", "250 ok\r\n");
		}
		assert_int_equal(w.dialog.state, DIALOG_STATE_COMMAND);
		w.to_c.n = w.to_s.n = 0;
		say(&w, bad[kind], NULL);
		assert_true(to_client_is(
			"{TOO_MANY_ERRORS}{CLOSE too-many-errors}"));
		assert_int_equal(w.to_s.n, 0);
	}
}

static void too_many_errors_come_in_their_turn(void **state)
{
	begin("bad, piped", FROM_EHLO,
		(struct dialog_conf){.bad_commands_most = 2});
	say(&w, "NOOP\r\nTURN\r\nFROP\r\nNOOP\r\n", NULL);
	assert_int_equal(w.to_c.n, 0);
	assert_int_equal(w.c_in.n, 0);
	say(&w, NULL, "250 ok\r\n");
	assert_true(to_client_is("250 ok\r\n{NOT_IMPLEMENTED}"
				 "{TOO_MANY_ERRORS}{CLOSE too-many-errors}"));
}

static void send_message(void)
{
	say(&w, "MAIL FROM:<a@b>\r\n", "250 1\r\n");
	for (unsigned i = 0; i < 10; i++)
		say(&w, "RCPT TO:<c@d>\r\n", "250 2\r\n");
	say(&w, "DATA\r\n", "354 3\r\n");
	say(&w, "a\r\n.\r\n", "250 4\r\n");
}

static void idle_commands_count_from_the_last_message(void **state)
{
	begin("idle", FROM_BANNER,
		(struct dialog_conf){.idle_commands_most = 3});
	say(&w, "EHLO c\r\n", EHLO_PLAIN);
	say(&w, "NOOP\r\n", "250 ok\r\n");
	for (unsigned i = 0; i < 5; i++)
		send_message();
	for (unsigned i = 0; i < 3; i++)
		say(&w, "RSET\r\n", "250 ok\r\n");
	assert_int_equal(w.dialog.state, DIALOG_STATE_COMMAND);
	w.to_c.n = w.to_s.n = 0;
	say(&w, "NOOP\r\n", NULL);
	assert_true(
		to_client_is("{TOO_MANY_COMMANDS}{CLOSE too-many-commands}"));
	assert_int_equal(w.to_s.n, 0);
}

static void quit_is_never_one_too_many(void **state)
{
	begin("idle", FROM_EHLO, (struct dialog_conf){.idle_commands_most = 1});
	say(&w, "QUIT\r\n", "221 bye\r\n");
	assert_true(to_client_is("221 bye\r\n{CLOSE quit}"));
}

/* The first that waits for room is the 31st; nothing is lost or reordered. */
static void full_fifo_holds_the_client_back(void **state)
{
	char reply[16];

	begin("fifo", FROM_EHLO, (struct dialog_conf){0});
	for (unsigned i = 0; i < 70; i++)
		say(&w, "NOOP\r\n", NULL);
	assert_int_equal(w.to_s.n, 30 * 6);
	assert_false(dialog_reads(&w.dialog, DIALOG_CLIENT));
	for (unsigned i = 0; i < 70; i++) {
		(void)sprintf(reply, "250 %u\r\n", i);
		say(&w, NULL, reply);
	}
	assert_int_equal(w.to_s.n, 70 * 6);
	assert_int_equal(w.replies, w.commands);
	assert_int_equal(w.dialog.fifo_count, 0);
}

static void full_fifo_has_room_for_a_refusal_and_the_end(void **state)
{
	begin("fifo", FROM_EHLO, (struct dialog_conf){0});
	for (unsigned i = 0; i < 29; i++)
		say(&w, "NOOP\r\n", NULL);
	say(&w, "AUTH LOGIN\r\n", NULL);
	for (unsigned i = 0; i < 29; i++)
		say(&w, NULL, "250 x\r\n");
	say(&w, NULL, "334 x\r\n");
	assert_int_equal(w.dialog.state, DIALOG_STATE_AUTH_CLIENT);
	begin("fifo", FROM_EHLO, (struct dialog_conf){0});
	for (unsigned i = 0; i < 29; i++)
		say(&w, "NOOP\r\n", NULL);
	say(&w, "a\nb\r\n", NULL);
	for (unsigned i = 0; i < 29; i++)
		say(&w, NULL, "250 x\r\n");
	assert_int_equal(w.dialog.state, DIALOG_STATE_CLOSED);
	assert_int_equal(w.replies, 31); /* with that to EHLO */
}

/* n octets in lines of 100, all but the last with "-". */
static void fill_reply(const char *code, size_t n)
{
	size_t at = 0;

	while (at < n) {
		size_t piece = n - at >= 200 ? 100 : n - at;

		memcpy(line + at, code, 3);
		line[at + 3] = at + piece < n ? '-' : ' ';
		memset(line + at + 4, 'x', piece - 6);
		memcpy(line + at + piece - 2, "\r\n", 2);
		at += piece;
	}
}

struct reply_limit {
	const char *name, *c, *code;
	size_t n;
};

static const struct reply_limit reply_limits[] = {
	{"EHLO", "EHLO c\r\n", "250", DIALOG_REPLY_WHOLE},
	{"AUTH", "AUTH LOGIN\r\n", "504", DIALOG_REPLY_WHOLE},
	{"421", "", "421", DIALOG_REPLY_WHOLE},
};

static void try_reply(const struct reply_limit *limit, size_t n, bool octets)
{
	begin(limit->name, FROM_EHLO, (struct dialog_conf){0});
	say(&w, limit->c, NULL);
	w.to_s.n = 0;
	fill_reply(limit->code, n);
	give_line(DIALOG_SERVER, n, octets);
	if (n <= limit->n) {
		HOLDS(&w, w.to_s.n == 0 && w.to_c.n > 0 && w.to_c.p[0] != '{');
		return;
	}
	HOLDS(&w, to_client_is("{SERVER_CONFUSED}{CLOSE server-protocol}"));
}

static void whole_replies_are_bounded(void **state)
{
	for (size_t i = 0; i < COUNT(reply_limits); i++)
		for (unsigned k = 0; k < 6; k++)
			try_reply(&reply_limits[i],
				reply_limits[i].n - 1 + k / 2, k % 2);
}

/* n lines, of which only the last is a last one. */
static size_t fill_lines(unsigned n)
{
	size_t at = 0;

	for (unsigned i = 1; i < n; i++, at += 6)
		memcpy(line + at, "250-\r\n", 6);
	memcpy(line + at, "250\r\n", 5);
	return at + 5;
}

static void replies_are_bounded_by_lines(void **state)
{
	unsigned most = DIALOG_REPLY_LINES;

	for (unsigned k = 0; k < 6; k++) {
		unsigned n = most - 1 + k / 2;
		size_t octet_count = fill_lines(n);

		begin("lines", FROM_EHLO, (struct dialog_conf){0});
		say(&w, "HELP\r\n", NULL);
		give_line(DIALOG_SERVER, octet_count, k % 2);
		HOLDS(&w, (w.dialog.state == DIALOG_STATE_COMMAND) ==
				  (n <= most));
	}
}

static void endless_reply_is_the_end(void **state)
{
	begin("endless", FROM_EHLO, (struct dialog_conf){0});
	say(&w, "NOOP\r\n", NULL);
	memset(line, 'x', sizeof line);
	memcpy(line, "250 ", 4);
	for (unsigned i = 0; i < 16 && !w.dropped; i++)
		world_give(&w, DIALOG_SERVER, line + (i ? 4 : 0), 8192);
	assert_true(to_client_is("{SERVER_CONFUSED}{CLOSE server-protocol}"));
	begin("endless lines", FROM_EHLO, (struct dialog_conf){0});
	say(&w, "NOOP\r\n", NULL);
	for (unsigned i = 0; i < 1000 && !w.dropped; i++)
		say(&w, NULL, "250-x\r\n");
	assert_true(to_client_is("{SERVER_CONFUSED}{CLOSE server-protocol}"));
}

static void long_message_passes(void **state)
{
	size_t total = 0;

	begin("long", FROM_DATA, (struct dialog_conf){0});
	memset(line, 'x', sizeof line);
	for (unsigned i = 0; i < 100; i++) {
		world_give(&w, DIALOG_CLIENT, line, 65536);
		total += w.to_s.n;
		w.to_s.n = 0;
		assert_int_equal(w.c_in.n, 0);
	}
	assert_int_equal(total, 100 * 65536);
	say(&w, "\r\n.\r\n", "250 ok\r\n");
	assert_int_equal(w.accepted, 1);
}

/* RES-12: sizes are of 64 bits, in the command and in the count of what is
 * left. */
static void chunk_of_five_gigabytes_ends_at_its_last_octet(void **state)
{
	const uint64_t size = UINT64_C(5) << 30;
	uint64_t total = 0;

	(void)state;
	begin("huge", FROM_RCPT, (struct dialog_conf){0});
	say(&w, "BDAT 5368709120 LAST\r\n", NULL);
	w.to_s.n = 0;
	memset(line, 'x', sizeof line);
	while (total < size) {
		world_give(&w, DIALOG_CLIENT, line, 65536);
		assert_int_equal(w.to_s.n, 65536);
		total += w.to_s.n;
		w.to_s.n = 0;
	}
	say(&w, "NOOP\r\n", "250 taken\r\n");
	assert_int_equal(w.accepted, 1);
	say(&w, NULL, "250 ok\r\n");
	assert_true(w.to_s.n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_line_limit_counts_its_crlf),
		cmocka_unit_test(endless_line_gets_one_error),
		cmocka_unit_test(answer_limit_is_its_own),
		cmocka_unit_test(judged_line_is_found_again_at_either_limit),
		cmocka_unit_test(nth_bad_command_is_the_last),
		cmocka_unit_test(too_many_errors_come_in_their_turn),
		cmocka_unit_test(idle_commands_count_from_the_last_message),
		cmocka_unit_test(quit_is_never_one_too_many),
		cmocka_unit_test(full_fifo_holds_the_client_back),
		cmocka_unit_test(full_fifo_has_room_for_a_refusal_and_the_end),
		cmocka_unit_test(whole_replies_are_bounded),
		cmocka_unit_test(replies_are_bounded_by_lines),
		cmocka_unit_test(endless_reply_is_the_end),
		cmocka_unit_test(long_message_passes),
		cmocka_unit_test(
			chunk_of_five_gigabytes_ends_at_its_last_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
