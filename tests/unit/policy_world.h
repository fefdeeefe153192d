/*
 * A policy core under virtual time, for its tests.
 *
 * A world is a core, a clock that the test turns, and what the core said.
 * Every call empties the queue of actions into `said`, as the keeper would.
 */
#ifndef TEST_POLICY_WORLD_H
#define TEST_POLICY_WORLD_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/policy/policy.h"

#define SECONDS UINT64_C(1000)
#define MINUTES (60 * SECONDS)
#define HOURS	(60 * MINUTES)
#define DAYS	(24 * HOURS)

enum { WORLD_SAID_MOST = 4096 };

struct world {
	struct policy *policy;
	struct policy_conf conf;
	mono_ms_t now;
	uint64_t next_id;
	struct policy_action said[WORLD_SAID_MOST];
	unsigned said_count;
};

/* The defaults of the configuration file, with small tables. */
static inline struct policy_conf world_conf(void)
{
	return (struct policy_conf){
		.mode = POLICY_ENFORCE,
		.source_mode = POLICY_ENFORCE,
		.v4_bits = 32,
		.v6_bits = 64,
		.failure_limit = 5,
		.window_ms = 10 * MINUTES,
		.ban_ms = 10 * MINUTES,
		.ban_growth = 2,
		.ban_longest_ms = 30 * DAYS,
		.slow_limit = 10,
		.slow_window_ms = 1 * DAYS,
		.slow_ban_ms = 1 * DAYS,
		.delay_first_ms = 1 * SECONDS,
		.delay_longest_ms = 15 * SECONDS,
		.hold_step_ms = 200,
		.hold_longest_ms = 30 * SECONDS,
		.attempt_longest_ms = 2 * MINUTES,
		.repeat_memory_ms = 30 * DAYS,
		.sources_most = 1000,
		.bans_most = 100,
		.attempts_most = 2000,
		.passport = {.life_ms = 30 * DAYS,
			.v4_bits = 24,
			.v6_bits = 48,
			.near_v4_bits = 16,
			.near_v6_bits = 32,
			.most = 1000},
	};
}

/* A network's limit as narrow as a source's. */
static inline struct policy_prefix_limit world_prefix_limit(void)
{
	return (struct policy_prefix_limit){
		.mode = POLICY_ENFORCE,
		.limit = 5,
		.window_ms = 1 * DAYS,
		.ban_ms = 1 * DAYS,
		.v4_bits = 24,
		.v6_bits = 48,
		.v6_narrow_bits = 56,
		.prefixes_most = 100,
	};
}

/* world_conf() with the rules that know people. */
static inline struct policy_conf world_people_conf(void)
{
	struct policy_conf conf = world_conf();

	conf.device = (struct policy_device_conf){
		.mode = POLICY_ENFORCE, .strangers = 8, .user = 2, .all = 4};
	conf.soft = (struct policy_soft_conf){.mode = POLICY_ENFORCE,
		.tries = 2,
		.retry_ms = 10 * SECONDS,
		.failures = 3};
	conf.pair = (struct policy_pair_conf){.mode = POLICY_ENFORCE,
		.first_ms = 5 * MINUTES,
		.longest_ms = 4 * HOURS,
		.home_first_ms = 1 * MINUTES,
		.home_ms = 2 * HOURS,
		.most = 1000};
	conf.shield = (struct policy_shield_conf){
		.mode = POLICY_ENFORCE, .lockout = 0, .spare = 2};
	conf.outage = (struct policy_outage_conf){.mode = POLICY_ENFORCE,
		.users = 3,
		.window_ms = 5 * MINUTES,
		.quiet_ms = 1 * MINUTES,
		.probe_ms = 1 * MINUTES,
		.over_ms = 15 * MINUTES};
	conf.campaign = (struct policy_campaign_conf){.mode = POLICY_ENFORCE,
		.siege_sources = 4,
		.botnet_sources = 8,
		.people_per_source = 25,
		.secret_users = 3,
		.stuffing_users = 12,
		.people_per_user = 10,
		.hold_ms = 3 * DAYS,
		.learned_percent = 70,
		.learn_ms = 1 * DAYS,
		.grey_ms = 10 * SECONDS};
	conf.budget = (struct policy_budget_conf){.mode = POLICY_ENFORCE,
		.user = 2,
		.all = 3,
		.patience_tries = 6,
		.patience_ms = 10 * MINUTES,
		.patience_user = 4,
		.patience_all = 20,
		.lasting_ms = 200 * MINUTES,
		.lasting_all = 6,
		.near_user = 2,
		.near_all = 6,
		.quiet_ms = 1 * DAYS,
		.quiet_user = 1,
		.quiet_all = 2};
	conf.compromise.mode = POLICY_OBSERVE;
	return conf;
}

static inline void world_init_with(
	struct world *world, const struct policy_conf *conf)
{
	memset(world, 0, sizeof(*world));
	world->conf = *conf;
	world->now = 1000 * SECONDS;
	world->next_id = 1;
	world->policy = policy_new(conf, 42);
	assert_non_null(world->policy);
}

static inline void world_init(struct world *world)
{
	struct policy_conf conf = world_conf();

	world_init_with(world, &conf);
}

static inline void world_init_people(struct world *world)
{
	struct policy_conf conf = world_people_conf();

	world_init_with(world, &conf);
}

static inline void world_done(struct world *world)
{
	policy_free(&world->policy);
	assert_null(world->policy);
}

static inline void world_listen(struct world *world)
{
	struct policy_action action;

	while (policy_next_action(world->policy, &action)) {
		assert_true(world->said_count < WORLD_SAID_MOST);
		world->said[world->said_count++] = action;
	}
}

static inline struct policy_verdict world_step(
	struct world *world, const struct policy_event *event)
{
	struct policy_verdict verdict;

	policy_step(world->policy, world->now, event, &verdict);
	world_listen(world);
	return verdict;
}

/* Ticks at each deadline on the way, as the keeper does. */
static inline void world_wait(struct world *world, uint64_t span_ms)
{
	mono_ms_t until = world->now + span_ms;
	mono_ms_t deadline;

	while ((deadline = policy_deadline(world->policy)) <= until) {
		if (deadline > world->now)
			world->now = deadline;
		policy_tick(world->policy, world->now);
		world_listen(world);
	}
	world->now = until;
}

static inline struct addr world_addr(const char *text)
{
	struct addr addr;

	assert_true(addr_parse(text, &addr));
	return addr;
}

static inline struct prefix world_prefix(const char *text)
{
	struct prefix prefix;

	assert_true(prefix_parse(text, &prefix));
	return prefix;
}

static inline struct policy_verdict world_ask(struct world *world, uint64_t id,
	const char *addr, const char *user, uint64_t tag)
{
	return world_step(world, &(struct policy_event){
					 .kind = EVENT_AUTH_BEGINS,
					 .attempt = id,
					 .addr = world_addr(addr),
					 .user = slice_str(user),
					 .secret_tag = tag,
				 });
}

/* By this name in EHLO. */
static inline struct policy_verdict world_ask_by(struct world *world,
	const char *name, uint64_t id, const char *addr, const char *user,
	uint64_t tag)
{
	return world_step(world, &(struct policy_event){
					 .kind = EVENT_AUTH_BEGINS,
					 .attempt = id,
					 .addr = world_addr(addr),
					 .user = slice_str(user),
					 .text = slice_str(name),
					 .secret_tag = tag,
				 });
}

static inline struct policy_verdict world_settle_of(struct world *world,
	uint64_t id, const char *addr, const char *user,
	enum policy_outcome outcome)
{
	return world_step(world, &(struct policy_event){
					 .kind = EVENT_AUTH_SETTLED,
					 .attempt = id,
					 .addr = world_addr(addr),
					 .user = slice_str(user),
					 .outcome = outcome,
				 });
}

static inline struct policy_verdict world_settle(struct world *world,
	uint64_t id, const char *addr, enum policy_outcome outcome)
{
	return world_settle_of(world, id, addr, "", outcome);
}

/* Asks, and settles at once if it is passed. Returns the first verdict that
 * is no plain pass, else that of the settling. */
static inline struct policy_verdict world_try(struct world *world,
	const char *addr, const char *user, uint64_t tag,
	enum policy_outcome outcome)
{
	uint64_t id = world->next_id++;
	struct policy_verdict verdict = world_ask(world, id, addr, user, tag);

	if (verdict.kind != VERDICT_PASS)
		return verdict;
	return world_settle_of(world, id, addr, user, outcome);
}

static inline struct policy_verdict world_try_by(struct world *world,
	const char *name, const char *addr, const char *user, uint64_t tag,
	enum policy_outcome outcome)
{
	uint64_t id = world->next_id++;
	struct policy_verdict verdict =
		world_ask_by(world, name, id, addr, user, tag);

	if (verdict.kind != VERDICT_PASS)
		return verdict;
	return world_settle_of(world, id, addr, user, outcome);
}

/* `count` failures with fresh secrets, one second apart. */
static inline void world_fail(
	struct world *world, const char *addr, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		(void)world_try(world, addr, "guess",
			UINT64_C(1) << 40 | world->next_id, OUTCOME_FAILED);
		world_wait(world, 1 * SECONDS);
	}
}

static inline void world_order(struct world *world, enum policy_event_kind kind,
	const char *prefix, uint64_t span_ms)
{
	(void)world_step(world, &(struct policy_event){
					.kind = kind,
					.prefix = world_prefix(prefix),
					.span_ms = span_ms,
				});
}

static inline unsigned world_said(
	const struct world *world, enum policy_action_kind kind)
{
	unsigned count = 0;

	for (unsigned i = 0; i < world->said_count; i++)
		count += world->said[i].kind == kind;
	return count;
}

/* The last action, which must be of this kind. */
static inline struct policy_action world_last(
	const struct world *world, enum policy_action_kind kind)
{
	assert_true(world->said_count > 0);
	assert_int_equal(world->said[world->said_count - 1].kind, kind);
	return world->said[world->said_count - 1];
}

static inline bool world_banned(const struct world *world, const char *addr)
{
	struct addr parsed = world_addr(addr);
	struct policy_ban ban;

	return policy_banned(world->policy, world->now, &parsed, &ban);
}

static inline struct policy_source_info world_explain(
	const struct world *world, const char *addr)
{
	struct addr parsed = world_addr(addr);
	struct policy_source_info info;

	policy_explain(world->policy, world->now, &parsed, &info);
	return info;
}

/* How many alarms of this rule were said. */
static inline unsigned world_alarms(
	const struct world *world, enum policy_rule rule)
{
	unsigned count = 0;

	for (unsigned i = 0; i < world->said_count; i++)
		count += world->said[i].kind == ACTION_ALARM &&
			 world->said[i].rule == rule;
	return count;
}

#endif
