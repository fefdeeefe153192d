/* Logins by the country and the network of their source. */
#include "policy_world.h"

#define HERE  "192.0.2.7"
#define THERE "198.51.100.9"

enum {
	AT = 'A' << 8 | 'T',
	DE = 'D' << 8 | 'E',
	ZZ = 'Z' << 8 | 'Z',
	HOSTER = 64500,
};

static const char *const deny[] = {"at", "ZZ"};
static const char *const allow[] = {"DE"};
static const char *const hosters[] = {"AS64500", "4200000000"};

static void world_of(struct world *world, struct policy_places places)
{
	struct policy_conf conf = world_conf();

	conf.places = places;
	world_init_with(world, &conf);
}

static struct policy_places denying(enum policy_mode mode)
{
	return (struct policy_places){
		.mode = mode,
		.deny_countries = deny,
		.deny_country_count = 2,
		.deny_asn = hosters,
		.deny_asn_count = 2,
	};
}

static struct policy_verdict login(
	struct world *world, const char *from, unsigned country, uint32_t asn)
{
	uint64_t id = world->next_id++;
	struct policy_verdict verdict = world_step(
		world, &(struct policy_event){.kind = EVENT_AUTH_BEGINS,
			       .attempt = id,
			       .addr = world_addr(from),
			       .user = slice_str("anna"),
			       .secret_tag = id,
			       .country = (uint16_t)country,
			       .asn = asn});

	if (verdict.kind == VERDICT_PASS)
		(void)world_settle(world, id, from, OUTCOME_TEMPORARY);
	return verdict;
}

static void denied(struct policy_verdict verdict, enum policy_rule rule)
{
	assert_int_equal(verdict.kind, VERDICT_ANSWER_TEMPORARY);
	assert_int_equal(verdict.rule, rule);
	assert_int_equal(verdict.mode, POLICY_ENFORCE);
}

static void passed(struct policy_verdict verdict)
{
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_NONE);
}

static void what_is_denied_is_answered_and_the_rest_passes(void **state)
{
	struct world world;

	world_of(&world, denying(POLICY_ENFORCE));
	denied(login(&world, HERE, AT, 0), RULE_COUNTRY);
	denied(login(&world, HERE, ZZ, HOSTER), RULE_COUNTRY);
	denied(login(&world, HERE, DE, HOSTER), RULE_ASN);
	denied(login(&world, HERE, 0, 4200000000u), RULE_ASN);
	passed(login(&world, HERE, DE, 64501));
	passed(login(&world, HERE, 0, 0));
	passed(login(&world, HERE, 0xffff, 0)); /* of no letters */
	/* Nothing was counted: the server heard nothing of them. */
	assert_int_equal(world_explain(&world, HERE).failure_count, 0);
	assert_int_equal(world_explain(&world, HERE).in_flight_count, 0);
	world_done(&world);
}

static void a_list_of_the_allowed_denies_all_others(void **state)
{
	struct world world;

	world_of(&world, (struct policy_places){.mode = POLICY_ENFORCE,
				 .allow_countries = allow,
				 .allow_country_count = 1});
	denied(login(&world, HERE, AT, 0), RULE_COUNTRY);
	passed(login(&world, HERE, DE, HOSTER));
	passed(login(&world, HERE, 0, 0)); /* nobody knows where it is */
	world_done(&world);
}

static void empty_lists_deny_nobody(void **state)
{
	struct world world;

	world_of(&world, (struct policy_places){.mode = POLICY_ENFORCE});
	passed(login(&world, HERE, AT, HOSTER));
	world_done(&world);
}

static void where_people_log_in_the_place_does_not_matter(void **state)
{
	struct world world;

	world_of(&world, denying(POLICY_ENFORCE));
	(void)world_try(&world, HERE, "anna", 1, OUTCOME_OK);
	passed(login(&world, HERE, AT, HOSTER));
	denied(login(&world, THERE, AT, HOSTER), RULE_COUNTRY);
	world_wait(&world, 30 * DAYS);
	denied(login(&world, HERE, AT, HOSTER), RULE_COUNTRY);
	world_done(&world);
}

static void the_allow_list_beats_the_lists_of_places(void **state)
{
	struct world world;

	world_of(&world, denying(POLICY_ENFORCE));
	world_order(&world, EVENT_OPERATOR_ALLOW, HERE, 0);
	passed(login(&world, HERE, AT, HOSTER));
	world_order(&world, EVENT_OPERATOR_DISALLOW, HERE, 0);
	denied(login(&world, HERE, AT, HOSTER), RULE_COUNTRY);
	world_done(&world);
}

static void observing_passes_and_says_what_would_have_been(void **state)
{
	struct policy_verdict verdict;
	struct world world;

	world_of(&world, denying(POLICY_OBSERVE));
	verdict = login(&world, HERE, AT, 0);
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_COUNTRY);
	assert_int_equal(verdict.mode, POLICY_OBSERVE);
	passed(login(&world, HERE, DE, 0));
	/* What the ladder counts, it counts all the same. */
	world_fail(&world, HERE, 5);
	assert_true(world_banned(&world, HERE));
	world_done(&world);
}

static void off_looks_at_nothing(void **state)
{
	struct world world;

	world_of(&world, denying(POLICY_OFF));
	passed(login(&world, HERE, AT, HOSTER));
	world_done(&world);
}

static void the_whole_observing_observes_this_too(void **state)
{
	struct policy_conf conf = world_conf();
	struct policy_verdict verdict;
	struct world world;

	conf.mode = POLICY_OBSERVE;
	conf.places = denying(POLICY_ENFORCE);
	world_init_with(&world, &conf);
	verdict = login(&world, HERE, AT, 0);
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_COUNTRY);
	world_done(&world);
}

static void a_ladder_that_is_off_leaves_the_places_in_force(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;

	conf.source_mode = POLICY_OFF;
	conf.places = denying(POLICY_ENFORCE);
	world_init_with(&world, &conf);
	denied(login(&world, HERE, AT, 0), RULE_COUNTRY);
	world_done(&world);
}

static void new_lists_take_the_place_of_the_old(void **state)
{
	struct policy_conf conf = world_conf();
	struct policy_stats stats;
	struct world world;

	world_of(&world, denying(POLICY_ENFORCE));
	denied(login(&world, HERE, AT, 0), RULE_COUNTRY);
	conf.places = (struct policy_places){.mode = POLICY_ENFORCE,
		.allow_countries = deny,
		.allow_country_count = 2};
	policy_configure(world.policy, world.now, &conf);
	passed(login(&world, HERE, AT, HOSTER));
	denied(login(&world, HERE, DE, 0), RULE_COUNTRY);
	policy_stats(world.policy, &stats);
	assert_int_equal(stats.rule_hits[RULE_COUNTRY], 2);
	assert_int_equal(stats.verdicts[VERDICT_ANSWER_TEMPORARY], 2);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_is_denied_is_answered_and_the_rest_passes),
		cmocka_unit_test(a_list_of_the_allowed_denies_all_others),
		cmocka_unit_test(empty_lists_deny_nobody),
		cmocka_unit_test(where_people_log_in_the_place_does_not_matter),
		cmocka_unit_test(the_allow_list_beats_the_lists_of_places),
		cmocka_unit_test(
			observing_passes_and_says_what_would_have_been),
		cmocka_unit_test(off_looks_at_nothing),
		cmocka_unit_test(the_whole_observing_observes_this_too),
		cmocka_unit_test(
			a_ladder_that_is_off_leaves_the_places_in_force),
		cmocka_unit_test(new_lists_take_the_place_of_the_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
