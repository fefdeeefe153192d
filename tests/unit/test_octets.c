/* Octets put one behind the other, and taken again. */
#include "../../src/base/octets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_was_put_is_taken(void **state)
{
	uint8_t room[16];
	struct octets out = octets_to(room, sizeof(room)), in;
	char text[4];

	(void)state;
	octets_put(&out, "abc", 4);
	octets_put_number(&out, 77);
	assert_false(out.failed);
	assert_int_equal(out.n, 12);
	in = octets_of(room, out.n);
	assert_true(octets_take(&in, text, sizeof(text)));
	assert_string_equal(text, "abc");
	assert_int_equal(octets_take_number(&in, 77), 77);
	assert_false(in.failed);
	assert_int_equal(in.n, in.room);
}

static void without_room_it_is_counted_and_too_little_fails(void **state)
{
	uint8_t room[8] = {0};
	struct octets counting = octets_to(NULL, 0);
	struct octets out = octets_to(room, sizeof(room));

	(void)state;
	octets_put(&counting, NULL, 1000);
	octets_put_number(&counting, 1);
	assert_int_equal(counting.n, 1008);
	assert_false(counting.failed);
	octets_put(&out, "123456", 6);
	octets_put_number(&out, UINT64_MAX);
	assert_true(out.failed);
	assert_int_equal(out.n, 6);
	assert_int_equal(room[6], 0);
	octets_put(&out, "7", 1); /* it would fit, and stays out */
	assert_int_equal(room[6], 0);
}

static void what_is_not_there_fails_all_that_follows(void **state)
{
	const uint64_t number = 9;
	struct octets in = octets_of(&number, sizeof(number));
	uint8_t taken[9], one = 3;

	(void)state;
	memset(taken, 1, sizeof(taken));
	assert_false(octets_take(&in, taken, sizeof(taken)));
	assert_int_equal(taken[8], 0);
	assert_false(octets_take(&in, &one, 1));
	assert_int_equal(one, 0);
	assert_null(octets_borrow(&in, 0));
	in = octets_of(&number, sizeof(number));
	assert_int_equal(octets_take_number(&in, 8), 0);
	assert_true(in.failed);
	in = octets_of(&number, sizeof(number));
	assert_null(octets_borrow(&in, SIZE_MAX));
}

static void bools_and_prefixes_are_looked_at(void **state)
{
	static const struct {
		const char *text;
		uint8_t bits;
		bool sound;
	} rows[] = {
		{"192.0.2.0/24", 120, true},
		{"192.0.2.1/32", 128, true},
		{"192.0.2.1/32", 127, false},
		{"192.0.2.2/32", 127, true},
		{"192.0.2.1/32", 120, false},
		{"::/0", 0, true},
		{"::1", 0, false},
		{"::", 129, false},
		{"::", 255, false},
	};
	uint8_t octets[] = {0, 1, 2, 255};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix prefix;

		assert_true(prefix_parse(rows[i].text, &prefix));
		prefix.bits = rows[i].bits;
		assert_int_equal(octets_prefix_sound(&prefix), rows[i].sound);
	}
	for (size_t i = 0; i < sizeof(octets); i++)
		assert_int_equal(
			octets_bool_sound((const void *)&octets[i]), i < 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_taken),
		cmocka_unit_test(
			without_room_it_is_counted_and_too_little_fails),
		cmocka_unit_test(what_is_not_there_fails_all_that_follows),
		cmocka_unit_test(bools_and_prefixes_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
