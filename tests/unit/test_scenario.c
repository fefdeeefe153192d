/*
 * Attacks and ordinary days as tables, under virtual time.
 *
 * A scenario is a few streams of logins; a stream has an address, a user, a
 * way with secrets and the server's answer. They are played against the real
 * core by a small simulation: who is held asks again, who is passed is settled
 * when the server has answered, who waits for an answer gets it delayed.
 * Expected is how many of each stream were passed, turned away and put off,
 * and how many bans there were. Each is played again to see that nothing
 * differs, and in observe mode to see that it says what enforce does.
 */
#include "policy_world.h"

#include <stdlib.h>

enum { STREAMS_MOST = 3, ORDERS_MOST = 2, ID_STRIDE = 10000000 };

enum secrets { FRESH, SAME, UNKNOWN };
enum hop { STAY, HOST, NET }; /* each from the next host, or the next /64 */

struct stream {
	const char *addr;
	const char *user; /* NULL: each its own */
	enum secrets secrets;
	enum hop hop;
	enum policy_outcome outcome;
	bool serial; /* the next begins every_ms after the answer */
	unsigned count;
	uint64_t start_ms, every_ms, latency_ms;
	unsigned passed, away, put_off; /* expected */
	uint64_t held_longest_ms;	/* at most, of those that were passed */
};

struct order {
	enum policy_event_kind kind;
	const char *prefix;
};

struct scenario {
	const char *name;
	unsigned bans; /* expected, in all */
	unsigned slow_limit;
	uint64_t ban_ms; /* 0: the default */
	struct order orders[ORDERS_MOST];
	struct stream streams[STREAMS_MOST];
};

static const struct scenario scenarios[] = {
	{
		.name = "dictionary, one after another",
		.bans = 1,
		.slow_limit = 10,
		.streams = {{.addr = "192.0.2.7",
			.user = "anna",
			.outcome = OUTCOME_FAILED,
			.serial = true,
			.count = 200,
			.every_ms = 10,
			.latency_ms = 50,
			.passed = 5,
			.away = 195}},
	},
	{
		.name = "dictionary, 200 at once",
		.bans = 1,
		.slow_limit = 10,
		.streams = {{.addr = "192.0.2.7",
			.user = "anna",
			.outcome = OUTCOME_FAILED,
			.count = 200,
			.latency_ms = 50,
			.passed = 5,
			.away = 195}},
	},
	{
		.name = "dictionary of a hurry, a slow server",
		.bans = 1,
		.slow_limit = 10,
		.streams = {{.addr = "192.0.2.7",
			.outcome = OUTCOME_FAILED,
			.secrets = UNKNOWN,
			.count = 200,
			.every_ms = 7,
			.latency_ms = 3000,
			.passed = 5,
			.away = 195}},
	},
	{
		.name = "dictionary that hangs up before the answer",
		.bans = 1,
		.slow_limit = 10,
		.streams = {{.addr = "192.0.2.7",
			.outcome = OUTCOME_ABANDONED,
			.count = 200,
			.every_ms = 20,
			.latency_ms = 90000,
			.passed = 5,
			.put_off = 195}},
	},
	{
		.name = "guesser with an account of his own",
		.bans = 1,
		.slow_limit = 10,
		.streams =
			{
				{.addr = "192.0.2.7",
					.user = "anna",
					.outcome = OUTCOME_FAILED,
					.count = 50,
					.every_ms = 1000,
					.latency_ms = 20,
					.passed = 5,
					.away = 45},
				{.addr = "192.0.2.7",
					.user = "mallory",
					.secrets = SAME,
					.outcome = OUTCOME_OK,
					.count = 50,
					.start_ms = 500,
					.every_ms = 1000,
					.latency_ms = 20,
					.passed = 4,
					.away = 46},
			},
	},
	{
		.name = "office of fifty, Monday morning, a stale phone",
		.bans = 0,
		.slow_limit = 10,
		.streams =
			{
				{.addr = "192.0.2.7",
					.secrets = SAME,
					.outcome = OUTCOME_OK,
					.count = 50,
					.start_ms = 60000,
					.latency_ms = 150,
					.passed = 50,
					.held_longest_ms = 2600},
				{.addr = "192.0.2.7",
					.user = "anna",
					.secrets = SAME,
					.outcome = OUTCOME_FAILED,
					.count = 2000,
					.every_ms = 30000,
					.latency_ms = 100,
					.passed = 2000},
			},
	},
	{
		.name = "stale phone with two connections, a guesser beside it",
		.bans = 1,
		.slow_limit = 0,
		.streams =
			{
				{.addr = "192.0.2.7",
					.user = "anna",
					.secrets = SAME,
					.outcome = OUTCOME_FAILED,
					.count = 10,
					.every_ms = 1000,
					.latency_ms = 1500,
					.passed = 10},
				{.addr = "192.0.2.7",
					.outcome = OUTCOME_FAILED,
					.count = 20,
					.start_ms = 15000,
					.every_ms = 1000,
					.latency_ms = 100,
					.passed = 4,
					.away = 16},
			},
	},
	{
		/* 10 in 22.5 h, then a day; 10, then two days; … four, eight.
		 */
		.name = "slow guesser, every 150 minutes for 19 days",
		.bans = 4,
		.slow_limit = 10,
		.streams = {{.addr = "192.0.2.7",
			.outcome = OUTCOME_FAILED,
			.count = 182,
			.every_ms = 150 * MINUTES,
			.latency_ms = 20,
			.passed = 40,
			.away = 142}},
	},
	{
		.name = "slow guesser, every 15 minutes for a day",
		.bans = 1,
		.slow_limit = 10,
		.streams = {{.addr = "192.0.2.7",
			.outcome = OUTCOME_FAILED,
			.count = 96,
			.every_ms = 15 * MINUTES,
			.latency_ms = 20,
			.passed = 10,
			.away = 86}},
	},
	{
		/* Bans of 10, 20, 40 … 640 minutes, then one that lasts. */
		.name = "growing bans, a guess a minute for a day",
		.bans = 8,
		.slow_limit = 0,
		.streams = {{.addr = "192.0.2.7",
			.outcome = OUTCOME_FAILED,
			.count = 1440,
			.every_ms = 1 * MINUTES,
			.latency_ms = 20,
			.passed = 40,
			.away = 1400}},
	},
	{
		/* The fifth fails at 40.02 s: the ban ends at 640.02 s. */
		.name = "forgetful man comes back when his ban is over",
		.bans = 1,
		.slow_limit = 10,
		.streams =
			{
				{.addr = "192.0.2.7",
					.user = "anna",
					.outcome = OUTCOME_FAILED,
					.count = 5,
					.every_ms = 10000,
					.latency_ms = 20,
					.passed = 5},
				{.addr = "192.0.2.7",
					.user = "anna",
					.outcome = OUTCOME_OK,
					.count = 100,
					.start_ms = 60020,
					.every_ms = 10000,
					.latency_ms = 20,
					.passed = 42,
					.away = 58},
			},
	},
	{
		/* Five by 120 s, a minute of ban, nothing while the five are
		 * in the window. The first leaves at 600.02 s: one more guess,
		 * and two minutes of ban. */
		.name = "ban shorter than the window",
		.bans = 4,
		.slow_limit = 0,
		.ban_ms = 1 * MINUTES,
		.streams = {{.addr = "192.0.2.7",
			.outcome = OUTCOME_FAILED,
			.count = 24,
			.every_ms = 30 * SECONDS,
			.latency_ms = 20,
			.passed = 8,
			.away = 16,
			.put_off = 0}},
	},
	{
		.name = "hosts that rotate inside a /64",
		.bans = 1,
		.slow_limit = 10,
		.streams = {{.addr = "2001:db8::1",
			.hop = HOST,
			.outcome = OUTCOME_FAILED,
			.count = 200,
			.every_ms = 100,
			.latency_ms = 20,
			.passed = 5,
			.away = 195}},
	},
	{
		.name = "two /64, each with its own count",
		.bans = 2,
		.slow_limit = 10,
		.streams =
			{
				{.addr = "2001:db8::1",
					.hop = HOST,
					.outcome = OUTCOME_FAILED,
					.count = 20,
					.every_ms = 100,
					.latency_ms = 20,
					.passed = 5,
					.away = 15},
				{.addr = "2001:db8:0:1::1",
					.hop = HOST,
					.outcome = OUTCOME_FAILED,
					.count = 20,
					.every_ms = 100,
					.latency_ms = 20,
					.passed = 5,
					.away = 15},
			},
	},
	{
		.name = "allowed host inside a banned prefix",
		.bans = 1, /* the operator's */
		.slow_limit = 10,
		.orders = {{EVENT_OPERATOR_BAN, "198.51.100.0/24"},
			{EVENT_OPERATOR_ALLOW, "198.51.100.9"}},
		.streams =
			{
				{.addr = "198.51.100.9",
					.outcome = OUTCOME_FAILED,
					.count = 100,
					.every_ms = 100,
					.latency_ms = 500,
					.passed = 100},
				{.addr = "198.51.100.10",
					.outcome = OUTCOME_OK,
					.count = 20,
					.every_ms = 100,
					.latency_ms = 20,
					.away = 20},
			},
	},
	{
		.name = "clock that jumps ten years at a time",
		.bans = 0,
		.slow_limit = 10,
		.streams = {{.addr = "192.0.2.7",
			.outcome = OUTCOME_FAILED,
			.count = 50,
			.every_ms = 3650 * DAYS,
			.latency_ms = 20,
			.passed = 50}},
	},
	{
		/* Each lapses after two minutes, 100 s before it is settled;
		 * the fifth lapse bans. Nothing counts twice. */
		.name = "answers that come after the longest time",
		.bans = 1,
		.slow_limit = 0,
		.streams = {{.addr = "192.0.2.7",
			.outcome = OUTCOME_FAILED,
			.count = 10,
			.every_ms = 10 * SECONDS,
			.latency_ms = 220 * SECONDS,
			.passed = 5,
			.put_off = 5}},
	},
};

/* ---- the simulation ---- */

struct moment {
	mono_ms_t at;
	uint64_t order; /* what was planned first comes first */
	mono_ms_t held_since;
	unsigned stream, index;
	bool settles;
};

struct tally {
	unsigned passed, away, put_off;
	uint64_t held_longest_ms;
};

struct play {
	const struct scenario *scenario;
	struct world world;
	struct tally tallies[STREAMS_MOST];
	mono_ms_t began;
	struct moment *plan; /* a heap by (at, order) */
	size_t plan_count, plan_room;
	uint64_t order, digest;
};

static bool sooner(const struct moment *a, const struct moment *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void plan_swap(struct play *play, size_t a, size_t b)
{
	struct moment kept = play->plan[a];

	play->plan[a] = play->plan[b];
	play->plan[b] = kept;
}

static void plan_add(struct play *play, struct moment moment)
{
	size_t at = play->plan_count++;

	if (play->plan_count > play->plan_room) {
		play->plan_room = play->plan_count * 2;
		play->plan = realloc(
			play->plan, play->plan_room * sizeof(*play->plan));
		assert_non_null(play->plan);
	}
	moment.order = play->order++;
	play->plan[at] = moment;
	for (; at > 0 && sooner(&play->plan[at], &play->plan[(at - 1) / 2]);
		at = (at - 1) / 2)
		plan_swap(play, at, (at - 1) / 2);
}

static struct moment plan_take(struct play *play)
{
	struct moment first = play->plan[0];
	size_t at = 0, child;

	play->plan[0] = play->plan[--play->plan_count];
	while ((child = at * 2 + 1) < play->plan_count) {
		if (child + 1 < play->plan_count &&
			sooner(&play->plan[child + 1], &play->plan[child]))
			child++;
		if (!sooner(&play->plan[child], &play->plan[at]))
			break;
		plan_swap(play, at, child);
		at = child;
	}
	return first;
}

static void digest(struct play *play, uint64_t value)
{
	play->digest = (play->digest ^ value) * UINT64_C(1099511628211);
}

static struct addr stream_addr(const struct stream *stream, unsigned index)
{
	struct addr addr = world_addr(stream->addr);

	if (stream->hop == HOST) {
		addr.octets[9] = (uint8_t)(index >> 8);
		addr.octets[14] = (uint8_t)index;
	}
	if (stream->hop == NET) {
		addr.octets[5] = (uint8_t)(index >> 16);
		addr.octets[6] = (uint8_t)(index >> 8);
		addr.octets[7] = (uint8_t)index;
	}
	return addr;
}

static struct policy_verdict ask(struct play *play, const struct moment *moment)
{
	const struct stream *stream = &play->scenario->streams[moment->stream];
	char user[40];
	struct policy_event event = {
		.kind = EVENT_AUTH_BEGINS,
		.attempt = (uint64_t)moment->stream * ID_STRIDE +
			   moment->index + 1,
		.held_since = moment->held_since,
		.addr = stream_addr(stream, moment->index),
	};

	snprintf(user, sizeof(user), "user%u", moment->index);
	event.user = slice_str(stream->user != NULL ? stream->user : user);
	if (stream->secrets == FRESH)
		event.secret_tag = moment->index + 1;
	if (stream->secrets == SAME)
		event.secret_tag = 7;
	return world_step(&play->world, &event);
}

static void plan_next(
	struct play *play, const struct moment *moment, uint64_t wait_ms)
{
	const struct stream *stream = &play->scenario->streams[moment->stream];

	if (moment->index + 1 < stream->count)
		plan_add(play, (struct moment){.at = play->world.now + wait_ms,
				       .stream = moment->stream,
				       .index = moment->index + 1});
}

static void play_ask(struct play *play, struct moment moment)
{
	const struct stream *stream = &play->scenario->streams[moment.stream];
	struct tally *tally = &play->tallies[moment.stream];
	struct policy_verdict verdict = ask(play, &moment);
	uint64_t held_ms = 0;

	digest(play, verdict.kind * 1000u + verdict.rule);
	digest(play, verdict.wait_ms);
	if (moment.held_since == 0 && !stream->serial)
		plan_next(play, &moment, stream->every_ms);
	else if (moment.held_since != 0)
		held_ms = play->world.now - moment.held_since;
	if (verdict.kind == VERDICT_HOLD) {
		moment.at = play->world.now + verdict.wait_ms;
		if (moment.held_since == 0)
			moment.held_since = play->world.now;
		plan_add(play, moment);
		return;
	}
	tally->passed += verdict.kind == VERDICT_PASS;
	tally->away += verdict.kind == VERDICT_TURN_AWAY;
	tally->put_off += verdict.kind == VERDICT_ANSWER_TEMPORARY;
	if (verdict.kind != VERDICT_PASS) {
		if (stream->serial)
			plan_next(play, &moment, stream->every_ms);
		return;
	}
	if (held_ms > tally->held_longest_ms)
		tally->held_longest_ms = held_ms;
	moment.at = play->world.now + stream->latency_ms;
	moment.settles = true;
	plan_add(play, moment);
}

static void play_settle(struct play *play, const struct moment *moment)
{
	const struct stream *stream = &play->scenario->streams[moment->stream];
	struct policy_event event = {
		.kind = EVENT_AUTH_SETTLED,
		.attempt = (uint64_t)moment->stream * ID_STRIDE +
			   moment->index + 1,
		.addr = stream_addr(stream, moment->index),
		.outcome = stream->outcome,
	};
	struct policy_verdict verdict = world_step(&play->world, &event);

	digest(play, verdict.kind * 1000u + verdict.rule);
	digest(play, verdict.wait_ms);
	digest(play, verdict.failure_count);
	if (stream->serial)
		plan_next(play, moment, verdict.wait_ms + stream->every_ms);
}

static void play_start(struct play *play, const struct scenario *scenario,
	enum policy_mode mode, uint64_t seed)
{
	struct policy_conf conf = world_conf();

	memset(play, 0, sizeof(*play));
	play->scenario = scenario;
	conf.source_mode = mode;
	conf.slow_limit = scenario->slow_limit;
	if (scenario->ban_ms != 0)
		conf.ban_ms = scenario->ban_ms;
	world_init_with(&play->world, &conf);
	policy_free(&play->world.policy);
	play->world.policy = policy_new(&conf, seed);
	assert_non_null(play->world.policy);
	play->began = play->world.now;
	for (unsigned i = 0; i < ORDERS_MOST; i++)
		if (scenario->orders[i].prefix != NULL)
			world_order(&play->world, scenario->orders[i].kind,
				scenario->orders[i].prefix, 0);
	for (unsigned i = 0; i < STREAMS_MOST; i++)
		if (scenario->streams[i].count > 0)
			plan_add(play,
				(struct moment){
					.at = play->began +
					      scenario->streams[i].start_ms,
					.stream = i});
}

static void play_run(struct play *play, const struct scenario *scenario,
	enum policy_mode mode, uint64_t seed)
{
	play_start(play, scenario, mode, seed);
	while (play->plan_count > 0) {
		struct moment moment = plan_take(play);

		world_wait(&play->world, moment.at - play->world.now);
		if (moment.settles)
			play_settle(play, &moment);
		else
			play_ask(play, moment);
	}
}

static void play_done(struct play *play)
{
	free(play->plan);
	world_done(&play->world);
}

/* ---- what is expected ---- */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void check_stream(const struct play *play, unsigned i)
{
	const struct stream *stream = &play->scenario->streams[i];
	const struct tally *tally = &play->tallies[i];

	if (tally->passed != stream->passed || tally->away != stream->away ||
		tally->put_off != stream->put_off)
		fail_msg("%s, stream %u: passed %u, away %u, put off %u",
			play->scenario->name, i, tally->passed, tally->away,
			tally->put_off);
	if (stream->held_longest_ms != 0 &&
		tally->held_longest_ms > stream->held_longest_ms)
		fail_msg("%s, stream %u: held %u ms", play->scenario->name, i,
			(unsigned)tally->held_longest_ms);
}

static void scenarios_end_as_their_tables_say(void **state)
{
	static struct play play;

	for (size_t i = 0; i < COUNT(scenarios); i++) {
		play_run(&play, &scenarios[i], POLICY_ENFORCE, 1);
		for (unsigned n = 0; n < STREAMS_MOST; n++)
			check_stream(&play, n);
		if (world_said(&play.world, ACTION_BAN) != scenarios[i].bans)
			fail_msg("%s: %u bans", scenarios[i].name,
				world_said(&play.world, ACTION_BAN));
		play_done(&play);
	}
}

static void every_ban_that_ended_was_told_to_end(void **state)
{
	static struct play play;

	for (size_t i = 0; i < COUNT(scenarios); i++) {
		struct policy_ban ban;
		size_t cursor = 0;
		unsigned left = 0;

		play_run(&play, &scenarios[i], POLICY_ENFORCE, 1);
		while (policy_ban_next(play.world.policy, &cursor, &ban))
			left++;
		assert_int_equal(world_said(&play.world, ACTION_BAN),
			world_said(&play.world, ACTION_UNBAN) + left);
		play_done(&play);
	}
}

static void same_events_give_the_same_verdicts(void **state)
{
	static struct play a, b;

	for (size_t i = 0; i < COUNT(scenarios); i++) {
		play_run(&a, &scenarios[i], POLICY_ENFORCE, 1);
		play_run(&b, &scenarios[i], POLICY_ENFORCE, 1);
		assert_true(a.digest == b.digest);
		assert_int_equal(a.world.said_count, b.world.said_count);
		play_done(&b);
		play_run(&b, &scenarios[i], POLICY_ENFORCE, 99);
		assert_true(a.digest == b.digest); /* a hash decides nothing */
		play_done(&a);
		play_done(&b);
	}
}

/* The n-th ban or would-be ban, without the operator's. */
static const struct policy_action *nth_ban(
	const struct world *world, unsigned n)
{
	for (unsigned i = 0; i < world->said_count; i++) {
		const struct policy_action *said = &world->said[i];

		if (said->rule != RULE_OPERATOR &&
			(said->kind == ACTION_BAN ||
				said->kind == ACTION_WOULD_BAN) &&
			n-- == 0)
			return said;
	}
	return NULL;
}

static void check_same_bans(const struct play *does, const struct play *says)
{
	const struct policy_action *a, *b;
	unsigned n = 0;

	do {
		a = nth_ban(&does->world, n);
		b = nth_ban(&says->world, n);
		n++;
		if ((a == NULL) != (b == NULL))
			fail_msg("%s: ban %u", does->scenario->name, n);
		if (a == NULL)
			return;
		assert_int_equal(a->kind, ACTION_BAN);
		assert_int_equal(b->kind, ACTION_WOULD_BAN);
		assert_true(prefix_eq(&a->prefix, &b->prefix));
		assert_true(a->until == b->until);
		assert_int_equal(a->rule, b->rule);
		assert_int_equal(a->repeat_count, b->repeat_count);
		assert_int_equal(a->failure_count, b->failure_count);
	} while (a != NULL);
}

/*
 * Not for streams that wait for delayed answers (observe delays none), nor
 * for those that enforce puts off and that observe therefore lets through.
 */
static bool comparable(const struct scenario *scenario)
{
	for (unsigned i = 0; i < STREAMS_MOST; i++)
		if (scenario->streams[i].serial ||
			scenario->streams[i].put_off > 0)
			return false;
	return true;
}

static void observe_says_what_enforce_does(void **state)
{
	static struct play does, says;
	unsigned compared = 0;

	for (size_t i = 0; i < COUNT(scenarios); i++) {
		if (!comparable(&scenarios[i]))
			continue;
		compared++;
		play_run(&does, &scenarios[i], POLICY_ENFORCE, 1);
		play_run(&says, &scenarios[i], POLICY_OBSERVE, 1);
		check_same_bans(&does, &says);
		assert_int_equal(
			says.tallies[0].passed, scenarios[i].streams[0].count);
		play_done(&does);
		play_done(&says);
	}
	assert_true(compared >= 10);
}

/* ---- a table that is full ---- */

enum { FLOOD_COUNT = 300000, FLOOD_SOURCES = 50000 };

static void bans_stay_while_300000_sources_pass_by(void **state)
{
	struct policy_conf conf = world_conf();
	struct stream flood = {.addr = "2001:db8::1", .hop = NET};
	struct policy_stats stats;
	struct world world;

	conf.sources_most = FLOOD_SOURCES;
	conf.ban_ms = 10 * DAYS;
	world_init_with(&world, &conf);
	world_fail(&world, "192.0.2.7", 5);
	(void)world_ask(&world, 1, "192.0.2.8", "anna", 1);
	for (unsigned i = 0; i < FLOOD_COUNT; i++) {
		struct policy_event event = {.kind = EVENT_AUTH_BEGINS,
			.attempt = 1000 + i,
			.addr = stream_addr(&flood, i),
			.user = slice_str("anna"),
			.secret_tag = i + 1};

		assert_int_equal(world_step(&world, &event).kind, VERDICT_PASS);
		event.kind = EVENT_AUTH_SETTLED;
		event.outcome = OUTCOME_FAILED;
		(void)world_step(&world, &event);
	}
	policy_stats(world.policy, &stats);
	assert_int_equal(stats.sources, FLOOD_SOURCES);
	assert_int_equal(
		stats.evicted_sources, FLOOD_COUNT + 2 - FLOOD_SOURCES);
	assert_true(world_banned(&world, "192.0.2.7"));
	assert_false(world_explain(&world, "192.0.2.7").known);
	assert_int_equal(world_explain(&world, "192.0.2.8").in_flight_count, 1);
	assert_int_equal(
		world_last(&world, ACTION_LIMIT).rule, RULE_SOURCES_FULL);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenarios_end_as_their_tables_say),
		cmocka_unit_test(every_ban_that_ended_was_told_to_end),
		cmocka_unit_test(same_events_give_the_same_verdicts),
		cmocka_unit_test(observe_says_what_enforce_does),
		cmocka_unit_test(bans_stay_while_300000_sources_pass_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
