/* References: 64 bits that survive being read out over a telephone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/base/reference.h"

static void every_bit_comes_back(void **state)
{
	char text[REFERENCE_TEXT_LONGEST];
	uint64_t back;

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t id = UINT64_C(1) << bit;

		assert_true(reference_parse(reference_format(id, text), &back));
		assert_true(back == id);
		assert_true(
			reference_parse(reference_format(~id, text), &back));
		assert_true(back == ~id);
	}
}

static void texts_are_known(void **state)
{
	static const struct {
		uint64_t id;
		const char *text;
	} table[] = {
		{0, "0"},
		{31, "Z"},
		{32, "10"},
		{UINT64_MAX, "FZZZZZZZZZZZZ"},
	};
	char text[REFERENCE_TEXT_LONGEST];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(
			reference_format(table[i].id, text), table[i].text);
}

static void what_people_mistake_is_read_as_meant(void **state)
{
	uint64_t a, b;

	(void)state;
	assert_true(reference_parse("OIL-abc", &a));
	assert_true(reference_parse("011ABC", &b));
	assert_true(a == b);
}

static void what_is_no_reference_is_refused(void **state)
{
	static const char *const table[] = {"", "-", "U", "ABC!", "A B",
		"G000000000000", "00000000000000", "FZZZZZZZZZZZZZ",
		"\xc3\xa4"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t id = 7;

		if (reference_parse(table[i], &id))
			fail_msg("taken: %s", table[i]);
		assert_true(id == 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bit_comes_back),
		cmocka_unit_test(texts_are_known),
		cmocka_unit_test(what_people_mistake_is_read_as_meant),
		cmocka_unit_test(what_is_no_reference_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
