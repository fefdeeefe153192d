/*
 * A budget of failures for strangers, and what goes beyond it.
 *
 * Greylisting stops bots that do not come back; this stops the others: a few
 * failures a day for each user and for all together reach the server, whoever
 * makes them. A success gives back what it took, so people who come to a new
 * place do not use it up. A botnet does, so others have budgets of their own,
 * each as small:
 *
 *	device	the program calls itself as it did where its user is known
 *	near	his line has a new address, of the same provider
 *	quiet	nobody else tries this user, from anywhere: a campaign has other
 *		victims
 *	patience	he came with the same login so often
 *	lasting		and for so long: shortly before mail programs give up,
 *so that he is late and not lost
 *
 * Called by gate.c. Decides nothing about who is a stranger. What can go wrong:
 * bots that are as patient as people; then both share what there is.
 */
#include "budget.h"

#include "campaign.h"
#include "quota.h"

enum { DAY_MS = 86400000 };

/* Of which quota of the user, in which kinds share. */
static const uint8_t of_person[BUDGET_COUNT] = {
	[BUDGET_ANY] = PERSON_QUOTA_ANY,
	[BUDGET_PATIENCE] = PERSON_QUOTA_PATIENCE,
	[BUDGET_LASTING] = PERSON_QUOTA_PATIENCE,
	[BUDGET_NEAR] = PERSON_QUOTA_NEAR,
	[BUDGET_DEVICE] = PERSON_QUOTA_TRUSTED,
	[BUDGET_QUIET] = PERSON_QUOTA_TRUSTED,
};

struct limits {
	unsigned user, all;
};

static struct limits limits_of(
	const struct policy *policy, enum budget_of budget)
{
	const struct policy_budget_conf *conf = &policy->conf.budget;

	switch (budget) {
	case BUDGET_ANY: return (struct limits){conf->user, conf->all};
	case BUDGET_PATIENCE:
		return (struct limits){conf->patience_user, conf->patience_all};
	case BUDGET_LASTING:
		return (struct limits){conf->patience_user, conf->lasting_all};
	case BUDGET_NEAR:
		return (struct limits){conf->near_user, conf->near_all};
	case BUDGET_DEVICE:
		return (struct limits){
			policy->conf.device.user, policy->conf.device.all};
	case BUDGET_QUIET:
		return (struct limits){conf->quiet_user, conf->quiet_all};
	case BUDGET_COUNT: break;
	}
	return (struct limits){0, 0};
}

static unsigned within(unsigned limit, unsigned most)
{
	return limit < most ? limit : most;
}

static bool has_left(struct policy *policy, mono_ms_t now,
	const struct person *person, enum budget_of budget)
{
	static const uint32_t nothing[PERSON_QUOTA_MOST];
	struct limits limits = limits_of(policy, budget);
	const uint32_t *user =
		person != NULL ? person->quota[of_person[budget]] : nothing;

	return quota_used(user, PERSON_QUOTA_MOST, now, DAY_MS) <
		       within(limits.user, PERSON_QUOTA_MOST) &&
	       quota_used(campaign_quota(policy, budget), CAMPAIGN_QUOTA_MOST,
		       now, DAY_MS) < within(limits.all, CAMPAIGN_QUOTA_MOST);
}

static bool patient(
	const struct policy *policy, mono_ms_t now, const struct retry *retry)
{
	const struct policy_budget_conf *conf = &policy->conf.budget;

	return retry->count >= conf->patience_tries &&
	       now - retry->first_at >= conf->patience_ms;
}

/* No other strange source has tried him of late. */
static bool quiet(const struct policy *policy, mono_ms_t now,
	const struct person *person, uint32_t source)
{
	return person != NULL && person->succeeded &&
	       person_strangers(
		       person, now, policy->conf.budget.quiet_ms, source) == 0;
}

bool budget_grants_at_once(struct policy *policy, mono_ms_t now,
	const struct budget_claim *claim, uint8_t *ret_spent)
{
	if (claim->person == NULL)
		return false;
	if (claim->device && !claim->notorious &&
		has_left(policy, now, claim->person, BUDGET_DEVICE)) {
		*ret_spent = BUDGET_DEVICE;
		return true;
	}
	if (claim->near && has_left(policy, now, claim->person, BUDGET_NEAR)) {
		*ret_spent = BUDGET_NEAR;
		return true;
	}
	return false;
}

/* The kinds that this try may draw on; what everybody has comes last, so that
 * nobody takes what he does not need. */
bool budget_grants(struct policy *policy, mono_ms_t now,
	const struct budget_claim *claim, const struct retry *retry,
	uint8_t *ret_spent)
{
	const struct person *person = claim->person;
	const struct {
		enum budget_of budget;
		bool his;
	} kinds[] = {
		{BUDGET_QUIET,
			(claim->device || !claim->notorious) &&
				quiet(policy, now, person, claim->source)},
		{BUDGET_ANY, !claim->notorious},
		{BUDGET_PATIENCE, patient(policy, now, retry)},
		{BUDGET_LASTING, now - retry->first_at >=
					 policy->conf.budget.lasting_ms},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!kinds[i].his ||
			!has_left(policy, now, person, kinds[i].budget))
			continue;
		*ret_spent = (uint8_t)kinds[i].budget;
		return true;
	}
	return false;
}

void budget_take(struct policy *policy, mono_ms_t now, struct person *person,
	uint8_t spent)
{
	if (spent == 0)
		return;
	quota_take(person->quota[of_person[spent]], PERSON_QUOTA_MOST, now);
	quota_take(campaign_quota(policy, (enum budget_of)spent),
		CAMPAIGN_QUOTA_MOST, now);
}

void budget_give_back(
	struct policy *policy, struct person *person, uint8_t spent)
{
	if (spent == 0)
		return;
	quota_give_back(person->quota[of_person[spent]], PERSON_QUOTA_MOST);
	quota_give_back(campaign_quota(policy, (enum budget_of)spent),
		CAMPAIGN_QUOTA_MOST);
}
