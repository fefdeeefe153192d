/*
 * The rules of the policy core, one by one, under virtual time: who is passed,
 * what counts, what the modes do.
 *
 * Bans and orders are in test_penalty.c, whole days of attackers and people in
 * test_scenario.c, the tables in test_source.c and test_ban.c.
 */
#include "policy_world.h"

#define HERE  "192.0.2.7"
#define THERE "192.0.2.8"

/* ---- places ---- */

static void fifth_failure_bans_and_the_sixth_is_turned_away(void **state)
{
	struct world world;
	struct policy_verdict verdict;
	struct policy_action ban;

	world_init(&world);
	world_fail(&world, HERE, 4);
	assert_false(world_banned(&world, HERE));
	verdict = world_try(&world, HERE, "anna", 77, OUTCOME_FAILED);
	assert_int_equal(verdict.kind, VERDICT_DELAY);
	assert_int_equal(verdict.rule, RULE_SOURCE_LIMIT);
	assert_int_equal(verdict.failure_count, 5);
	ban = world_last(&world, ACTION_BAN);
	assert_true(ban.until == world.now + 10 * MINUTES);
	assert_int_equal(ban.repeat_count, 0);
	assert_int_equal(ban.failure_count, 5);
	verdict = world_ask(&world, 9000, HERE, "anna", 78);
	assert_int_equal(verdict.kind, VERDICT_TURN_AWAY);
	assert_int_equal(verdict.rule, RULE_BANNED);
	assert_int_equal(verdict.mode, POLICY_ENFORCE);
	assert_false(world_banned(&world, THERE));
	world_done(&world);
}

static void attempts_in_flight_take_the_places(void **state)
{
	struct world world;
	struct policy_verdict verdict;

	world_init(&world);
	world_fail(&world, HERE, 2);
	for (uint64_t id = 100; id < 103; id++) {
		verdict = world_ask(&world, id, HERE, "anna", id);
		assert_int_equal(verdict.kind, VERDICT_PASS);
		assert_int_equal(verdict.rule, RULE_NONE);
	}
	verdict = world_ask(&world, 103, HERE, "anna", 103);
	assert_int_equal(verdict.kind, VERDICT_HOLD);
	assert_int_equal(verdict.wait_ms, 200);
	assert_int_equal(verdict.rule, RULE_IN_FLIGHT);
	assert_int_equal(world_explain(&world, HERE).in_flight_count, 3);
	assert_int_equal(world_explain(&world, HERE).failure_count, 2);
	world_done(&world);
}

static void place_comes_back_unless_the_attempt_failed(void **state)
{
	static const struct {
		enum policy_outcome outcome;
		enum policy_verdict_kind next;
	} rows[] = {
		{OUTCOME_OK, VERDICT_PASS},
		{OUTCOME_TEMPORARY, VERDICT_PASS},
		{OUTCOME_CANCELLED, VERDICT_PASS},
		{OUTCOME_OTHER, VERDICT_PASS},
		{OUTCOME_FAILED, VERDICT_HOLD},
		{OUTCOME_ABANDONED, VERDICT_HOLD},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world world;

		world_init(&world);
		for (uint64_t id = 1; id <= 5; id++)
			(void)world_ask(&world, id, HERE, "anna", id);
		(void)world_settle(&world, 3, HERE, rows[i].outcome);
		assert_int_equal(world_ask(&world, 6, HERE, "bert", 6).kind,
			rows[i].next);
		world_done(&world);
	}
}

static void exactly_the_limit_is_passed_in_any_order_of_settling(void **state)
{
	static const uint8_t orders[][5] = {
		{1, 2, 3, 4, 5}, {5, 4, 3, 2, 1}, {3, 1, 5, 2, 4}};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct world world;
		unsigned passed = 0;

		world_init(&world);
		for (uint64_t id = 1; id <= 200; id++)
			passed +=
				world_ask(&world, id, HERE, "anna", id).kind ==
				VERDICT_PASS;
		assert_int_equal(passed, 5);
		for (unsigned n = 0; n < 5; n++) {
			assert_false(world_banned(&world, HERE));
			(void)world_settle(
				&world, orders[i][n], HERE, OUTCOME_FAILED);
			assert_int_not_equal(
				world_ask(&world, 300, HERE, "anna", 300).kind,
				VERDICT_PASS);
		}
		assert_true(world_banned(&world, HERE));
		world_done(&world);
	}
}

static void hold_ends_with_a_temporary_answer(void **state)
{
	struct world world;
	struct policy_event ask = {
		.kind = EVENT_AUTH_BEGINS, .attempt = 9, .secret_tag = 9};
	struct policy_verdict verdict;

	world_init(&world);
	for (uint64_t id = 1; id <= 5; id++)
		(void)world_ask(&world, id, HERE, "anna", id);
	ask.addr = world_addr(HERE);
	ask.user = slice_str("bert");
	ask.held_since = world.now;
	world_wait(&world, 29900);
	verdict = world_step(&world, &ask);
	assert_int_equal(verdict.kind, VERDICT_HOLD);
	assert_int_equal(verdict.wait_ms, 100); /* not beyond the longest */
	world_wait(&world, 100);
	verdict = world_step(&world, &ask);
	assert_int_equal(verdict.kind, VERDICT_ANSWER_TEMPORARY);
	assert_int_equal(verdict.rule, RULE_IN_FLIGHT);
	world_done(&world);
}

static void slow_window_takes_places_too(void **state)
{
	struct world world;

	world_init(&world);
	for (unsigned i = 0; i < 8; i++) { /* never five in ten minutes */
		world_fail(&world, HERE, 1);
		world_wait(&world, 11 * MINUTES);
	}
	assert_int_equal(
		world_ask(&world, 901, HERE, "a", 1).kind, VERDICT_PASS);
	assert_int_equal(
		world_ask(&world, 902, HERE, "a", 2).kind, VERDICT_PASS);
	assert_int_equal(
		world_ask(&world, 903, HERE, "a", 3).kind, VERDICT_HOLD);
	world_done(&world);
}

static void no_slow_window_when_its_limit_is_zero(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	conf.slow_limit = 0;
	world_init_with(&world, &conf);
	for (unsigned i = 0; i < 40; i++) {
		world_fail(&world, HERE, 1);
		world_wait(&world, 11 * MINUTES);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	assert_int_equal(world_explain(&world, HERE).slow_count, 0);
	world_done(&world);
}

static void windows_slide_to_the_millisecond(void **state)
{
	struct world world;
	mono_ms_t first;

	world_init(&world);
	first = world.now;
	world_fail(&world, HERE, 4);
	world_wait(&world, first + 10 * MINUTES - 1 - world.now);
	assert_int_equal(world_explain(&world, HERE).failure_count, 4);
	world_wait(&world, 1);
	assert_int_equal(world_explain(&world, HERE).failure_count, 3);
	assert_int_equal(world_explain(&world, HERE).slow_count, 4);
	world_wait(&world, first + 1 * DAYS - 1 - world.now);
	assert_int_equal(world_explain(&world, HERE).slow_count, 4);
	world_wait(&world, 1);
	assert_int_equal(world_explain(&world, HERE).slow_count, 3);
	world_done(&world);
}

/* ---- the same guess ---- */

static void same_guess_counts_once(void **state)
{
	struct world world;

	world_init(&world);
	for (unsigned i = 0; i < 50; i++) {
		struct policy_verdict verdict =
			world_try(&world, HERE, "anna", 7, OUTCOME_FAILED);

		assert_int_equal(verdict.kind, VERDICT_DELAY);
		assert_int_equal(verdict.failure_count, 1);
		world_wait(&world, 5 * SECONDS);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	assert_int_equal(world_explain(&world, HERE).failure_total, 50);
	world_done(&world);
}

static void what_is_not_the_same_guess_counts_each_time(void **state)
{
	static const struct {
		const char *user[2];
		uint64_t tag[2];
		unsigned count;
	} rows[] = {
		{{"anna", "anna"}, {7, 7}, 1},
		{{"anna", "ANNA"}, {7, 7}, 1}, /* case is folded */
		{{"anna", "anna"}, {7, 8}, 2},
		{{"anna", "bert"}, {7, 7}, 2},
		{{"anna", "anna"}, {0, 0}, 2}, /* unknown is never the same */
		{{"", ""}, {7, 7}, 2},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world world;

		world_init(&world);
		for (unsigned n = 0; n < 2; n++)
			(void)world_try(&world, HERE, rows[i].user[n],
				rows[i].tag[n], OUTCOME_FAILED);
		assert_int_equal(world_explain(&world, HERE).failure_count,
			rows[i].count);
		world_done(&world);
	}
}

static void same_guess_at_once_takes_one_place(void **state)
{
	struct world world;

	world_init(&world);
	world_fail(&world, HERE, 3);
	for (uint64_t id = 100; id < 120; id++)
		assert_int_equal(world_ask(&world, id, HERE, "anna", 7).kind,
			VERDICT_PASS);
	assert_int_equal(
		world_ask(&world, 200, HERE, "bert", 8).kind, VERDICT_PASS);
	assert_int_equal(
		world_ask(&world, 201, HERE, "bert", 9).kind, VERDICT_HOLD);
	/* One goes without a failure: the others keep the place. */
	(void)world_settle(&world, 100, HERE, OUTCOME_CANCELLED);
	assert_int_equal(
		world_ask(&world, 201, HERE, "bert", 9).kind, VERDICT_HOLD);
	for (uint64_t id = 101; id < 120; id++)
		(void)world_settle(&world, id, HERE, OUTCOME_FAILED);
	assert_int_equal(world_explain(&world, HERE).failure_count, 4);
	(void)world_settle(&world, 200, HERE, OUTCOME_OK);
	assert_int_equal(
		world_ask(&world, 201, HERE, "bert", 9).kind, VERDICT_PASS);
	world_done(&world);
}

static void known_guess_needs_no_free_place(void **state)
{
	struct world world;

	world_init(&world);
	(void)world_try(&world, HERE, "anna", 7, OUTCOME_FAILED);
	for (uint64_t id = 100; id < 104; id++)
		(void)world_ask(&world, id, HERE, "guess", id);
	assert_int_equal(
		world_ask(&world, 104, HERE, "guess", 104).kind, VERDICT_HOLD);
	assert_int_equal(
		world_try(&world, HERE, "anna", 7, OUTCOME_FAILED).kind,
		VERDICT_DELAY);
	assert_int_equal(world_explain(&world, HERE).failure_count, 1);
	world_done(&world);
}

static void guess_is_new_again_when_its_failure_left(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	conf.slow_limit = 0;
	world_init_with(&world, &conf);
	(void)world_try(&world, HERE, "anna", 7, OUTCOME_FAILED);
	world_wait(&world, 10 * MINUTES - 1);
	(void)world_ask(&world, 100, HERE, "anna", 7); /* known: no place */
	world_wait(&world, 1);
	for (uint64_t id = 101; id < 106; id++)
		assert_int_equal(world_ask(&world, id, HERE, "bert", id).kind,
			VERDICT_PASS);
	assert_int_equal(
		world_ask(&world, 106, HERE, "anna", 7).kind, VERDICT_HOLD);
	(void)world_settle(&world, 101, HERE, OUTCOME_OK);
	assert_int_equal(
		world_ask(&world, 106, HERE, "anna", 7).kind, VERDICT_PASS);
	assert_int_equal(
		world_ask(&world, 107, HERE, "carl", 7).kind, VERDICT_HOLD);
	world_done(&world);
}

static void stale_phone_is_one_failure_a_day(void **state)
{
	struct world world;

	world_init(&world);
	for (unsigned minute = 0; minute < 5 * 24 * 60; minute++) {
		(void)world_try(&world, HERE, "anna", 7, OUTCOME_FAILED);
		assert_true(world_explain(&world, HERE).failure_count <= 1);
		assert_int_equal(world_explain(&world, HERE).slow_count, 1);
		world_wait(&world, 1 * MINUTES);
	}
	assert_int_equal(world.said_count, 0);
	world_done(&world);
}

/* ---- settling ---- */

static void success_forgives_that_user_only(void **state)
{
	struct world world;

	world_init(&world);
	(void)world_try(&world, HERE, "anna", 1, OUTCOME_FAILED);
	(void)world_try(&world, HERE, "bert", 2, OUTCOME_FAILED);
	(void)world_try(&world, HERE, "anna", 3, OUTCOME_FAILED);
	(void)world_try(&world, HERE, "", 0, OUTCOME_FAILED);
	(void)world_try(&world, HERE, "Anna", 4, OUTCOME_OK);
	assert_int_equal(world_explain(&world, HERE).failure_count, 2);
	(void)world_try(&world, HERE, "", 0, OUTCOME_OK);
	assert_int_equal(world_explain(&world, HERE).failure_count, 2);
	assert_int_equal(world_explain(&world, HERE).success_count, 2);
	world_done(&world);
}

static void success_is_not_delayed(void **state)
{
	struct world world;
	struct policy_verdict verdict;

	world_init(&world);
	world_fail(&world, HERE, 3);
	verdict = world_try(&world, HERE, "anna", 7, OUTCOME_OK);
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.wait_ms, 0);
	world_done(&world);
}

static void delay_doubles_up_to_the_longest(void **state)
{
	static const uint64_t want_ms[] = {
		1000, 2000, 4000, 8000, 15000, 15000};
	struct policy_conf conf = world_conf();
	struct world world;

	conf.failure_limit = 100;
	conf.slow_limit = 0;
	world_init_with(&world, &conf);
	for (unsigned i = 0; i < 6; i++) {
		struct policy_verdict verdict;

		assert_int_equal(
			world_explain(&world, HERE).next_delay_ms, want_ms[i]);
		verdict =
			world_try(&world, HERE, "anna", i + 1, OUTCOME_FAILED);
		assert_int_equal(verdict.kind, VERDICT_DELAY);
		assert_int_equal(verdict.wait_ms, want_ms[i]);
		assert_int_equal(verdict.rule, RULE_SOURCE_DELAY);
	}
	world_done(&world);
}

static void no_delay_is_a_plain_pass(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;
	struct policy_verdict verdict;

	conf.delay_first_ms = 0;
	world_init_with(&world, &conf);
	verdict = world_try(&world, HERE, "anna", 1, OUTCOME_FAILED);
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_NONE);
	assert_int_equal(verdict.failure_count, 1);
	world_done(&world);
}

static void unknown_attempt_is_counted_by_its_address(void **state)
{
	struct world world;

	world_init(&world);
	for (uint64_t id = 1; id <= 5; id++)
		(void)world_settle(&world, id, HERE, OUTCOME_FAILED);
	(void)world_settle(&world, 6, HERE, OUTCOME_FAILED);
	(void)world_settle(&world, 7, THERE, OUTCOME_TEMPORARY);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	assert_true(world_banned(&world, HERE));
	assert_int_equal(world_explain(&world, THERE).failure_count, 0);
	world_done(&world);
}

static void attempt_never_settled_is_a_failure(void **state)
{
	struct world world;
	mono_ms_t began;

	world_init(&world);
	began = world.now;
	for (uint64_t id = 1; id <= 5; id++)
		(void)world_ask(&world, id, HERE, "anna", id);
	assert_true(policy_deadline(world.policy) == began + 2 * MINUTES);
	world_wait(&world, 2 * MINUTES - 1);
	assert_int_equal(world_explain(&world, HERE).failure_count, 0);
	world_wait(&world, 1);
	assert_int_equal(world_explain(&world, HERE).failure_count, 5);
	assert_int_equal(world_explain(&world, HERE).in_flight_count, 0);
	assert_int_equal(
		world_last(&world, ACTION_BAN).rule, RULE_SOURCE_LIMIT);
	world_done(&world);
}

static void time_passes_for_events_too(void **state)
{
	struct world world;

	world_init(&world);
	for (uint64_t id = 1; id <= 5; id++)
		(void)world_ask(&world, id, HERE, "anna", id);
	world.now += 3 * MINUTES; /* and nobody called a tick */
	assert_int_equal(
		world_ask(&world, 6, HERE, "anna", 6).kind, VERDICT_TURN_AWAY);
	world_done(&world);
}

static void time_that_goes_back_stands_still(void **state)
{
	struct world world;
	mono_ms_t until;

	world_init(&world);
	world_fail(&world, HERE, 4);
	world.now = 1;
	world_fail(&world, HERE, 1);
	until = world_last(&world, ACTION_BAN).until;
	assert_true(until > 1000 * SECONDS + 10 * MINUTES);
	assert_int_equal(world_explain(&world, HERE).failure_count, 5);
	world_done(&world);
}

static void late_outcome_does_not_count_twice(void **state)
{
	struct world world;

	world_init(&world);
	(void)world_ask(&world, 1, HERE, "anna", 1);
	(void)world_ask(&world, 2, HERE, "bert", 2);
	world_wait(&world, 3 * MINUTES);
	assert_int_equal(world_explain(&world, HERE).failure_count, 2);
	(void)world_settle(&world, 1, HERE, OUTCOME_FAILED);
	assert_int_equal(world_explain(&world, HERE).failure_count, 2);
	(void)world_settle(&world, 2, HERE, OUTCOME_OK);
	assert_int_equal(world_explain(&world, HERE).failure_count, 1);
	world_done(&world);
}

static void id_that_begins_anew_was_lost_before(void **state)
{
	struct world world;

	world_init(&world);
	(void)world_ask(&world, 1, HERE, "anna", 1);
	(void)world_ask(&world, 1, THERE, "bert", 2);
	assert_int_equal(world_explain(&world, HERE).failure_count, 1);
	assert_int_equal(world_explain(&world, HERE).in_flight_count, 0);
	assert_int_equal(world_explain(&world, THERE).in_flight_count, 1);
	world_done(&world);
}

static void attempts_table_full_holds(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;
	struct policy_verdict verdict;

	conf.attempts_most = 3;
	world_init_with(&world, &conf);
	for (uint64_t id = 1; id <= 3; id++)
		(void)world_ask(&world, id, HERE, "anna", id);
	for (uint64_t id = 4; id <= 8; id++) {
		verdict = world_ask(&world, id, THERE, "bert", id);
		assert_int_equal(verdict.kind, VERDICT_HOLD);
		assert_int_equal(verdict.rule, RULE_ATTEMPTS_FULL);
	}
	assert_int_equal(world_said(&world, ACTION_LIMIT), 1); /* a minute */
	(void)world_settle(&world, 2, HERE, OUTCOME_OK);
	assert_int_equal(
		world_ask(&world, 4, THERE, "bert", 4).kind, VERDICT_PASS);
	world_done(&world);
}

/* ---- modes ---- */

static void observe_passes_and_says_would(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;
	struct policy_verdict verdict;

	conf.source_mode = POLICY_OBSERVE;
	world_init_with(&world, &conf);
	verdict = world_try(&world, HERE, "anna", 1, OUTCOME_FAILED);
	assert_int_equal(verdict.kind, VERDICT_DELAY);
	assert_int_equal(verdict.wait_ms, 0);
	assert_int_equal(verdict.rule, RULE_SOURCE_DELAY);
	assert_int_equal(verdict.mode, POLICY_OBSERVE);
	world_fail(&world, HERE, 50);
	assert_int_equal(world_said(&world, ACTION_WOULD_BAN), 1);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	verdict = world_ask(&world, 700, HERE, "anna", 700);
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_BANNED);
	assert_int_equal(verdict.mode, POLICY_OBSERVE);
	assert_false(world_banned(&world, HERE));
	assert_int_equal(world_explain(&world, HERE).failure_total, 51);
	world_wait(&world, 20 * MINUTES);
	assert_int_equal(world_said(&world, ACTION_UNBAN), 0);
	world_done(&world);
}

static void observe_does_not_count_what_would_not_have_been(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	conf.source_mode = POLICY_OBSERVE;
	world_init_with(&world, &conf);
	(void)world_ask(&world, 100, HERE, "anna", 7);
	(void)world_try(&world, HERE, "bert", 8, OUTCOME_FAILED);
	for (uint64_t id = 1; id <= 4; id++)
		(void)world_settle(&world, id, HERE, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_WOULD_BAN), 1);
	/* Turned away by now: neither failures nor successes count. */
	(void)world_try(&world, HERE, "anna", 7, OUTCOME_FAILED);
	assert_int_equal(world_explain(&world, HERE).failure_count, 5);
	(void)world_try(&world, HERE, "bert", 9, OUTCOME_OK);
	assert_int_equal(world_explain(&world, HERE).failure_count, 5);
	/* But what was under way before goes on. */
	(void)world_settle(&world, 100, HERE, OUTCOME_FAILED);
	assert_int_equal(world_explain(&world, HERE).failure_count, 6);
	assert_int_equal(world_said(&world, ACTION_WOULD_BAN), 1);
	world_done(&world);
}

static void off_counts_nothing(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	conf.source_mode = POLICY_OFF;
	world_init_with(&world, &conf);
	world_fail(&world, HERE, 50);
	assert_int_equal(world.said_count, 0);
	assert_int_equal(world_explain(&world, HERE).failure_count, 0);
	assert_true(world_explain(&world, HERE).failure_total == 0);
	world_done(&world);
}

static void operators_ban_holds_with_the_ladder_off(void **state)
{
	static const struct {
		enum policy_mode mode, source_mode;
		enum policy_verdict_kind kind;
		enum policy_rule rule;
	} rows[] = {
		{POLICY_ENFORCE, POLICY_ENFORCE, VERDICT_TURN_AWAY,
			RULE_BANNED},
		{POLICY_ENFORCE, POLICY_OBSERVE, VERDICT_TURN_AWAY,
			RULE_BANNED},
		{POLICY_ENFORCE, POLICY_OFF, VERDICT_TURN_AWAY, RULE_BANNED},
		{POLICY_OBSERVE, POLICY_ENFORCE, VERDICT_PASS, RULE_BANNED},
		{POLICY_OBSERVE, POLICY_OFF, VERDICT_PASS, RULE_BANNED},
		{POLICY_OFF, POLICY_ENFORCE, VERDICT_PASS, RULE_NONE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy_conf conf = world_conf();
		struct policy_verdict verdict;
		struct world world;

		conf.mode = rows[i].mode;
		conf.source_mode = rows[i].source_mode;
		world_init_with(&world, &conf);
		world_order(&world, EVENT_OPERATOR_BAN, HERE, 0);
		assert_int_equal(world_said(&world, ACTION_BAN),
			rows[i].mode == POLICY_ENFORCE);
		verdict = world_ask(&world, 1, HERE, "anna", 1);
		assert_int_equal(verdict.kind, rows[i].kind);
		assert_int_equal(verdict.rule, rows[i].rule);
		assert_true(verdict.mode <= rows[i].mode);
		assert_true(world_banned(&world, HERE) ==
			    (rows[i].mode == POLICY_ENFORCE));
		world_done(&world);
	}
}

static void ladders_bans_end_when_it_no_longer_enforces(void **state)
{
	struct world world;

	world_init(&world);
	world_fail(&world, HERE, 5);
	world_order(&world, EVENT_OPERATOR_BAN, THERE, 0);
	world.conf.source_mode = POLICY_OBSERVE;
	policy_configure(world.policy, world.now, &world.conf);
	world_listen(&world);
	(void)world_last(&world, ACTION_UNBAN);
	assert_false(world_banned(&world, HERE));
	assert_true(world_banned(&world, THERE));
	world_done(&world);
}

static void attempts_begun_before_off_are_closed(void **state)
{
	struct world world;

	world_init(&world);
	for (uint64_t id = 1; id <= 5; id++)
		(void)world_ask(&world, id, HERE, "anna", id);
	world.conf.mode = POLICY_OFF;
	policy_configure(world.policy, world.now, &world.conf);
	(void)world_settle(&world, 1, HERE, OUTCOME_FAILED);
	world_wait(&world, 10 * MINUTES);
	assert_int_equal(world_explain(&world, HERE).failure_count, 0);
	assert_int_equal(world_explain(&world, HERE).in_flight_count, 0);
	world_done(&world);
}

/* ---- what others may ask ---- */

static void stats_count_verdicts_outcomes_and_rules(void **state)
{
	struct policy_stats stats;
	struct world world;

	world_init(&world);
	world_fail(&world, HERE, 6);
	(void)world_try(&world, THERE, "anna", 1, OUTCOME_OK);
	policy_stats(world.policy, &stats);
	assert_int_equal(stats.sources, 2);
	assert_int_equal(stats.bans, 1);
	assert_int_equal(stats.attempts, 0);
	assert_int_equal(stats.verdicts[VERDICT_PASS], 7);
	assert_int_equal(stats.verdicts[VERDICT_DELAY], 5);
	assert_int_equal(stats.verdicts[VERDICT_TURN_AWAY], 1);
	assert_int_equal(stats.outcomes[OUTCOME_FAILED], 5);
	assert_int_equal(stats.outcomes[OUTCOME_OK], 1);
	assert_int_equal(stats.rule_hits[RULE_SOURCE_LIMIT], 1);
	assert_int_equal(stats.rule_hits[RULE_SOURCE_DELAY], 4);
	assert_int_equal(stats.rule_hits[RULE_BANNED], 1);
	world_done(&world);
}

static void rules_are_found_by_their_names(void **state)
{
	for (unsigned i = 1; i < RULE_COUNT; i++) {
		enum policy_rule rule = (enum policy_rule)i;

		assert_int_equal(
			policy_rule_by_name(policy_rule_name(rule)), rule);
		assert_true(strlen(policy_rule_text(rule)) > 10);
	}
	assert_string_equal(
		policy_rule_name(RULE_SOURCE_LIMIT), "source-limit");
	assert_int_equal(policy_rule_by_name("no-such-rule"), RULE_NONE);
}

static void events_that_are_no_question_pass(void **state)
{
	static const enum policy_event_kind kinds[] = {
		EVENT_AUTH_REFUSED, EVENT_EARLY_TALK, EVENT_PROTOCOL_ERROR};
	struct world world;

	world_init(&world);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct policy_event event = {
			.kind = kinds[i], .addr = world_addr(HERE)};

		assert_int_equal(world_step(&world, &event).kind, VERDICT_PASS);
	}
	assert_false(world_explain(&world, HERE).known);
	world_done(&world);
}

int main(void)
{
#define T(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		T(fifth_failure_bans_and_the_sixth_is_turned_away),
		T(attempts_in_flight_take_the_places),
		T(place_comes_back_unless_the_attempt_failed),
		T(exactly_the_limit_is_passed_in_any_order_of_settling),
		T(hold_ends_with_a_temporary_answer),
		T(slow_window_takes_places_too),
		T(no_slow_window_when_its_limit_is_zero),
		T(windows_slide_to_the_millisecond),
		T(same_guess_counts_once),
		T(what_is_not_the_same_guess_counts_each_time),
		T(same_guess_at_once_takes_one_place),
		T(known_guess_needs_no_free_place),
		T(guess_is_new_again_when_its_failure_left),
		T(stale_phone_is_one_failure_a_day),
		T(success_forgives_that_user_only),
		T(success_is_not_delayed),
		T(delay_doubles_up_to_the_longest),
		T(no_delay_is_a_plain_pass),
		T(unknown_attempt_is_counted_by_its_address),
		T(attempt_never_settled_is_a_failure),
		T(time_passes_for_events_too),
		T(time_that_goes_back_stands_still),
		T(late_outcome_does_not_count_twice),
		T(id_that_begins_anew_was_lost_before),
		T(attempts_table_full_holds),
		T(observe_passes_and_says_would),
		T(observe_does_not_count_what_would_not_have_been),
		T(off_counts_nothing),
		T(operators_ban_holds_with_the_ladder_off),
		T(ladders_bans_end_when_it_no_longer_enforces),
		T(attempts_begun_before_off_are_closed),
		T(stats_count_verdicts_outcomes_and_rules),
		T(rules_are_found_by_their_names),
		T(events_that_are_no_question_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
