/*
 * How long a verdict of the policy core takes with a million tracked sources.
 *
 * Fills the table of sources, then times AUTH_BEGINS and AUTH_SETTLED of
 * sources, users and secrets drawn at random; nobody is held back for being a
 * stranger, so that each login goes the whole way. Prints nanoseconds and
 * whether the goal (5 us a verdict) is met; exit 1 when not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../src/policy/policy.h"

enum { SOURCES = 1000000, LOGINS = 500000, GOAL_NS = 5000, MS = 1000 };

static struct policy_conf numbers(void)
{
	const uint64_t minute = 60 * MS, day = 1440 * minute;
	struct policy_conf c = {
		.mode = POLICY_ENFORCE,
		.source_mode = POLICY_ENFORCE,
		.v4_bits = 32,
		.v6_bits = 64,
		.failure_limit = 5,
		.window_ms = 10 * minute,
		.ban_ms = 30 * minute,
		.ban_growth = 2,
		.ban_longest_ms = 30 * day,
		.slow_limit = 10,
		.slow_window_ms = day,
		.slow_ban_ms = 2 * day,
		.delay_first_ms = MS,
		.delay_longest_ms = 15 * MS,
		.hold_step_ms = 200,
		.hold_longest_ms = 30 * MS,
		.attempt_longest_ms = 2 * minute,
		.repeat_memory_ms = 30 * day,
		.sources_most = SOURCES,
		.bans_most = 262144,
		.attempts_most = 65536,
	};

	c.passport =
		(struct policy_passport_conf){30 * day, 24, 48, 16, 32, 65536};
	c.soft = (struct policy_soft_conf){POLICY_ENFORCE, 2, 10 * MS, 6};
	c.pair = (struct policy_pair_conf){POLICY_ENFORCE, 5 * minute,
		240 * minute, minute, 120 * minute, 131072};
	c.shield = (struct policy_shield_conf){POLICY_ENFORCE, 0, 2, 0};
	c.outage = (struct policy_outage_conf){
		POLICY_ENFORCE, 3, 5 * minute, minute, minute, 15 * minute};
	c.campaign = (struct policy_campaign_conf){POLICY_ENFORCE, 4, 8, 25, 3,
		12, 10, 3 * day, 70, 3650 * day, 10 * MS};
	c.budget = (struct policy_budget_conf){.mode = POLICY_ENFORCE,
		.user = 2,
		.all = 64,
		.patience_tries = 6,
		.patience_ms = 10 * minute,
		.near_user = 2,
		.near_all = 6};
	return c;
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 24;
}

static void drain(struct policy *policy)
{
	struct policy_action action;

	while (policy_next_action(policy, &action))
		continue;
}

static void login(
	struct policy *policy, mono_ms_t now, uint64_t id, uint64_t *random)
{
	uint32_t from = (uint32_t)(next_random(random) % SOURCES);
	char name[24];
	struct policy_event event = {.kind = EVENT_AUTH_BEGINS, .attempt = id};
	struct policy_verdict verdict;

	event.addr.octets[10] = event.addr.octets[11] = 0xff;
	event.addr.octets[12] = 11;
	event.addr.octets[13] = (uint8_t)(from >> 16);
	event.addr.octets[14] = (uint8_t)(from >> 8);
	event.addr.octets[15] = (uint8_t)from;
	(void)snprintf(name, sizeof(name), "user%u",
		(unsigned)(next_random(random) % 5000));
	event.user = slice_str(name);
	event.secret_tag = 1 + next_random(random) % 100000;
	policy_step(policy, now, &event, &verdict);
	drain(policy);
	if (verdict.kind != VERDICT_PASS)
		return;
	event.kind = EVENT_AUTH_SETTLED;
	event.outcome = next_random(random) % 8 ? OUTCOME_FAILED : OUTCOME_OK;
	policy_step(policy, now, &event, &verdict);
	drain(policy);
}

int main(void)
{
	struct policy_conf conf = numbers();
	struct policy *policy = policy_new(&conf, 1);
	struct policy_stats stats;
	struct timespec from, until;
	uint64_t random = 1, ns;
	double verdicts = 0;
	mono_ms_t now = 100000;

	if (policy == NULL)
		return 1;
	for (uint64_t id = 1; id <= 3 * (uint64_t)SOURCES; id++)
		login(policy, now += 2, id, &random);
	policy_stats(policy, &stats);
	for (unsigned i = 0; i < 6; i++)
		verdicts -= (double)stats.verdicts[i];
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	for (uint64_t id = 1; id <= LOGINS; id++)
		login(policy, now += 2, UINT64_C(1) << 40 | id, &random);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	policy_stats(policy, &stats);
	for (unsigned i = 0; i < 6; i++)
		verdicts += (double)stats.verdicts[i];
	ns = (uint64_t)((double)((until.tv_sec - from.tv_sec) * 1000000000 +
				 (until.tv_nsec - from.tv_nsec)) /
			verdicts);
	(void)printf("%zu sources, %zu bans: %" PRIu64 " ns a verdict (goal: "
		     "at most %d)\n",
		stats.sources, stats.bans, ns, GOAL_NS);
	policy_free(&policy);
	return ns > GOAL_NS;
}
