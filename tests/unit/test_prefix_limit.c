/* prefix-limit: a guesser who rotates through the addresses of a prefix. */
#include "policy_world.h"

static struct policy_conf conf_prefix(void)
{
	struct policy_conf conf = world_conf();

	conf.prefix_limit = world_prefix_limit();
	return conf;
}

static void world_rotating(struct world *world)
{
	struct policy_conf conf = conf_prefix();

	world_init_with(world, &conf);
}

/* One failure from each of `count` hosts, whose number stands between two
 * texts. Returns how many reached the server. */
static unsigned fail_from(struct world *world, const char *before,
	const char *after, unsigned first, unsigned count)
{
	unsigned passed = 0;
	char text[64];

	for (unsigned i = first; i < first + count; i++) {
		(void)snprintf(text, sizeof(text), "%s%u%s", before, i, after);
		passed += world_try(world, text, "guess", world->next_id + 9,
				  OUTCOME_FAILED)
				  .rule != RULE_BANNED;
		world_wait(world, 1 * MINUTES);
	}
	return passed;
}

static void is_banned(const struct world *world, const char *prefix)
{
	struct prefix want = world_prefix(prefix);
	struct policy_action ban = world_last(world, ACTION_BAN);

	assert_int_equal(ban.rule, RULE_PREFIX_LIMIT);
	assert_true(prefix_eq(&ban.prefix, &want));
}

static void fifth_source_bans_the_prefix(void **state)
{
	struct world world;

	world_rotating(&world);
	assert_int_equal(fail_from(&world, "192.0.2.", "", 1, 4), 4);
	assert_int_equal(fail_from(&world, "192.0.2.", "", 1, 4), 4); /* same */
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	assert_int_equal(fail_from(&world, "192.0.2.", "", 5, 200), 1);
	is_banned(&world, "192.0.2.0/24");
	assert_int_equal(world_last(&world, ACTION_BAN).failure_count, 5);
	assert_true(world_banned(&world, "192.0.2.250"));
	assert_false(world_banned(&world, "192.0.3.1"));
	world_done(&world);
}

static void rotating_64s_ban_what_one_customer_has(void **state)
{
	struct world world;

	world_rotating(&world);
	assert_int_equal(fail_from(&world, "2001:db8:1:aa", "::1", 10, 90), 5);
	is_banned(&world, "2001:db8:1:aa00::/56");
	assert_false(world_banned(&world, "2001:db8:1:ab00::1"));
	/* He goes on in the next one: all of it. */
	assert_int_equal(fail_from(&world, "2001:db8:1:ab", "::1", 10, 90), 1);
	is_banned(&world, "2001:db8:1::/48");
	assert_false(world_banned(&world, "2001:db8:2::1"));
	world_done(&world);
}

static void one_48_costs_him_five_guesses(void **state)
{
	struct world world;

	world_rotating(&world);
	assert_int_equal(fail_from(&world, "2001:db8:1:", "00::1", 10, 90), 5);
	is_banned(&world, "2001:db8:1::/48");
	world_done(&world);
}

static void people_keep_their_prefix(void **state)
{
	struct world world;

	world_rotating(&world);
	(void)world_try(&world, "192.0.2.77", "anna", 1, OUTCOME_OK);
	assert_int_equal(fail_from(&world, "192.0.2.", "", 1, 70), 70);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_wait(&world, 31 * DAYS); /* she moved away */
	assert_int_equal(fail_from(&world, "192.0.2.", "", 1, 70), 5);
	world_done(&world);
}

static void who_logs_in_after_all_is_not_counted(void **state)
{
	struct world world;

	world_rotating(&world);
	for (unsigned i = 1; i < 50; i++) {
		char text[32];

		(void)fail_from(&world, "198.51.100.", "", i, 1);
		(void)snprintf(text, sizeof(text), "198.51.100.%u", i);
		(void)world_try(&world, text, "guess", 1, OUTCOME_OK);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void prefix_as_narrow_as_a_source_is_no_prefix(void **state)
{
	struct policy_conf conf = conf_prefix();
	struct world world;

	conf.prefix_limit.v4_bits = 32;
	world_init_with(&world, &conf);
	assert_int_equal(fail_from(&world, "192.0.2.", "", 1, 70), 70);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void allowed_ones_neither_count_nor_are_banned(void **state)
{
	struct world world;

	world_rotating(&world);
	world_order(&world, EVENT_OPERATOR_ALLOW, "192.0.2.128/25", 0);
	assert_int_equal(fail_from(&world, "192.0.2.", "", 200, 20), 20);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	assert_int_equal(fail_from(&world, "192.0.2.", "", 1, 20), 5);
	assert_true(world_banned(&world, "192.0.2.20"));
	assert_false(world_banned(&world, "192.0.2.200"));
	world_done(&world);
}

static void failures_of_yesterday_do_not_count(void **state)
{
	struct world world;

	world_rotating(&world);
	(void)fail_from(&world, "192.0.2.", "", 1, 4);
	world_wait(&world, 1 * DAYS - 2 * MINUTES);
	assert_int_equal(fail_from(&world, "192.0.2.", "", 5, 1), 1);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void bans_grow_with_each_repeat(void **state)
{
	struct world world;

	world_rotating(&world);
	(void)fail_from(&world, "192.0.2.", "", 1, 5);
	world_wait(&world, 2 * DAYS);
	(void)fail_from(&world, "192.0.2.", "", 11, 5);
	assert_int_equal(world_last(&world, ACTION_BAN).repeat_count, 1);
	assert_true(world_last(&world, ACTION_BAN).until ==
		    world.now - 1 * MINUTES + 2 * DAYS);
	world_done(&world);
}

static void operator_unban_of_the_prefix_forgets_who_failed(void **state)
{
	struct world world;

	world_rotating(&world);
	(void)fail_from(&world, "192.0.2.", "", 1, 5);
	world_order(&world, EVENT_OPERATOR_UNBAN, "192.0.2.0/24", 0);
	assert_false(world_banned(&world, "192.0.2.1"));
	assert_int_equal(fail_from(&world, "192.0.2.", "", 11, 4), 4);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	world_done(&world);
}

static void flood_of_prefixes_loses_no_ban(void **state)
{
	struct world world;
	world_rotating(&world);
	(void)fail_from(&world, "192.0.2.", "", 1, 5);
	for (unsigned i = 0; i < 250; i++) {
		for (unsigned n = 0; n < 8; n++) {
			char text[32];

			(void)snprintf(text, sizeof(text), "10.%u.%u.1", n, i);
			(void)world_try(
				&world, text, "guess", n + 1, OUTCOME_FAILED);
		}
	}
	assert_true(world_banned(&world, "192.0.2.200"));
	world_done(&world);
}

/* At AUTH alone, whether people are known to the soft bans or not. */
static void at_login_it_leaves_mail_alone(void **state)
{
	static const enum policy_mode softs[] = {POLICY_ENFORCE, POLICY_OFF};

	for (size_t i = 0; i < sizeof(softs) / sizeof(softs[0]); i++) {
		struct policy_conf conf = conf_prefix();
		struct policy_verdict verdict;
		struct world world;

		conf.prefix_limit.at_login = true;
		conf.soft.mode = softs[i];
		world_init_with(&world, &conf);
		world_order(&world, EVENT_OPERATOR_ALLOW, "192.0.2.99", 0);
		assert_int_equal(fail_from(&world, "192.0.2.", "", 1, 5), 5);
		is_banned(&world, "192.0.2.0/24");
		assert_true(world_last(&world, ACTION_BAN).soft);
		verdict = world_ask(&world, 900, "192.0.2.200", "anna", 1);
		assert_int_equal(verdict.kind, VERDICT_ANSWER_TEMPORARY);
		assert_int_equal(verdict.rule, RULE_PREFIX_LIMIT);
		assert_int_equal(verdict.mode, POLICY_ENFORCE);
		verdict = world_step(
			&world, &(struct policy_event){.kind = EVENT_CONNECT,
					.addr = world_addr("192.0.2.200")});
		assert_int_equal(verdict.kind, VERDICT_PASS);
		assert_int_equal(
			world_ask(&world, 901, "192.0.2.99", "anna", 1).kind,
			VERDICT_PASS);
		/* One who was banned by himself meets his own ban. */
		world_order(&world, EVENT_OPERATOR_BAN, "192.0.2.7", 1 * HOURS);
		assert_int_equal(
			world_ask(&world, 902, "192.0.2.7", "anna", 1).kind,
			VERDICT_TURN_AWAY);
		world_wait(&world, 2 * DAYS);
		assert_int_equal(
			world_ask(&world, 903, "192.0.2.200", "anna", 1).kind,
			VERDICT_PASS);
		world_done(&world);
	}
}

static void observed_and_off_it_bans_nobody(void **state)
{
	struct policy_conf conf = conf_prefix();
	struct world world;

	conf.prefix_limit.mode = POLICY_OBSERVE;
	world_init_with(&world, &conf);
	assert_int_equal(fail_from(&world, "192.0.2.", "", 1, 50), 50);
	assert_int_equal(world_said(&world, ACTION_WOULD_BAN), 1);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
	conf.prefix_limit.mode = POLICY_OFF;
	world_init_with(&world, &conf);
	assert_int_equal(fail_from(&world, "192.0.2.", "", 1, 50), 50);
	assert_int_equal(world.said_count, 0);
	world_done(&world);
}

static void reload_that_observes_lifts_its_bans(void **state)
{
	struct policy_conf conf = conf_prefix();
	struct world world;

	world_init_with(&world, &conf);
	(void)fail_from(&world, "192.0.2.", "", 1, 5);
	world_fail(&world, "198.51.100.1", 5);
	conf.prefix_limit.mode = POLICY_OBSERVE;
	policy_configure(world.policy, world.now, &conf);
	world_listen(&world);
	assert_false(world_banned(&world, "192.0.2.1"));
	assert_true(world_banned(&world, "198.51.100.1")); /* the ladder's */
	assert_int_equal(world_said(&world, ACTION_UNBAN), 1);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fifth_source_bans_the_prefix),
		cmocka_unit_test(rotating_64s_ban_what_one_customer_has),
		cmocka_unit_test(one_48_costs_him_five_guesses),
		cmocka_unit_test(people_keep_their_prefix),
		cmocka_unit_test(who_logs_in_after_all_is_not_counted),
		cmocka_unit_test(prefix_as_narrow_as_a_source_is_no_prefix),
		cmocka_unit_test(allowed_ones_neither_count_nor_are_banned),
		cmocka_unit_test(failures_of_yesterday_do_not_count),
		cmocka_unit_test(bans_grow_with_each_repeat),
		cmocka_unit_test(
			operator_unban_of_the_prefix_forgets_who_failed),
		cmocka_unit_test(flood_of_prefixes_loses_no_ban),
		cmocka_unit_test(at_login_it_leaves_mail_alone),
		cmocka_unit_test(observed_and_off_it_bans_nobody),
		cmocka_unit_test(reload_that_observes_lifts_its_bans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
