/*
 * Heads of lines and their time stamps.
 */
#include "../../src/logs/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void heads_of_all_forms_are_read(void **state)
{
	static const struct {
		const char *line, *shape;
		size_t n;
		int64_t ms; /* in the usual order */
	} heads[] = {
		{"08.08.2019 22:52:04   x", "0.0.0 0:0:0   ", 22,
			1565304724000},
		{"03-07-2005 23:07:20 x", "0-0-0 0:0:0 ", 20, 1120432040000},
		{"2016-11-07 22:21:20 x", "0-0-0 0:0:0 ", 20, 1478557280000},
		{"01/23/2009 19:54:51 x", "0/0/0 0:0:0 ", 20, 1232740491000},
		{"12/31/2019 05:16:40 PM  x", "0/0/0 0:0:0 AM  ", 24,
			1577812600000},
		{"12/31/2019 12:00:00 AM x", "0/0/0 0:0:0 AM ", 23,
			1577750400000},
		{"[000738:000012-00007F1164B21700] 05-11-2022 14:18:50 x",
			"[0:0-0] 0-0-0 0:0:0 ", 53, 1667657930000},
		{"[0D14:0027-1334] 5.1.22 4.18.50 x", "[0:0-0] 0.0.0 0.0.0 ",
			32, 1641356330000},
		{"2022-11-05 14:18:50,612 x", "0-0-0 0:0:0,0 ", 24,
			1667657930612},
		{"2026-11-25T04:34:16Z x", "0-0-0T0:0:0Z ", 21, 1795581256000},
		{"29.02.2024 00:00:00", "0.0.0 0:0:0", 19, 1709164800000},
		/* No AM and no PM, and none in its shape. */
		{"29.02.2024 00:00:00 POP3", "0.0.0 0:0:0 ", 20, 1709164800000},
	};

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		struct head head;
		int64_t ms;

		assert_true(head_read(slice_str(heads[i].line), &head));
		assert_string_equal(head.shape, heads[i].shape);
		assert_int_equal(head.n, heads[i].n);
		assert_true(stamp_ms(
			&head.stamp, stamp_order_usual(&head.stamp), &ms));
		assert_int_equal(ms, heads[i].ms);
	}
}

static void what_is_no_head_is_none(void **state)
{
	static const char *const lines[] = {"", "x", "[", "[12", "[0D14:1]",
		"05-11-2022", "05-11-2022 ", "05-11-2022 14:18",
		"05-11-2022 14:18:50x", "05-11-2022 25:18:50",
		"05-11-2022 14:61:50", "05-11.2022 14:18:50",
		"050000-11-2022 14:18:50", "12/31/2019 17:16:40 PM",
		"[0D14:0027-1334]05-11-2022 14:18:50",
		"SMTP Server [0D14:0027-1334] x"};
	struct head head;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (head_read(slice_str(lines[i]), &head))
			fail_msg("%s", lines[i]);
}

static void days_that_are_none_have_no_time(void **state)
{
	static const char *const lines[] = {"31.04.2022 00:00:00 x",
		"29.02.2023 00:00:00 x", "00.01.2022 00:00:00 x",
		"01.13.2022 00:00:00 x"};
	struct head head;
	int64_t ms;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		assert_true(head_read(slice_str(lines[i]), &head));
		assert_false(stamp_ms(&head.stamp, STAMP_DMY, &ms));
	}
}

static enum stamp_order order_of(const char *line)
{
	struct head head;

	assert_true(head_read(slice_str(line), &head));
	return stamp_order_of(&head.stamp);
}

static void the_order_is_known_where_it_shows(void **state)
{
	assert_int_equal(order_of("05-11-2022 14:18:50 "), STAMP_UNKNOWN);
	assert_int_equal(order_of("13-11-2022 14:18:50 "), STAMP_DMY);
	assert_int_equal(order_of("11-13-2022 14:18:50 "), STAMP_MDY);
	assert_int_equal(order_of("2022-11-05 14:18:50 "), STAMP_YMD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_of_all_forms_are_read),
		cmocka_unit_test(what_is_no_head_is_none),
		cmocka_unit_test(days_that_are_none_have_no_time),
		cmocka_unit_test(the_order_is_known_where_it_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
