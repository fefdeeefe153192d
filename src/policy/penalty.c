/*
 * Bans begin and end here, and whoever has to know is told by an action.
 *
 * A ban of the ladder in observe mode is a shadow: it runs its time in the
 * table like a real one, so that what follows it is judged alike, but it turns
 * nobody away, is said once (would-ban) and ends in silence.
 *
 * One prefix has one ban. While the ladder's ban of a source is active, more
 * failures of it (logins that were under way) do not ban again; only another
 * rule may make a short ban longer, as the slow window does. The operator's
 * word replaces what there was, and the ladder never shortens it.
 *
 * Called by ladder.c, operator.c and policy.c. Does not decide who deserves a
 * ban. What can go wrong: the table is full. Then the ladder's ban is refused
 * and said (its counters still hold the source back, no guess gets through);
 * an operator's ban takes the place of the one that ends soonest.
 */
#include "penalty.h"

#include "../base/check.h"
#include "mode.h"
#include "known.h"

enum { LIMIT_QUIET_MS = 60000 };

static void tell_ban(struct policy *policy, const struct ban *ban,
	enum policy_action_kind kind)
{
	struct policy_ban info = ban_info(ban);

	action_add(
		&policy->actions, &(struct policy_action){
					  .kind = kind,
					  .prefix = info.prefix,
					  .until = info.until,
					  .rule = info.rule,
					  .soft = info.soft,
					  .repeat_count = info.repeat_count,
					  .failure_count = info.failure_count,
				  });
}

void penalty_tell_limit(struct policy *policy, mono_ms_t now,
	enum policy_rule rule, const struct prefix *prefix)
{
	mono_ms_t *told = &policy->limit_told[rule];

	policy->stats.rule_hits[rule]++;
	if (*told != 0 && now - *told < LIMIT_QUIET_MS)
		return;
	*told = now != 0 ? now : 1;
	action_add(
		&policy->actions, &(struct policy_action){.kind = ACTION_LIMIT,
					  .prefix = *prefix,
					  .until = now,
					  .rule = rule});
}

void penalty_tell_spared(struct policy *policy, const struct prefix *prefix,
	enum policy_rule rule, unsigned failure_count)
{
	action_add(
		&policy->actions, &(struct policy_action){.kind = ACTION_SPARED,
					  .prefix = *prefix,
					  .until = policy->now,
					  .rule = rule,
					  .failure_count = failure_count});
}

void penalty_end(struct policy *policy, struct ban *ban)
{
	if (!ban->shadow)
		tell_ban(policy, ban, ACTION_UNBAN);
	ban_end(policy->bans, ban);
}

/* One whose time is over but that no tick has ended yet (see action.c). */
static void end_if_over(
	struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	struct ban *ban = ban_find(policy->bans, prefix);

	if (ban != NULL && ban_active(ban) && ban->until <= now)
		penalty_end(policy, ban);
}

unsigned penalty_repeats(
	const struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	const struct ban *ban = ban_find(policy->bans, prefix);

	if (ban == NULL)
		return 0;
	if (ban->until > now) /* the same offence, not one more */
		return ban_info(ban).repeat_count;
	if (now - ban->until >= policy->conf.repeat_memory_ms)
		return 0;
	return ban->offence_count;
}

/* Is the active ban of this prefix to stay as it is? */
static bool ban_stands(
	const struct ban *ban, enum policy_rule rule, mono_ms_t until)
{
	if (!ban_is_offence(ban->rule))
		return ban->until >= until;
	return rule == ban->rule || until <= ban->until;
}

/* People are known there: they must not meet it at the door. */
bool penalty_soft(const struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, enum policy_rule rule)
{
	if (rule == RULE_PREFIX_LIMIT && policy->conf.prefix_limit.at_login)
		return true;
	return policy->conf.soft.mode == POLICY_ENFORCE &&
	       known_inside(policy, now, prefix);
}

bool penalty_ban(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, enum policy_rule rule, uint64_t span_ms,
	unsigned failure_count)
{
	bool shadow = mode_of_rule(policy, rule) != POLICY_ENFORCE;
	bool soft = penalty_soft(policy, now, prefix, rule);
	unsigned repeats = penalty_repeats(policy, now, prefix);
	struct ban *ban;
	bool fresh;

	end_if_over(policy, now, prefix);
	ban = ban_take(policy->bans, prefix);
	if (ban == NULL) {
		penalty_tell_limit(policy, now, RULE_BANS_FULL, prefix);
		return false;
	}
	fresh = !ban_active(ban) || (ban->shadow && !shadow);
	if (shadow && !fresh && !ban->shadow)
		return false; /* a real one; leave it alone */
	if (!fresh && ban_stands(ban, rule, later(now, span_ms)))
		return false;
	if (!fresh && !ban->shadow && soft && !ban->soft)
		tell_ban(policy, ban, ACTION_UNBAN); /* the kernel has it */
	if (fresh)
		ban->since = now;
	ban->rule = rule;
	ban->soft = soft;
	ban->failure_count = failure_count;
	ban->offence_count = repeats + 1;
	ban_set(policy->bans, ban, later(now, span_ms), shadow);
	policy->stats.rule_hits[rule]++;
	tell_ban(policy, ban, shadow ? ACTION_WOULD_BAN : ACTION_BAN);
	return true;
}

/* The operator's ban never finds the table full, unless of bans for ever. */
static struct ban *take_by_force(
	struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	struct ban *ban = ban_take(policy->bans, prefix);
	struct ban *soonest;

	if (ban != NULL)
		return ban;
	penalty_tell_limit(policy, now, RULE_BANS_FULL, prefix);
	soonest = ban_soonest(policy->bans);
	if (soonest->until == MONO_NEVER)
		return NULL;
	if (!soonest->shadow)
		tell_ban(policy, soonest, ACTION_UNBAN);
	ban_remove(policy->bans, soonest);
	return ban_take(policy->bans, prefix);
}

void penalty_order(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, uint64_t span_ms)
{
	struct ban *ban = take_by_force(policy, now, prefix);

	if (ban == NULL)
		return;
	ban->since = now;
	ban->rule = RULE_OPERATOR;
	ban->soft = false;
	ban->failure_count = 0;
	ban_set(policy->bans, ban, later(now, span_ms), false);
	policy->stats.rule_hits[RULE_OPERATOR]++;
	tell_ban(policy, ban,
		policy->conf.mode == POLICY_ENFORCE ? ACTION_BAN
						    : ACTION_WOULD_BAN);
}

bool penalty_list(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, uint64_t span_ms)
{
	bool soft = penalty_soft(policy, now, prefix, RULE_LIST);
	struct ban *ban;

	end_if_over(policy, now, prefix);
	ban = ban_take(policy->bans, prefix);
	if (ban == NULL)
		return false;
	if (!ban_active(ban) || ban->shadow) {
		ban->since = now;
		ban->failure_count = 0;
	} else if (soft && !ban->soft) {
		tell_ban(policy, ban, ACTION_UNBAN); /* the kernel has it */
	}
	ban->rule = RULE_LIST;
	ban->soft = soft;
	ban_set(policy->bans, ban, later(now, span_ms), false);
	tell_ban(policy, ban,
		policy->conf.mode == POLICY_ENFORCE ? ACTION_BAN
						    : ACTION_WOULD_BAN);
	return true;
}

/* The store must forget what the configuration has overtaken. */
static bool restore_refused(const struct policy *policy,
	const struct prefix *prefix, enum policy_rule rule)
{
	if (allow_covers(policy->allow, prefix))
		return true;
	return rule != RULE_OPERATOR &&
	       mode_of_rule(policy, rule) != POLICY_ENFORCE;
}

static bool restored_soft(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event)
{
	if (event->softness == SOFTNESS_UNKNOWN)
		return penalty_soft(policy, now, &event->prefix, event->rule);
	return event->softness == SOFTNESS_SOFT &&
	       (policy->conf.soft.mode == POLICY_ENFORCE ||
		       event->rule == RULE_PREFIX_LIMIT);
}

void penalty_restore(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	bool offence = ban_is_offence(event->rule);
	struct ban *ban;

	if (restore_refused(policy, &event->prefix, event->rule)) {
		action_add(&policy->actions,
			&(struct policy_action){.kind = ACTION_UNBAN,
				.prefix = event->prefix,
				.until = now,
				.rule = event->rule,
				.repeat_count = event->repeat_count});
		return;
	}
	ban = ban_take(policy->bans, &event->prefix);
	if (ban == NULL) {
		penalty_tell_limit(policy, now, RULE_BANS_FULL, &event->prefix);
		return;
	}
	ban->since = now > event->age_ms ? now - event->age_ms : 0;
	ban->rule = event->rule;
	ban->soft = event->rule != RULE_OPERATOR &&
		    restored_soft(policy, now, event);
	ban->failure_count = event->failure_count;
	ban->offence_count = event->repeat_count + (offence ? 1 : 0);
	ban_set(policy->bans, ban, later(now, event->span_ms), false);
	if (event->span_ms == 0) /* over already; counts as a repeat */
		ban_end(policy->bans, ban);
}

void penalty_lift(struct policy *policy, mono_ms_t now, struct ban *ban)
{
	CHECK(ban_active(ban));
	ban->offence_count = 0;
	ban_set(policy->bans, ban, now, ban->shadow);
}

void penalty_expire(struct policy *policy, mono_ms_t now)
{
	for (unsigned i = 0; i < PENALTY_TICK_MOST; i++) {
		struct ban *ban = ban_soonest(policy->bans);

		if (ban == NULL || ban->until > now ||
			!action_room(&policy->actions))
			break;
		penalty_end(policy, ban);
	}
	ban_forget_old(policy->bans, now, policy->conf.repeat_memory_ms,
		PENALTY_TICK_MOST);
}
