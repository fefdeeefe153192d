/* A loop's longest turn, by the clock and by run time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../src/base/stall.h"

static void turn_is_from_its_first_event_to_the_next_wait(void **state)
{
	struct stall stall = {0};

	(void)state;
	stall_start(&stall, 900, 500);
	stall_event(&stall, 1000);
	stall_event(&stall, 1030); /* a later event is the same turn */
	assert_true(stall_turn_over(&stall, 1040));
	stall_run(&stall, 1040, 500);
	assert_int_equal(stall.longest_ms, 40);
	assert_int_equal(stall.run_longest_ms, 0);
}

static void idle_time_is_no_stall(void **state)
{
	struct stall stall = {0};

	(void)state;
	stall_event(&stall, 10); /* before the loop: a slow start */
	stall_start(&stall, 99900, 9000000);
	stall_event(&stall, 100000);
	assert_false(stall_turn_over(&stall, 100001));
	stall_event(&stall, 200000);
	assert_true(stall_turn_over(&stall, 200001));
	stall_run(&stall, 200001, 9001800);
	/* Woken without an event. */
	assert_true(stall_turn_over(&stall, 300000));
	stall_run(&stall, 300000, 9900000);
	assert_int_equal(stall.longest_ms, 1);
	assert_int_equal(stall.run_longest_ms, 1);
}

static void longest_stays(void **state)
{
	struct stall stall = {0};

	(void)state;
	stall_start(&stall, 99, 0);
	stall_event(&stall, 100);
	assert_true(stall_turn_over(&stall, 107));
	stall_run(&stall, 107, 4999);
	stall_event(&stall, 200);
	assert_true(stall_turn_over(&stall, 202));
	stall_run(&stall, 202, 5999);
	assert_int_equal(stall.longest_ms, 7);
	assert_int_equal(stall.run_longest_ms, 4);
}

/* Run time is read seldom; then it is that of many turns. */
static void a_turn_ran_no_longer_than_it_took(void **state)
{
	struct stall stall = {0};
	mono_ms_t now = 1000;

	(void)state;
	stall_start(&stall, now, 0);
	for (int i = 0; i < 150; i++) {
		stall_event(&stall, now);
		assert_false(stall_turn_over(&stall, ++now));
	}
	stall_event(&stall, now);
	now += 30;
	assert_true(stall_turn_over(&stall, now));
	stall_run(&stall, now, 180000);
	assert_int_equal(stall.run_longest_ms, 30);
	stall_event(&stall, now);
	now += 50;
	assert_true(stall_turn_over(&stall, now));
	stall_run(&stall, now, 181000);
	assert_int_equal(stall.longest_ms, 50);
	assert_int_equal(stall.run_longest_ms, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turn_is_from_its_first_event_to_the_next_wait),
		cmocka_unit_test(idle_time_is_no_stall),
		cmocka_unit_test(longest_stays),
		cmocka_unit_test(a_turn_ran_no_longer_than_it_took),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
