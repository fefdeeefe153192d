/*
 * Floods of sources (RES-07, RES-08): a million of each kind into tables of
 * the default size. Memory does not grow, no active ban is lost, and no choice
 * of addresses makes a step slow.
 */
#include "policy_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	FLOOD = 1000000,
	SOURCES_MOST = 262144,
	BANS = 300,
	FEW_MB = 4,
};

enum kind { KIND_V4, KIND_ONE_64, KIND_MANY_64, KIND_SAME_LOW_BITS };

/* The n-th address of a kind; none of them is one of the banned. */
static struct addr flooder(enum kind kind, uint32_t n)
{
	struct addr a = world_addr("2001:db8:ffff::");
	uint8_t *at = a.octets + 12;

	switch (kind) {
	case KIND_V4:
		a = world_addr("100.0.0.0");
		n += 0x64000000;
		break;
	case KIND_ONE_64: break;
	case KIND_MANY_64: at = a.octets + 4; break;
	case KIND_SAME_LOW_BITS: /* what a plain modulo would put together */
		a = world_addr("2001:db8::");
		at = a.octets + 2;
		break;
	}
	at[0] = (uint8_t)(n >> 24);
	at[1] = (uint8_t)(n >> 16);
	at[2] = (uint8_t)(n >> 8);
	at[3] = (uint8_t)n;
	return a;
}

static struct policy_verdict fail_once(struct world *world, struct addr addr)
{
	struct policy_event event = {
		.kind = EVENT_AUTH_BEGINS,
		.attempt = world->next_id++,
		.addr = addr,
		.secret_tag = world->next_id,
	};
	struct policy_verdict verdict = world_step(world, &event);

	if (verdict.kind != VERDICT_PASS)
		return verdict;
	event.kind = EVENT_AUTH_SETTLED;
	event.outcome = OUTCOME_FAILED;
	verdict = world_step(world, &event);
	world->said_count = 0;
	return verdict;
}

static void flood(struct world *world, enum kind kind, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++) {
		(void)fail_once(world, flooder(kind, n));
		if (n % 1000 == 0)
			world_wait(world, 1);
	}
}

static double resident_mb(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
	(void)fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static const char *banned_text(unsigned n)
{
	static char text[64];

	(void)snprintf(text, sizeof(text),
		n % 2 ? "198.51.100.%u" : "2001:db8:0:%x::1", n / 2);
	return text;
}

static void world_full(struct world *world)
{
	struct policy_conf conf = world_conf();

	conf.sources_most = SOURCES_MOST;
	conf.bans_most = SOURCES_MOST;
	conf.ban_ms = 1 * DAYS;
	world_init_with(world, &conf);
	world_order(world, EVENT_OPERATOR_ALLOW, "203.0.113.0/24", 0);
	for (unsigned n = 0; n < BANS; n++)
		if (n % 3) /* by the ladder, and by the operator */
			world_fail(world, banned_text(n), 5);
		else
			world_order(
				world, EVENT_OPERATOR_BAN, banned_text(n), 0);
	world->said_count = 0;
}

static void bans_hold(const struct world *world)
{
	for (unsigned n = 0; n < BANS; n++)
		if (!world_banned(world, banned_text(n)))
			fail_msg("%s is lost", banned_text(n));
	assert_false(world_banned(world, "203.0.113.9"));
}

static void million_sources_of_each_kind_cost_no_ban(void **state)
{
	static const enum kind kinds[] = {KIND_V4, KIND_MANY_64, KIND_ONE_64};
	struct policy_stats stats;
	struct world world;
	double mb = 0;

	(void)state;
	world_full(&world);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		flood(&world, kinds[i], FLOOD);
		policy_stats(world.policy, &stats);
		assert_in_range(stats.sources, 1, SOURCES_MOST);
		bans_hold(&world);
		if (mb > 0) /* the first has touched the whole table */
			assert_true(resident_mb() - mb < FEW_MB);
		mb = resident_mb();
	}
	assert_int_equal(stats.sources, SOURCES_MOST);
	assert_true(stats.evicted_sources > FLOOD);
	/* One /64 is one source: banned like any other. */
	assert_int_equal(stats.bans, BANS + 1);
	for (unsigned i = 0; i < 50; i++)
		(void)fail_once(&world, world_addr("203.0.113.9"));
	bans_hold(&world);
	world_done(&world);
}

/* At n-1 and n there is room; the n+1st is not banned, and nobody is lost. */
static void full_table_of_bans_keeps_those_it_has(void **state)
{
	struct policy_conf conf = world_conf();
	struct world world;
	bool said = false;

	(void)state;
	conf.bans_most = 100;
	conf.failure_limit = 1;
	conf.ban_ms = 1 * DAYS;
	world_init_with(&world, &conf);
	for (uint32_t n = 0; n < 10000; n++) {
		struct addr addr = flooder(KIND_V4, n);
		struct policy_ban ban;

		world_step(&world, &(struct policy_event){
					   .kind = EVENT_AUTH_BEGINS,
					   .attempt = n + 1,
					   .addr = addr,
					   .secret_tag = n + 1,
				   });
		world_step(&world, &(struct policy_event){
					   .kind = EVENT_AUTH_SETTLED,
					   .attempt = n + 1,
					   .addr = addr,
					   .outcome = OUTCOME_FAILED,
				   });
		for (unsigned i = 0; i < world.said_count; i++)
			said |= world.said[i].kind == ACTION_LIMIT &&
				world.said[i].rule == RULE_BANS_FULL;
		world.said_count = 0;
		assert_int_equal(
			policy_banned(world.policy, world.now, &addr, &ban),
			n < 100);
	}
	assert_true(said);
	for (uint32_t n = 0; n < 100; n++) {
		struct addr addr = flooder(KIND_V4, n);
		struct policy_ban ban;

		assert_true(
			policy_banned(world.policy, world.now, &addr, &ban));
	}
	world_done(&world);
}

static double seconds_of(enum kind kind)
{
	struct policy_conf conf = world_conf();
	struct world world;
	clock_t began;

	conf.sources_most = SOURCES_MOST;
	world_init_with(&world, &conf);
	began = clock();
	flood(&world, kind, 100000);
	began = clock() - began;
	world_done(&world);
	return (double)began / CLOCKS_PER_SEC;
}

/* Without a key 100,000 addresses in one chain are five milliards of looks. */
static void addresses_cannot_be_chosen_to_collide(void **state)
{
	double usual = seconds_of(KIND_V4);

	(void)state;
	assert_true(seconds_of(KIND_SAME_LOW_BITS) < usual * 5 + 0.5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(million_sources_of_each_kind_cost_no_ban),
		cmocka_unit_test(full_table_of_bans_keeps_those_it_has),
		cmocka_unit_test(addresses_cannot_be_chosen_to_collide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
