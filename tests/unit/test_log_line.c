/* Lines of the log, read back in both formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/base/log_line.h"

static struct log_reader reader;

static void expect(const char *key, const char *value)
{
	struct log_field field;
	char text[600];
	size_t n;

	assert_true(log_reader_next(&reader, &field));
	assert_int_equal(field.key.n, strlen(key));
	assert_memory_equal(field.key.p, key, field.key.n);
	n = log_field_text(&reader, &field, text, sizeof(text));
	assert_int_equal(n, strlen(value));
	assert_memory_equal(text, value, n);
}

static void expect_end(void)
{
	struct log_field field;

	assert_false(log_reader_next(&reader, &field));
	assert_false(log_reader_next(&reader, &field));
}

/* One line as log.c writes it, into a pipe. */
static void write_line(enum log_format format)
{
	static char text[4096];
	int fds[2];
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	log_init("worker 1", fds[1], LOG_INFO, format);
	log_begin(LOG_INFO, "session");
	log_str("user", "anna\"\\ \n=\xff,}");
	log_int("code", 535);
	log_str("rule", "");
	log_bool("ok", true);
	log_end();
	log_done();
	n = read(fds[0], text, sizeof(text));
	assert_true(n > 1 && text[n - 1] == '\n');
	close(fds[0]);
	close(fds[1]);
	log_reader_begin(&reader, slice_of(text, (size_t)n - 1));
}

static void what_is_written_is_read_back(void **state)
{
	for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
		struct log_field time;

		write_line((enum log_format)format);
		assert_true(log_reader_next(&reader, &time));
		assert_int_equal(time.value.n, 20);
		expect("level", "info");
		expect("process", format == LOG_TEXT ? "worker-1" : "worker 1");
		expect("event", "session");
		expect("user", "anna\"\\ \n=\xff,}");
		expect("code", "535");
		expect("rule", "");
		expect("ok", "true");
		expect_end();
	}
}

static void words_of_another_are_one_text(void **state)
{
	log_reader_begin(&reader,
		slice_str("2026-11-25T15:04:05Z   SMTP Server: user=anna x"));
	expect("time", "2026-11-25T15:04:05Z");
	expect("text", "SMTP Server: user=anna x");
	expect_end();
}

/* Exact copies, so that a sanitizer sees each octet behind the end. */
static void read_all(const char *text, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);
	struct log_field field;
	unsigned fields = 0;

	assert_non_null(copy);
	memcpy(copy, text, n);
	log_reader_begin(&reader, slice_of(copy, n));
	while (log_reader_next(&reader, &field)) {
		char out[8];

		assert_true(log_field_text(&reader, &field, out, sizeof(out)) <=
			    sizeof(out));
		assert_true(++fields <= n);
	}
	free(copy);
}

static void any_octets_end(void **state)
{
	static const char *const lines[] = {
		"{\"a\":\"b\",\"c\":1,\"d\":\"\\u0041\\\"\",\"e\":tru}",
		"{\"a\":\"\\",
		"{\"a\\",
		"{\"a\":\"\\u00",
		"{,,\"\":,}",
		"{\"a\"",
		"t l p e a=1 b=\"x\\\" \\x41\" c= d=\"",
		"t   ",
		"t  l",
		"   ",
		"t l p e =1",
		"t l p e a",
		"t l p e a=\"\\",
		"{{{",
		"\"\\\\",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		for (size_t n = 0; n <= strlen(lines[i]); n++)
			read_all(lines[i], n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(words_of_another_are_one_text),
		cmocka_unit_test(any_octets_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
