/*
 * The table of tracked sources, and the attempts that are under way at them.
 *
 * What the ladder makes of them is in test_policy.c.
 */
#include "../../src/policy/source.h"

#include "../../src/policy/attempt.h"
#include "policy_world.h"

enum { RECORDS = 4 };

static struct hash_key key_of(uint64_t seed)
{
	struct hash_key key;

	hash_key_init(&key, seed);
	return key;
}

static struct source_table *table_of(size_t most)
{
	struct hash_key key = key_of(1);
	struct source_table *table = source_table_new(most, RECORDS, &key);

	assert_non_null(table);
	source_table_keep(table, 1000);
	return table;
}

static struct prefix nth(unsigned n)
{
	struct prefix prefix = world_prefix("10.0.0.0");

	prefix.addr.octets[13] = (uint8_t)(n >> 16);
	prefix.addr.octets[14] = (uint8_t)(n >> 8);
	prefix.addr.octets[15] = (uint8_t)n;
	return prefix;
}

static struct source *take(
	struct source_table *table, unsigned n, mono_ms_t now)
{
	struct prefix key = nth(n);

	return source_take(table, &key, now);
}

static struct source *find(struct source_table *table, unsigned n)
{
	struct prefix key = nth(n);

	return source_find(table, &key);
}

static void source_is_found_again_and_by_its_index(void **state)
{
	struct source_table *table = table_of(1000);

	for (unsigned n = 0; n < 1000; n++)
		take(table, n, 1)->success_count = n;
	for (unsigned n = 0; n < 1000; n++) {
		struct source *source = find(table, n);

		assert_int_equal(source->success_count, n);
		assert_ptr_equal(
			source_at(table, source_index(table, source)), source);
	}
	assert_null(find(table, 1000));
	assert_int_equal(source_table_count(table), 1000);
	source_table_free(&table);
}

static void least_recently_active_gives_way(void **state)
{
	struct source_table *table = table_of(3);

	(void)take(table, 1, 1);
	(void)take(table, 2, 2);
	(void)take(table, 3, 3);
	(void)take(table, 1, 4);
	(void)take(table, 4, 5);
	assert_null(find(table, 2));
	assert_non_null(find(table, 1));
	assert_non_null(find(table, 3));
	assert_int_equal(source_table_count(table), 3);
	assert_int_equal(source_table_evicted_count(table), 0); /* no counters
								   lost */
	source_table_free(&table);
}

static void source_with_attempts_in_flight_stays(void **state)
{
	struct source_table *table = table_of(2);

	source_flight_begin(table, take(table, 1, 1));
	source_flight_begin(table, find(table, 1));
	(void)take(table, 2, 2);
	(void)take(table, 3, 3);
	assert_non_null(find(table, 1));
	assert_null(find(table, 2));
	source_flight_begin(table, find(table, 3));
	assert_null(take(table, 4, 4)); /* nobody can go */
	source_flight_end(table, find(table, 1));
	assert_null(take(table, 4, 4));
	source_flight_end(table, find(table, 1));
	assert_non_null(take(table, 4, 4));
	assert_null(find(table, 1));
	source_table_free(&table);
}

static void evicted_counters_are_counted_while_they_matter(void **state)
{
	struct source_table *table = table_of(1);

	source_fail(table, take(table, 1, 1), 1, 7, 7);
	assert_int_equal(
		source_failures(table, take(table, 2, 500), 500, 1000), 0);
	assert_int_equal(source_table_evicted_count(table), 1);
	source_fail(table, find(table, 2), 500, 7, 7);
	(void)take(table, 3, 1500); /* it left the window just now */
	assert_int_equal(source_table_evicted_count(table), 1);
	source_table_free(&table);
}

static void failures_slide_out_of_each_window(void **state)
{
	static const struct {
		mono_ms_t now;
		uint64_t window_ms;
		unsigned count;
	} rows[] = {
		{300, 1000, 3},
		{300, 1, 1},
		{300, 100, 1},
		{300, 101, 2},
		{399, 100, 1},
		{400, 100, 0},
		{1099, 1000, 3},
		{1100, 1000, 2},
		{UINT64_MAX - 1, 1000, 0},
	};
	struct source_table *table = table_of(1);
	struct source *source = take(table, 1, 100);

	for (unsigned i = 1; i <= 3; i++)
		source_fail(table, source, i * 100, i, i);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(source_failures(table, source, rows[i].now,
					 rows[i].window_ms),
			rows[i].count);
	source_table_free(&table);
}

static void newest_failures_are_kept_when_records_are_full(void **state)
{
	struct source_table *table = table_of(2);
	struct source *source = take(table, 1, 1);

	for (unsigned i = 1; i <= 10; i++)
		source_fail(table, source, i, i, i);
	assert_int_equal(source_failures(table, source, 10, 1000), RECORDS);
	assert_false(source_failed_same(table, source, 10, 6, 6));
	assert_true(source_failed_same(table, source, 10, 7, 7));
	assert_true(source_failed_same(table, source, 10, 10, 10));
	/* The neighbour's records are its own. */
	source = take(table, 2, 11);
	assert_int_equal(source_failures(table, source, 11, 1000), 0);
	source_table_free(&table);
}

static void same_failure_is_known_until_it_is_forgotten(void **state)
{
	struct source_table *table = table_of(1);
	struct source *source = take(table, 1, 1);

	source_fail(table, source, 1, 7, 8);
	source_fail(table, source, 2, 7, 0);
	assert_true(source_failed_same(table, source, 1000, 7, 8));
	assert_false(source_failed_same(table, source, 1001, 7, 8));
	assert_false(source_failed_same(table, source, 10, 8, 8));
	assert_false(source_failed_same(table, source, 10, 7, 9));
	assert_false(source_failed_same(table, source, 10, 7, 0));
	source_table_free(&table);
}

static void forgiving_drops_one_user_and_keeps_the_order(void **state)
{
	struct source_table *table = table_of(1);
	struct source *source = take(table, 1, 1);

	source_fail(table, source, 10, 1, 1);
	source_fail(table, source, 20, 2, 2);
	source_fail(table, source, 30, 1, 3);
	source_fail(table, source, 40, 3, 4);
	source_forgive(table, source, 1);
	assert_int_equal(source_failures(table, source, 40, 1000), 2);
	assert_int_equal(source_failures(table, source, 40, 20), 1);
	assert_true(source_failed_same(table, source, 40, 2, 2));
	source_pardon(source);
	assert_int_equal(source_failures(table, source, 40, 1000), 0);
	source_table_free(&table);
}

static void fresh_sources_start_with_nothing(void **state)
{
	struct source_table *table = table_of(1);
	struct source *source = take(table, 1, 1);

	source->success_count = 9;
	source_fail(table, source, 1, 1, 1);
	source = take(table, 2, 2);
	assert_int_equal(source->success_count, 0);
	assert_int_equal(source->first_seen, 2);
	assert_int_equal(source_failures(table, source, 2, 1000), 0);
	source_table_free(&table);
}

/* ---- users ---- */

static void user_hash_folds_case_of_any_length(void **state)
{
	struct hash_key key = key_of(5);
	char lower[1000], upper[1000];

	for (size_t n = 0; n < sizeof(lower); n++) {
		lower[n] = (char)('a' + n % 26);
		upper[n] = (char)('A' + n % 26);
	}
	assert_true(hash_user(&key, slice_of(NULL, 0)) == 0);
	for (size_t n = 1; n < sizeof(lower); n += 37) {
		uint64_t hash = hash_user(&key, slice_of(lower, n));

		assert_true(hash == hash_user(&key, slice_of(upper, n)));
		assert_true(hash != hash_user(&key, slice_of(lower, n - 1)));
		assert_true(hash != 0);
	}
	lower[200] = '!'; /* beyond the first piece */
	assert_true(hash_user(&key, slice_of(lower, 300)) !=
		    hash_user(&key, slice_of(upper, 300)));
}

static void hashes_depend_on_the_seed(void **state)
{
	struct hash_key a = key_of(1), b = key_of(2), c = key_of(1);
	struct prefix prefix = nth(1);

	assert_true(hash_prefix(&a, &prefix) != hash_prefix(&b, &prefix));
	assert_true(hash_prefix(&a, &prefix) == hash_prefix(&c, &prefix));
}

/* ---- attempts ---- */

static struct attempt_table *attempts_of(size_t most)
{
	struct hash_key key = key_of(1);
	struct attempt_table *table = attempt_table_new(most, &key);

	assert_non_null(table);
	return table;
}

static void attempts_are_found_and_kept_in_order(void **state)
{
	struct attempt_table *table = attempts_of(100);

	for (uint64_t id = 1; id <= 100; id++)
		assert_non_null(attempt_open(table, id, id, 1, 7, id));
	assert_null(attempt_open(table, 101, 101, 1, 7, 101));
	assert_int_equal(attempt_table_count(table), 100);
	(void)attempt_close(table, attempt_find(table, 1));
	(void)attempt_close(table, attempt_find(table, 50));
	assert_null(attempt_find(table, 50));
	assert_int_equal(attempt_oldest(table)->id, 2);
	assert_non_null(attempt_open(table, 102, 102, 1, 7, 102));
	assert_non_null(attempt_open(table, 103, 103, 1, 7, 103));
	assert_null(attempt_open(table, 104, 104, 1, 7, 104));
	attempt_table_free(&table);
}

static void same_guess_is_shared_within_a_source_only(void **state)
{
	struct attempt_table *table = attempts_of(10);
	struct guess *guess;

	guess = attempt_guess(table, attempt_open(table, 1, 1, 1, 7, 8));
	assert_ptr_equal(guess,
		attempt_guess(table, attempt_open(table, 1, 2, 1, 7, 8)));
	assert_ptr_not_equal(guess,
		attempt_guess(table, attempt_open(table, 1, 3, 2, 7, 8)));
	assert_ptr_not_equal(guess,
		attempt_guess(table, attempt_open(table, 1, 4, 1, 6, 8)));
	assert_ptr_not_equal(
		attempt_guess(table, attempt_open(table, 1, 5, 1, 7, 0)),
		attempt_guess(table, attempt_open(table, 1, 6, 1, 7, 0)));
	assert_null(guess_find(table, 1, 7, 0));
	guess->charged = true;
	assert_false(attempt_close(table, attempt_find(table, 1)));
	assert_ptr_equal(guess_find(table, 1, 7, 8), guess);
	assert_true(attempt_close(table, attempt_find(table, 2)));
	assert_null(guess_find(table, 1, 7, 8));
	attempt_table_free(&table);
}

static void lapsed_attempts_are_remembered_until_room_is_needed(void **state)
{
	struct attempt_table *table = attempts_of(2);

	attempt_guess(table, attempt_open(table, 1, 1, 1, 7, 8))->charged =
		true;
	(void)attempt_open(table, 2, 2, 1, 7, 9);
	assert_true(attempt_lapse(table, attempt_find(table, 1)));
	assert_true(attempt_lapsed(attempt_find(table, 1)));
	assert_int_equal(attempt_find(table, 1)->user, 7);
	assert_int_equal(attempt_oldest(table)->id, 2);
	assert_int_equal(attempt_table_count(table), 1);
	assert_non_null(attempt_open(table, 3, 3, 1, 7, 10));
	assert_null(attempt_find(table, 1));
	assert_null(attempt_open(table, 4, 4, 1, 7, 11));
	attempt_table_free(&table);
}

int main(void)
{
#define T(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		T(source_is_found_again_and_by_its_index),
		T(least_recently_active_gives_way),
		T(source_with_attempts_in_flight_stays),
		T(evicted_counters_are_counted_while_they_matter),
		T(failures_slide_out_of_each_window),
		T(newest_failures_are_kept_when_records_are_full),
		T(same_failure_is_known_until_it_is_forgotten),
		T(forgiving_drops_one_user_and_keeps_the_order),
		T(fresh_sources_start_with_nothing),
		T(user_hash_folds_case_of_any_length),
		T(hashes_depend_on_the_seed),
		T(attempts_are_found_and_kept_in_order),
		T(same_guess_is_shared_within_a_source_only),
		T(lapsed_attempts_are_remembered_until_room_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
