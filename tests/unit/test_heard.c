/*
 * Logins that a server's log tells of, beside those that postern sees.
 */
#include "policy_world.h"

static struct policy_verdict hear(struct world *world,
	enum policy_event_kind kind, const char *addr, const char *user)
{
	return world_step(world, &(struct policy_event){
					 .kind = kind,
					 .addr = world_addr(addr),
					 .user = slice_str(user),
				 });
}

static void fail_in_log(struct world *world, const char *addr, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)hear(world, EVENT_LOG_FAILURE, addr, "anna");
}

static void the_fifth_failure_in_the_log_bans(void **state)
{
	struct policy_ban ban;
	struct world world;
	struct addr addr = world_addr("192.0.2.1");

	world_init(&world);
	fail_in_log(&world, "192.0.2.1", 4);
	assert_false(policy_banned(world.policy, world.now, &addr, &ban));
	assert_int_equal(
		hear(&world, EVENT_LOG_FAILURE, "192.0.2.1", "anna").rule,
		RULE_SOURCE_LIMIT);
	assert_true(policy_banned(world.policy, world.now, &addr, &ban));
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	world_done(&world);
}

/* Each guess is counted wherever it was made. */
static void failures_here_and_in_the_log_add_up(void **state)
{
	struct world world;

	world_init(&world);
	world_fail(&world, "192.0.2.1", 3);
	fail_in_log(&world, "192.0.2.1", 1);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	fail_in_log(&world, "192.0.2.1", 1);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	/* One under way is answered for by its own place. */
	fail_in_log(&world, "192.0.2.2", 4);
	assert_int_equal(world_ask(&world, 77, "192.0.2.2", "bert", 1).kind,
		VERDICT_PASS);
	assert_int_equal(world_ask(&world, 78, "192.0.2.2", "carl", 2).kind,
		VERDICT_HOLD);
	world_done(&world);
}

/* A flood of lines must not make the ban grow behind its own back. */
static void what_comes_under_a_ban_adds_nothing(void **state)
{
	struct world world;

	world_init(&world);
	fail_in_log(&world, "192.0.2.1", 500);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	world_wait(&world, 10 * MINUTES);
	assert_int_equal(world_said(&world, ACTION_UNBAN), 1);
	fail_in_log(&world, "192.0.2.1", 5);
	assert_int_equal(world_said(&world, ACTION_BAN), 2);
	assert_int_equal(world.said[world.said_count - 1].repeat_count, 1);
	world_done(&world);
}

static void a_success_in_the_log_drops_that_user_s_failures(void **state)
{
	struct world world;

	world_init(&world);
	fail_in_log(&world, "192.0.2.1", 3);
	(void)hear(&world, EVENT_LOG_FAILURE, "192.0.2.1", "bert");
	(void)hear(&world, EVENT_LOG_SUCCESS, "192.0.2.1", "Anna");
	fail_in_log(&world, "192.0.2.1", 3);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	fail_in_log(&world, "192.0.2.1", 1);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	world_done(&world);
}

static void allowed_observed_and_off_are_what_they_are(void **state)
{
	struct policy_conf conf = world_conf();
	struct prefix allow = world_prefix("192.0.2.1");
	struct world world;

	conf.allow = &allow;
	conf.allow_count = 1;
	world_init_with(&world, &conf);
	fail_in_log(&world, "192.0.2.1", 50);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	assert_int_equal(world_said(&world, ACTION_SPARED), 1);
	world_done(&world);

	conf.source_mode = POLICY_OBSERVE;
	world_init_with(&world, &conf);
	fail_in_log(&world, "192.0.2.2", 50);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	assert_int_equal(world_said(&world, ACTION_WOULD_BAN), 1);
	world_done(&world);

	conf.source_mode = POLICY_OFF;
	world_init_with(&world, &conf);
	fail_in_log(&world, "192.0.2.2", 50);
	assert_int_equal(world.said_count, 0);
	world_done(&world);
}

static struct policy_verdict campaign_login(
	struct world *world, const char *addr, const char *user)
{
	return world_try(world, addr, user, 77, OUTCOME_OK);
}

/* Whoever logs in by IMAP is known where he did. */
static void success_in_the_log_mints_a_passport(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct policy_action told;
	struct world world;
	char addr[32];

	conf.campaign.learned_percent = 0;
	conf.campaign.learn_ms = 0;
	world_init_with(&world, &conf);
	(void)hear(&world, EVENT_LOG_SUCCESS, "192.0.2.1", "Anna");
	told = world_last(&world, ACTION_PASSPORT);
	assert_string_equal(told.user, "anna");
	assert_int_equal(told.prefix.bits, 96 + 24);
	for (unsigned n = 0; n < 9; n++) {
		(void)snprintf(addr, sizeof(addr), "198.%u.100.1", n);
		(void)world_try(&world, addr, addr, 100 + n, OUTCOME_FAILED);
	}
	assert_int_equal(campaign_login(&world, "203.0.113.1", "anna").rule,
		RULE_GREYLIST);
	assert_int_equal(
		campaign_login(&world, "192.0.2.9", "anna").kind, VERDICT_PASS);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fifth_failure_in_the_log_bans),
		cmocka_unit_test(failures_here_and_in_the_log_add_up),
		cmocka_unit_test(what_comes_under_a_ban_adds_nothing),
		cmocka_unit_test(
			a_success_in_the_log_drops_that_user_s_failures),
		cmocka_unit_test(allowed_observed_and_off_are_what_they_are),
		cmocka_unit_test(success_in_the_log_mints_a_passport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
