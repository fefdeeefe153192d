/*
 * Bans by lists of others: what they do, and what they leave alone. Under
 * virtual time.
 */
#include "policy_world.h"

#define HERE  "192.0.2.7"
#define NEAR  "192.0.2.8"
#define THERE "198.51.100.9"

static enum policy_list_result name(
	struct world *world, const char *text, uint64_t span_ms)
{
	struct prefix prefix = world_prefix(text);
	enum policy_list_result result =
		policy_list_ban(world->policy, world->now, &prefix, span_ms);

	world_listen(world);
	return result;
}

static bool lift(struct world *world, const char *text)
{
	struct prefix prefix = world_prefix(text);
	bool lifted = policy_list_lift(world->policy, world->now, &prefix);

	world_listen(world);
	return lifted;
}

static void a_named_prefix_is_banned_until_it_is_named_no_more(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	assert_int_equal(name(&world, "192.0.2.0/24", 2 * DAYS), LIST_BAN_DONE);
	assert_true(world_banned(&world, HERE));
	assert_int_equal(world_explain(&world, HERE).ban.rule, RULE_LIST);
	assert_int_equal(
		world_ask(&world, 1, HERE, "anna", 1).kind, VERDICT_TURN_AWAY);
	world_wait(&world, 1 * DAYS);
	assert_int_equal(name(&world, "192.0.2.0/24", 2 * DAYS), LIST_BAN_DONE);
	/* For two days more, and an eighth: so seldom is anybody told. */
	world_wait(&world, 54 * HOURS - 1);
	assert_true(world_banned(&world, NEAR));
	world_wait(&world, 1);
	assert_false(world_banned(&world, NEAR));
	assert_int_equal(world_last(&world, ACTION_UNBAN).rule, RULE_LIST);
	assert_int_equal(name(&world, HERE, 1 * DAYS), LIST_BAN_DONE);
	world.said_count = 0;
	world_wait(&world, 3 * HOURS);
	assert_int_equal(name(&world, HERE, 1 * DAYS), LIST_BAN_DONE);
	assert_int_equal(world.said_count, 0);
	world_wait(&world, 1);
	assert_int_equal(name(&world, HERE, 1 * DAYS), LIST_BAN_DONE);
	assert_int_equal(world.said_count, 1);
	assert_true(lift(&world, HERE));
	assert_false(world_banned(&world, HERE));
	assert_int_equal(world_last(&world, ACTION_UNBAN).rule, RULE_LIST);
	assert_false(lift(&world, HERE));
	world_done(&world);
}

/* Nobody guessed: the first guesser's ban is as long as ever. */
static void it_is_no_offence(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	assert_int_equal(name(&world, HERE, 1 * HOURS), LIST_BAN_DONE);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 0);
	world_wait(&world, 2 * HOURS);
	world_fail(&world, HERE, 5);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 0);
	assert_int_equal(
		world_last(&world, ACTION_BAN).rule, RULE_SOURCE_LIMIT);
	/* And what was one stays one. */
	world_wait(&world, 1 * HOURS);
	assert_int_equal(name(&world, HERE, 1 * HOURS), LIST_BAN_DONE);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 1);
	assert_true(lift(&world, HERE));
	world_fail(&world, HERE, 5);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 1);
	world_done(&world);
}

static void bans_of_other_rules_are_left_alone(void **state)
{
	struct world world;
	mono_ms_t until;

	(void)state;
	world_init(&world);
	world_order(&world, EVENT_OPERATOR_BAN, HERE, 1 * HOURS);
	world_fail(&world, THERE, 5);
	until = world_explain(&world, THERE).ban.until;
	assert_int_equal(name(&world, HERE, 9 * DAYS), LIST_BAN_OTHER);
	assert_int_equal(name(&world, THERE, 9 * DAYS), LIST_BAN_OTHER);
	assert_false(lift(&world, HERE));
	assert_false(lift(&world, THERE));
	assert_int_equal(world_explain(&world, HERE).ban.rule, RULE_OPERATOR);
	assert_true(world_explain(&world, THERE).ban.until == until);
	world_wait(&world, 2 * HOURS);
	assert_int_equal(name(&world, HERE, 9 * DAYS), LIST_BAN_DONE);
	/* The operator's word replaces the list's, and stays. */
	world_order(&world, EVENT_OPERATOR_BAN, HERE, 20 * DAYS);
	assert_int_equal(name(&world, HERE, 9 * DAYS), LIST_BAN_OTHER);
	assert_false(lift(&world, HERE));
	assert_true(world_banned(&world, HERE));
	world_done(&world);
}

static void who_is_allowed_is_not_banned(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	world_order(&world, EVENT_OPERATOR_ALLOW, HERE, 0);
	assert_int_equal(name(&world, HERE, 1 * DAYS), LIST_BAN_ALLOWED);
	assert_int_equal(name(&world, "192.0.2.0/24", 1 * DAYS), LIST_BAN_DONE);
	assert_false(world_banned(&world, HERE));
	assert_true(world_banned(&world, NEAR));
	world_order(&world, EVENT_OPERATOR_ALLOW, "192.0.0.0/16", 0);
	assert_int_equal(world_last(&world, ACTION_UNBAN).rule, RULE_LIST);
	world_done(&world);
}

static void people_pass_where_they_are_known_and_strangers_do_not(void **state)
{
	struct policy_verdict verdict = {.kind = VERDICT_HOLD};
	struct world world;

	(void)state;
	world_init_people(&world);
	(void)world_try(&world, HERE, "anna", 7, OUTCOME_OK);
	assert_int_equal(name(&world, "192.0.2.0/23", 1 * DAYS), LIST_BAN_DONE);
	assert_true(world_last(&world, ACTION_BAN).soft);
	for (uint64_t id = 10; id < 15; id++) { /* the second try passes */
		verdict = world_ask(&world, id, HERE, "anna", 7);
		if (verdict.kind == VERDICT_PASS)
			break;
		world_wait(&world, 15 * SECONDS);
		assert_int_not_equal(
			world_ask(&world, id + 50, NEAR, "bert", 8).kind,
			VERDICT_PASS);
	}
	assert_int_equal(verdict.kind, VERDICT_PASS);
	world_done(&world);
}

/* Where somebody logs in later, the next time that it is named. */
static void a_ban_becomes_soft_and_the_kernel_hears_of_it(void **state)
{
	struct world world;

	(void)state;
	world_init_people(&world);
	assert_int_equal(name(&world, HERE, 1 * DAYS), LIST_BAN_DONE);
	assert_false(world_last(&world, ACTION_BAN).soft);
	(void)world_step(&world, &(struct policy_event){
					 .kind = EVENT_RESTORE_PASSPORT,
					 .user = slice_str("anna"),
					 .prefix = world_prefix("192.0.2.0/24"),
					 .span_ms = 9 * DAYS,
				 });
	world.said_count = 0;
	assert_int_equal(name(&world, HERE, 1 * DAYS), LIST_BAN_DONE);
	assert_int_equal(world.said_count, 2);
	assert_int_equal(world.said[0].kind, ACTION_UNBAN);
	assert_false(world.said[0].soft);
	assert_true(world_last(&world, ACTION_BAN).soft);
	world_done(&world);
}

static void lists_leave_room_for_who_guesses_here(void **state)
{
	struct world world;
	unsigned done = 0;

	(void)state;
	world_init(&world); /* 100 bans at most */
	for (unsigned i = 0; i < 100; i++) {
		char text[32];

		(void)snprintf(text, sizeof text, "203.0.113.%u", i);
		done += name(&world, text, 1 * DAYS) == LIST_BAN_DONE;
	}
	assert_int_equal(done, 75);
	assert_int_equal(name(&world, "203.0.113.99", 1 * DAYS), LIST_BAN_FULL);
	assert_int_equal(name(&world, "203.0.113.1", 1 * DAYS), LIST_BAN_DONE);
	world_fail(&world, HERE, 5);
	assert_true(world_banned(&world, HERE));
	world_done(&world);
}

static void observing_bans_nobody(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	(void)state;
	conf.mode = POLICY_OBSERVE;
	world_init_with(&world, &conf);
	assert_int_equal(name(&world, HERE, 1 * DAYS), LIST_BAN_DONE);
	(void)world_last(&world, ACTION_WOULD_BAN);
	assert_false(world_banned(&world, HERE));
	conf.mode = POLICY_ENFORCE;
	policy_configure(world.policy, world.now, &conf);
	world_listen(&world);
	assert_true(world_banned(&world, HERE));
	conf.mode = POLICY_OFF;
	policy_configure(world.policy, world.now, &conf);
	assert_int_equal(name(&world, NEAR, 1 * DAYS), LIST_BAN_OTHER);
	world_done(&world);
}

/* The ladder may be observed: what a list says is the operator's will. */
static void a_ladder_that_observes_does_not_hold_it_back(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	(void)state;
	conf.source_mode = POLICY_OBSERVE;
	world_init_with(&world, &conf);
	world_fail(&world, HERE, 5); /* a shadow */
	assert_false(world_banned(&world, HERE));
	assert_int_equal(name(&world, HERE, 1 * DAYS), LIST_BAN_DONE);
	assert_true(world_banned(&world, HERE));
	policy_configure(world.policy, world.now, &conf);
	world_listen(&world);
	assert_true(world_banned(&world, HERE));
	world_done(&world);
}

static void the_store_brings_it_back(void **state)
{
	struct policy_event event = {
		.kind = EVENT_RESTORE_BAN,
		.span_ms = 1 * HOURS,
		.rule = RULE_LIST,
		.repeat_count = 2,
		.softness = SOFTNESS_HARD,
	};
	struct world world;

	(void)state;
	world_init(&world);
	event.prefix = world_prefix(HERE);
	(void)world_step(&world, &event);
	assert_true(world_banned(&world, HERE));
	assert_int_equal(world_explain(&world, HERE).ban.repeat_count, 2);
	assert_true(lift(&world, HERE));
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_named_prefix_is_banned_until_it_is_named_no_more),
		cmocka_unit_test(it_is_no_offence),
		cmocka_unit_test(bans_of_other_rules_are_left_alone),
		cmocka_unit_test(who_is_allowed_is_not_banned),
		cmocka_unit_test(
			people_pass_where_they_are_known_and_strangers_do_not),
		cmocka_unit_test(a_ban_becomes_soft_and_the_kernel_hears_of_it),
		cmocka_unit_test(lists_leave_room_for_who_guesses_here),
		cmocka_unit_test(observing_bans_nobody),
		cmocka_unit_test(a_ladder_that_observes_does_not_hold_it_back),
		cmocka_unit_test(the_store_brings_it_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
