/* Numbers with units, and the nearest name. */
#include "../../src/conf/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/conf/near.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void numbers_are_read_with_their_unit(void **state)
{
	static const struct {
		const char *text;
		enum unit_kind kind;
		uint64_t want;
	} cases[] = {
		{"0", UNIT_MS, 0},
		{"0s", UNIT_MS, 0},
		{"200ms", UNIT_MS, 200},
		{"30s", UNIT_MS, 30000},
		{"10m", UNIT_MS, 600000},
		{"1h", UNIT_MS, 3600000},
		{"30d", UNIT_MS, 2592000000},
		{"007s", UNIT_MS, 7000},
		{"0", UNIT_BYTES, 0},
		{"512", UNIT_BYTES, 512},
		{"64k", UNIT_BYTES, 65536},
		{"64K", UNIT_BYTES, 65536},
		{"10M", UNIT_BYTES, 10485760},
		{"1G", UNIT_BYTES, 1073741824},
		{"18446744073709551615", UNIT_COUNT, UINT64_MAX},
		{"42", UNIT_COUNT, 42},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t number = 77;

		if (unit_read(cases[i].text, cases[i].kind, &number) !=
				UNIT_OK ||
			number != cases[i].want)
			fail_msg("%s", cases[i].text);
	}
}

static void wrong_numbers_say_why_and_leave_the_result(void **state)
{
	static const struct {
		const char *text;
		enum unit_kind kind;
		enum unit_result want;
	} cases[] = {
		{"", UNIT_MS, UNIT_NO_NUMBER},
		{"s", UNIT_MS, UNIT_NO_NUMBER},
		{"-1s", UNIT_MS, UNIT_NO_NUMBER},
		{"+1s", UNIT_MS, UNIT_NO_NUMBER},
		{" 1s", UNIT_MS, UNIT_NO_NUMBER},
		{"10", UNIT_MS, UNIT_MISSING},
		{"10w", UNIT_MS, UNIT_UNKNOWN},
		{"10S", UNIT_MS, UNIT_UNKNOWN},
		{"10s ", UNIT_MS, UNIT_UNKNOWN},
		{"1h30m", UNIT_MS, UNIT_UNKNOWN},
		{"1.5h", UNIT_MS, UNIT_UNKNOWN},
		{"64kb", UNIT_BYTES, UNIT_UNKNOWN},
		{"64ms", UNIT_BYTES, UNIT_UNKNOWN},
		{"5s", UNIT_COUNT, UNIT_UNKNOWN},
		{"0x10", UNIT_COUNT, UNIT_UNKNOWN},
		{"18446744073709551616", UNIT_COUNT, UNIT_TOO_LARGE},
		{"99999999999999999999999", UNIT_COUNT, UNIT_TOO_LARGE},
		{"213503982335d", UNIT_MS, UNIT_TOO_LARGE},
		{"17179869184G", UNIT_BYTES, UNIT_TOO_LARGE},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t number = 77;

		if (unit_read(cases[i].text, cases[i].kind, &number) !=
			cases[i].want)
			fail_msg("%s", cases[i].text);
		assert_int_equal(number, 77);
	}
}

static void numbers_print_in_the_largest_whole_unit(void **state)
{
	static const struct {
		uint64_t number;
		enum unit_kind kind;
		const char *want;
	} cases[] = {
		{0, UNIT_MS, "0s"},
		{1, UNIT_MS, "1ms"},
		{1500, UNIT_MS, "1500ms"},
		{90000, UNIT_MS, "90s"},
		{5400000, UNIT_MS, "90m"},
		{86400000, UNIT_MS, "1d"},
		{0, UNIT_BYTES, "0"},
		{1000, UNIT_BYTES, "1000"},
		{12288, UNIT_BYTES, "12k"},
		{10485760, UNIT_BYTES, "10M"},
		{1000, UNIT_COUNT, "1000"},
		{UINT64_MAX, UNIT_COUNT, "18446744073709551615"},
		{UINT64_MAX, UNIT_MS, "18446744073709551615ms"},
	};
	char text[UNIT_TEXT_LONGEST];

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t back = 0;

		assert_string_equal(
			unit_format(cases[i].number, cases[i].kind, text),
			cases[i].want);
		assert_int_equal(
			unit_read(text, cases[i].kind, &back), UNIT_OK);
		assert_true(back == cases[i].number);
	}
}

static void nearest_name_is_found_or_nothing(void **state)
{
	static const char *const names[] = {"", "mode", "allow", "workers",
		"failures", "window", "ban", "ban_growth", "tls", "tls_ca"};
	static const struct {
		const char *word, *want;
	} cases[] = {
		{"failurs", "failures"},
		{"failuers", "failures"}, /* swapped letters are one slip */
		{"Window", "window"},
		{"windwo", "window"},
		{"mdoe", "mode"},
		{"alow", "allow"},
		{"bann", "ban"},
		{"ban_grwoth", "ban_growth"},
		{"tls_cs", "tls_ca"},
		{"colour", NULL},
		{"x", NULL},
		{"", NULL},
		{"qqqq", NULL},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			NULL},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct near near = near_begin(cases[i].word);

		for (size_t j = 0; j < COUNT(names); j++)
			near_offer(&near, names[j]);
		if (!cases[i].want != !near.best ||
			(near.best && strcmp(near.best, cases[i].want) != 0))
			fail_msg("%s: %s", cases[i].word,
				near.best ? near.best : "nothing");
	}
}

static void swapped_letters_are_one_slip(void **state)
{
	struct near near = near_begin("failuers");

	near_offer(&near, "failures");
	assert_int_equal(near.distance, 1);
	near_offer(&near, "failers"); /* no nearer: the first stays */
	assert_string_equal(near.best, "failures");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_with_their_unit),
		cmocka_unit_test(wrong_numbers_say_why_and_leave_the_result),
		cmocka_unit_test(numbers_print_in_the_largest_whole_unit),
		cmocka_unit_test(nearest_name_is_found_or_nothing),
		cmocka_unit_test(swapped_letters_are_one_slip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
