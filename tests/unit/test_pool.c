/*
 * Which server is next, under virtual time: order, trials, back-off, the share
 * of one that came back, drained servers, and addresses that come and go.
 */
#include "../../src/worker/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { FIRST, SECOND, THIRD, SERVERS, TIMEOUT_MS = 5000, SLOW_MS = 30000 };

static struct pool pool;
static mono_ms_t now;
static bool trial;

static struct pool_server server(unsigned number)
{
	struct pool_server s = {.port = 25, .name = "name"};
	char text[32];

	(void)snprintf(text, sizeof text, "192.0.2.%u", number);
	assert_true(addr_parse(text, &s.addr));
	return s;
}

static int set_up(void **state)
{
	struct pool_server servers[] = {server(1), server(2), server(3)};

	pool = (struct pool){.trial_ms = TIMEOUT_MS, .slow_start_ms = SLOW_MS};
	pool_renew(&pool, servers, SERVERS);
	now = 1000000;
	return 0;
}

static int choose(uint64_t tried)
{
	return pool_choose(&pool, now, tried, &trial);
}

static void all_down(void)
{
	for (int i = 0; i < SERVERS; i++)
		assert_true(pool_down(&pool, i, now, 0));
}

static void first_that_is_up_gets_all(void **state)
{
	for (int i = 0; i < 100; i++)
		assert_int_equal(choose(0), FIRST);
	assert_false(trial);
	assert_int_equal(pool.servers[FIRST].session_count, 100);
	(void)pool_down(&pool, FIRST, now, 0);
	assert_int_equal(choose(0), SECOND);
	assert_int_equal(choose(1 << SECOND), THIRD);
	(void)pool_up(&pool, FIRST, now);
	assert_int_equal(choose(0), FIRST);
}

static void checked_server_that_is_down_is_never_tried(void **state)
{
	pool.checked = true;
	(void)pool_down(&pool, FIRST, now, 0);
	for (int i = 0; i < 1000; i++, now += 1000) {
		assert_int_equal(choose(0), SECOND);
		assert_false(trial);
	}
}

/* Half-open: one session, and only when the back-off is over. */
static void unchecked_server_gets_one_trial_a_backoff(void **state)
{
	unsigned trials = 0;

	(void)pool_down(&pool, FIRST, now, 0);
	for (int i = 0; i < 600; i++, now += 100)
		for (int k = 0; k < 10; k++)
			if (choose(0) == FIRST) {
				assert_true(trial);
				trials++;
				(void)pool_down(&pool, FIRST, now, 0);
				pool_leave(&pool, FIRST, trial);
			}
	/* A minute: after 1, 2, 4, 8, 16 and 30 seconds, less a quarter. */
	assert_in_range(trials, 5, 6);
}

static void waits_vary_by_a_quarter_and_have_an_end(void **state)
{
	mono_ms_t least = MONO_NEVER, most = 0;

	for (uint32_t random = 0; random < 2000; random++) {
		struct pool_server *s = &pool.servers[FIRST];

		*s = server(1);
		s->used = true;
		(void)pool_down(&pool, FIRST, now, random);
		if (s->retry_at - now < least)
			least = s->retry_at - now;
		if (s->retry_at - now > most)
			most = s->retry_at - now;
	}
	assert_int_equal(least, 750);
	assert_int_equal(most, 1250);
	for (int i = 0; i < 1000; i++) {
		now = pool.servers[FIRST].retry_at;
		(void)pool_down(&pool, FIRST, now, UINT32_MAX);
		assert_in_range(pool.servers[FIRST].retry_at - now, 750,
			POOL_BACKOFF_LONGEST_MS * 5 / 4);
	}
}

static void many_that_fail_at_once_are_one_failure(void **state)
{
	for (int i = 0; i < 500; i++)
		(void)pool_down(&pool, FIRST, now, 0);
	assert_int_equal(pool.servers[FIRST].failure_count, 1);
}

static void none_up_one_tries_and_others_are_told_at_once(void **state)
{
	pool.checked = true;
	all_down();
	now += 1;
	assert_int_equal(choose(0), FIRST);
	assert_true(trial);
	for (int i = 0; i < 100; i++)
		assert_int_equal(choose(0), POOL_NOBODY);
	now += TIMEOUT_MS - 1; /* who tries may hang longer, not the others */
	assert_int_equal(choose(0), POOL_NOBODY);
	now += 1;
	assert_int_not_equal(choose(0), POOL_NOBODY);
}

static void trial_that_ends_makes_room_for_the_next(void **state)
{
	all_down();
	for (int i = 0; i < 10; i++) {
		int place = choose(0);

		assert_true(trial);
		(void)pool_down(&pool, place, now, 0);
		pool_leave(&pool, place, trial);
		assert_int_equal(pool.servers[place].session_count, 0);
	}
}

static void least_bad_is_who_failed_least(void **state)
{
	all_down();
	for (int i = 0; i < SERVERS; i++)
		if (i != SECOND)
			pool.servers[i].failure_count = 7;
	assert_int_equal(choose(0), SECOND);
}

static void drained_gets_nobody_whatever_happens(void **state)
{
	pool.servers[FIRST].drained = true;
	assert_int_equal(choose(0), SECOND);
	all_down();
	for (int i = 0; i < 100; i++, now += 60000) {
		int place = choose(0);

		assert_int_not_equal(place, FIRST);
		if (place != POOL_NOBODY)
			pool_leave(&pool, place, trial);
	}
	for (int i = 0; i < SERVERS; i++)
		pool.servers[i].drained = true;
	assert_int_equal(choose(0), POOL_NOBODY);
}

static void least_connections_spread(void **state)
{
	pool.least_connections = true;
	for (int i = 0; i < 300; i++)
		assert_int_not_equal(choose(0), POOL_NOBODY);
	for (int i = 0; i < SERVERS; i++)
		assert_int_equal(pool.servers[i].session_count, 100);
	for (int i = 0; i < 50; i++)
		pool_leave(&pool, THIRD, false);
	for (int i = 0; i < 50; i++)
		assert_int_equal(choose(0), THIRD);
}

/* Sessions that end at once leave no trace to balance by: they take turns. */
static void least_connections_take_turns(void **state)
{
	unsigned counts[SERVERS] = {0};

	pool.least_connections = true;
	for (int i = 0; i < 300; i++) {
		int place = choose(0);

		counts[place]++;
		pool_leave(&pool, place, trial);
	}
	for (int i = 0; i < SERVERS; i++)
		assert_int_equal(counts[i], 100);
}

/* It is empty, and would get every session until it has as many. */
static void server_that_came_back_starts_slowly(void **state)
{
	unsigned got[4] = {0};

	pool.least_connections = pool.checked = true;
	(void)pool_down(&pool, FIRST, now, 0);
	for (int i = 0; i < 200; i++)
		(void)choose(0);
	(void)pool_up(&pool, FIRST, now);
	for (int part = 0; part < 4; part++, now += SLOW_MS / 3) {
		while (choose(0) == FIRST)
			;
		got[part] = pool.servers[FIRST].session_count;
	}
	assert_in_range(got[0], 5, 15); /* of 100 that each of the others has */
	assert_in_range(got[1], 30, 40);
	assert_in_range(got[2], 60, 75);
	assert_in_range(got[3], 95, 110);
}

static void addresses_come_and_go(void **state)
{
	struct pool_server later[] = {server(4), server(2)};
	struct addr left;

	assert_true(addr_parse("192.0.2.1", &left));
	assert_int_equal(choose(0), FIRST);
	(void)pool_down(&pool, SECOND, now, 0);
	pool_renew(&pool, later, 2);
	/* The first keeps its place while its session goes on. */
	assert_int_equal(pool_find(&pool, &left, 25), FIRST);
	assert_true(pool.servers[SECOND].down);
	assert_int_equal(choose(0), pool_find(&pool, &later[0].addr, 25));
	pool_leave(&pool, FIRST, false);
	assert_int_equal(pool_find(&pool, &left, 25), POOL_NOBODY);
	/* Preferred is what comes first now, in whatever place it is. */
	later[1] = server(5);
	pool_renew(&pool, later, 2);
	assert_int_equal(choose(0), pool_find(&pool, &later[0].addr, 25));
}

static void same_server_twice_is_one(void **state)
{
	struct pool_server twice[] = {server(1), server(2), server(1)};

	pool_renew(&pool, twice, 3);
	assert_int_equal(pool.servers[FIRST].rank, 0);
	assert_int_equal(choose(1 << FIRST | 1 << SECOND), POOL_NOBODY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {
		TEST(first_that_is_up_gets_all),
		TEST(checked_server_that_is_down_is_never_tried),
		TEST(unchecked_server_gets_one_trial_a_backoff),
		TEST(waits_vary_by_a_quarter_and_have_an_end),
		TEST(many_that_fail_at_once_are_one_failure),
		TEST(none_up_one_tries_and_others_are_told_at_once),
		TEST(trial_that_ends_makes_room_for_the_next),
		TEST(least_bad_is_who_failed_least),
		TEST(drained_gets_nobody_whatever_happens),
		TEST(least_connections_spread),
		TEST(least_connections_take_turns),
		TEST(server_that_came_back_starts_slowly),
		TEST(addresses_come_and_go),
		TEST(same_server_twice_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
