/* The outage guard: the server is ill, and its people are not to blame. */
#include "policy_world.h"

#define OFFICE "192.0.2.7"
#define BOT    "198.51.100.7"

enum { PEOPLE = 20 };

static const char *name(unsigned n)
{
	static char text[16];

	(void)snprintf(text, sizeof(text), "user%u", n);
	return text;
}

static void office(struct world *world)
{
	world_init_people(world);
	for (unsigned n = 0; n < PEOPLE; n++)
		(void)world_try(world, OFFICE, name(n), 100 + n, OUTCOME_OK);
	world_wait(world, 2 * MINUTES);
}

static void guard_begins_and_ends_with_a_success(void **state)
{
	struct world world;

	office(&world);
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned n = 0; n < PEOPLE; n++)
			(void)world_try(&world, OFFICE, name(n), 100 + n,
				OUTCOME_FAILED);
		world_wait(&world, 1 * MINUTES);
	}
	assert_int_equal(world_said(&world, ACTION_ALARM), 1);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	/* The first that gets in frees all others at once. */
	world_wait(&world, 1 * MINUTES);
	for (unsigned n = 0; n < PEOPLE; n++)
		assert_int_equal(
			world_try(&world, OFFICE, name(n), 100 + n, OUTCOME_OK)
				.kind,
			VERDICT_PASS);
	world_done(&world);
}

static void strangers_are_banned_meanwhile(void **state)
{
	struct world world;

	office(&world);
	for (unsigned n = 0; n < 5; n++)
		(void)world_try(
			&world, OFFICE, name(n), 100 + n, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_ALARM), 1);
	world_fail(&world, BOT, 5);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	world_done(&world);
}

static void one_man_or_a_success_in_between_is_no_outage(void **state)
{
	struct world world;

	office(&world);
	for (uint64_t tag = 1; tag < 6; tag++)
		(void)world_try(&world, OFFICE, name(1), tag, OUTCOME_FAILED);
	for (unsigned n = 0; n < PEOPLE; n++) {
		(void)world_try(&world, OFFICE, name(19), 119, OUTCOME_OK);
		(void)world_try(
			&world, OFFICE, name(n % 19), 9, OUTCOME_FAILED);
	}
	assert_int_equal(world_said(&world, ACTION_ALARM), 0);
	world_done(&world);
}

static void it_is_over_when_nobody_fails_any_more(void **state)
{
	struct world world;

	office(&world);
	for (unsigned n = 0; n < 5; n++)
		(void)world_try(&world, OFFICE, name(n), 9, OUTCOME_FAILED);
	world_wait(&world, 15 * MINUTES);
	for (unsigned n = 0; n < 5; n++)
		(void)world_try(&world, OFFICE, name(n), 9, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_ALARM), 2);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guard_begins_and_ends_with_a_success),
		cmocka_unit_test(strangers_are_banned_meanwhile),
		cmocka_unit_test(one_man_or_a_success_in_between_is_no_outage),
		cmocka_unit_test(it_is_over_when_nobody_fails_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
