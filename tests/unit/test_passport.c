/*
 * Passports, and the bans that they make soft: who passes where people are
 * known, and who does not.
 */
#include "policy_world.h"

#define OFFICE	  "192.0.2.7"
#define NEXT_DOOR "192.0.2.9" /* the same /24 */
#define ELSEWHERE "198.51.100.7"

static enum policy_verdict_kind ask(
	struct world *world, const char *addr, const char *user, uint64_t tag)
{
	uint64_t id = world->next_id++;
	struct policy_verdict verdict = world_ask(world, id, addr, user, tag);

	if (verdict.kind == VERDICT_PASS) /* leaves no trace */
		(void)world_settle_of(world, id, addr, user, OUTCOME_CANCELLED);
	return verdict.kind;
}

static void login(struct world *world, const char *addr, const char *user)
{
	assert_int_equal(
		world_try(world, addr, user, 1, OUTCOME_OK).kind, VERDICT_PASS);
}

static void success_tells_a_passport_once_a_day(void **state)
{
	struct policy_action passport;
	struct world world;

	world_init_people(&world);
	login(&world, OFFICE, "Anna");
	passport = world_last(&world, ACTION_PASSPORT);
	assert_string_equal(passport.user, "anna");
	assert_int_equal(prefix_length(&passport.prefix), 24);
	assert_true(passport.until == world.now + 30 * DAYS);
	login(&world, NEXT_DOOR, "anna");
	assert_int_equal(world_said(&world, ACTION_PASSPORT), 1);
	world_wait(&world, 1 * DAYS);
	login(&world, OFFICE, "anna");
	assert_int_equal(world_said(&world, ACTION_PASSPORT), 2);
	login(&world, ELSEWHERE, "anna");
	assert_int_equal(world_said(&world, ACTION_PASSPORT), 3);
	world_done(&world);
}

static void ban_is_hard_where_nobody_is_known(void **state)
{
	struct world world;

	world_init_people(&world);
	login(&world, ELSEWHERE, "anna");
	world_fail(&world, OFFICE, 5);
	assert_false(world_last(&world, ACTION_BAN).soft);
	assert_int_equal(ask(&world, OFFICE, "anna", 1), VERDICT_TURN_AWAY);
	world_done(&world);
}

static void soft_ban_stops_strangers_and_lets_the_holder_return(void **state)
{
	struct world world;

	world_init_people(&world);
	login(&world, OFFICE, "anna");
	world_fail(&world, OFFICE, 5);
	assert_true(world_last(&world, ACTION_BAN).soft);
	assert_true(world_banned(&world, OFFICE));
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(ask(&world, OFFICE, "bert", 2),
			VERDICT_ANSWER_TEMPORARY);
		world_wait(&world, 15 * SECONDS);
	}
	assert_int_equal(
		ask(&world, OFFICE, "anna", 1), VERDICT_ANSWER_TEMPORARY);
	world_wait(&world, 9 * SECONDS); /* the same try, hammered */
	assert_int_equal(
		ask(&world, OFFICE, "anna", 1), VERDICT_ANSWER_TEMPORARY);
	world_wait(&world, 1 * SECONDS);
	assert_int_equal(ask(&world, OFFICE, "anna", 1), VERDICT_PASS);
	/* Another secret is another try. */
	assert_int_equal(
		ask(&world, OFFICE, "anna", 3), VERDICT_ANSWER_TEMPORARY);
	world_done(&world);
}

static void guesser_next_door_to_people_is_banned_hard(void **state)
{
	struct world world;

	world_init_people(&world);
	login(&world, OFFICE, "anna");
	world_fail(&world, NEXT_DOOR, 5);
	assert_false(world_last(&world, ACTION_BAN).soft);
	world_done(&world);
}

static void holder_is_stopped_after_three_failures_that_day(void **state)
{
	struct world world;

	world_init_people(&world);
	login(&world, OFFICE, "anna");
	world_fail(&world, OFFICE, 5);
	for (uint64_t tag = 10; tag < 13; tag++) {
		assert_int_equal(ask(&world, OFFICE, "anna", tag),
			VERDICT_ANSWER_TEMPORARY);
		world_wait(&world, 10 * SECONDS);
		(void)world_try(&world, OFFICE, "anna", tag, OUTCOME_FAILED);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ask(&world, OFFICE, "anna", 1),
			VERDICT_ANSWER_TEMPORARY);
		world_wait(&world, 10 * SECONDS);
	}
	world_done(&world);
}

static void holders_first_failures_are_not_the_offices(void **state)
{
	static const char *const users[] = {"anna", "bert", "cleo", "dora"};
	struct world world;

	world_init_people(&world);
	for (unsigned i = 0; i < 4; i++)
		login(&world, OFFICE, users[i]);
	for (uint64_t tag = 10; tag < 13; tag++)
		for (unsigned i = 0; i < 4; i++)
			(void)world_try(
				&world, OFFICE, users[i], tag, OUTCOME_FAILED);
	assert_int_equal(world_explain(&world, OFFICE).failure_count, 0);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	/* The fourth of each is. */
	for (unsigned i = 0; i < 4; i++)
		(void)world_try(&world, OFFICE, users[i], 20, OUTCOME_FAILED);
	assert_int_equal(world_explain(&world, OFFICE).failure_count, 4);
	/* A success gives no new ones; a new day does. */
	login(&world, OFFICE, "anna");
	assert_int_equal(world_explain(&world, OFFICE).failure_count, 4);
	world_wait(&world, 1 * DAYS);
	(void)world_try(&world, OFFICE, "anna", 22, OUTCOME_FAILED);
	assert_int_equal(world_explain(&world, OFFICE).failure_count, 0);
	world_done(&world);
}

/* Who shares the holder's address guesses his name while he logs in all day:
 * three guesses of each day are not the source's, and no more. */
static void guesser_behind_the_holders_address_gains_three_a_day(void **state)
{
	unsigned passed = 0;
	struct world world;

	world_init_people(&world);
	login(&world, OFFICE, "anna");
	for (uint64_t tag = 100; tag < 400; tag++) {
		passed += world_try(&world, OFFICE, "anna", tag, OUTCOME_FAILED)
				  .kind == VERDICT_DELAY;
		(void)world_try(&world, OFFICE, "anna", 1, OUTCOME_OK);
		world_wait(&world, 2 * MINUTES);
	}
	assert_true(passed <= 3 + 10);
	world_done(&world);
}

static void success_wipes_nobody_elses_failures(void **state)
{
	struct world world;

	world_init_people(&world);
	login(&world, OFFICE, "mole");
	for (unsigned i = 0; i < 4; i++) {
		(void)world_try(
			&world, OFFICE, "chief", 100 + i, OUTCOME_FAILED);
		login(&world, OFFICE, "mole");
	}
	assert_int_equal(world_explain(&world, OFFICE).failure_count, 4);
	world_done(&world);
}

static void passport_ends_after_thirty_days(void **state)
{
	struct world world;

	world_init_people(&world);
	login(&world, OFFICE, "anna");
	world_wait(&world, 30 * DAYS - 1);
	world_fail(&world, OFFICE, 4);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	(void)world_try(&world, OFFICE, "x", 5, OUTCOME_FAILED);
	assert_false(world_last(&world, ACTION_BAN).soft);
	world_done(&world);
}

static void restored_passport_is_as_good(void **state)
{
	struct world world;

	world_init_people(&world);
	(void)world_step(&world, &(struct policy_event){
					 .kind = EVENT_RESTORE_PASSPORT,
					 .prefix = world_prefix("192.0.2.0/24"),
					 .user = slice_str("anna"),
					 .span_ms = 1 * HOURS,
				 });
	assert_int_equal(world.said_count, 0);
	world_fail(&world, OFFICE, 5);
	assert_true(world_last(&world, ACTION_BAN).soft);
	(void)ask(&world, OFFICE, "anna", 1);
	world_wait(&world, 10 * SECONDS);
	assert_int_equal(ask(&world, OFFICE, "anna", 1), VERDICT_PASS);
	world_done(&world);
}

/* A login that was under way as the ban began makes the place known; the
 * longer ban that follows is soft, and the kernel must let go of the first. */
static void hard_ban_of_a_source_that_became_known_is_lifted_first(void **state)
{
	struct policy_conf conf = world_people_conf();
	unsigned at;
	struct world world;

	conf.failure_limit = 10;
	world_init_with(&world, &conf);
	for (uint64_t id = 901; id <= 906; id++)
		(void)world_ask(
			&world, id, OFFICE, id == 901 ? "anna" : "x", id);
	conf.failure_limit = 4;
	conf.slow_limit = 5;
	policy_configure(world.policy, world.now, &conf);
	for (uint64_t id = 902; id <= 905; id++)
		(void)world_settle(&world, id, OFFICE, OUTCOME_FAILED);
	assert_false(world_last(&world, ACTION_BAN).soft);
	(void)world_settle_of(&world, 901, OFFICE, "anna", OUTCOME_OK);
	at = world.said_count;
	(void)world_settle(&world, 906, OFFICE, OUTCOME_FAILED);
	assert_int_equal(world.said_count, at + 2);
	assert_int_equal(world.said[at].kind, ACTION_UNBAN);
	assert_false(world.said[at].soft);
	assert_true(world_last(&world, ACTION_BAN).soft);
	world_done(&world);
}

static void operators_ban_is_hard_everywhere(void **state)
{
	struct world world;

	world_init_people(&world);
	login(&world, OFFICE, "anna");
	world_fail(&world, OFFICE, 5);
	world_order(&world, EVENT_OPERATOR_BAN, "192.0.0.0/16", 1 * HOURS);
	assert_false(world_last(&world, ACTION_BAN).soft);
	assert_int_equal(ask(&world, OFFICE, "anna", 1), VERDICT_TURN_AWAY);
	world_done(&world);
}

static void observed_soft_bans_are_hard(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	conf.soft.mode = POLICY_OBSERVE;
	world_init_with(&world, &conf);
	login(&world, OFFICE, "anna");
	world_fail(&world, OFFICE, 5);
	assert_false(world_last(&world, ACTION_BAN).soft);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(success_tells_a_passport_once_a_day),
		cmocka_unit_test(ban_is_hard_where_nobody_is_known),
		cmocka_unit_test(
			soft_ban_stops_strangers_and_lets_the_holder_return),
		cmocka_unit_test(guesser_next_door_to_people_is_banned_hard),
		cmocka_unit_test(
			holder_is_stopped_after_three_failures_that_day),
		cmocka_unit_test(holders_first_failures_are_not_the_offices),
		cmocka_unit_test(
			guesser_behind_the_holders_address_gains_three_a_day),
		cmocka_unit_test(success_wipes_nobody_elses_failures),
		cmocka_unit_test(passport_ends_after_thirty_days),
		cmocka_unit_test(restored_passport_is_as_good),
		cmocka_unit_test(
			hard_ban_of_a_source_that_became_known_is_lifted_first),
		cmocka_unit_test(operators_ban_is_hard_everywhere),
		cmocka_unit_test(observed_soft_bans_are_hard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
