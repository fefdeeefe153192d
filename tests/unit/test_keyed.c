/* The table by keyed hash that the rules count in. */
#include "../../src/policy/keyed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct keyed_table *table_of(size_t most)
{
	struct keyed_table *table = keyed_table_new(most, sizeof(uint32_t));

	assert_non_null(table);
	return table;
}

static void put(struct keyed_table *table, uint64_t key, uint32_t value)
{
	*(uint32_t *)keyed_take(table, key) = value;
}

static uint32_t get(const struct keyed_table *table, uint64_t key)
{
	const uint32_t *value = keyed_find(table, key);

	return value != NULL ? *value : UINT32_MAX;
}

static void value_is_zero_at_first_and_found_again(void **state)
{
	struct keyed_table *table = table_of(100);

	assert_null(keyed_find(table, 5));
	assert_int_equal(*(uint32_t *)keyed_take(table, 5), 0);
	put(table, 5, 7);
	put(table, 5 + 128, 8); /* the same chain */
	assert_int_equal(get(table, 5), 7);
	assert_int_equal(get(table, 133), 8);
	assert_int_equal(keyed_table_count(table), 2);
	keyed_remove(table, 5);
	keyed_remove(table, 5);
	assert_int_equal(get(table, 5), UINT32_MAX);
	assert_int_equal(get(table, 133), 8);
	assert_int_equal(*(uint32_t *)keyed_take(table, 5), 0);
	keyed_table_free(&table);
	assert_null(table);
}

static void touched_longest_ago_gives_way(void **state)
{
	struct keyed_table *table = table_of(3);
	uint64_t key = 0;

	assert_null(keyed_oldest(table, &key));
	for (uint32_t n = 1; n <= 3; n++)
		put(table, n, n);
	put(table, 1, 10);
	assert_int_equal(*(uint32_t *)keyed_oldest(table, &key), 2);
	assert_int_equal(key, 2);
	put(table, 4, 4);
	assert_int_equal(get(table, 2), UINT32_MAX);
	assert_int_equal(get(table, 1), 10);
	assert_int_equal(keyed_table_count(table), 3);
	assert_int_equal(keyed_table_evicted_count(table), 1);
	keyed_table_free(&table);
}

static void all_are_seen_once_while_some_are_removed(void **state)
{
	struct keyed_table *table = table_of(1000);
	size_t cursor = 0;
	uint64_t key, sum = 0;
	uint32_t *value;

	for (uint32_t n = 1; n <= 1000; n++)
		put(table, n * 0x9e3779b97f4a7c15u, n);
	while ((value = keyed_next(table, &cursor, &key)) != NULL) {
		sum += *value;
		if (*value % 2 == 0)
			keyed_remove(table, key);
	}
	assert_int_equal(sum, 500500);
	assert_int_equal(keyed_table_count(table), 500);
	for (uint32_t n = 1; n <= 500; n++)
		put(table, n, n);
	assert_int_equal(keyed_table_count(table), 1000);
	assert_int_equal(keyed_table_evicted_count(table), 0);
	keyed_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(value_is_zero_at_first_and_found_again),
		cmocka_unit_test(touched_longest_ago_gives_way),
		cmocka_unit_test(all_are_seen_once_while_some_are_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
