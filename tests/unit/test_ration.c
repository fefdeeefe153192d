/* So many events of each kind in a time; the others are counted. */
#include "../../src/hook/ration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct ration two_a_minute(void)
{
	return (struct ration){.most = 2, .each_ms = 60000};
}

static void those_beyond_the_limit_are_counted(void **state)
{
	struct ration ration = two_a_minute();
	uint64_t more[HOOK_KINDS];

	assert_true(ration_take(&ration, HOOK_BAN, 1000));
	assert_true(ration_take(&ration, HOOK_BAN, 2000));
	assert_true(ration_due(&ration) == MONO_NEVER);
	assert_false(ration_take(&ration, HOOK_BAN, 3000));
	assert_false(ration_take(&ration, HOOK_BAN, 60999));
	assert_int_equal(ration_due(&ration), 61000);
	assert_false(ration_collect(&ration, 60999, more));
	assert_true(ration_collect(&ration, 61000, more));
	assert_int_equal(more[HOOK_BAN], 2);
	assert_int_equal(more[HOOK_UNBAN], 0);
	assert_false(ration_collect(&ration, 61000, more));
	assert_true(ration_due(&ration) == MONO_NEVER);
	assert_true(ration_take(&ration, HOOK_BAN, 61000));
}

static void a_flood_of_one_kind_takes_nothing_from_another(void **state)
{
	struct ration ration = two_a_minute();

	for (unsigned i = 0; i < 10000; i++)
		(void)ration_take(&ration, HOOK_BAN, 1000);
	assert_true(ration_take(&ration, HOOK_BACKEND_DOWN, 1000));
	assert_true(ration_take(&ration, HOOK_BACKEND_DOWN, 1000));
	assert_false(ration_take(&ration, HOOK_BACKEND_DOWN, 1000));
}

static void a_time_that_is_over_begins_anew(void **state)
{
	struct ration ration = two_a_minute();

	for (unsigned i = 0; i < 10; i++) {
		mono_ms_t now = 1000 + i * (mono_ms_t)60000;

		assert_true(ration_take(&ration, HOOK_BAN, now));
		assert_true(ration_take(&ration, HOOK_BAN, now + 1));
	}
}

static void what_is_due_stays_until_it_is_collected(void **state)
{
	struct ration ration = two_a_minute();
	uint64_t more[HOOK_KINDS];

	ration_add(&ration, HOOK_BAN, 5, 1000);
	assert_true(ration_take(&ration, HOOK_BAN, 500000));
	ration_add(&ration, HOOK_BAN, 7, 600000);
	assert_true(ration_collect(&ration, 600000, more));
	assert_int_equal(more[HOOK_BAN], 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_beyond_the_limit_are_counted),
		cmocka_unit_test(
			a_flood_of_one_kind_takes_nothing_from_another),
		cmocka_unit_test(a_time_that_is_over_begins_anew),
		cmocka_unit_test(what_is_due_stays_until_it_is_collected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
