/* Texts in a room of a fixed size. */
#include "../../src/base/text.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void what_is_put_is_cut_and_ended(void **state)
{
	char out[4];

	(void)state;
	text_put(out, sizeof(out), "ab");
	assert_string_equal(out, "ab");
	text_put(out, sizeof(out), "abcd");
	assert_string_equal(out, "abc");
	text_put(out, sizeof(out), NULL);
	assert_string_equal(out, "");
	text_put(out, 1, "a");
	assert_string_equal(out, "");
}

static void what_is_added_stands_behind_and_is_cut(void **state)
{
	char out[8] = "";

	(void)state;
	text_add(out, sizeof(out), "%s-%d", "ab", 1);
	assert_string_equal(out, "ab-1");
	text_add(out, sizeof(out), "%s", "cdefg");
	assert_string_equal(out, "ab-1cde");
	text_add(out, sizeof(out), "x"); /* full */
	assert_string_equal(out, "ab-1cde");
}

static void others_words_are_printable_and_end(void **state)
{
	char text[8] = {'a', ' ', '~', '\n', '\x7f', (char)0x9b, 'b', 'c'};

	(void)state;
	text_tame(text, sizeof(text));
	assert_string_equal(text, "a ~???b");
}

static void numbers_are_those_of_printf(void **state)
{
	static const uint64_t numbers[] = {0, 1, 9, 10, 99, 100, 12345678,
		UINT32_MAX, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char out[TEXT_NUMBER_LONGEST + 1], wanted[32];

		*text_number(out, numbers[i]) = '\0';
		snprintf(wanted, sizeof(wanted), "%" PRIu64, numbers[i]);
		assert_string_equal(out, wanted);
		*text_hex(out, numbers[i]) = '\0';
		snprintf(wanted, sizeof(wanted), "%016" PRIx64, numbers[i]);
		assert_string_equal(out, wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_cut_and_ended),
		cmocka_unit_test(what_is_added_stands_behind_and_is_cut),
		cmocka_unit_test(others_words_are_printable_and_end),
		cmocka_unit_test(numbers_are_those_of_printf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
