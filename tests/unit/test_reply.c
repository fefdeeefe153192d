/*
 * reply_next: REP-01 and REP-02 and the RFC's own forms; each row whole and
 * growing octet by octet in front of a guard page (CVE-2020-8794 was a read
 * behind a short last line).
 */
#include "../../proto/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define LIT(s)	 (s), sizeof(s) - 1
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct row {
	const char *in;
	size_t n;
	enum reply_result result;
	unsigned code;
	bool last;
	const char *text;
	size_t used;
};

static const struct row rows[] = {
	{LIT("220 ESMTP Service ready\r\n"), REPLY_OK, 220, true,
		"ESMTP Service ready", 25},
	{LIT("250-a\r\n250 b\r\n"), REPLY_OK, 250, false, "a", 7},
	{LIT("250\r\n"), REPLY_OK, 250, true, "", 5},
	{LIT("250 \r\n"), REPLY_OK, 250, true, "", 6},
	{LIT("250-\r\n"), REPLY_OK, 250, false, "", 6},
	{LIT("250  x \r\n"), REPLY_OK, 250, true, " x ", 9},
	{LIT("200-This is\r\n250 inconsistent.\r\n"), REPLY_OK, 200, false,
		"This is", 13},
	{LIT("535\r\n"), REPLY_OK, 535, true, "", 5},
	{LIT("550 5.7.2\r\n"), REPLY_OK, 550, true, "5.7.2", 11},
	{LIT("599 x\r\n"), REPLY_OK, 599, true, "x", 7},
	{LIT("500 \x03\x1b[2J\xff\r\n"), REPLY_OK, 500, true, "\x03\x1b[2J\xff",
		12},
	{LIT(""), REPLY_MORE, 0, false, "", 0},
	{LIT("2"), REPLY_MORE, 0, false, "", 0},
	{LIT("25"), REPLY_MORE, 0, false, "", 0},
	{LIT("250"), REPLY_MORE, 0, false, "", 0},
	{LIT("250-"), REPLY_MORE, 0, false, "", 0},
	{LIT("250\r"), REPLY_MORE, 0, false, "", 0},
	{LIT("250 ok\r"), REPLY_MORE, 0, false, "", 0},
	{LIT("2\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("25\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("22X OK\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("220OK\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("2500 x\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("250\tx\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("699 x\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("600 x\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("199 x\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("100 x\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT(" 250 x\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("400 This \r is wrong\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("250 ok\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("250\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("250 o\0k\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("250\r\r\n"), REPLY_BAD, 0, false, "", 0},
	{LIT("250 abcdefghijklmnopqrstuvwxyz0\r\n"), REPLY_TOO_LONG, 0, false,
		"", 0},
	{LIT("250 abcdefghijklmnopqrstuvwxyz\r\n"), REPLY_OK, 250, true,
		"abcdefghijklmnopqrstuvwxyz", 32},
	{LIT("abc abcdefghijklmnopqrstuvwxyz0123\r\n"), REPLY_BAD, 0, false, "",
		0},
};

enum { MOST = 32 };

static struct guard guard;

static enum reply_result next(
	const struct row *row, size_t n, struct reply_line *line, size_t *used)
{
	*line = (struct reply_line){.code = 999};
	*used = 12345;
	return reply_next(
		slice_of(guard_copy(&guard, row->in, n), n), MOST, line, used);
}

static void check(const struct row *row, enum reply_result result,
	const struct reply_line *line, size_t used)
{
	size_t n = strlen(row->text);

	assert_int_equal(result, row->result);
	if (result != REPLY_OK) {
		assert_int_equal(line->code, 999);
		assert_int_equal(used, 12345);
		return;
	}
	assert_int_equal(line->code, row->code);
	assert_int_equal(line->last, row->last);
	assert_int_equal(used, row->used);
	assert_int_equal(line->text.n, n);
	if (n)
		assert_memory_equal(line->text.p, row->text, n);
}

static void reply_is_the_same_whole_and_octet_by_octet(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum reply_result result = REPLY_MORE;
		struct reply_line line;
		size_t used;

		print_message("  %zu \"%s\"\n", i, rows[i].in);
		result = next(&rows[i], rows[i].n, &line, &used);
		check(&rows[i], result, &line, used);
		result = REPLY_MORE;
		for (size_t n = 0; n <= rows[i].n && result == REPLY_MORE; n++)
			result = next(&rows[i], n, &line, &used);
		check(&rows[i], result, &line, used);
	}
}

/* A digit that is wrong is certain before the line has an end. */
static void reply_bad_code_is_told_at_its_first_wrong_octet(void **state)
{
	static const struct {
		const char *in;
		size_t from;
	} early[] = {{"x", 1}, {"1", 1}, {"6", 1}, {"\r", 1}, {"2x", 2},
		{"25\r", 3}, {"250x", 4}, {"250\rx", 5}};
	struct reply_line line;
	size_t used;

	for (size_t i = 0; i < COUNT(early); i++)
		for (size_t n = 0; n <= strlen(early[i].in); n++)
			assert_int_equal(
				reply_next(slice_of(guard_copy(&guard,
							    early[i].in, n),
						   n),
					MOST, &line, &used),
				n < early[i].from ? REPLY_MORE : REPLY_BAD);
}

static void reply_codes_from_200_to_599_and_no_other(void **state)
{
	struct reply_line line;
	size_t used;
	char text[8];

	for (unsigned code = 0; code < 1000; code++) {
		enum reply_result want =
			code >= 200 && code <= 599 ? REPLY_OK : REPLY_BAD;

		snprintf(text, sizeof(text), "%03u\r\n", code);
		assert_int_equal(
			reply_next(slice_of(guard_copy(&guard, text, 5), 5),
				MOST, &line, &used),
			want);
		if (want == REPLY_OK)
			assert_int_equal(line.code, code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reply_is_the_same_whole_and_octet_by_octet),
		cmocka_unit_test(
			reply_bad_code_is_told_at_its_first_wrong_octet),
		cmocka_unit_test(reply_codes_from_200_to_599_and_no_other),
	};

	return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
