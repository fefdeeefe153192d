/* Spans of time: what people write, and what they are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/base/duration.h"

static void spans_are_read_in_all_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} table[] = {
		{"0", 0},
		{"0s", 0},
		{"1ms", 1},
		{"90s", 90000},
		{"10m", 600000},
		{"1h", 3600000},
		{"1h30m", 5400000},
		{"30d", 2592000000},
		{"2w", 1209600000},
		{"3650d", DURATION_MOST_MS},
		{"1m1ms", 60001},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t ms = 7;

		assert_true(duration_parse(table[i].text, &ms));
		assert_true(ms == table[i].ms);
	}
}

static void wrong_spans_are_refused_and_leave_the_output(void **state)
{
	static const char *const table[] = {"", "5", "h", "-1h", "1x", "1h ",
		" 1h", "1hh", "1h5", "3651d", "3650d1ms", "99999999999999999d",
		"18446744073709551617s", "1.5h", "1H"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t ms = 7;

		if (duration_parse(table[i], &ms))
			fail_msg("taken: %s", table[i]);
		assert_true(ms == 7);
	}
}

static void spans_are_shown_in_two_units(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} table[] = {
		{0, "0s"},
		{999, "0s"},
		{1000, "1s"},
		{59999, "59s"},
		{60000, "1m"},
		{598000, "9m 58s"},
		{3600000, "1h"},
		{3661000, "1h 1m"},
		{86400000, "1d"},
		{90000000, "1d 1h"},
		{UINT64_MAX, "213503982334d 14h"},
	};
	char out[DURATION_TEXT_LONGEST];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(
			duration_format(table[i].ms, out), table[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_are_read_in_all_units),
		cmocka_unit_test(wrong_spans_are_refused_and_leave_the_output),
		cmocka_unit_test(spans_are_shown_in_two_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
