/* The compromise alarm: said, and by option refused. */
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

static void compromise_is_refused_until_released(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct policy_verdict verdict;
	struct world world;

	conf.compromise.mode = POLICY_ENFORCE;
	office(&world, &conf);
	for (unsigned n = 1; n < 4; n++)
		(void)world_try(
			&world, HOTEL, name(n), 500 + n, OUTCOME_FAILED);
	verdict = world_try(&world, HOTEL, name(5), 10005, OUTCOME_OK);
	assert_int_equal(verdict.kind, VERDICT_ANSWER_TEMPORARY);
	assert_int_equal(verdict.rule, RULE_COMPROMISE);
	assert_int_equal(world_alarms(&world, RULE_COMPROMISE), 1);
	(void)world_step(&world, &(struct policy_event){
					 .kind = EVENT_OPERATOR_FORGET,
					 .user = slice_str(name(5)),
				 });
	assert_int_equal(
		world_try(&world, HOTEL, name(5), 10005, OUTCOME_OK).kind,
		VERDICT_PASS);
	world_done(&world);
}

static void observed_it_is_an_alarm_and_no_more(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	office(&world, &conf);
	for (unsigned n = 1; n < 4; n++)
		(void)world_try(
			&world, HOTEL, name(n), 500 + n, OUTCOME_FAILED);
	assert_int_equal(
		world_try(&world, HOTEL, name(5), 10005, OUTCOME_OK).kind,
		VERDICT_PASS);
	assert_int_equal(world_alarms(&world, RULE_COMPROMISE), 1);
	/* At home nobody asks. */
	assert_int_equal(
		world_try(&world, OFFICE, name(6), 10006, OUTCOME_OK).kind,
		VERDICT_PASS);
	assert_int_equal(world_alarms(&world, RULE_COMPROMISE), 1);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compromise_is_refused_until_released),
		cmocka_unit_test(observed_it_is_an_alarm_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
