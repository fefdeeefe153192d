/* Whoever comes back with the same, and who only hammers. */
#include "policy_world.h"

#include "../../src/policy/retry.h"

static unsigned again(struct world *world, const char *addr, uint64_t tag)
{
	struct addr parsed = world_addr(addr);

	return retry_note(
		world->policy, world->now, &parsed, 7, tag, 10 * SECONDS)
		->count;
}

static void tries_count_when_they_are_apart(void **state)
{
	struct world world;

	world_init_people(&world);
	assert_int_equal(again(&world, "192.0.2.7", 1), 1);
	for (unsigned i = 0; i < 9; i++) {
		world_wait(&world, 1 * SECONDS);
		assert_int_equal(again(&world, "192.0.2.7", 1), 1);
	}
	world_wait(&world, 1 * SECONDS);
	assert_int_equal(again(&world, "192.0.2.9", 1), 2); /* same /24 */
	assert_int_equal(again(&world, "192.0.2.7", 2), 1);
	assert_int_equal(again(&world, "192.0.3.7", 1), 1);
	world_wait(&world, 1 * DAYS);
	assert_int_equal(again(&world, "192.0.2.7", 1), 1);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tries_count_when_they_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
