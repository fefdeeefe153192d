/* Bad manners: events that are no login, counted for each source. */
#include "policy_world.h"

#define HERE  "192.0.2.7"
#define THERE "198.51.100.9"

static const struct policy_offence thrice = {
	.mode = POLICY_ENFORCE,
	.limit = 3,
	.window_ms = 1 * HOURS,
	.ban_ms = 1 * HOURS,
};

static const char *const bots[] = {"^ylmf-pc$", "^(a+)+$"};
static const char *const nobody[] = {"backup", "Scanner@example.com"};

static struct policy_conf conf_manners(void)
{
	struct policy_conf conf = world_conf();

	conf.auth_refused = conf.early_talk = conf.helo = thrice;
	conf.protocol_errors = conf.tls_failures = thrice;
	conf.unknown_recipients = conf.relay_probes = thrice;
	conf.connections = thrice;
	conf.helo_names = bots;
	conf.helo_name_count = 2;
	conf.decoys = (struct policy_decoys){.mode = POLICY_ENFORCE,
		.ban_ms = 7 * DAYS,
		.names = nobody,
		.count = 2};
	return conf;
}

static void world_manners(struct world *world)
{
	struct policy_conf conf = conf_manners();

	world_init_with(world, &conf);
}

static struct policy_verdict event(
	struct world *world, enum policy_event_kind kind, const char *from)
{
	return world_step(
		world, &(struct policy_event){.kind = kind,
			       .addr = world_addr(from),
			       .text = slice_str(
				       kind == EVENT_HELO ? "YLMF-PC" : "")});
}

static void third_of_each_kind_bans(void **state)
{
	static const struct {
		enum policy_event_kind kind;
		enum policy_rule rule;
	} table[] = {
		{EVENT_AUTH_REFUSED, RULE_AUTH_REFUSED},
		{EVENT_EARLY_TALK, RULE_EARLY_TALK},
		{EVENT_PROTOCOL_ERROR, RULE_PROTOCOL_ERRORS},
		{EVENT_TLS_FAILURE, RULE_TLS_FAILURES},
		{EVENT_RECIPIENT_REFUSED, RULE_UNKNOWN_RECIPIENTS},
		{EVENT_RELAY_REFUSED, RULE_RELAY_PROBES},
		{EVENT_CONNECT, RULE_CONNECTIONS},
		{EVENT_HELO, RULE_HELO},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct world world;

		world_manners(&world);
		(void)event(&world, table[i].kind, HERE);
		(void)event(&world, table[i].kind, HERE);
		(void)event(&world, table[i].kind, THERE);
		assert_int_equal(world_said(&world, ACTION_BAN), 0);
		(void)event(&world, table[i].kind, HERE);
		assert_int_equal(world_said(&world, ACTION_BAN), 1);
		assert_int_equal(
			world_last(&world, ACTION_BAN).rule, table[i].rule);
		assert_int_equal(event(&world, EVENT_CONNECT, HERE).kind,
			VERDICT_TURN_AWAY);
		assert_int_equal(
			event(&world, EVENT_CONNECT, THERE).kind, VERDICT_PASS);
		world_done(&world);
	}
}

static void kinds_and_windows_do_not_add_up(void **state)
{
	struct world world;

	world_manners(&world);
	for (unsigned i = 0; i < 50; i++) {
		(void)event(&world, EVENT_EARLY_TALK, HERE);
		(void)event(&world, EVENT_TLS_FAILURE, HERE);
		(void)event(&world, EVENT_RELAY_REFUSED, HERE);
		world_wait(&world, 31 * MINUTES);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void helo_of_other_names_is_none(void **state)
{
	/* The second pattern would take for ever: it is given up. */
	static const char *const names[] = {"mail.example.com", "",
		"ylmf-pc.example.com", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"};
	struct world world;

	world_manners(&world);
	for (size_t i = 0; i < 40; i++)
		(void)world_step(
			&world, &(struct policy_event){.kind = EVENT_HELO,
					.addr = world_addr(HERE),
					.text = slice_str(names[i % 4])});
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void where_people_log_in_manners_do_not_ban(void **state)
{
	struct world world;

	world_manners(&world);
	(void)world_try(&world, HERE, "anna", 1, OUTCOME_OK);
	for (unsigned i = 0; i < 20; i++)
		(void)event(&world, EVENT_AUTH_REFUSED, HERE);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void decoy_bans_at_once_and_is_answered_as_any(void **state)
{
	struct world world;
	struct policy_verdict other, verdict;

	world_manners(&world);
	other = world_try(&world, THERE, "berta", 1, OUTCOME_FAILED);
	verdict = world_try(&world, HERE, "BackUp", 1, OUTCOME_FAILED);
	assert_int_equal(verdict.kind, other.kind);
	assert_int_equal(verdict.wait_ms, other.wait_ms);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	assert_int_equal(world_last(&world, ACTION_BAN).rule, RULE_DECOY);
	assert_int_equal(
		world_last(&world, ACTION_BAN).until, world.now + 7 * DAYS);
	(void)world_try(&world, "203.0.113.4", "scanner@EXAMPLE.com", 2,
		OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_BAN), 2);
	(void)world_try(&world, "203.0.113.5", "scanner", 2, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_BAN), 2);
	world_done(&world);
}

static void observed_says_it_once_and_off_says_nothing(void **state)
{
	struct policy_conf conf = conf_manners();
	struct world world;

	conf.early_talk.mode = POLICY_OBSERVE;
	conf.relay_probes.mode = POLICY_OFF;
	world_init_with(&world, &conf);
	for (unsigned i = 0; i < 10; i++) {
		(void)event(&world, EVENT_EARLY_TALK, HERE);
		(void)event(&world, EVENT_RELAY_REFUSED, HERE);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	assert_int_equal(world_said(&world, ACTION_WOULD_BAN), 1);
	assert_int_equal(event(&world, EVENT_CONNECT, HERE).kind, VERDICT_PASS);
	world_done(&world);
}

static void allowed_is_spared(void **state)
{
	struct policy_conf conf = conf_manners();
	struct prefix here = world_prefix(HERE);
	struct world world;

	conf.allow = &here;
	conf.allow_count = 1;
	world_init_with(&world, &conf);
	for (unsigned i = 0; i < 10; i++)
		(void)event(&world, EVENT_AUTH_REFUSED, HERE);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	assert_int_equal(world_said(&world, ACTION_SPARED), 1);
	world_done(&world);
}

static void reload_takes_new_names(void **state)
{
	static const char *const fresh[] = {"^evil"};
	struct policy_conf conf = conf_manners();
	struct world world;

	world_manners(&world);
	conf.helo_names = fresh;
	conf.helo_name_count = 1;
	conf.decoys.count = 0;
	policy_configure(world.policy, world.now, &conf);
	for (unsigned i = 0; i < 10; i++)
		(void)event(&world, EVENT_HELO, HERE);
	(void)world_try(&world, HERE, "backup", 1, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	world_done(&world);
}

static void flood_of_sources_stays_in_its_table(void **state)
{
	struct world world;
	char from[32];

	world_manners(&world);
	for (unsigned i = 0; i < 200000; i++) {
		(void)snprintf(from, sizeof(from), "10.%u.%u.%u", i >> 16,
			(i >> 8) & 255, i & 255);
		(void)event(&world, EVENT_RELAY_REFUSED, from);
	}
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	for (unsigned i = 0; i < 3; i++)
		(void)event(&world, EVENT_RELAY_REFUSED, HERE);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(third_of_each_kind_bans),
		cmocka_unit_test(kinds_and_windows_do_not_add_up),
		cmocka_unit_test(helo_of_other_names_is_none),
		cmocka_unit_test(where_people_log_in_manners_do_not_ban),
		cmocka_unit_test(decoy_bans_at_once_and_is_answered_as_any),
		cmocka_unit_test(observed_says_it_once_and_off_says_nothing),
		cmocka_unit_test(allowed_is_spared),
		cmocka_unit_test(reload_takes_new_names),
		cmocka_unit_test(flood_of_sources_stays_in_its_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
