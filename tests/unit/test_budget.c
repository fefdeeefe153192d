/* What strangers are granted, and what they give back. */
#include "policy_world.h"

#include "../../src/policy/budget.h"

struct asks {
	struct world world;
	struct person person;
	struct retry retry;
	uint8_t spent;
};

static bool grants(struct asks *asks)
{
	struct budget_claim claim = {.person = &asks->person, .source = 1};

	asks->spent = 0;
	return budget_grants(asks->world.policy, asks->world.now, &claim,
		&asks->retry, &asks->spent);
}

static void grant(struct asks *asks, uint8_t expected)
{
	assert_true(grants(asks));
	assert_int_equal(asks->spent, expected);
	budget_take(asks->world.policy, asks->world.now, &asks->person,
		asks->spent);
}

static void budget_comes_first_then_patience_then_hours(void **state)
{
	struct asks asks = {.retry = {.count = 2}};

	world_init_people(&asks.world);
	asks.retry.first_at = asks.world.now;
	grant(&asks, BUDGET_ANY);
	grant(&asks, BUDGET_ANY);
	assert_false(grants(&asks));
	asks.retry.count = 6;
	world_wait(&asks.world, 10 * MINUTES - 1);
	assert_false(grants(&asks));
	world_wait(&asks.world, 1);
	for (unsigned i = 0; i < 4; i++)
		grant(&asks, BUDGET_PATIENCE);
	world_wait(&asks.world, 200 * MINUTES);
	assert_false(grants(&asks)); /* the user's patience is used up */
	memset(&asks.person, 0, sizeof(asks.person));
	grant(&asks, BUDGET_ANY);
	memset(&asks.person, 0, sizeof(asks.person));
	asks.retry.count = 5;
	grant(&asks, BUDGET_LASTING); /* three in all are gone */
	budget_give_back(asks.world.policy, &asks.person, BUDGET_ANY);
	grant(&asks, BUDGET_ANY);
	world_done(&asks.world);
}

static void who_is_left_alone_has_a_budget_of_his_own(void **state)
{
	struct asks asks = {.retry = {.count = 2}};

	world_init_people(&asks.world);
	asks.retry.first_at = asks.world.now;
	asks.person.succeeded = true;
	asks.person.strange[0] = (struct strange){
		.source = 1, .at_s = (uint32_t)(asks.world.now / SECONDS)};
	grant(&asks, BUDGET_QUIET); /* he himself is no other */
	grant(&asks, BUDGET_ANY);
	memset(asks.person.quota, 0, sizeof(asks.person.quota));
	asks.person.strange[0].source = 2;
	grant(&asks, BUDGET_ANY);
	memset(asks.person.quota, 0, sizeof(asks.person.quota));
	world_wait(&asks.world, 23 * HOURS);
	grant(&asks, BUDGET_ANY);
	memset(asks.person.quota, 0, sizeof(asks.person.quota));
	world_wait(&asks.world, 1 * HOURS);
	grant(&asks, BUDGET_QUIET);
	world_done(&asks.world);
}

static bool at_once(struct asks *asks, bool near, bool device)
{
	struct budget_claim claim = {
		.person = &asks->person, .near = near, .device = device};

	asks->spent = 0;
	return budget_grants_at_once(
		asks->world.policy, asks->world.now, &claim, &asks->spent);
}

static void each_claim_has_a_budget_of_its_own(void **state)
{
	static const enum budget_of kinds[] = {BUDGET_NEAR, BUDGET_DEVICE};
	struct asks asks = {.spent = 0};

	world_init_people(&asks.world);
	for (unsigned kind = 0; kind < 2; kind++) {
		for (unsigned i = 0; i < 2; i++) {
			assert_true(at_once(&asks, kind == 0, kind == 1));
			assert_int_equal(asks.spent, kinds[kind]);
			budget_take(asks.world.policy, asks.world.now,
				&asks.person, asks.spent);
		}
		assert_false(at_once(&asks, kind == 0, kind == 1));
	}
	budget_give_back(asks.world.policy, &asks.person, BUDGET_NEAR);
	assert_true(at_once(&asks, true, true));
	assert_int_equal(asks.spent, BUDGET_NEAR);
	assert_false(at_once(&asks, false, false));
	world_done(&asks.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(budget_comes_first_then_patience_then_hours),
		cmocka_unit_test(who_is_left_alone_has_a_budget_of_his_own),
		cmocka_unit_test(each_claim_has_a_budget_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
