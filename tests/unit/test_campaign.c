/* Campaigns: what is one, and what strangers and people meet in it. */
#include "policy_world.h"

#define OFFICE "192.0.2.7"
#define HOTEL  "203.0.113.7"

enum { PEOPLE = 20 };

static const char *name(unsigned n)
{
	static char text[16];

	(void)snprintf(text, sizeof(text), "user%u", n);
	return text;
}

/* One address of a network of its own for each n. */
static const char *bot(unsigned n)
{
	static char text[32];

	(void)snprintf(
		text, sizeof(text), "100.%u.%u.9", 64 + n / 250, n % 250);
	return text;
}

/* An office that postern knows. */
static void office(struct world *world, const struct policy_conf *conf)
{
	world_init_with(world, conf);
	for (unsigned day = 0; day < 2; day++) {
		for (unsigned n = 0; n < PEOPLE; n++)
			(void)world_try(
				world, OFFICE, name(n), 10000 + n, OUTCOME_OK);
		world_wait(world, 1 * DAYS);
	}
	world->said_count = 0;
}

static struct policy_verdict guess(
	struct world *world, unsigned n, const char *user)
{
	struct policy_verdict verdict =
		world_try(world, bot(n), user, 20000 + n, OUTCOME_FAILED);

	world_wait(world, 1 * MINUTES);
	return verdict;
}

static void fourth_strange_source_is_a_siege(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct policy_verdict verdict;
	struct world world;

	office(&world, &conf);
	for (unsigned n = 0; n < 4; n++)
		assert_int_equal(guess(&world, n, name(1)).kind, VERDICT_DELAY);
	assert_int_equal(world_alarms(&world, RULE_SIEGE), 1);
	verdict = guess(&world, 4, name(1));
	assert_int_equal(verdict.kind, VERDICT_ANSWER_TEMPORARY);
	assert_int_equal(verdict.rule, RULE_GREYLIST);
	/* Others are not besieged, and he himself is no stranger at home. */
	assert_int_equal(guess(&world, 5, name(2)).kind, VERDICT_DELAY);
	assert_int_equal(
		world_try(&world, OFFICE, name(1), 10001, OUTCOME_OK).kind,
		VERDICT_PASS);
	world_done(&world);
}

static void traveller_gets_in_when_he_comes_again(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	office(&world, &conf);
	for (unsigned n = 0; n < 4; n++)
		(void)guess(&world, n, name(1));
	world_wait(&world, 1 * DAYS); /* the budget is there again */
	assert_int_equal(
		world_try(&world, HOTEL, name(1), 10001, OUTCOME_OK).kind,
		VERDICT_ANSWER_TEMPORARY);
	world_wait(&world, 10 * SECONDS);
	assert_int_equal(
		world_try(&world, HOTEL, name(1), 10001, OUTCOME_OK).kind,
		VERDICT_PASS);
	assert_int_equal(world_alarms(&world, RULE_COMPROMISE), 1);
	/* And is no stranger there from then on. */
	assert_int_equal(
		world_try(&world, HOTEL, name(1), 10001, OUTCOME_OK).kind,
		VERDICT_PASS);
	world_done(&world);
}

/* All bots come back; what passes is the budget, day after day. */
static void budget_holds_bots_that_come_back(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;
	unsigned day;

	office(&world, &conf);
	for (day = 0; day < 10; day++) {
		unsigned passed = 0;

		for (unsigned n = 0; n < 200; n++) {
			unsigned id = day * 200 + n;

			for (unsigned turn = 0; turn < 3; turn++)
				passed += guess(&world, id, name(n % PEOPLE))
						  .kind == VERDICT_DELAY;
		}
		world_wait(&world, 1 * DAYS - 600 * MINUTES);
		/* At first nobody is tried by others: two more (quiet). */
		assert_true(passed <= (day == 0 ? 8u + 2u : 3u));
	}
	world_done(&world);
}

static void many_sources_on_many_users_are_a_botnet(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	conf.campaign.stuffing_users = 100;
	office(&world, &conf);
	for (unsigned n = 0; n < 7; n++)
		(void)guess(&world, n, name(n));
	assert_int_equal(world_alarms(&world, RULE_BOTNET), 0);
	(void)guess(&world, 7, name(7));
	assert_int_equal(world_alarms(&world, RULE_BOTNET), 1);
	assert_int_equal(
		guess(&world, 8, "nobody").kind, VERDICT_ANSWER_TEMPORARY);
	/* It is over when nothing has come for three days. */
	world_wait(&world, 3 * DAYS);
	assert_int_equal(guess(&world, 9, name(9)).kind, VERDICT_DELAY);
	world_done(&world);
}

static void one_secret_on_three_users_is_a_spray(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	office(&world, &conf);
	for (unsigned n = 0; n < 3; n++)
		(void)world_try(&world, bot(1), name(n), 777, OUTCOME_FAILED);
	assert_int_equal(world_alarms(&world, RULE_SPRAY), 1);
	world_done(&world);
}

static void one_source_many_users_is_stuffing(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	conf.campaign.botnet_sources = 100;
	office(&world, &conf);
	for (unsigned n = 0; n < 15; n++)
		(void)guess(&world, n, n % 2 ? name(n) : bot(n));
	assert_int_equal(world_alarms(&world, RULE_STUFFING), 1);
	world_done(&world);
}

static void nothing_is_held_back_before_people_are_known(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	world_init_with(&world, &conf);
	(void)world_try(&world, OFFICE, name(1), 10001, OUTCOME_OK);
	for (unsigned n = 0; n < 20; n++)
		assert_int_equal(guess(&world, n, name(1)).kind, VERDICT_DELAY);
	world_done(&world);
}

/* An account that logs in from everywhere does not make people unknown. */
static void owner_of_an_account_cannot_unteach(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	office(&world, &conf);
	for (unsigned n = 0; n < 4; n++)
		(void)guess(&world, n, name(1));
	for (unsigned n = 100; n < 300; n++)
		(void)world_try(&world, bot(n), name(2), 9, OUTCOME_OK);
	assert_int_equal(
		guess(&world, 5, name(1)).kind, VERDICT_ANSWER_TEMPORARY);
	world_done(&world);
}

static void patience_goes_beyond_the_budget(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;
	unsigned tries = 0;

	office(&world, &conf);
	for (unsigned n = 0; n < 4; n++)
		(void)guess(&world, n, name(1));
	while (world_try(&world, HOTEL, name(1), 10001, OUTCOME_OK).kind !=
		VERDICT_PASS) {
		world_wait(&world, 3 * MINUTES);
		tries++;
	}
	assert_int_equal(tries, 5);
	world_done(&world);
}

static void observe_passes_and_says_so(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct policy_verdict verdict;
	struct world world;

	conf.campaign.mode = conf.budget.mode = POLICY_OBSERVE;
	office(&world, &conf);
	for (unsigned n = 0; n < 4; n++)
		(void)guess(&world, n, name(1));
	verdict = world_ask(&world, 99999, HOTEL, name(1), 7);
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_GREYLIST);
	assert_int_equal(verdict.mode, POLICY_OBSERVE);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fourth_strange_source_is_a_siege),
		cmocka_unit_test(traveller_gets_in_when_he_comes_again),
		cmocka_unit_test(budget_holds_bots_that_come_back),
		cmocka_unit_test(many_sources_on_many_users_are_a_botnet),
		cmocka_unit_test(one_secret_on_three_users_is_a_spray),
		cmocka_unit_test(one_source_many_users_is_stuffing),
		cmocka_unit_test(nothing_is_held_back_before_people_are_known),
		cmocka_unit_test(owner_of_an_account_cannot_unteach),
		cmocka_unit_test(patience_goes_beyond_the_budget),
		cmocka_unit_test(observe_passes_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
