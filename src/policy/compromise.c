/*
 * The compromise alarm.
 *
 * A right password at a place where the user has never been is an ordinary day,
 * unless the same source failed with the names of others shortly before, or
 * many strangers are after this very user. Then somebody should look. In
 * observe, which is the default, an alarm is all; in enforce the session is
 * refused as well, until the operator releases the user.
 *
 * The refusal tells the guesser that he was right, as the server's 235 would
 * have: it must not be late, it must be told to people.
 *
 * Called by gate.c. What can go wrong: a traveller under siege is alarmed
 * about; that is why nothing more is done by default.
 */
#include "compromise.h"

#include "budget.h"
#include "campaign.h"

enum { OTHERS_LEAST = 2 };

static void alarm(struct policy *policy, mono_ms_t now,
	const struct prefix *source, struct slice name)
{
	struct policy_action action = {
		.kind = ACTION_ALARM,
		.prefix = *source,
		.until = now,
		.rule = RULE_COMPROMISE,
	};

	for (size_t i = 0; i < name.n && i < POLICY_USER_LONGEST; i++)
		action.user[i] = (char)slice_lower(name.p[i]);
	policy->stats.rule_hits[RULE_COMPROMISE]++;
	action_add(&policy->actions, &action);
}

/* Who comes by a device of his is expected at strange places. */
static bool besieged(
	mono_ms_t now, const struct gate_end *end, const struct person *person)
{
	return campaign_siege(now, person) && end->spent != BUDGET_DEVICE;
}

bool compromise_looks(struct policy *policy, mono_ms_t now,
	const struct gate_end *end, const struct person *person)
{
	struct prefix key = prefix_of(
		&end->addr, policy->conf.v4_bits, policy->conf.v6_bits);
	const struct source *source = source_find(policy->sources, &key);
	bool guesser =
		source != NULL && source_other_users(policy->sources, source,
					  now, end->user) >= OTHERS_LEAST;

	if (policy->conf.compromise.mode == POLICY_OFF ||
		policy->conf.mode == POLICY_OFF)
		return false;
	if (!guesser && !besieged(now, end, person))
		return false;
	if (person != NULL && person->released_until > now)
		return false;
	alarm(policy, now, &key, end->name);
	return policy->conf.compromise.mode == POLICY_ENFORCE &&
	       policy->conf.mode == POLICY_ENFORCE;
}
