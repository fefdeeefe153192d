/* source-days: the guesser who tries a few times a day, for weeks. */
#include "policy_world.h"

#define HERE  "192.0.2.7"
#define THERE "192.0.2.8"

static void world_days(struct world *world)
{
	struct policy_conf conf = world_conf();

	conf.source_days = (struct policy_source_days){
		.mode = POLICY_ENFORCE,
		.limit = 5,
		.window_ms = 30 * DAYS,
		.ban_ms = 30 * DAYS,
	};
	world_init_with(world, &conf);
	world->now = 1000 * DAYS; /* a quarter begins */
}

static unsigned bans_by(const struct world *world, enum policy_rule rule)
{
	unsigned count = 0;

	for (unsigned i = 0; i < world->said_count; i++)
		count += world->said[i].kind == ACTION_BAN &&
			 world->said[i].rule == rule;
	return count;
}

static void slow_guesser_puts_ten_to_the_test_in_sixty_days(void **state)
{
	static const uint64_t every[] = {6 * HOURS, 13 * HOURS, 21 * HOURS};

	for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++) {
		struct world world;
		unsigned passed = 0;
		mono_ms_t end;

		world_days(&world);
		for (end = world.now + 60 * DAYS; world.now < end;
			world_wait(&world, every[i]))
			passed += world_try(&world, HERE, "guess", world.now,
					  OUTCOME_FAILED)
					  .rule != RULE_BANNED;
		assert_in_range(passed, 5, 10);
		assert_in_range(bans_by(&world, RULE_SOURCE_DAYS), 1, 2);
		world_done(&world);
	}
}

static void fifth_quarter_bans_for_thirty_days(void **state)
{
	struct world world;

	world_days(&world);
	for (unsigned i = 0; i < 4; i++) {
		world_fail(&world, HERE, 2);
		world_wait(&world, 1 * DAYS);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_fail(&world, HERE, 1);
	assert_int_equal(world_last(&world, ACTION_BAN).rule, RULE_SOURCE_DAYS);
	assert_int_equal(world_last(&world, ACTION_BAN).failure_count, 5);
	assert_true(world_last(&world, ACTION_BAN).until ==
		    world.now - 1 * SECONDS + 30 * DAYS);
	assert_false(world_banned(&world, THERE));
	world_done(&world);
}

static void one_day_has_four_quarters_whatever_is_tried_in_it(void **state)
{
	struct world world;

	world_days(&world);
	for (unsigned i = 0; i < 4; i++) {
		world_fail(&world, HERE, 2);
		world_wait(&world, 6 * HOURS - 2 * SECONDS);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void quarters_beyond_the_window_do_not_count(void **state)
{
	struct world world;

	world_days(&world);
	for (unsigned i = 0; i < 40; i++) { /* four in any thirty days */
		world_fail(&world, HERE, 1);
		world_wait(&world, 30 * DAYS / 4);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void phone_with_an_old_password_fills_one_quarter(void **state)
{
	struct world world;

	world_days(&world);
	for (unsigned i = 0; i < 29 * 4; i++) { /* two accounts, both stale */
		(void)world_try(&world, HERE, "anna", 77, OUTCOME_FAILED);
		(void)world_try(&world, HERE, "bert", 78, OUTCOME_FAILED);
		world_wait(&world, 6 * HOURS);
	}
	assert_int_equal(bans_by(&world, RULE_SOURCE_DAYS), 0);
	world_done(&world);
}

static void unknown_guess_is_like_no_other(void **state)
{
	struct world world;

	world_days(&world);
	for (unsigned i = 0; i < 5; i++) {
		(void)world_try(&world, HERE, "", 0, OUTCOME_FAILED);
		world_wait(&world, 6 * HOURS);
	}
	assert_int_equal(bans_by(&world, RULE_SOURCE_DAYS), 1);
	world_done(&world);
}

static void where_people_log_in_days_do_not_count(void **state)
{
	struct world world;

	world_days(&world);
	for (unsigned i = 0; i < 4; i++) {
		world_fail(&world, HERE, 1);
		world_wait(&world, 6 * HOURS);
	}
	(void)world_try(&world, HERE, "anna", 1, OUTCOME_OK);
	for (unsigned i = 0; i < 20; i++) {
		world_fail(&world, HERE, 1);
		world_wait(&world, 6 * HOURS);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_wait(&world, 30 * DAYS); /* nobody came back */
	for (unsigned i = 0; i < 5; i++) {
		world_fail(&world, HERE, 1);
		world_wait(&world, 6 * HOURS);
	}
	assert_int_equal(bans_by(&world, RULE_SOURCE_DAYS), 1);
	world_done(&world);
}

static void operator_unban_forgets_the_days(void **state)
{
	struct world world;

	world_days(&world);
	for (unsigned i = 0; i < 4; i++) {
		world_fail(&world, HERE, 1);
		world_wait(&world, 6 * HOURS);
	}
	world_order(&world, EVENT_OPERATOR_UNBAN, HERE, 0);
	for (unsigned i = 0; i < 4; i++) {
		world_fail(&world, HERE, 1);
		world_wait(&world, 6 * HOURS);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

/* Strangers turn the table of sources over; the days stay. */
static void days_outlast_a_flood_of_other_sources(void **state)
{
	struct world world;
	char text[32];

	world_days(&world);
	for (unsigned i = 0; i < 5; i++) {
		world_fail(&world, HERE, 1);
		for (unsigned n = 0; n < 200; n++) {
			(void)snprintf(text, sizeof(text), "10.%u.%u.9", i, n);
			(void)world_try(
				&world, text, "anna", n + 1, OUTCOME_FAILED);
		}
		world_wait(&world, 6 * HOURS);
	}
	assert_int_equal(bans_by(&world, RULE_SOURCE_DAYS), 1);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			slow_guesser_puts_ten_to_the_test_in_sixty_days),
		cmocka_unit_test(fifth_quarter_bans_for_thirty_days),
		cmocka_unit_test(
			one_day_has_four_quarters_whatever_is_tried_in_it),
		cmocka_unit_test(quarters_beyond_the_window_do_not_count),
		cmocka_unit_test(phone_with_an_old_password_fills_one_quarter),
		cmocka_unit_test(unknown_guess_is_like_no_other),
		cmocka_unit_test(where_people_log_in_days_do_not_count),
		cmocka_unit_test(operator_unban_forgets_the_days),
		cmocka_unit_test(days_outlast_a_flood_of_other_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
