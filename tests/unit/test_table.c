/*
 * The firewall helper's table: against a plain array that does the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/fw/table.h"

enum { KEYS = 300, STEPS = 2000, LIVES = 100 };

static struct prefix key(unsigned n)
{
	struct prefix prefix = {.bits = (uint8_t)(n % 2 ? 128 : 120)};

	prefix.addr.octets[10] = 0xff;
	prefix.addr.octets[11] = 0xff;
	prefix.addr.octets[12] = 10;
	prefix.addr.octets[13] = (uint8_t)(n >> 8);
	prefix.addr.octets[14] = (uint8_t)n;
	return prefix;
}

static uint32_t next_number(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void same_as_an_array(
	const struct fw_table *table, const mono_ms_t model[KEYS])
{
	size_t count = 0;
	size_t cursor = 0;
	size_t listed = 0;

	for (unsigned i = 0; i < KEYS; i++) {
		struct prefix prefix = key(i);
		const struct fw_entry *entry = fw_table_find(table, &prefix);

		assert_int_equal(entry != NULL, model[i] != 0);
		if (!entry)
			continue;
		assert_true(entry->deadline == model[i]);
		assert_true(fw_table_soonest(table) <= model[i]);
		count++;
	}
	while (fw_table_next(table, &cursor))
		listed++;
	assert_int_equal(fw_table_count(table), count);
	assert_int_equal(listed, count);
}

/* A sweep that is broken off in the middle. */
static void expire_one(
	struct fw_table *table, mono_ms_t model[KEYS], mono_ms_t now)
{
	struct prefix gone;

	if (fw_table_expire(table, now, &gone))
		model[gone.addr.octets[13] * 256u + gone.addr.octets[14]] = 0;
}

static void expire_all(
	struct fw_table *table, mono_ms_t model[KEYS], mono_ms_t now)
{
	struct prefix gone;

	while (fw_table_expire(table, now, &gone)) {
		unsigned n = gone.addr.octets[13] * 256u + gone.addr.octets[14];

		assert_true(model[n] != 0 && model[n] <= now);
		model[n] = 0;
	}
	for (unsigned i = 0; i < KEYS; i++)
		assert_true(model[i] == 0 || model[i] > now);
}

/* From the empty table on, so that it grows while it is swept. */
static void one_life(uint32_t seed)
{
	mono_ms_t model[KEYS] = {0};
	struct fw_table *table = fw_table_new(KEYS);
	mono_ms_t now = 1;

	assert_non_null(table);
	for (int step = 0; step < STEPS; step++) {
		unsigned n = next_number(&seed) % KEYS;
		struct prefix prefix = key(n);

		switch (next_number(&seed) % 6) {
		case 0:
		case 1:
			model[n] = now + 1 + next_number(&seed) % 2000;
			assert_int_equal(
				fw_table_put(table, &prefix, model[n], 0),
				FW_TABLE_OK);
			break;
		case 2:
			assert_int_equal(
				fw_table_delete(table, &prefix), model[n] != 0);
			model[n] = 0;
			break;
		case 3: expire_one(table, model, now); break;
		case 4: now += next_number(&seed) % 10; break;
		default:
			now += next_number(&seed) % 40;
			if (step % 4 == 0)
				expire_all(table, model, now);
		}
		if (step % 7 == 0)
			same_as_an_array(table, model);
	}
	expire_all(table, model, now);
	fw_table_free(&table);
	assert_null(table);
}

static void behaves_like_an_array(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < LIVES; seed++)
		one_life(seed);
}

/* Half a sweep, a delete, then the rest: nothing is forgotten. */
static void expiry_survives_deletes_between(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct fw_table *table = fw_table_new(KEYS);
		struct prefix gone;
		struct prefix other;
		unsigned count = 0;

		for (unsigned i = 0; i < 30; i++) {
			struct prefix prefix = key(i);

			assert_int_equal(fw_table_put(table, &prefix, 5, 0),
				FW_TABLE_OK);
		}
		while (fw_table_expire(table, 10, &gone)) {
			count++;
			other = key(count * 7 % 30);
			if (fw_table_delete(table, &other))
				count++;
			if (count > 30)
				break;
		}
		assert_int_equal(fw_table_count(table), 0);
		fw_table_free(&table);
	}
}

static void full_refuses_new_but_not_known(void **state)
{
	struct fw_table *table = fw_table_new(2);
	struct prefix a = key(1), b = key(2), c = key(3);

	(void)state;
	assert_int_equal(fw_table_put(table, &a, 5, 0), FW_TABLE_OK);
	assert_int_equal(fw_table_put(table, &b, 5, 0), FW_TABLE_OK);
	assert_int_equal(fw_table_put(table, &c, 5, 0), FW_TABLE_FULL);
	assert_int_equal(fw_table_put(table, &a, 9, 3), FW_TABLE_OK);
	assert_int_equal(fw_table_find(table, &a)->mark, 3);
	assert_int_equal(fw_table_count(table), 2);
	fw_table_free(&table);
}

static void prefixes_of_other_lengths_are_others(void **state)
{
	struct fw_table *table = fw_table_new(10);
	struct prefix net = key(2), host = key(2);

	(void)state;
	host.bits = 128;
	assert_int_equal(fw_table_put(table, &net, 5, 0), FW_TABLE_OK);
	assert_null(fw_table_find(table, &host));
	assert_false(fw_table_delete(table, &host));
	fw_table_free(&table);
}

static void cleared_is_empty_and_usable(void **state)
{
	struct fw_table *table = fw_table_new(10);
	struct prefix a = key(1);
	struct prefix gone;

	(void)state;
	assert_int_equal(fw_table_put(table, &a, 5, 0), FW_TABLE_OK);
	fw_table_clear(table);
	assert_int_equal(fw_table_count(table), 0);
	assert_null(fw_table_find(table, &a));
	assert_false(fw_table_expire(table, 99, &gone));
	assert_true(fw_table_soonest(table) == MONO_NEVER);
	assert_int_equal(fw_table_put(table, &a, MONO_NEVER, 0), FW_TABLE_OK);
	assert_false(fw_table_expire(table, 99, &gone));
	fw_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behaves_like_an_array),
		cmocka_unit_test(expiry_survives_deletes_between),
		cmocka_unit_test(full_refuses_new_but_not_known),
		cmocka_unit_test(prefixes_of_other_lengths_are_others),
		cmocka_unit_test(cleared_is_empty_and_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
