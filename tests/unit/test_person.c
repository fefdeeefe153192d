/* What is kept of user names, and who gives way. */
#include "policy_world.h"

#include "../../src/policy/person.h"

static void made_up_names_push_out_no_person(void **state)
{
	struct person_table *table = person_table_new(10);

	(void)person_succeed(table, 1000, 77, false, DAYS);
	for (uint64_t user = 100; user < 200; user++)
		person_take(table, user)->failure_count = 1;
	assert_non_null(person_find(table, 77));
	assert_null(person_find(table, 100));
	assert_non_null(person_find(table, 199));
	person_table_free(&table);
}

static void known_people_are_counted(void **state)
{
	struct person_table *table = person_table_new(3);

	for (uint64_t user = 1; user <= 4; user++)
		(void)person_succeed(
			table, 1000 * user, user, user % 2, 30 * DAYS);
	assert_int_equal(person_count(table), 3);
	assert_int_equal(person_known_count(table), 1);
	(void)person_succeed(table, 5000, 2, true, 30 * DAYS);
	assert_int_equal(person_known_count(table), 2);
	/* Whoever did not come for the memory is nobody. */
	(void)person_succeed(table, 40 * DAYS, 9, false, 30 * DAYS);
	assert_int_equal(person_count(table), 1);
	assert_int_equal(person_known_count(table), 0);
	assert_true(person_since(table) == 1000);
	person_table_free(&table);
}

static void success_keeps_what_was_known_of_the_name(void **state)
{
	struct person_table *table = person_table_new(3);

	person_take(table, 5)->siege_until = 99;
	person_take(table, 5)->failure_count = 3;
	(void)person_succeed(table, 1000, 5, false, DAYS);
	assert_true(person_find(table, 5)->siege_until == 99);
	assert_int_equal(person_find(table, 5)->failure_count, 0);
	person_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_up_names_push_out_no_person),
		cmocka_unit_test(known_people_are_counted),
		cmocka_unit_test(success_keeps_what_was_known_of_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
