/* The lockout shield: the server locks a user at the fifth failure here. */
#include "policy_world.h"

#define HOME  "192.0.2.7"
#define PHONE "203.0.113.7"

enum { LOCKOUT = 5 };

static void shield_world(struct world *world)
{
	struct policy_conf conf = world_people_conf();

	conf.shield.lockout = LOCKOUT;
	world_init_with(world, &conf);
	(void)world_try(world, HOME, "chief", 1, OUTCOME_OK);
}

/* From a source of its own each time. */
static struct policy_verdict strange(
	struct world *world, unsigned n, enum policy_outcome outcome)
{
	char addr[32];

	(void)snprintf(addr, sizeof(addr), "198.51.100.%u", n);
	return world_try(world, addr, "chief", 1000 + n, outcome);
}

static void strangers_stop_before_the_lock_and_the_holder_passes(void **state)
{
	struct policy_verdict verdict;
	struct world world;

	shield_world(&world);
	for (unsigned n = 1; n <= 3; n++)
		assert_int_equal(
			strange(&world, n, OUTCOME_FAILED).kind, VERDICT_DELAY);
	for (unsigned n = 4; n <= 100; n++) {
		verdict = strange(&world, n, OUTCOME_FAILED);
		assert_int_equal(verdict.kind, VERDICT_ANSWER_TEMPORARY);
		assert_int_equal(verdict.rule, RULE_LOCKOUT_SHIELD);
	}
	assert_int_equal(world_try(&world, HOME, "chief", 1, OUTCOME_OK).kind,
		VERDICT_PASS);
	assert_int_equal(
		strange(&world, 101, OUTCOME_FAILED).kind, VERDICT_DELAY);
	world_done(&world);
}

static void logins_under_way_count(void **state)
{
	unsigned passed = 0;
	struct world world;

	shield_world(&world);
	for (unsigned n = 1; n <= 50; n++) {
		char addr[32];

		(void)snprintf(addr, sizeof(addr), "198.51.100.%u", n);
		passed += world_ask(&world, 900 + n, addr, "chief", n).kind ==
			  VERDICT_PASS;
	}
	assert_int_equal(passed, 3);
	for (unsigned n = 1; n <= 3; n++)
		(void)world_settle(
			&world, 900 + n, "198.51.100.1", OUTCOME_TEMPORARY);
	assert_int_equal(
		strange(&world, 60, OUTCOME_FAILED).kind, VERDICT_DELAY);
	world_done(&world);
}

/* An old password in a phone at home, for a month. */
static void forgotten_phone_never_locks(void **state)
{
	unsigned heard = 0;
	struct world world;

	shield_world(&world);
	for (unsigned i = 0; i < 30 * 96; i++) {
		struct policy_verdict verdict =
			world_try(&world, HOME, "chief", 7, OUTCOME_FAILED);

		heard += verdict.kind != VERDICT_ANSWER_REFUSED;
		world_wait(&world, 15 * MINUTES);
	}
	assert_in_range(heard, 1, LOCKOUT - 1);
	world_done(&world);
}

/* Five connections of it at once, twice. */
static void phones_connections_do_not_lock_together(void **state)
{
	unsigned passed = 0;
	struct world world;

	shield_world(&world);
	(void)world_try(&world, PHONE, "chief", 1, OUTCOME_OK);
	for (unsigned i = 0; i < 8; i++)
		passed += world_ask(&world, 900 + i, PHONE, "chief", 7).kind ==
			  VERDICT_PASS;
	assert_int_equal(passed, LOCKOUT - 1);
	assert_int_equal(
		world_ask(&world, 907, PHONE, "chief", 7).kind, VERDICT_HOLD);
	for (unsigned i = 0; i < 8; i++)
		(void)world_settle(&world, 900 + i, PHONE, OUTCOME_FAILED);
	assert_int_equal(world_ask(&world, 950, PHONE, "chief", 7).kind,
		VERDICT_ANSWER_REFUSED);
	world_done(&world);
}

static void server_that_forgets_is_known_to(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	conf.shield.lockout = LOCKOUT;
	conf.shield.reset_ms = 1 * HOURS;
	world_init_with(&world, &conf);
	for (unsigned n = 1; n <= 4; n++)
		(void)strange(&world, n, OUTCOME_FAILED);
	assert_int_equal(strange(&world, 5, OUTCOME_FAILED).kind,
		VERDICT_ANSWER_TEMPORARY);
	world_wait(&world, 1 * HOURS);
	assert_int_equal(
		strange(&world, 6, OUTCOME_FAILED).kind, VERDICT_DELAY);
	world_done(&world);
}

static void operator_forgets(void **state)
{
	struct world world;

	shield_world(&world);
	for (unsigned n = 1; n <= 4; n++)
		(void)strange(&world, n, OUTCOME_FAILED);
	(void)world_step(&world, &(struct policy_event){
					 .kind = EVENT_OPERATOR_FORGET,
					 .user = slice_str("chief"),
				 });
	assert_int_equal(
		strange(&world, 5, OUTCOME_FAILED).kind, VERDICT_DELAY);
	world_done(&world);
}

static void observe_passes_and_says_so(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct policy_verdict verdict;
	struct world world;

	conf.shield.lockout = LOCKOUT;
	conf.shield.mode = POLICY_OBSERVE;
	world_init_with(&world, &conf);
	for (unsigned n = 1; n <= 3; n++)
		(void)strange(&world, n, OUTCOME_FAILED);
	verdict = world_ask(&world, 900, PHONE, "chief", 7);
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_LOCKOUT_SHIELD);
	assert_int_equal(verdict.mode, POLICY_OBSERVE);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			strangers_stop_before_the_lock_and_the_holder_passes),
		cmocka_unit_test(logins_under_way_count),
		cmocka_unit_test(forgotten_phone_never_locks),
		cmocka_unit_test(phones_connections_do_not_lock_together),
		cmocka_unit_test(server_that_forgets_is_known_to),
		cmocka_unit_test(operator_forgets),
		cmocka_unit_test(observe_passes_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
