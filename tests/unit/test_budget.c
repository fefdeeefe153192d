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
	asks->spent = 0;
	return budget_grants(asks->world.policy, asks->world.now, &asks->person,
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
	grant(&asks, BUDGET_USER | BUDGET_ALL);
	grant(&asks, BUDGET_USER | BUDGET_ALL);
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
	grant(&asks, BUDGET_USER | BUDGET_ALL);
	memset(&asks.person, 0, sizeof(asks.person));
	asks.retry.count = 5;
	grant(&asks, BUDGET_LASTING); /* three in all are gone */
	budget_give_back(
		asks.world.policy, &asks.person, BUDGET_USER | BUDGET_ALL);
	grant(&asks, BUDGET_USER | BUDGET_ALL);
	world_done(&asks.world);
}

static void neighbours_have_a_budget_of_their_own(void **state)
{
	struct asks asks = {.spent = 0};

	world_init_people(&asks.world);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(budget_grants_near(asks.world.policy,
			asks.world.now, &asks.person, &asks.spent));
		assert_int_equal(asks.spent, BUDGET_NEAR);
		budget_take(asks.world.policy, asks.world.now, &asks.person,
			asks.spent);
	}
	assert_false(budget_grants_near(
		asks.world.policy, asks.world.now, &asks.person, &asks.spent));
	budget_give_back(asks.world.policy, &asks.person, BUDGET_NEAR);
	assert_true(budget_grants_near(
		asks.world.policy, asks.world.now, &asks.person, &asks.spent));
	world_done(&asks.world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(budget_comes_first_then_patience_then_hours),
		cmocka_unit_test(neighbours_have_a_budget_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
