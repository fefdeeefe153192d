/*
 * The outage guard.
 *
 * When people who have been here before fail together and nobody has got in
 * for a minute, it is the server's directory that is ill, and every failure is
 * a right password. Then those failures are held against nobody: they ban
 * nothing where people are known, and the pairs that were refused are void when
 * it is over. Strangers go on being counted and banned: a day on which everyone
 * changes his password looks the same, and lifting all bans then would let a
 * dictionary through whole.
 *
 * It ends by itself: with the first success, or when no holder has failed for
 * a while. The first is an end of the illness, and what was refused since the
 * last success before it is void; the second may have been a false alarm, and
 * nothing is.
 *
 * Called by gate.c. Decides nothing about a login. What can go wrong: bots
 * behind people's own addresses that try several holders at night, while nobody
 * logs in. They get what a holder gets, three failures a day for each name.
 */
#include "outage.h"

#include <string.h>

#include "core.h"

bool outage_active(const struct outage *outage)
{
	return outage->since != 0;
}

bool outage_covers(const struct outage *outage, mono_ms_t at)
{
	return outage->void_until != 0 && at >= outage->void_from &&
	       at <= outage->void_until;
}

/* Notes the user, and says how many failed within the window. */
static unsigned note_user(
	struct outage *outage, mono_ms_t now, uint64_t window_ms, uint64_t user)
{
	unsigned count = 0;
	unsigned at = 0;

	for (unsigned i = 0; i < OUTAGE_USERS_MOST; i++) {
		if (outage->failed[i].user == user) {
			at = i;
			break;
		}
		if (outage->failed[i].at < outage->failed[at].at)
			at = i;
	}
	outage->failed[at].user = user;
	outage->failed[at].at = now != 0 ? now : 1;
	for (unsigned i = 0; i < OUTAGE_USERS_MOST; i++)
		count += outage->failed[i].at != 0 &&
			 now - outage->failed[i].at < window_ms;
	return count;
}

static void begin(struct policy *policy, mono_ms_t now)
{
	static const struct prefix everything;

	policy->outage.since = now != 0 ? now : 1;
	policy->stats.rule_hits[RULE_OUTAGE]++;
	action_add(&policy->actions, &(struct policy_action){
					     .kind = ACTION_ALARM,
					     .prefix = everything,
					     .until = now,
					     .rule = RULE_OUTAGE,
				     });
}

void outage_failure(struct policy *policy, mono_ms_t now, uint64_t user)
{
	const struct policy_outage_conf *conf = &policy->conf.outage;
	struct outage *outage = &policy->outage;
	unsigned count = note_user(outage, now, conf->window_ms, user);

	outage->last_failure = now;
	if (conf->mode == POLICY_OFF || outage_active(outage))
		return;
	if (count >= conf->users && outage->last_success != 0 &&
		now - outage->last_success >= conf->quiet_ms)
		begin(policy, now);
}

void outage_success(struct policy *policy, mono_ms_t now)
{
	struct outage *outage = &policy->outage;

	if (outage_active(outage)) {
		outage->void_from = outage->last_success + 1;
		outage->void_until = now;
		outage->since = 0;
		memset(outage->failed, 0, sizeof(outage->failed));
	}
	outage->last_success = now != 0 ? now : 1;
}

void outage_expire(struct policy *policy, mono_ms_t now)
{
	struct outage *outage = &policy->outage;

	if (outage_active(outage) &&
		now - outage->last_failure >= policy->conf.outage.over_ms)
		outage->since = 0;
}
