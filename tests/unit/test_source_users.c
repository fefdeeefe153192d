/* source-users: somebody who tries one name after the other. */
#include "policy_world.h"

#define HERE "192.0.2.7"

static void world_users(struct world *world, enum policy_mode mode)
{
	struct policy_conf conf = world_conf();

	conf.source_users = (struct policy_source_users){
		.mode = mode,
		.limit = 4,
		.known_limit = 8,
		.window_ms = 1 * DAYS,
		.ban_ms = 1 * DAYS,
	};
	world_init_with(world, &conf);
}

/* Each user once, from `first` on, an hour apart. */
static void fail_as(struct world *world, unsigned first, unsigned count)
{
	char user[16];

	for (unsigned i = first; i < first + count; i++) {
		(void)snprintf(user, sizeof(user), "user%u", i);
		(void)world_try(world, HERE, user, 1, OUTCOME_FAILED);
		world_wait(world, 1 * HOURS);
	}
}

static void fourth_user_bans_for_a_day(void **state)
{
	struct world world;
	struct policy_verdict verdict;

	world_users(&world, POLICY_ENFORCE);
	fail_as(&world, 0, 3);
	(void)world_try(&world, HERE, "user0", 2, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	verdict = world_try(&world, HERE, "user3", 3, OUTCOME_FAILED);
	assert_int_equal(verdict.rule, RULE_SOURCE_USERS);
	assert_int_equal(
		world_last(&world, ACTION_BAN).rule, RULE_SOURCE_USERS);
	assert_int_equal(world_last(&world, ACTION_BAN).failure_count, 4);
	assert_true(
		world_last(&world, ACTION_BAN).until == world.now + 1 * DAYS);
	world_done(&world);
}

static void where_people_log_in_it_takes_eight(void **state)
{
	struct world world;

	world_users(&world, POLICY_ENFORCE);
	(void)world_try(&world, HERE, "anna", 9, OUTCOME_OK);
	fail_as(&world, 0, 7);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	fail_as(&world, 7, 1);
	assert_int_equal(
		world_last(&world, ACTION_BAN).rule, RULE_SOURCE_USERS);
	world_done(&world);
}

static void user_who_logs_in_after_all_does_not_count(void **state)
{
	struct world world;

	world_users(&world, POLICY_ENFORCE);
	(void)world_try(&world, HERE, "anna", 9, OUTCOME_OK);
	for (unsigned i = 0; i < 20; i++) {
		char user[16];

		fail_as(&world, i, 1);
		(void)snprintf(user, sizeof(user), "user%u", i);
		(void)world_try(&world, HERE, user, 5, OUTCOME_OK);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void users_of_yesterday_and_nameless_ones_do_not_count(void **state)
{
	struct world world;

	world_users(&world, POLICY_ENFORCE);
	fail_as(&world, 0, 3);
	world_wait(&world, 21 * HOURS);
	fail_as(&world, 3, 2); /* user0 is a day ago */
	for (unsigned i = 0; i < 3; i++)
		(void)world_try(&world, HERE, "", 0, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void observed_it_says_so_once_and_changes_nothing(void **state)
{
	struct world world;

	world_users(&world, POLICY_OBSERVE);
	fail_as(&world, 0, 6);
	assert_int_equal(world_said(&world, ACTION_WOULD_BAN), 1);
	assert_int_equal(
		world_last(&world, ACTION_WOULD_BAN).rule, RULE_SOURCE_USERS);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	assert_false(world_banned(&world, HERE));
	/* The ladder's ban is its first. */
	world_fail(&world, HERE, 4);
	assert_int_equal(world_last(&world, ACTION_BAN).rule, RULE_SOURCE_SLOW);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 0);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fourth_user_bans_for_a_day),
		cmocka_unit_test(where_people_log_in_it_takes_eight),
		cmocka_unit_test(user_who_logs_in_after_all_does_not_count),
		cmocka_unit_test(
			users_of_yesterday_and_nameless_ones_do_not_count),
		cmocka_unit_test(observed_it_says_so_once_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
