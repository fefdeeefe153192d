/*
 * What a failed login brings: it is counted once, it may ban, it delays.
 *
 * The same guess (user and secret) counts once. Its record keeps the time of
 * its FIRST failure. A phone with an old password that tries every minute
 * then takes one of the short window's failures for ten minutes and one of the
 * slow window's for a day, and its office has the others; with the time of
 * its last failure it would take both for ever. It costs nothing in safety: a
 * secret that failed tells a guesser nothing when it fails again.
 *
 * In observe mode what would not have been passed does not count either: the
 * bans that are said are those that enforce would make.
 *
 * Called by ladder.c. Bans by penalty.c. Does not decide what is passed. What
 * can go wrong: nothing that penalty.c does not say.
 */
#include "failure.h"

#include "evidence.h"
#include "flight.h"
#include "penalty.h"

unsigned failure_count_fast(
	const struct policy *policy, mono_ms_t now, const struct source *source)
{
	return source_failures(
		policy->sources, source, now, policy->conf.window_ms);
}

unsigned failure_count_slow(
	const struct policy *policy, mono_ms_t now, const struct source *source)
{
	return source_failures(
		policy->sources, source, now, policy->conf.slow_window_ms);
}

static void discharge(
	struct policy *policy, struct source *source, struct guess *guess)
{
	source->place_count -= guess->charged;
	guess->charged = false;
	if (source->place_count == 0)
		flight_end(policy, source);
}

uint64_t failure_delay(const struct policy *policy, unsigned n)
{
	uint64_t delay_ms = policy->conf.delay_first_ms;
	uint64_t longest_ms = policy->conf.delay_longest_ms;

	while (n-- > 1 && delay_ms != 0 && delay_ms < longest_ms)
		delay_ms *= 2; /* both are minutes at most: no overflow */
	return delay_ms < longest_ms ? delay_ms : longest_ms;
}

uint64_t failure_grown(
	const struct policy *policy, uint64_t span_ms, unsigned repeats)
{
	uint64_t longest_ms = policy->conf.ban_longest_ms;
	unsigned growth = policy->conf.ban_growth;

	if (growth <= 1)
		repeats = 0;
	while (repeats-- > 0 && span_ms != 0 && span_ms < longest_ms) {
		if (span_ms > longest_ms / growth)
			return longest_ms;
		span_ms *= growth;
	}
	return span_ms < longest_ms ? span_ms : longest_ms;
}

static void spare(struct policy *policy, mono_ms_t now, struct source *source,
	enum policy_rule rule, unsigned failure_count)
{
	if (source->spared_at != 0 &&
		now - source->spared_at < policy->conf.window_ms)
		return;
	source->spared_at = now != 0 ? now : 1;
	penalty_tell_spared(policy, &source->key, rule, failure_count);
}

/*
 * After a new failure, and only then: that counts are still high when a ban
 * ends must not ban again. The longer ban wins, the short window when equal.
 */
static enum policy_rule judge(
	struct policy *policy, mono_ms_t now, struct source *source)
{
	const struct policy_conf *conf = &policy->conf;
	unsigned repeats = penalty_repeats(policy, now, &source->key);
	unsigned fast = failure_count_fast(policy, now, source);
	enum policy_rule rule = RULE_NONE;
	uint64_t span_ms = 0;

	if (fast >= policy->failure_limit) {
		rule = RULE_SOURCE_LIMIT;
		span_ms = failure_grown(policy, conf->ban_ms, repeats);
	}
	if (policy->slow_limit != 0 &&
		failure_count_slow(policy, now, source) >= policy->slow_limit) {
		uint64_t slow_ms =
			failure_grown(policy, conf->slow_ban_ms, repeats);

		if (slow_ms > span_ms) {
			rule = RULE_SOURCE_SLOW;
			span_ms = slow_ms;
		}
	}
	if (rule == RULE_NONE)
		return RULE_NONE;
	if (allow_covers(policy->allow, &source->key))
		spare(policy, now, source, rule, fast);
	else if (penalty_ban(policy, now, &source->key, rule, span_ms, fast))
		return rule;
	return RULE_NONE;
}

enum policy_rule failure_add(struct policy *policy, mono_ms_t now,
	struct source *source, uint64_t user, uint64_t tag)
{
	source_fail(policy->sources, source, now, user, tag);
	return evidence_failed(
		policy, now, source, user, tag, judge(policy, now, source));
}

static bool under_ban(
	const struct policy *policy, mono_ms_t now, const struct source *source)
{
	const struct ban *ban = ban_find(policy->bans, &source->key);

	return ban != NULL && ban_active(ban) && ban->until > now;
}

/* Would its failure have happened, and is it one that was not counted yet? */
static bool failure_counts(const struct policy *policy, mono_ms_t now,
	const struct source *source, const struct attempt *attempt)
{
	const struct guess *guess = attempt_guess(policy->attempts, attempt);

	if (attempt->standing == ATTEMPT_IGNORED)
		return false;
	if (attempt->standing == ATTEMPT_SURPLUS &&
		under_ban(policy, now, source))
		return false; /* held, then turned away */
	if (source_failed_same(
		    policy->sources, source, now, guess->user, guess->tag))
		return false;
	return guess->charged || attempt->standing == ATTEMPT_SURPLUS;
}

/* An open attempt failed. It stays open; its guess lost its place. */
enum policy_rule failure_of_attempt(
	struct policy *policy, mono_ms_t now, struct attempt *attempt)
{
	struct source *source = core_source(policy, attempt);
	struct guess *guess = attempt_guess(policy->attempts, attempt);
	bool counts = failure_counts(policy, now, source, attempt);

	source->failure_total++;
	source->last_failure = now;
	if (attempt->standing != ATTEMPT_IGNORED)
		discharge(policy, source, guess);
	if (!counts)
		return RULE_NONE;
	return failure_add(policy, now, source, guess->user, guess->tag);
}
