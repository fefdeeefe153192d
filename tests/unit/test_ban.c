/*
 * The table of bans and the allow list: lookup by address over many lengths,
 * the order of ends, and who gives way.
 */
#include "../../src/policy/ban.h"

#include "../../src/policy/allow.h"
#include "../../src/policy/lengths.h"
#include "policy_world.h"

static struct hash_key key_of(uint64_t seed)
{
	struct hash_key key;

	hash_key_init(&key, seed);
	return key;
}

static struct ban_table *table_of(size_t most)
{
	struct hash_key key = key_of(1);
	struct ban_table *table = ban_table_new(most, &key);

	assert_non_null(table);
	return table;
}

static struct ban *put(
	struct ban_table *table, const char *text, mono_ms_t until)
{
	struct prefix prefix = world_prefix(text);
	struct ban *ban = ban_take(table, &prefix);

	assert_non_null(ban);
	ban_set(table, ban, until, false);
	return ban;
}

static struct ban *get(struct ban_table *table, const char *text)
{
	struct prefix prefix = world_prefix(text);

	return ban_find(table, &prefix);
}

static struct ban *match(
	struct ban_table *table, const char *text, mono_ms_t now)
{
	struct addr addr = world_addr(text);

	return ban_match(table, &addr, now, false);
}

/* A small generator of its own, so that every run is the same. */
static uint64_t roll(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return *seed >> 33;
}

static void address_finds_the_narrowest_ban(void **state)
{
	static const char *const rows[][2] = {
		{"10.1.2.3", "10.1.2.3"},
		{"10.1.2.4", "10.1.2.0/24"},
		{"10.1.3.1", "10.1.0.0/16"},
		{"10.2.0.0", NULL},
		{"2001:db8::1", "2001:db8::/64"},
		{"2001:db8:0:1::1", "2001:db8::/48"},
		{"2001:db8:1::1", NULL},
		{"::ffff:10.1.2.3", "10.1.2.3"},
	};
	struct ban_table *table = table_of(10);

	put(table, "10.1.0.0/16", 100);
	put(table, "10.1.2.0/24", 100);
	put(table, "10.1.2.3", 100);
	put(table, "2001:db8::/64", 100);
	put(table, "2001:db8::/48", 100);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_ptr_equal(match(table, rows[i][0], 1),
			rows[i][1] != NULL ? get(table, rows[i][1]) : NULL);
	ban_table_free(&table);
}

static void ban_holds_until_its_end_and_not_at_it(void **state)
{
	struct ban_table *table = table_of(10);

	put(table, "10.1.2.3", 100);
	assert_non_null(match(table, "10.1.2.3", 99));
	assert_null(match(table, "10.1.2.3", 100));
	ban_table_free(&table);
}

static void shadow_is_matched_on_request_only(void **state)
{
	struct ban_table *table = table_of(10);
	struct addr addr = world_addr("10.1.2.3");
	struct ban *ban = put(table, "10.1.2.3", 100);

	ban_set(table, ban, 100, true);
	assert_null(ban_match(table, &addr, 1, false));
	assert_ptr_equal(ban_match(table, &addr, 1, true), ban);
	assert_int_equal(ban_table_count(table), 0);
	ban_set(table, ban, 100, false);
	assert_int_equal(ban_table_count(table), 1);
	ban_table_free(&table);
}

static void bans_end_in_order_whatever_is_done_to_them(void **state)
{
	struct ban_table *table = table_of(500);
	struct prefix prefix = world_prefix("10.0.0.0");
	uint64_t seed = 7;
	mono_ms_t last = 0;
	size_t count;

	for (unsigned i = 0; i < 5000; i++) {
		struct ban *ban;

		prefix.addr.octets[14] = (uint8_t)(roll(&seed) % 2);
		prefix.addr.octets[15] = (uint8_t)roll(&seed);
		ban = ban_take(table, &prefix);
		assert_non_null(ban);
		if (roll(&seed) % 4 == 0)
			ban_remove(table, ban);
		else
			ban_set(table, ban, roll(&seed) % 100000, false);
	}
	count = ban_table_count(table);
	assert_true(count > 300);
	for (; count > 0; count--) {
		struct ban *ban = ban_soonest(table);

		assert_true(ban->until >= last);
		last = ban->until;
		ban_end(table, ban);
	}
	assert_null(ban_soonest(table));
	assert_int_equal(ban_table_count(table), 0);
	ban_table_free(&table);
}

static void ban_with_offences_is_remembered_when_it_is_over(void **state)
{
	struct ban_table *table = table_of(2);

	put(table, "10.0.0.1", 100)->offence_count = 1;
	put(table, "10.0.0.2", 100);
	ban_end(table, get(table, "10.0.0.1"));
	ban_end(table, get(table, "10.0.0.2"));
	assert_non_null(get(table, "10.0.0.1"));
	assert_false(ban_active(get(table, "10.0.0.1")));
	assert_null(get(table, "10.0.0.2"));
	assert_null(match(table, "10.0.0.1", 1));
	ban_forget_old(table, 149, 50, 10);
	assert_non_null(get(table, "10.0.0.1"));
	ban_forget_old(table, 150, 50, 10);
	assert_null(get(table, "10.0.0.1"));
	ban_table_free(&table);
}

static void those_that_are_over_give_way_oldest_first(void **state)
{
	struct ban_table *table = table_of(3);
	struct prefix more = world_prefix("10.0.0.9");

	put(table, "10.0.0.1", 100)->offence_count = 1;
	put(table, "10.0.0.2", 100)->offence_count = 1;
	put(table, "10.0.0.3", 100);
	ban_end(table, get(table, "10.0.0.2"));
	ban_end(table, get(table, "10.0.0.1"));
	put(table, "10.0.0.4", 100);
	assert_null(get(table, "10.0.0.2"));
	assert_non_null(get(table, "10.0.0.1"));
	put(table, "10.0.0.5", 100);
	assert_null(get(table, "10.0.0.1"));
	assert_null(ban_take(table, &more)); /* all are active */
	assert_int_equal(ban_table_count(table), 3);
	ban_table_free(&table);
}

static void every_length_is_told_apart(void **state)
{
	struct addr addr = world_addr("2001:db8:1234:5678:9abc:def0:1234:5678");

	for (unsigned bits = 0; bits <= 128; bits++) {
		struct prefix cut = lengths_cut(&addr, bits);
		struct lengths lengths;
		unsigned found = 999;

		assert_true(prefix_holds(&cut, &addr));
		assert_int_equal(cut.bits, bits);
		memset(&lengths, 0, sizeof(lengths));
		assert_false(lengths_next(&lengths, 0, &found));
		lengths_add(&lengths, bits);
		lengths_add(&lengths, bits);
		lengths_remove(&lengths, bits);
		assert_true(lengths_next(&lengths, 0, &found));
		assert_int_equal(found, bits);
		assert_true(lengths_next(&lengths, bits, &found));
		assert_false(lengths_next(&lengths, bits + 1, &found));
		lengths_remove(&lengths, bits);
		assert_false(lengths_next(&lengths, 0, &found));
	}
}

/* ---- the allow list ---- */

static bool allowed(
	const struct allow_table *table, const char *text, unsigned *ret_bits)
{
	struct addr addr = world_addr(text);
	struct prefix prefix;

	if (!allow_match(table, &addr, &prefix))
		return false;
	*ret_bits = prefix.bits;
	return true;
}

static void widest_allowed_prefix_is_found(void **state)
{
	struct hash_key key = key_of(3);
	struct allow_table *table = allow_table_new(&key);
	struct prefix configured[] = {world_prefix("10.0.0.0/8"),
		world_prefix("10.1.2.3"), world_prefix("2001:db8::/48")};
	unsigned bits = 0;

	assert_false(allowed(table, "10.1.2.3", &bits));
	assert_true(allow_configure(table, configured, 3));
	assert_true(allowed(table, "10.1.2.3", &bits));
	assert_int_equal(bits, 96 + 8);
	assert_false(allowed(table, "11.1.2.3", &bits));
	assert_true(allowed(table, "2001:db8::1", &bits));
	assert_int_equal(bits, 48);
	assert_true(allow_covers(table, &configured[1]));
	configured[0].bits = 96 + 7;
	assert_false(allow_covers(table, &configured[0]));
	allow_table_free(&table);
}

static void operators_entries_outlive_a_reload(void **state)
{
	struct hash_key key = key_of(3);
	struct allow_table *table = allow_table_new(&key);
	struct prefix both = world_prefix("10.1.2.3");
	struct prefix mine = world_prefix("10.1.2.4");
	unsigned bits;

	assert_true(allow_configure(table, &both, 1));
	assert_true(allow_add(table, &both));
	assert_true(allow_add(table, &both));
	assert_true(allow_add(table, &mine));
	allow_remove(table, &both); /* it is configured as well */
	assert_true(allowed(table, "10.1.2.3", &bits));
	assert_true(allow_configure(table, NULL, 0));
	assert_false(allowed(table, "10.1.2.3", &bits));
	assert_true(allowed(table, "10.1.2.4", &bits));
	allow_remove(table, &mine);
	allow_remove(table, &mine);
	assert_false(allowed(table, "10.1.2.4", &bits));
	allow_table_free(&table);
}

static void operators_share_is_limited_and_comes_back(void **state)
{
	struct hash_key key = key_of(3);
	struct allow_table *table = allow_table_new(&key);
	struct prefix prefix = world_prefix("10.0.0.0");
	size_t cursor = 0, count = 0;

	for (unsigned i = 0; i < 3 * ALLOW_OPERATOR_MOST; i++) {
		prefix.addr.octets[14] = (uint8_t)(i >> 8);
		prefix.addr.octets[15] = (uint8_t)i;
		assert_true(
			allow_add(table, &prefix) == (i < ALLOW_OPERATOR_MOST));
	}
	for (unsigned i = 0; i < 100; i++) {
		prefix.addr.octets[14] = 0;
		prefix.addr.octets[15] = (uint8_t)i;
		allow_remove(table, &prefix);
		prefix.addr.octets[14] = 0xff;
		assert_true(allow_add(table, &prefix));
	}
	while (allow_next(table, &cursor, &prefix))
		count++;
	assert_int_equal(count, ALLOW_OPERATOR_MOST);
	allow_table_free(&table);
}

int main(void)
{
#define T(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		T(address_finds_the_narrowest_ban),
		T(ban_holds_until_its_end_and_not_at_it),
		T(shadow_is_matched_on_request_only),
		T(bans_end_in_order_whatever_is_done_to_them),
		T(ban_with_offences_is_remembered_when_it_is_over),
		T(those_that_are_over_give_way_oldest_first),
		T(every_length_is_told_apart),
		T(widest_allowed_prefix_is_found),
		T(operators_entries_outlive_a_reload),
		T(operators_share_is_limited_and_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
