/* Logins by what lists in the DNS say of their source. */
#include "policy_world.h"

#define HERE	  "192.0.2.7"
#define NEXT_DOOR "192.0.2.8"
#define NEAR	  "192.0.77.8"
#define THERE	  "198.51.100.9"

static struct policy_lists lists(enum policy_mode mode)
{
	return (struct policy_lists){
		.mode = mode, .threshold = 3, .sources_most = 1000};
}

static void world_of(struct world *world, enum policy_mode mode)
{
	struct policy_conf conf = world_people_conf();

	conf.lists = lists(mode);
	world_init_with(world, &conf);
}

static void score(
	struct world *world, const char *from, unsigned sum, uint64_t span_ms)
{
	struct policy_verdict verdict = world_step(
		world, &(struct policy_event){.kind = EVENT_LIST_SCORE,
			       .addr = world_addr(from),
			       .score = sum,
			       .span_ms = span_ms});

	assert_int_equal(verdict.kind, VERDICT_PASS);
}

static struct policy_verdict login(
	struct world *world, const char *from, const char *user)
{
	uint64_t id = world->next_id++;
	struct policy_verdict verdict = world_step(
		world, &(struct policy_event){.kind = EVENT_AUTH_BEGINS,
			       .attempt = id,
			       .addr = world_addr(from),
			       .user = slice_str(user),
			       .secret_tag = id});

	if (verdict.kind == VERDICT_PASS)
		(void)world_settle(world, id, from, OUTCOME_TEMPORARY);
	return verdict;
}

static void refused(struct policy_verdict verdict)
{
	assert_int_equal(verdict.kind, VERDICT_ANSWER_TEMPORARY);
	assert_int_equal(verdict.rule, RULE_DNS_LISTS);
	assert_int_equal(verdict.mode, POLICY_ENFORCE);
}

static void passed(struct policy_verdict verdict)
{
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_NONE);
}

static bool wanted(const struct world *world, const char *addr)
{
	struct addr parsed = world_addr(addr);

	return policy_list_wanted(world->policy, world->now, &parsed);
}

static void a_sum_at_the_threshold_refuses_and_one_below_passes(void **state)
{
	struct policy_list_info info;
	struct policy_stats stats;
	struct world world;
	struct addr here = world_addr(HERE);

	world_of(&world, POLICY_ENFORCE);
	passed(login(&world, HERE, "anna")); /* nothing was said yet */
	score(&world, HERE, 3, 1 * HOURS);
	score(&world, THERE, 2, 1 * HOURS);
	refused(login(&world, HERE, "anna"));
	passed(login(&world, THERE, "anna"));
	passed(login(&world, NEXT_DOOR, "anna"));
	/* Nothing was counted: the server heard nothing of it. */
	assert_int_equal(world_explain(&world, HERE).failure_count, 0);
	assert_int_equal(world_explain(&world, HERE).in_flight_count, 0);
	policy_stats(world.policy, &stats);
	assert_int_equal(stats.rule_hits[RULE_DNS_LISTS], 1);
	assert_true(policy_listed(world.policy, world.now, &here, &info));
	assert_int_equal(info.score, 3);
	assert_int_equal(info.until, world.now + 1 * HOURS);
	world_done(&world);
}

static void a_word_holds_for_its_time_and_can_be_taken_back(void **state)
{
	struct policy_list_info info;
	struct world world;
	struct addr here = world_addr(HERE);

	world_of(&world, POLICY_ENFORCE);
	score(&world, HERE, 3, 1 * HOURS);
	world_wait(&world, 1 * HOURS - 1);
	refused(login(&world, HERE, "anna"));
	world_wait(&world, 1);
	passed(login(&world, HERE, "anna"));
	assert_false(policy_listed(world.policy, world.now, &here, &info));
	score(&world, HERE, 3, 1 * HOURS);
	score(&world, HERE, 0, 1 * HOURS);
	passed(login(&world, HERE, "anna"));
	score(&world, HERE, 3, MONO_NEVER); /* no overflow */
	refused(login(&world, HERE, "anna"));
	world_done(&world);
}

static void an_ipv6_source_is_its_64(void **state)
{
	struct world world;

	world_of(&world, POLICY_ENFORCE);
	score(&world, "2001:db8:1:2::9", 5, 1 * HOURS);
	refused(login(&world, "2001:db8:1:2:3:4:5:6", "anna"));
	passed(login(&world, "2001:db8:1:3::9", "anna"));
	world_done(&world);
}

/* A list has the addresses of private lines, too: people pass. */
static void people_pass_where_they_are_known(void **state)
{
	struct world world;

	world_of(&world, POLICY_ENFORCE);
	(void)world_try(&world, HERE, "anna", 1, OUTCOME_OK);
	score(&world, HERE, 9, 90 * DAYS);
	score(&world, NEXT_DOOR, 9, 90 * DAYS);
	score(&world, NEAR, 9, 90 * DAYS);
	score(&world, THERE, 9, 90 * DAYS);
	passed(login(&world, HERE, "anna"));
	passed(login(&world, HERE, "bert"));	  /* who shares her address */
	passed(login(&world, NEXT_DOOR, "anna")); /* her passport's place */
	passed(login(&world, NEAR, "anna"));	  /* her provider's network */
	refused(login(&world, NEXT_DOOR, "bert"));
	refused(login(&world, NEAR, "bert"));
	refused(login(&world, THERE, "anna"));
	world_wait(&world, 30 * DAYS);
	refused(login(&world, HERE, "anna"));
	world_done(&world);
}

static void the_allow_list_beats_the_lists(void **state)
{
	struct world world;

	world_of(&world, POLICY_ENFORCE);
	score(&world, HERE, 3, 1 * HOURS);
	world_order(&world, EVENT_OPERATOR_ALLOW, HERE, 0);
	passed(login(&world, HERE, "anna"));
	world_order(&world, EVENT_OPERATOR_DISALLOW, HERE, 0);
	refused(login(&world, HERE, "anna"));
	world_done(&world);
}

static void nobody_is_asked_about_whose_answer_changes_nothing(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	world_of(&world, POLICY_OBSERVE);
	assert_true(wanted(&world, HERE));
	world_order(&world, EVENT_OPERATOR_ALLOW, HERE, 0);
	assert_false(wanted(&world, HERE));
	(void)world_try(&world, NEAR, "anna", 1, OUTCOME_OK);
	assert_false(wanted(&world, NEAR));
	world_fail(&world, THERE, 5);
	assert_true(world_banned(&world, THERE));
	assert_false(wanted(&world, THERE));
	assert_true(wanted(&world, NEXT_DOOR));
	conf.lists = lists(POLICY_OFF);
	policy_configure(world.policy, world.now, &conf);
	assert_false(wanted(&world, NEXT_DOOR));
	world_done(&world);
}

static void observing_passes_and_says_what_would_have_been(void **state)
{
	struct policy_verdict verdict;
	struct world world;

	world_of(&world, POLICY_OBSERVE);
	score(&world, HERE, 3, 1 * HOURS);
	verdict = login(&world, HERE, "anna");
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_DNS_LISTS);
	assert_int_equal(verdict.mode, POLICY_OBSERVE);
	/* What the ladder counts, it counts all the same. */
	world_fail(&world, HERE, 5);
	assert_true(world_banned(&world, HERE));
	world_done(&world);
}

static void off_remembers_nothing(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	world_of(&world, POLICY_OFF);
	score(&world, HERE, 3, 1 * HOURS);
	passed(login(&world, HERE, "anna"));
	conf.lists = lists(POLICY_ENFORCE);
	policy_configure(world.policy, world.now, &conf);
	passed(login(&world, HERE, "anna"));
	score(&world, HERE, 3, 1 * HOURS);
	refused(login(&world, HERE, "anna"));
	world_done(&world);
}

static void a_full_table_forgets_the_oldest_which_passes(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	conf.lists = lists(POLICY_ENFORCE);
	conf.lists.sources_most = 2;
	world_init_with(&world, &conf);
	score(&world, HERE, 3, 1 * HOURS);
	score(&world, NEAR, 3, 1 * HOURS);
	score(&world, THERE, 3, 1 * HOURS);
	passed(login(&world, HERE, "anna"));
	refused(login(&world, NEAR, "anna"));
	refused(login(&world, THERE, "anna"));
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_sum_at_the_threshold_refuses_and_one_below_passes),
		cmocka_unit_test(
			a_word_holds_for_its_time_and_can_be_taken_back),
		cmocka_unit_test(an_ipv6_source_is_its_64),
		cmocka_unit_test(people_pass_where_they_are_known),
		cmocka_unit_test(the_allow_list_beats_the_lists),
		cmocka_unit_test(
			nobody_is_asked_about_whose_answer_changes_nothing),
		cmocka_unit_test(
			observing_passes_and_says_what_would_have_been),
		cmocka_unit_test(off_remembers_nothing),
		cmocka_unit_test(a_full_table_forgets_the_oldest_which_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
