/*
 * From evidence to a ban.
 *
 * A rule has found that a prefix deserves to be banned; here it is asked what
 * its mode is, whether the prefix is allowed, and how often it was banned
 * before. What is only said (observed, or spared) is said once for as long as
 * the ban would have lasted; a small table remembers that, and what it forgets
 * is said again.
 *
 * A ban that is observed is a shadow in the table of bans only while the ladder
 * observes too: then what follows is judged as if it were real. Under a ladder
 * in earnest it leaves no trace: a rule that is tried out changes nothing.
 *
 * Called by the rules. Bans by penalty.c. What can go wrong: what penalty.c
 * says.
 */
#include "sentence.h"

#include "evidence.h"
#include "failure.h"
#include "mode.h"
#include "penalty.h"

/* True if it was not said before, or long enough ago. */
static bool say_once(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, enum policy_rule rule,
	enum policy_action_kind kind, uint64_t span_ms)
{
	uint64_t key = hash_numbers(
		&policy->key, hash_prefix(&policy->key, prefix), rule, kind);
	mono_ms_t *until = keyed_take(policy->evidence->said, key);

	if (*until > now)
		return false;
	*until = later(now, span_ms);
	return true;
}

static void say(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, enum policy_rule rule, uint64_t span_ms,
	unsigned count)
{
	policy->stats.rule_hits[rule]++;
	action_add(&policy->actions,
		&(struct policy_action){.kind = ACTION_WOULD_BAN,
			.prefix = *prefix,
			.until = later(now, span_ms),
			.rule = rule,
			.failure_count = count});
}

/* Of all that was allowed inside a prefix nothing is banned with it. */
static bool spared(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, enum policy_rule rule, uint64_t span_ms,
	unsigned count)
{
	if (!allow_covers(policy->allow, prefix))
		return false;
	if (say_once(policy, now, prefix, rule, ACTION_SPARED, span_ms))
		penalty_tell_spared(policy, prefix, rule, count);
	return true;
}

bool sentence_pass(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, enum policy_rule rule, uint64_t span_ms,
	unsigned count)
{
	enum policy_mode mode = mode_of_rule(policy, rule);

	if (mode == POLICY_OFF ||
		spared(policy, now, prefix, rule, span_ms, count))
		return false;
	span_ms = failure_grown(
		policy, span_ms, penalty_repeats(policy, now, prefix));
	if (mode == POLICY_ENFORCE || policy->ladder_mode == POLICY_OBSERVE)
		return penalty_ban(policy, now, prefix, rule, span_ms, count);
	if (!say_once(policy, now, prefix, rule, ACTION_WOULD_BAN, span_ms))
		return false;
	say(policy, now, prefix, rule, span_ms, count);
	return true;
}
