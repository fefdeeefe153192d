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
	stall_start(&stall, 500);
	stall_event(&stall, 1000);
	stall_event(&stall, 1030); /* a later event is the same turn */
	stall_turn_over(&stall, 1040, 500);
	assert_int_equal(stall.longest_ms, 40);
	assert_int_equal(stall.run_longest_ms, 0);
}

static void idle_time_is_no_stall(void **state)
{
	struct stall stall = {0};

	(void)state;
	stall_event(&stall, 10); /* before the loop: a slow start */
	stall_start(&stall, 9000000);
	stall_event(&stall, 100000);
	stall_turn_over(&stall, 100001, 9000900);
	stall_event(&stall, 200000);
	stall_turn_over(&stall, 200002, 9001800);
	stall_turn_over(&stall, 300000, 9001900); /* woken without an event */
	assert_int_equal(stall.longest_ms, 2);
	assert_int_equal(stall.run_longest_ms, 0);
}

static void longest_stays(void **state)
{
	struct stall stall = {0};

	(void)state;
	stall_start(&stall, 0);
	stall_event(&stall, 100);
	stall_turn_over(&stall, 107, 4999);
	stall_event(&stall, 200);
	stall_turn_over(&stall, 201, 5999);
	assert_int_equal(stall.longest_ms, 7);
	assert_int_equal(stall.run_longest_ms, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turn_is_from_its_first_event_to_the_next_wait),
		cmocka_unit_test(idle_time_is_no_stall),
		cmocka_unit_test(longest_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
