/* The sketches and the quotas that campaigns are counted with. */
#include "policy_world.h"

#include "../../src/policy/hash.h"
#include "../../src/policy/quota.h"
#include "../../src/policy/sketch_count_min.h"
#include "../../src/policy/sketch_hll.h"

static uint64_t number(uint64_t n)
{
	struct hash_key key;

	hash_key_init(&key, 7);
	return hash_numbers(&key, n, 0, 0);
}

static void hll_counts_different_ones(void **state)
{
	static const unsigned counts[] = {0, 1, 4, 8, 12, 100, 5000, 100000};

	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct hll hll = {.slice_ms = 6 * HOURS};
		unsigned n = counts[i];
		unsigned got;

		for (unsigned turn = 0; turn < 2; turn++)
			for (unsigned j = 0; j < n; j++)
				hll_add(&hll, 1 * DAYS, number(j));
		got = hll_count(&hll, 1 * DAYS);
		assert_in_range(got, n - n / 6, n + n / 6);
	}
}

static void hll_forgets_after_a_day(void **state)
{
	struct hll hll = {.slice_ms = 6 * HOURS};

	for (unsigned i = 0; i < 4; i++)
		hll_add(&hll, 2 * DAYS + i * 6 * HOURS, number(i));
	assert_int_equal(hll_count(&hll, 2 * DAYS + 18 * HOURS), 4);
	assert_int_equal(hll_count(&hll, 3 * DAYS), 3);
	assert_int_equal(hll_count(&hll, 300 * DAYS), 0);
}

static void count_min_never_counts_too_few(void **state)
{
	static struct count_min sketch;
	unsigned more = 0;

	sketch.slice_ms = 12 * HOURS;
	for (unsigned i = 0; i < 3000; i++)
		for (unsigned j = 0; j <= i % 3; j++)
			count_min_add(&sketch, 1 * DAYS, number(i));
	for (unsigned i = 0; i < 3000; i++) {
		unsigned count = count_min_count(&sketch, 1 * DAYS, number(i));

		assert_true(count >= i % 3 + 1);
		more += count > i % 3 + 1;
	}
	assert_true(more < 30);
	assert_int_equal(count_min_count(&sketch, 3 * DAYS, number(1)), 0);
}

static void quota_slides_and_gives_back(void **state)
{
	uint32_t times[4] = {0};
	mono_ms_t now = 10 * DAYS;

	for (unsigned i = 0; i < 3; i++)
		quota_take(times, 4, now + i * 1 * HOURS);
	assert_int_equal(quota_used(times, 4, now + 2 * HOURS, 1 * DAYS), 3);
	assert_int_equal(quota_used(times, 4, now + 1 * DAYS, 1 * DAYS), 2);
	quota_give_back(times, 4);
	assert_int_equal(quota_used(times, 4, now + 2 * HOURS, 1 * DAYS), 2);
	assert_int_equal(quota_used(times, 4, now + 9 * DAYS, 1 * DAYS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hll_counts_different_ones),
		cmocka_unit_test(hll_forgets_after_a_day),
		cmocka_unit_test(count_min_never_counts_too_few),
		cmocka_unit_test(quota_slides_and_gives_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
