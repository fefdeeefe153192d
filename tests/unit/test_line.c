/*
 * line_next: each row runs whole and grows octet by octet in front of a
 * guard page. However it comes, the first result that is not LINE_MORE must
 * be the same one.
 */
#include "../../proto/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define LIT(s) (s), sizeof(s) - 1

struct row {
	const char *name;
	const char *in;
	size_t n;
	size_t most;
	enum line_result result;
	size_t line_n; /* LINE_OK */
	size_t used;   /* LINE_OK and faults, for the whole */
};

static const struct row rows[] = {
	{"plain", LIT("NOOP\r\n"), 99, LINE_OK, 4, 6},
	{"empty line", LIT("\r\n"), 99, LINE_OK, 0, 2},
	{"first of two", LIT("EHLO a\r\nQUIT\r\n"), 99, LINE_OK, 6, 8},
	{"fault behind the line is not ours", LIT("A\r\n\n\0"), 99, LINE_OK, 1,
		3},
	{"nothing", LIT(""), 99, LINE_MORE, 0, 0},
	{"no end", LIT("NOO"), 99, LINE_MORE, 0, 0},
	{"CR may get its LF", LIT("NOOP\r"), 99, LINE_MORE, 0, 0},
	{"CMD-01 bare LF", LIT("EHLO a\nMAIL FROM:<a@b.test>\n"), 99,
		LINE_BARE_LF, 0, 7},
	{"LF alone", LIT("\n"), 99, LINE_BARE_LF, 0, 1},
	{"bare LF, then CRLF", LIT("a\nb\r\n"), 99, LINE_BARE_LF, 0, 2},
	{"CMD-02 bare CR", LIT("RSET\rQUIT\r\n"), 99, LINE_BARE_CR, 0, 11},
	{"CR CR LF", LIT("STARTTLS\r\r\n"), 99, LINE_BARE_CR, 0, 11},
	{"bare CR, no LF at all", LIT("a\rbc"), 99, LINE_BARE_CR, 0, 4},
	{"bare CR before bare LF", LIT("a\rb\nc"), 99, LINE_BARE_CR, 0, 4},
	{"CMD-03 NUL at the end", LIT("MAIL FROM:<a@b.test>\0\r\n"), 99,
		LINE_NUL, 0, 23},
	{"CMD-03 NUL in the verb", LIT("MA\0IL FROM:<a@b.test>\r\n"), 99,
		LINE_NUL, 0, 23},
	{"NUL, no LF", LIT("\0abc"), 99, LINE_NUL, 0, 4},
	{"NUL before bare CR", LIT("a\0b\rc\r\n"), 99, LINE_NUL, 0, 7},
	{"bare CR before NUL", LIT("a\rb\0c\r\n"), 99, LINE_BARE_CR, 0, 7},
	{"NUL before bare LF", LIT("a\0b\nc\r\n"), 99, LINE_NUL, 0, 4},
	{"NUL between CR and LF", LIT("a\r\0\n"), 99, LINE_BARE_CR, 0, 4},
	{"LF before NUL", LIT("a\n\0"), 99, LINE_BARE_LF, 0, 2},
	{"limit, one below", LIT("abc\r\n"), 6, LINE_OK, 3, 5},
	{"limit met", LIT("abcd\r\n"), 6, LINE_OK, 4, 6},
	{"limit, one above", LIT("abcde\r\n"), 6, LINE_TOO_LONG, 0, 0},
	{"limit, no end", LIT("abcdefgh"), 6, LINE_TOO_LONG, 0, 0},
	{"smallest limit met", LIT("\r\n"), 2, LINE_OK, 0, 2},
	{"smallest limit broken", LIT("a\r\n"), 2, LINE_TOO_LONG, 0, 0},
	{"CR at the limit is not seen as bare", LIT("abcde\rf\r\n"), 6,
		LINE_TOO_LONG, 0, 0},
	{"limit full and no end", LIT("abcdef"), 6, LINE_TOO_LONG, 0, 0},
	{"limit full and its last a CR", LIT("abcde\r"), 6, LINE_TOO_LONG, 0,
		0},
	{"one below the limit may end yet", LIT("abcd\r"), 6, LINE_MORE, 0, 0},
	{"fault before the limit", LIT("ab\rdefgh\nij"), 6, LINE_BARE_CR, 0, 9},
	{"NUL as the limit's last", LIT("abcde\0\r\n"), 6, LINE_NUL, 0, 8},
	{"bare LF as the limit's last", LIT("abcde\n"), 6, LINE_BARE_LF, 0, 6},
	{"8 bit and controls pass", LIT("\x01\xff\x85\t\x7f\r\n"), 9, LINE_OK,
		5, 7},
};

static struct guard guard;
static const struct slice untouched = {(const uint8_t *)"untouched", 9};

static enum line_result next(
	const struct row *row, size_t n, struct slice *line, size_t *used)
{
	struct slice in = slice_of(guard_copy(&guard, row->in, n), n);

	*line = untouched;
	*used = 12345;
	return line_next(in, row->most, line, used);
}

static void check_whole(const struct row *row)
{
	struct slice line;
	size_t used;

	assert_int_equal(next(row, row->n, &line, &used), row->result);
	if (row->result == LINE_OK) {
		assert_int_equal(line.n, row->line_n);
		assert_memory_equal(line.p, row->in, row->line_n);
	} else {
		assert_ptr_equal(line.p, untouched.p);
	}
	if (row->result == LINE_MORE || row->result == LINE_TOO_LONG)
		assert_int_equal(used, 12345);
	else
		assert_int_equal(used, row->used);
}

static void check_growing(const struct row *row)
{
	enum line_result result = LINE_MORE;
	struct slice line;
	size_t used;

	for (size_t n = 0; n <= row->n && result == LINE_MORE; n++)
		result = next(row, n, &line, &used);
	assert_int_equal(result, row->result);
	if (result != LINE_OK)
		return;
	assert_int_equal(line.n, row->line_n);
	assert_int_equal(used, row->used);
}

static void line_is_the_same_whole_and_octet_by_octet(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("  %s\n", rows[i].name);
		check_whole(&rows[i]);
		check_growing(&rows[i]);
	}
}

/* CMD-04, CMD-06: a long line around each of the limits in use. */
static void line_at_its_limit_is_taken_above_it_is_not(void **state)
{
	static const size_t limits[] = {512, 2048, 4096, 12288, 65536};
	static uint8_t text[65600];
	struct slice line;
	size_t used;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		for (size_t n = limits[i] - 2; n <= limits[i] + 2; n++) {
			memset(text, 'a', n - 2);
			memcpy(text + n - 2, "\r\n", 2);
			assert_int_equal(
				line_next(slice_of(guard_copy(&guard, text, n),
						  n),
					limits[i], &line, &used),
				n <= limits[i] ? LINE_OK : LINE_TOO_LONG);
			if (n <= limits[i]) {
				assert_int_equal(line.n, n - 2);
				assert_int_equal(used, n);
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_the_same_whole_and_octet_by_octet),
		cmocka_unit_test(line_at_its_limit_is_taken_above_it_is_not),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
