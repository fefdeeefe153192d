/*
 * What is known of a user name, for `explain`. Only reads; behind policy.h.
 */
#include <string.h>

#include "campaign.h"
#include "core.h"
#include "domains.h"
#include "pair.h"
#include "person.h"
#include "shield.h"

static mono_ms_t still(mono_ms_t until, mono_ms_t now)
{
	return until > now ? until : 0;
}

void policy_explain_user(const struct policy *policy, mono_ms_t now,
	struct slice user, struct policy_user_info *ret_info)
{
	uint64_t hash =
		hash_user(&policy->key, domains_bare(policy->domains, user));
	const struct policy_shield_conf *shield = &policy->conf.shield;
	const struct person *person = person_find(policy->persons, hash);
	struct policy_user_info info;

	memset(&info, 0, sizeof(info));
	if (now < policy->now)
		now = policy->now;
	info.pair_count = (unsigned)pair_count(policy, now, hash);
	info.campaign = campaign_active(policy, now, NULL);
	info.lockout = shield->mode == POLICY_OFF ? 0 : shield->lockout;
	if (person != NULL) {
		info.known = true;
		info.person = person->succeeded;
		info.shielded = shield->mode != POLICY_OFF &&
				shield_scarce(policy, now, person);
		info.server_failures = shield_failures(policy, now, person);
		info.last_success = person->last_success;
		info.last_failure = person->last_failure;
		info.siege_until = still(person->siege_until, now);
		info.released_until = still(person->released_until, now);
	}
	*ret_info = info;
}
