/*
 * What an operator orders, and what the store brings back.
 *
 * The operator is right: an unban forgets the failures and the repeats of what
 * it lifts (else the source would be held back by its counters, or banned for
 * twice as long at the next slip), and an allow lifts what lies inside.
 *
 * These orders look through whole tables (milliseconds at a million sources):
 * they are rare, and no index is kept for them.
 *
 * Called by policy.c only. What can go wrong: an order lifts more bans than
 * the queue of actions holds; they end at once, the rest is told at the next
 * ticks (see action.c).
 */
#include "operator.h"

#include "evidence.h"
#include "lengths.h"
#include "mode.h"
#include "penalty.h"

static bool inside(const struct prefix *inner, const struct prefix *outer)
{
	return inner->bits >= outer->bits && prefix_holds(outer, &inner->addr);
}

/* Host bits are zero, whatever the caller sent. */
static struct prefix cut(const struct prefix *prefix)
{
	return lengths_cut(
		&prefix->addr, prefix->bits <= 128 ? prefix->bits : 128);
}

void operator_ban(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	struct prefix prefix = cut(&event->prefix);
	uint64_t span_ms =
		event->span_ms != 0 ? event->span_ms : policy->conf.ban_ms;

	if (allow_covers(policy->allow, &prefix))
		penalty_tell_spared(policy, &prefix, RULE_OPERATOR, 0);
	else
		penalty_order(policy, now, &prefix, span_ms);
}

static void forget_ban(struct policy *policy, mono_ms_t now, struct ban *ban)
{
	evidence_pardon(policy, &ban->prefix);
	if (ban_active(ban))
		penalty_lift(policy, now, ban);
	else
		ban_remove(policy->bans, ban);
}

/* Ends and forgets every ban inside `outer`; those that are over, too. */
static void lift_inside(
	struct policy *policy, mono_ms_t now, const struct prefix *outer)
{
	struct ban *ban;
	size_t cursor = 0;

	while ((ban = ban_next(policy->bans, &cursor)) != NULL)
		if (inside(&ban->prefix, outer))
			forget_ban(policy, now, ban);
}

static void pardon_inside(struct policy *policy, const struct prefix *outer)
{
	struct source *source;
	size_t cursor = 0;

	while ((source = source_next(policy->sources, &cursor)) != NULL)
		if (inside(&source->key, outer)) {
			source_pardon(source);
			evidence_pardon(policy, &source->key);
		}
}

static void forgive_source(
	struct policy *policy, mono_ms_t now, const struct prefix *key)
{
	struct source *source = source_find(policy->sources, key);
	struct ban *ban = ban_find(policy->bans, key);

	evidence_pardon(policy, key);
	if (source != NULL)
		source_pardon(source);
	if (ban != NULL)
		forget_ban(policy, now, ban);
}

/*
 * An address alone means its source, too: people name addresses, the ladder
 * bans an IPv6 /64. Any wider ban stays; who made it knew what he wrote.
 */
void operator_unban(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	struct prefix prefix = cut(&event->prefix);
	struct prefix key = prefix_of(
		&prefix.addr, policy->conf.v4_bits, policy->conf.v6_bits);

	lift_inside(policy, now, &prefix);
	pardon_inside(policy, &prefix);
	if (inside(&prefix, &key))
		forgive_source(policy, now, &key);
	penalty_expire(policy, now);
}

void operator_allow(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	struct prefix prefix = cut(&event->prefix);

	if (!allow_add(policy->allow, &prefix)) {
		penalty_tell_limit(policy, now, RULE_ALLOWED, &prefix);
		return;
	}
	lift_inside(policy, now, &prefix);
	penalty_expire(policy, now);
}

void operator_disallow(struct policy *policy, const struct policy_event *event)
{
	struct prefix prefix = cut(&event->prefix);

	allow_remove(policy->allow, &prefix);
}

void operator_restore(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	struct policy_event clean = *event;

	clean.prefix = cut(&event->prefix);
	penalty_restore(policy, now, &clean);
}

/* Would its rule in its present mode have made this ban? */
static bool ban_fits(const struct policy *policy, const struct ban *ban)
{
	if (allow_covers(policy->allow, &ban->prefix))
		return false;
	if (ban->rule == RULE_OPERATOR || ban->rule == RULE_LIST)
		return true;
	if (ban->shadow)
		return mode_of_rule(policy, ban->rule) == POLICY_OBSERVE &&
		       policy->ladder_mode == POLICY_OBSERVE;
	return mode_of_rule(policy, ban->rule) == POLICY_ENFORCE;
}

void operator_reconcile(struct policy *policy, mono_ms_t now)
{
	struct ban *ban;
	size_t cursor = 0;

	while ((ban = ban_next(policy->bans, &cursor)) != NULL)
		if (ban_active(ban) && !ban_fits(policy, ban))
			penalty_lift(policy, now, ban);
	penalty_expire(policy, now);
}
