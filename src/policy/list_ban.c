/*
 * Bans by lists of others: files and feeds that the operator subscribed to.
 *
 * Who reads the lists (the keeper) names each prefix again and again; a ban
 * lasts until it was not named for as long as the list says. Nobody guessed
 * anything here, so such a ban is no offence: it does not count as a repeat.
 *
 * It gives way to everything else. One of any other rule of the same prefix
 * stays as it is, what the allow list covers is not banned, and where somebody
 * logged in from the ban is soft: it acts at the login, on strangers. An end
 * that a list asks for ends a ban of lists only.
 *
 * These are calls and no events, since they come by the hundred thousand and
 * each says at once how it went: neither the log nor the journal has them one
 * by one. Called by the keeper. What can go wrong: no room; see LIST_BAN_FULL.
 */
#include "list_ban.h"

#include "lengths.h"
#include "mode.h"
#include "penalty.h"

static bool has_room(const struct policy *policy)
{
	return ban_table_count(policy->bans) / LIST_BAN_QUARTERS <
		       policy->conf.bans_most / 4 &&
	       ban_room(policy->bans);
}

/* It lasts long enough, and is of the kind that it would be now. */
static bool stands(const struct policy *policy, mono_ms_t now,
	const struct ban *ban, uint64_t span_ms)
{
	return ban->rule == RULE_LIST && ban->until >= later(now, span_ms) &&
	       ban->soft == penalty_soft(policy, now, &ban->prefix, RULE_LIST);
}

enum policy_list_result policy_list_ban(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, uint64_t span_ms)
{
	struct prefix clean = lengths_cut(
		&prefix->addr, prefix->bits <= 128 ? prefix->bits : 128);
	const struct ban *ban;

	if (now < policy->now)
		now = policy->now;
	policy->now = now;
	if (mode_of_rule(policy, RULE_LIST) == POLICY_OFF || span_ms == 0)
		return LIST_BAN_OTHER;
	if (allow_covers(policy->allow, &clean))
		return LIST_BAN_ALLOWED;
	ban = ban_find(policy->bans, &clean);
	if (ban != NULL && ban_active(ban) && ban->until > now) {
		if (ban->rule != RULE_LIST && !ban->shadow)
			return LIST_BAN_OTHER;
		if (stands(policy, now, ban, span_ms))
			return LIST_BAN_DONE;
	} else if (!has_room(policy)) {
		return LIST_BAN_FULL;
	}
	return penalty_list(
		       policy, now, &clean, span_ms + span_ms / LIST_BAN_SPARE)
		       ? LIST_BAN_DONE
		       : LIST_BAN_FULL;
}

bool policy_list_lift(
	struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	struct ban *ban = ban_find(policy->bans, prefix);

	if (now < policy->now)
		now = policy->now;
	policy->now = now;
	if (ban == NULL || !ban_active(ban) || ban->rule != RULE_LIST)
		return false;
	penalty_end(policy, ban);
	return true;
}
