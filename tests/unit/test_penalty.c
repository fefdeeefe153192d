/*
 * Bans: when they begin, grow, end and are remembered; what operators, the
 * allow list and the store do to them. Under virtual time.
 */
#include "policy_world.h"

#define HERE  "192.0.2.7"
#define THERE "192.0.2.8"

/* ---- bans ---- */

static void ended_ban_does_not_ban_without_a_new_failure(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	(void)state;
	conf.ban_ms = 1 * MINUTES; /* shorter than the window */
	world_init_with(&world, &conf);
	world_fail(&world, HERE, 5);
	world_wait(&world, 1 * MINUTES);
	assert_false(world_banned(&world, HERE));
	assert_int_equal(world_explain(&world, HERE).failure_count, 5);
	/* Free again, one login at a time: a right one is no ban. */
	assert_int_equal(
		world_ask(&world, 500, HERE, "anna", 1).kind, VERDICT_PASS);
	assert_int_equal(
		world_ask(&world, 501, HERE, "bert", 2).kind, VERDICT_HOLD);
	assert_int_equal(
		world_settle(&world, 500, HERE, OUTCOME_OK).kind, VERDICT_PASS);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	/* Counts are kept: the first new failure is the next ban, twice as
	 * long. */
	world_fail(&world, HERE, 1);
	assert_int_equal(world_said(&world, ACTION_BAN), 2);
	world_wait(&world, 2 * MINUTES - 5 * SECONDS);
	assert_true(world_banned(&world, HERE));
	world_wait(&world, 6 * SECONDS);
	assert_false(world_banned(&world, HERE));
	world_done(&world);
}

static void bans_grow_up_to_the_longest_and_are_forgotten(void **state)
{
	static const uint64_t want_ms[] = {10 * MINUTES, 20 * MINUTES,
		40 * MINUTES, 80 * MINUTES, 2 * HOURS, 2 * HOURS};
	struct policy_conf conf = world_conf();
	struct world world;

	conf.slow_limit = 0;
	conf.ban_longest_ms = 2 * HOURS;
	conf.repeat_memory_ms = 1 * DAYS;
	world_init_with(&world, &conf);
	for (unsigned i = 0; i < 6; i++) {
		struct policy_action ban;

		world_fail(&world, HERE, 5);
		ban = world_last(&world, ACTION_BAN);
		assert_true(ban.until == world.now - 1 * SECONDS + want_ms[i]);
		assert_int_equal(ban.repeat_count, i);
		world_wait(&world, 3 * HOURS);
		(void)world_last(&world, ACTION_UNBAN);
	}
	world_wait(&world, 1 * DAYS);
	world_fail(&world, HERE, 5);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 0);
	world_done(&world);
}

static void longer_ban_wins_when_both_windows_are_full(void **state)
{
	struct world world;

	world_init(&world);
	world_fail(&world, HERE, 5);
	world_wait(&world, 1 * HOURS);
	world_fail(&world, HERE, 5);
	assert_int_equal(world_last(&world, ACTION_BAN).rule, RULE_SOURCE_SLOW);
	/* A repeat: the slow ban grows alike. */
	assert_true(world_last(&world, ACTION_BAN).until ==
		    world.now - 1 * SECONDS + 2 * DAYS);
	world_done(&world);
}

static void slow_window_lengthens_a_ban_that_is_under_way(void **state)
{
	struct world world;

	world_init(&world);
	for (uint64_t id = 1; id <= 9; id++)
		(void)world_settle(&world, id, HERE, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	(void)world_settle(&world, 10, HERE, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_BAN), 2);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 0);
	assert_true(
		world_last(&world, ACTION_BAN).until == world.now + 1 * DAYS);
	(void)world_settle(&world, 11, HERE, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_BAN), 2);
	world_done(&world);
}

static void ban_leaves_attempts_in_flight_open(void **state)
{
	struct world world;

	world_init(&world);
	(void)world_ask(&world, 99, HERE, "anna", 99);
	world_order(&world, EVENT_OPERATOR_BAN, HERE, 0);
	assert_int_equal(world_explain(&world, HERE).in_flight_count, 1);
	assert_int_equal(
		world_settle(&world, 99, HERE, OUTCOME_OK).kind, VERDICT_PASS);
	assert_int_equal(world_explain(&world, HERE).in_flight_count, 0);
	world_done(&world);
}

static void bans_full_refuses_the_ladder_but_not_the_operator(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	conf.bans_most = 2;
	world_init_with(&world, &conf);
	world_order(&world, EVENT_OPERATOR_BAN, "10.0.0.0/8", 2 * HOURS);
	world_order(&world, EVENT_OPERATOR_BAN, "11.0.0.0/8", 1 * HOURS);
	world_fail(&world, HERE, 5);
	assert_int_equal(world_last(&world, ACTION_LIMIT).rule, RULE_BANS_FULL);
	assert_false(world_banned(&world, HERE));
	/* No ban, and still no sixth guess. */
	assert_int_equal(
		world_ask(&world, 800, HERE, "anna", 1).kind, VERDICT_HOLD);
	world_order(&world, EVENT_OPERATOR_BAN, "12.0.0.0/8", 3 * HOURS);
	assert_true(world_banned(&world, "12.1.1.1"));
	assert_true(world_banned(&world, "10.1.1.1"));
	assert_false(world_banned(&world, "11.1.1.1")); /* ended soonest */
	assert_int_equal(world_said(&world, ACTION_UNBAN), 1);
	world_done(&world);
}

static void remembered_bans_give_way_to_new_ones(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	conf.bans_most = 1;
	world_init_with(&world, &conf);
	world_fail(&world, HERE, 5);
	world_wait(&world, 11 * MINUTES);
	world_fail(&world, THERE, 5);
	assert_true(world_banned(&world, THERE));
	assert_int_equal(world_said(&world, ACTION_LIMIT), 0);
	world_done(&world);
}

/* ---- operators, the allow list, the store ---- */

static void operator_bans_any_length(void **state)
{
	static const char *const rows[][3] = {
		{"203.0.113.9", "203.0.113.9", "203.0.113.8"},
		{"203.0.113.0/25", "203.0.113.127", "203.0.113.128"},
		{"203.0.0.0/9", "203.127.0.1", "203.128.0.1"},
		{"0.0.0.0/0", "8.8.8.8", "2001:db8::1"},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
		{"2001:db8::1", "2001:db8::1", "2001:db8::2"},
		{"::/0", "2001:db8::1", "8.8.8.8"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world world;

		world_init(&world);
		world_order(&world, EVENT_OPERATOR_BAN, rows[i][0], UINT64_MAX);
		assert_true(world_banned(&world, rows[i][1]));
		assert_false(world_banned(&world, rows[i][2]));
		assert_true(world_last(&world, ACTION_BAN).until == MONO_NEVER);
		world_wait(&world, 3650 * DAYS);
		assert_true(world_banned(&world, rows[i][1]));
		world_order(&world, EVENT_OPERATOR_UNBAN, rows[i][0], 0);
		assert_false(world_banned(&world, rows[i][1]));
		world_done(&world);
	}
}

static void unban_forgets_failures_and_repeats(void **state)
{
	struct world world;

	world_init(&world);
	world_fail(&world, HERE, 5);
	world_order(&world, EVENT_OPERATOR_UNBAN, HERE, 0);
	(void)world_last(&world, ACTION_UNBAN);
	assert_false(world_banned(&world, HERE));
	assert_int_equal(world_explain(&world, HERE).failure_count, 0);
	world_fail(&world, HERE, 5);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 0);
	assert_int_equal(
		world_last(&world, ACTION_BAN).rule, RULE_SOURCE_LIMIT);
	world_done(&world);
}

static void unban_of_a_prefix_pardons_the_sources_in_it(void **state)
{
	struct world world;

	world_init(&world);
	world_fail(&world, HERE, 5);
	world_fail(&world, THERE, 3);
	world_fail(&world, "192.0.3.1", 3);
	world_order(&world, EVENT_OPERATOR_UNBAN, "192.0.2.0/24", 0);
	assert_int_equal(world_explain(&world, HERE).failure_count, 0);
	assert_int_equal(world_explain(&world, THERE).failure_count, 0);
	assert_int_equal(world_explain(&world, "192.0.3.1").failure_count, 3);
	world_done(&world);
}

static void unban_of_an_address_lifts_its_source_but_nothing_wider(void **state)
{
	struct world world;

	world_init(&world);
	world_fail(&world, "2001:db8::1", 5);
	world_order(&world, EVENT_OPERATOR_BAN, "2001:db8:0:1::/64", 0);
	world_order(&world, EVENT_OPERATOR_UNBAN, "2001:db8::99", 0);
	assert_false(world_banned(&world, "2001:db8::1"));
	assert_true(world_banned(&world, "2001:db8:0:1::1"));
	world_order(&world, EVENT_OPERATOR_BAN, "2001:db8::/32", 0);
	world_order(&world, EVENT_OPERATOR_UNBAN, "2001:db8::1", 0);
	assert_true(world_banned(&world, "2001:db8::1"));
	world_done(&world);
}

static void ladder_never_shortens_an_operators_ban(void **state)
{
	struct world world;

	world_init(&world);
	world_order(&world, EVENT_OPERATOR_BAN, HERE, 30 * DAYS);
	for (uint64_t id = 1; id <= 5; id++)
		(void)world_settle(&world, id, HERE, OUTCOME_FAILED);
	assert_int_equal(world_last(&world, ACTION_BAN).rule, RULE_OPERATOR);
	world_wait(&world, 29 * DAYS);
	assert_true(world_banned(&world, HERE));
	world_done(&world);
}

static void ladder_lengthens_an_operators_ban(void **state)
{
	struct world world;

	world_init(&world);
	world_order(&world, EVENT_OPERATOR_BAN, HERE, 1 * MINUTES);
	for (uint64_t id = 1; id <= 5; id++)
		(void)world_settle(&world, id, HERE, OUTCOME_FAILED);
	assert_true(world_last(&world, ACTION_BAN).until ==
		    world.now + 10 * MINUTES);
	assert_int_equal(
		world_last(&world, ACTION_BAN).rule, RULE_SOURCE_LIMIT);
	world_done(&world);
}

static void orders_do_not_reach_what_is_wider(void **state)
{
	struct world world;

	world_init(&world);
	world_order(&world, EVENT_OPERATOR_BAN, "10.0.0.0/8", 0);
	world_order(&world, EVENT_OPERATOR_UNBAN, "10.0.0.0/24", 0);
	world_order(&world, EVENT_OPERATOR_UNBAN, "10.0.0.0", 0);
	assert_true(world_banned(&world, "10.0.0.1"));
	world_order(&world, EVENT_OPERATOR_ALLOW, "10.0.0.0/24", 0);
	assert_false(world_banned(&world, "10.0.0.1"));
	assert_true(world_banned(&world, "10.0.1.1"));
	world_done(&world);
}

static void allowed_address_always_passes(void **state)
{
	struct policy_conf conf = world_conf();
	struct prefix allow = world_prefix("192.0.2.0/24");
	struct world world;

	conf.allow = &allow;
	conf.allow_count = 1;
	world_init_with(&world, &conf);
	world_order(&world, EVENT_OPERATOR_BAN, "192.0.0.0/16", 0);
	for (uint64_t id = 1; id <= 100; id++)
		assert_int_equal(world_ask(&world, id, HERE, "anna", id).kind,
			VERDICT_PASS);
	for (uint64_t id = 1; id <= 100; id++)
		assert_int_equal(
			world_settle(&world, id, HERE, OUTCOME_FAILED).kind,
			VERDICT_PASS);
	assert_int_equal(world_said(&world, ACTION_SPARED), 1);
	assert_int_equal(
		world_last(&world, ACTION_SPARED).rule, RULE_SOURCE_LIMIT);
	assert_true(world_explain(&world, HERE).allowed);
	assert_false(world_banned(&world, HERE));
	assert_true(world_banned(&world, "192.0.3.1"));
	world_wait(&world, 10 * MINUTES);
	world_fail(&world, HERE, 1);
	assert_int_equal(world_said(&world, ACTION_SPARED), 2);
	world_done(&world);
}

static void allow_lifts_what_lies_inside_only(void **state)
{
	struct world world;

	world_init(&world);
	world_fail(&world, HERE, 5);
	world_order(&world, EVENT_OPERATOR_BAN, "192.0.2.128/25", 0);
	world_order(&world, EVENT_OPERATOR_BAN, "192.0.0.0/16", 0);
	world_order(&world, EVENT_OPERATOR_ALLOW, "192.0.2.0/24", 0);
	assert_int_equal(world_said(&world, ACTION_UNBAN), 2);
	assert_false(world_banned(&world, HERE));
	assert_false(world_banned(&world, "192.0.2.200"));
	assert_true(world_banned(&world, "192.0.1.1"));
	world_order(&world, EVENT_OPERATOR_BAN, HERE, 0);
	assert_int_equal(world_last(&world, ACTION_SPARED).rule, RULE_OPERATOR);
	world_order(&world, EVENT_OPERATOR_DISALLOW, "192.0.2.0/24", 0);
	assert_true(world_banned(&world, HERE)); /* by the /16 */
	world_done(&world);
}

static void neighbours_do_not_pay_for_an_allowed_address(void **state)
{
	struct world world;

	world_init(&world);
	world_order(&world, EVENT_OPERATOR_ALLOW, "2001:db8::1", 0);
	world_fail(&world, "2001:db8::1", 20);
	assert_false(world_banned(&world, "2001:db8::2"));
	assert_int_equal(world_explain(&world, "2001:db8::2").failure_count, 0);
	world_fail(&world, "2001:db8::2", 5);
	assert_true(world_banned(&world, "2001:db8::3"));
	assert_false(world_banned(&world, "2001:db8::1"));
	world_done(&world);
}

static void reload_takes_allow_list_and_limits_over(void **state)
{
	struct world world;
	struct prefix allow = world_prefix("192.0.2.7");
	struct prefix mine;
	size_t cursor = 0;

	world_init(&world);
	world_order(&world, EVENT_OPERATOR_ALLOW, "198.51.100.0/24", 0);
	world_fail(&world, HERE, 5);
	world_fail(&world, THERE, 3);
	world.conf.allow = &allow;
	world.conf.allow_count = 1;
	world.conf.failure_limit = 4;
	policy_configure(world.policy, world.now, &world.conf);
	world_listen(&world);
	(void)world_last(&world, ACTION_UNBAN);
	assert_false(world_banned(&world, HERE));
	world_fail(&world, THERE, 1);
	assert_true(world_banned(&world, THERE));
	assert_true(policy_allow_next(world.policy, &cursor, &mine));
	assert_int_equal(mine.bits, 120);
	assert_false(policy_allow_next(world.policy, &cursor, &mine));
	world_done(&world);
}

/* One login at a time, and the first that fails is the ban. */
static void expect_last_chance(struct world *world, const char *addr)
{
	assert_false(world_banned(world, addr));
	assert_int_equal(
		world_ask(world, 700, addr, "anna", 70).kind, VERDICT_PASS);
	assert_int_equal(
		world_ask(world, 701, addr, "bert", 71).kind, VERDICT_HOLD);
	(void)world_settle(world, 700, addr, OUTCOME_FAILED);
	assert_true(world_banned(world, addr));
}

static void source_above_a_lowered_limit_is_not_held_for_ever(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	world_fail(&world, HERE, 4);
	world.conf.failure_limit = 2;
	policy_configure(world.policy, world.now, &world.conf);
	expect_last_chance(&world, HERE);
	world_done(&world);
}

static void source_off_the_allow_list_is_not_held_for_ever(void **state)
{
	struct world world;
	struct prefix allow = world_prefix("192.0.2.0/24");

	(void)state;
	world_init(&world);
	world.conf.allow = &allow;
	world.conf.allow_count = 1;
	policy_configure(world.policy, world.now, &world.conf);
	world_fail(&world, HERE, 9);
	world.conf.allow_count = 0;
	policy_configure(world.policy, world.now, &world.conf);
	expect_last_chance(&world, HERE);
	world_done(&world);
}

static void larger_limits_after_a_reload_are_clamped(void **state)
{
	struct world world;

	world_init(&world);
	world.conf.failure_limit = 100;
	world.conf.slow_limit = 1000;
	policy_configure(world.policy, world.now, &world.conf);
	world_fail(&world, HERE, 9);
	assert_false(world_banned(&world, HERE));
	world_fail(&world, HERE, 1);
	assert_true(world_banned(&world, HERE)); /* ten records are kept */
	for (uint64_t id = 500; id < 600; id++)
		(void)world_settle(&world, id, HERE, OUTCOME_FAILED);
	assert_int_equal(world_explain(&world, HERE).failure_count, 10);
	world_done(&world);
}

static void larger_slow_limit_after_a_reload_is_clamped(void **state)
{
	struct world world;

	world_init(&world);
	world.conf.slow_limit = 1000;
	policy_configure(world.policy, world.now, &world.conf);
	for (unsigned i = 0; i < 10; i++) {
		assert_false(world_banned(&world, HERE));
		world_wait(&world, 11 * MINUTES);
		world_fail(&world, HERE, 1);
	}
	assert_true(world_banned(&world, HERE));
	world_done(&world);
}

static struct policy_event restored(const char *prefix, uint64_t span_ms,
	enum policy_rule rule, unsigned repeat_count)
{
	return (struct policy_event){
		.kind = EVENT_RESTORE_BAN,
		.prefix = world_prefix(prefix),
		.span_ms = span_ms,
		.rule = rule,
		.repeat_count = repeat_count,
	};
}

/* As soft as it was, whoever is known around it now. */
static void restored_ban_is_as_soft_as_it_was(void **state)
{
	static const struct {
		enum policy_softness was;
		bool known, soft;
	} cases[] = {
		{SOFTNESS_UNKNOWN, true, true},
		{SOFTNESS_UNKNOWN, false, false},
		{SOFTNESS_HARD, true, false},
		{SOFTNESS_SOFT, false, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy_event event =
			restored(HERE, 1 * HOURS, RULE_SOURCE_LIMIT, 0);
		struct addr addr = world_addr(HERE);
		struct policy_ban ban;
		struct world world;

		world_init_people(&world);
		event.softness = cases[i].was;
		if (cases[i].known)
			(void)world_step(&world,
				&(struct policy_event){
					.kind = EVENT_RESTORE_PASSPORT,
					.prefix = prefix_of(&addr, 24, 48),
					.user = slice_str("anna"),
					.span_ms = 1 * DAYS,
				});
		(void)world_step(&world, &event);
		assert_true(
			policy_banned(world.policy, world.now, &addr, &ban));
		assert_int_equal(ban.soft, cases[i].soft);
		world_done(&world);
	}
}

static void restored_ban_goes_on_and_remembers(void **state)
{
	struct policy_event event =
		restored(HERE, 1 * MINUTES, RULE_SOURCE_LIMIT, 1);
	struct policy_ban ban;
	struct world world;
	size_t cursor = 0;

	world_init(&world);
	event.age_ms = 9 * MINUTES;
	event.failure_count = 7;
	world_wait(&world, 10 * MINUTES);
	(void)world_step(&world, &event);
	assert_int_equal(world.said_count, 0);
	assert_true(world_banned(&world, HERE));
	assert_true(policy_ban_next(world.policy, &cursor, &ban));
	assert_int_equal(ban.repeat_count, 1);
	assert_int_equal(ban.failure_count, 7);
	assert_true(ban.since == world.now - 9 * MINUTES);
	assert_false(policy_ban_next(world.policy, &cursor, &ban));
	world_wait(&world, 1 * MINUTES);
	(void)world_last(&world, ACTION_UNBAN);
	world_fail(&world, HERE, 5);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 2);
	world_done(&world);
}

static void restored_ban_that_is_over_counts_as_a_repeat(void **state)
{
	struct policy_event event = restored(HERE, 0, RULE_SOURCE_LIMIT, 0);
	struct world world;

	world_init(&world);
	(void)world_step(&world, &event);
	assert_false(world_banned(&world, HERE));
	world_fail(&world, HERE, 5);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 1);
	world_done(&world);
}

static void restored_ban_of_an_allowed_address_is_undone(void **state)
{
	struct policy_event event = restored(HERE, 1 * HOURS, RULE_OPERATOR, 0);
	struct prefix allow = world_prefix("192.0.2.0/24");
	struct policy_conf conf = world_conf();
	struct world world;

	conf.allow = &allow;
	conf.allow_count = 1;
	world_init_with(&world, &conf);
	(void)world_step(&world, &event);
	(void)world_last(&world, ACTION_UNBAN);
	assert_false(world_banned(&world, HERE));
	world_done(&world);
}

/* ---- more than the queue holds ---- */

static void many_bans_that_end_together_are_all_told(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	conf.bans_most = 2000;
	world_init_with(&world, &conf);
	for (unsigned i = 0; i < 1500; i++) {
		char text[40];

		snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
		world_order(&world, EVENT_OPERATOR_BAN, text, 1 * HOURS);
	}
	world_order(&world, EVENT_OPERATOR_ALLOW, "10.0.0.0/8", 0);
	assert_false(world_banned(&world, "10.0.5.1")); /* told or not */
	assert_true(policy_deadline(world.policy) <= world.now);
	world_wait(&world, 0);
	assert_int_equal(world_said(&world, ACTION_UNBAN), 1500);
	assert_true(policy_deadline(world.policy) == MONO_NEVER);
	world_done(&world);
}

static void ban_that_waits_to_be_told_of_its_end_is_over(void **state)
{
	struct policy_conf conf = world_conf();
	struct policy_event event;
	struct world world;
	char text[40];

	conf.bans_most = 2000;
	world_init_with(&world, &conf);
	for (unsigned i = 0; i < 1500; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
		event = restored(text, 1 * MINUTES, RULE_OPERATOR, 0);
		(void)world_step(&world, &event);
	}
	event = restored(HERE, 1 * MINUTES + 1, RULE_SOURCE_LIMIT, 0);
	(void)world_step(&world, &event);
	world.now += 2 * MINUTES;
	for (uint64_t id = 1; id <= 5; id++)
		(void)world_settle(&world, id, HERE, OUTCOME_FAILED);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 1);
	assert_int_equal(world.said[world.said_count - 2].kind, ACTION_UNBAN);
	world_done(&world);
}

int main(void)
{
#define T(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		T(ended_ban_does_not_ban_without_a_new_failure),
		T(bans_grow_up_to_the_longest_and_are_forgotten),
		T(longer_ban_wins_when_both_windows_are_full),
		T(slow_window_lengthens_a_ban_that_is_under_way),
		T(ban_leaves_attempts_in_flight_open),
		T(bans_full_refuses_the_ladder_but_not_the_operator),
		T(remembered_bans_give_way_to_new_ones),
		T(operator_bans_any_length),
		T(unban_forgets_failures_and_repeats),
		T(unban_of_a_prefix_pardons_the_sources_in_it),
		T(unban_of_an_address_lifts_its_source_but_nothing_wider),
		T(ladder_never_shortens_an_operators_ban),
		T(ladder_lengthens_an_operators_ban),
		T(orders_do_not_reach_what_is_wider),
		T(allowed_address_always_passes),
		T(allow_lifts_what_lies_inside_only),
		T(neighbours_do_not_pay_for_an_allowed_address),
		T(reload_takes_allow_list_and_limits_over),
		T(source_above_a_lowered_limit_is_not_held_for_ever),
		T(source_off_the_allow_list_is_not_held_for_ever),
		T(larger_limits_after_a_reload_are_clamped),
		T(larger_slow_limit_after_a_reload_is_clamped),
		T(restored_ban_is_as_soft_as_it_was),
		cmocka_unit_test(restored_ban_goes_on_and_remembers),
		T(restored_ban_that_is_over_counts_as_a_repeat),
		T(restored_ban_of_an_allowed_address_is_undone),
		T(many_bans_that_end_together_are_all_told),
		T(ban_that_waits_to_be_told_of_its_end_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
