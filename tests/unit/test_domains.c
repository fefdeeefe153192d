/* User names with a domain, and whose they are. */
#include "policy_world.h"

#include "../../src/policy/domains.h"

static const char *const list[] = {"example.com", ".example.org"};

static void domain_of_the_servers_own_is_left_out(void **state)
{
	static const struct {
		const char *user, *bare;
	} cases[] = {
		{"anna", "anna"},
		{"anna@example.com", "anna"},
		{"Anna@EXAMPLE.Com", "Anna"},
		{"anna@mail.example.org", "anna"},
		{"anna@example.org", "anna@example.org"},
		{"anna@other.test", "anna@other.test"},
		{"anna@notexample.com", "anna@notexample.com"},
		{"anna@mail.example.com", "anna@mail.example.com"},
		{"a@b@example.com", "a@b"},
		{"anna@example.com@other.test", "anna@example.com@other.test"},
		{"@example.com", "@example.com"},
		{"anna@", "anna@"},
		{"", ""},
		{"@", "@"},
	};
	struct domains *domains = domains_new(list, 2);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice bare =
			domains_bare(domains, slice_str(cases[i].user));

		assert_int_equal(bare.n, strlen(cases[i].bare));
		if (bare.n > 0)
			assert_memory_equal(bare.p, cases[i].bare, bare.n);
	}
	domains_free(&domains);
	assert_null(domains);
}

static struct policy_conf conf_with(size_t count)
{
	struct policy_conf conf = world_people_conf();

	conf.user_domains = list;
	conf.user_domain_count = count;
	conf.shield.lockout = 4;
	conf.shield.spare = 1;
	return conf;
}

/* The server counts one person's failures, under whichever name. */
static void both_names_have_one_count(void **state)
{
	static const char *const names[] = {
		"anna", "anna@example.com", "ANNA@Example.com"};
	struct policy_conf conf = conf_with(1);
	struct policy_user_info info;
	struct world world;

	world_init_with(&world, &conf);
	for (unsigned n = 0; n < 3; n++)
		(void)world_try(&world, n % 2 ? "192.0.2.1" : "198.51.100.1",
			names[n], 10 + n, OUTCOME_FAILED);
	assert_int_equal(world_try(&world, "203.0.113.1", "anna@example.com",
				 20, OUTCOME_FAILED)
				 .rule,
		RULE_LOCKOUT_SHIELD);
	policy_explain_user(
		world.policy, world.now, slice_str("anna@example.com"), &info);
	assert_int_equal(info.server_failures, 3);
	(void)world_step(&world, &(struct policy_event){
					 .kind = EVENT_OPERATOR_FORGET,
					 .user = slice_str("anna@example.com"),
				 });
	policy_explain_user(world.policy, world.now, slice_str("Anna"), &info);
	assert_int_equal(info.server_failures, 0);
	world_done(&world);
}

static void passport_is_of_the_bare_name(void **state)
{
	struct policy_conf conf = conf_with(1);
	struct policy_action told;
	struct world world;

	world_init_with(&world, &conf);
	(void)world_try(&world, "192.0.2.1", "anna@example.com", 1, OUTCOME_OK);
	told = world_last(&world, ACTION_PASSPORT);
	assert_string_equal(told.user, "anna");
	world.said_count = 0;
	(void)world_try(&world, "192.0.2.1", "anna", 1, OUTCOME_OK);
	assert_int_equal(world_said(&world, ACTION_PASSPORT), 0);
	world_done(&world);
}

static void reload_takes_other_domains(void **state)
{
	struct policy_conf conf = conf_with(0);
	struct policy_user_info info;
	struct world world;

	world_init_with(&world, &conf);
	(void)world_try(
		&world, "192.0.2.1", "anna@example.com", 1, OUTCOME_FAILED);
	policy_explain_user(world.policy, world.now, slice_str("anna"), &info);
	assert_false(info.known);
	conf.user_domain_count = 1;
	policy_configure(world.policy, world.now, &conf);
	(void)world_try(
		&world, "192.0.2.1", "anna@example.com", 2, OUTCOME_FAILED);
	policy_explain_user(world.policy, world.now, slice_str("anna"), &info);
	assert_true(info.known);
	world_done(&world);
}

static void decoy_is_one_by_either_name(void **state)
{
	static const char *const decoys[] = {"trap@example.com"};
	struct policy_conf conf = conf_with(1);
	struct world world;

	conf.decoys = (struct policy_decoys){.mode = POLICY_ENFORCE,
		.ban_ms = 1 * DAYS,
		.names = decoys,
		.count = 1};
	world_init_with(&world, &conf);
	(void)world_try(&world, "192.0.2.1", "trap", 1, OUTCOME_FAILED);
	assert_true(world_banned(&world, "192.0.2.1"));
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domain_of_the_servers_own_is_left_out),
		cmocka_unit_test(both_names_have_one_count),
		cmocka_unit_test(passport_is_of_the_bare_name),
		cmocka_unit_test(reload_takes_other_domains),
		cmocka_unit_test(decoy_is_one_by_either_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
