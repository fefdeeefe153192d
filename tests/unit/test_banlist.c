/*
 * The worker's list of bans, against a plain array that is searched from end
 * to end: adding, prolonging, removing and growing in any order; prefixes of
 * each length; time; and that an allowed source is never banned.
 */
#include "../../src/worker/banlist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MODEL_MOST = 3000 };

static struct banlist *list;
static struct {
	struct prefix prefix;
	mono_ms_t until;
	bool used;
} model[MODEL_MOST];

static int set_up(void **state)
{
	list = banlist_new();
	return list ? 0 : -1;
}

static int tear_down(void **state)
{
	banlist_free(&list);
	assert_null(list);
	banlist_free(&list);
	return 0;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static bool bans(mono_ms_t now, const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return banlist_bans(list, now, &a);
}

static void add(const char *text, mono_ms_t until)
{
	struct prefix p = prefix(text);

	assert_true(banlist_add(list, &p, until));
}

static void take(const char *text)
{
	struct prefix p = prefix(text);

	banlist_remove(list, &p);
}

static void empty_list_bans_nobody(void **state)
{
	assert_false(bans(0, "192.0.2.1"));
	take("192.0.2.1");
	assert_false(bans(0, "::"));
}

static void ban_ends_at_its_time(void **state)
{
	add("192.0.2.1", 1000);
	assert_true(bans(0, "192.0.2.1"));
	assert_true(bans(999, "192.0.2.1"));
	assert_false(bans(1000, "192.0.2.1"));
	assert_false(bans(0, "192.0.2.2"));
	add("192.0.2.1", MONO_NEVER);
	assert_true(bans(MONO_NEVER - 1, "192.0.2.1"));
	add("192.0.2.1", 0);
	assert_false(bans(1, "192.0.2.1"));
}

static void prefixes_hold_what_is_in_them(void **state)
{
	add("198.51.100.0/24", 10);
	add("10.0.0.0/8", 10);
	add("2001:db8:1::/48", 10);
	add("2001:db8:2::/64", 10);
	assert_true(bans(1, "198.51.100.255"));
	assert_false(bans(1, "198.51.101.0"));
	assert_true(bans(1, "10.255.255.255"));
	assert_false(bans(1, "11.0.0.0"));
	assert_true(bans(1, "2001:db8:1:ffff::1"));
	assert_true(bans(1, "2001:db8:2:0:ffff::1"));
	assert_false(bans(1, "2001:db8:2:1::1"));
	take("10.0.0.0/8");
	assert_false(bans(1, "10.1.1.1"));
}

static void families_stay_apart(void **state)
{
	add("::/0", 10);
	assert_true(bans(1, "2001:db8::1"));
	assert_false(bans(1, "192.0.2.1"));
	take("::/0");
	add("0.0.0.0/0", 10);
	assert_true(bans(1, "192.0.2.1"));
	assert_true(bans(1, "::ffff:192.0.2.1"));
	assert_false(bans(1, "2001:db8::1"));
	assert_false(bans(1, "::1"));
}

static void ended_ban_hides_no_wider_one(void **state)
{
	add("192.0.2.1", 10);
	add("192.0.0.0/16", 20);
	assert_true(bans(15, "192.0.2.1"));
	take("192.0.0.0/16");
	add("192.0.2.0/31", 5);
	assert_true(bans(7, "192.0.2.1"));
}

static void allowed_is_never_banned(void **state)
{
	struct prefix office = prefix("192.0.2.0/24");
	struct prefix same = prefix("192.0.2.0/24");

	add("192.0.2.1", 10);
	add("0.0.0.0/0", 10);
	assert_true(banlist_allow(list, &office));
	assert_true(banlist_allow(list, &same));
	assert_false(bans(1, "192.0.2.1"));
	assert_false(bans(1, "192.0.2.99"));
	assert_true(bans(1, "192.0.3.1"));
	banlist_disallow(list, &office); /* it was kept but once */
	assert_true(bans(1, "192.0.2.1"));
	banlist_disallow(list, &office);
}

/* A company's offices, hosts and all: none is forgotten in silence. */
static void many_allow_entries_hold(void **state)
{
	enum { COUNT = 20000 };
	char text[32];

	add("0.0.0.0/0", 10);
	for (unsigned i = 0; i < COUNT; i++) {
		struct prefix p;

		(void)snprintf(text, sizeof text, "10.%u.%u.0/%u", i / 256,
			i % 256, 24 + i % 4);
		p = prefix(text);
		assert_true(banlist_allow(list, &p));
	}
	for (unsigned i = 0; i < COUNT; i++) {
		(void)snprintf(
			text, sizeof text, "10.%u.%u.31", i / 256, i % 256);
		assert_false(bans(1, text));
		(void)snprintf(
			text, sizeof text, "10.%u.%u.32", i / 256, i % 256);
		assert_int_equal(bans(1, text), i % 4 == 3);
	}
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

/* Few enough octets that prefixes meet, in both families. */
static struct prefix draw(unsigned *seed)
{
	char text[64];

	if (next_random(seed) % 2)
		(void)snprintf(text, sizeof text, "10.%u.%u.%u/%u",
			next_random(seed) % 4, next_random(seed) % 40,
			next_random(seed) % 40, 16 + next_random(seed) % 17);
	else
		(void)snprintf(text, sizeof text, "2001:db8:%x:%x::%x/%u",
			next_random(seed) % 4, next_random(seed) % 40,
			next_random(seed) % 40, 40 + next_random(seed) % 89);
	return prefix(text);
}

static size_t model_find(const struct prefix *p)
{
	size_t i;

	for (i = 0; i < MODEL_MOST; i++)
		if (model[i].used && prefix_eq(&model[i].prefix, p))
			break;
	return i;
}

static void model_add(const struct prefix *p, mono_ms_t until)
{
	size_t at = model_find(p);

	for (size_t i = 0; at == MODEL_MOST; i++)
		if (!model[i].used)
			at = i;
	model[at].used = true;
	model[at].prefix = *p;
	model[at].until = until;
}

static bool model_bans(mono_ms_t now, const struct addr *addr)
{
	for (size_t i = 0; i < MODEL_MOST; i++)
		if (model[i].used && model[i].until > now &&
			prefix_holds(&model[i].prefix, addr))
			return true;
	return false;
}

static void any_order_gives_what_a_plain_search_finds(void **state)
{
	unsigned seed = 3, count = 0, banned = 0;

	memset(model, 0, sizeof model);
	for (unsigned i = 0; i < 12000; i++) {
		struct prefix p = draw(&seed);
		mono_ms_t until = 1 + next_random(&seed) % 1000;
		size_t at = model_find(&p);

		if (next_random(&seed) % 8 < 5 && count < MODEL_MOST - 1) {
			count += at == MODEL_MOST;
			model_add(&p, until);
			assert_true(banlist_add(list, &p, until));
		} else {
			if (at < MODEL_MOST)
				count--;
			if (at < MODEL_MOST)
				model[at].used = false;
			banlist_remove(list, &p);
		}
		p = draw(&seed);
		until = next_random(&seed) % 1000;
		assert_int_equal(banlist_bans(list, until, &p.addr),
			model_bans(until, &p.addr));
		banned += model_bans(until, &p.addr);
	}
	assert_in_range(banned, 2000, 11000); /* both answers were there */
}

/* Removing moves what follows up; nothing must get out of reach. */
static void removing_loses_no_other(void **state)
{
	char text[32];

	for (unsigned i = 0; i < 2000; i++) {
		(void)snprintf(
			text, sizeof text, "10.1.%u.%u", i / 250, i % 250);
		add(text, 10);
	}
	for (unsigned i = 0; i < 2000; i += 2) {
		(void)snprintf(
			text, sizeof text, "10.1.%u.%u", i / 250, i % 250);
		take(text);
	}
	for (unsigned i = 0; i < 2000; i++) {
		(void)snprintf(
			text, sizeof text, "10.1.%u.%u", i / 250, i % 250);
		assert_int_equal(bans(1, text), i % 2);
	}
}

/* A new keeper tells all there is; what it does not tell was lifted. */
static void telling_forgets_what_was_not_told(void **state)
{
	struct prefix allowed = prefix("198.51.100.0/24");
	char text[32];

	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(
			text, sizeof text, "10.1.%u.%u", i / 250, i % 250);
		add(text, 10);
	}
	assert_true(banlist_allow(list, &allowed));
	banlist_telling(list);
	for (unsigned i = 0; i < 1000; i += 3) {
		(void)snprintf(
			text, sizeof text, "10.1.%u.%u", i / 250, i % 250);
		add(text, 10);
	}
	banlist_told(list);
	add("192.0.2.1", 10); /* one by one, between tellings */
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(
			text, sizeof text, "10.1.%u.%u", i / 250, i % 250);
		assert_int_equal(bans(1, text), i % 3 == 0);
	}
	add("198.51.100.7", 10);
	assert_true(bans(1, "198.51.100.7")); /* allowed no longer */
	assert_true(bans(1, "192.0.2.1"));
	banlist_told(list); /* told again without a new line: those stay */
	assert_true(bans(1, "192.0.2.1"));
	assert_false(bans(1, "10.1.0.0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_list_bans_nobody),
		TEST(ban_ends_at_its_time),
		TEST(prefixes_hold_what_is_in_them),
		TEST(families_stay_apart),
		TEST(ended_ban_hides_no_wider_one),
		TEST(allowed_is_never_banned),
		TEST(many_allow_entries_hold),
		TEST(any_order_gives_what_a_plain_search_finds),
		TEST(removing_loses_no_other),
		TEST(telling_forgets_what_was_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
