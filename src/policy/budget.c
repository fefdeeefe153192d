/*
 * A budget of failures for strangers, and patience beyond it.
 *
 * Greylisting stops bots that do not come back; this stops the others: a few
 * failures a day for each user and for all together reach the server, whoever
 * makes them. A success gives back what it took, so people who come to a new
 * place do not use it up. Whoever finds it used up may still go on by patience,
 * which has a small budget of its own; and whoever comes for hours, shortly
 * before mail programs give up, has another, so that he is late and not lost.
 *
 * Called by gate.c. Decides nothing about who is a stranger. What can go wrong:
 * bots that are as patient as people; then both share what there is.
 */
#include "budget.h"

#include "campaign.h"
#include "quota.h"

enum { DAY_MS = 86400000 };

static unsigned within(unsigned limit, unsigned most)
{
	return limit < most ? limit : most;
}

static bool user_free(const uint32_t *times, mono_ms_t now, unsigned limit)
{
	return quota_used(times, PERSON_QUOTA_MOST, now, DAY_MS) <
	       within(limit, PERSON_QUOTA_MOST);
}

static bool all_free(const uint32_t *times, mono_ms_t now, unsigned limit)
{
	return quota_used(times, CAMPAIGN_QUOTA_MOST, now, DAY_MS) <
	       within(limit, CAMPAIGN_QUOTA_MOST);
}

static bool patient(
	const struct policy *policy, mono_ms_t now, const struct retry *retry)
{
	const struct policy_budget_conf *conf = &policy->conf.budget;

	return retry->count >= conf->patience_tries &&
	       now - retry->first_at >= conf->patience_ms;
}

bool budget_grants(struct policy *policy, mono_ms_t now,
	const struct person *person, const struct retry *retry,
	uint8_t *ret_spent)
{
	static const uint32_t nothing[PERSON_QUOTA_MOST];
	const struct policy_budget_conf *conf = &policy->conf.budget;
	const uint32_t *user = person != NULL ? person->budget : nothing;
	const uint32_t *waits = person != NULL ? person->patience : nothing;

	if (user_free(user, now, conf->user) &&
		all_free(campaign_budget(policy), now, conf->all)) {
		*ret_spent = BUDGET_USER | BUDGET_ALL;
		return true;
	}
	if (patient(policy, now, retry) &&
		user_free(waits, now, conf->patience_user) &&
		all_free(campaign_patience(policy), now, conf->patience_all)) {
		*ret_spent = BUDGET_PATIENCE;
		return true;
	}
	if (now - retry->first_at >= conf->lasting_ms &&
		user_free(waits, now, conf->patience_user) &&
		all_free(campaign_lasting(policy), now, conf->lasting_all)) {
		*ret_spent = BUDGET_LASTING;
		return true;
	}
	return false;
}

bool budget_grants_near(struct policy *policy, mono_ms_t now,
	const struct person *person, uint8_t *ret_spent)
{
	const struct policy_budget_conf *conf = &policy->conf.budget;

	if (person == NULL || !user_free(person->near, now, conf->near_user) ||
		!all_free(campaign_near(policy), now, conf->near_all))
		return false;
	*ret_spent = BUDGET_NEAR;
	return true;
}

void budget_take(struct policy *policy, mono_ms_t now, struct person *person,
	uint8_t spent)
{
	if (spent & BUDGET_USER)
		quota_take(person->budget, PERSON_QUOTA_MOST, now);
	if (spent & BUDGET_ALL)
		quota_take(campaign_budget(policy), CAMPAIGN_QUOTA_MOST, now);
	if (spent & BUDGET_NEAR) {
		quota_take(person->near, PERSON_QUOTA_MOST, now);
		quota_take(campaign_near(policy), CAMPAIGN_QUOTA_MOST, now);
	}
	if (spent & BUDGET_LASTING) {
		quota_take(person->patience, PERSON_QUOTA_MOST, now);
		quota_take(campaign_lasting(policy), CAMPAIGN_QUOTA_MOST, now);
	}
	if (spent & BUDGET_PATIENCE) {
		quota_take(person->patience, PERSON_QUOTA_MOST, now);
		quota_take(campaign_patience(policy), CAMPAIGN_QUOTA_MOST, now);
	}
}

void budget_give_back(
	struct policy *policy, struct person *person, uint8_t spent)
{
	if (spent & BUDGET_USER)
		quota_give_back(person->budget, PERSON_QUOTA_MOST);
	if (spent & BUDGET_ALL)
		quota_give_back(campaign_budget(policy), CAMPAIGN_QUOTA_MOST);
	if (spent & BUDGET_NEAR) {
		quota_give_back(person->near, PERSON_QUOTA_MOST);
		quota_give_back(campaign_near(policy), CAMPAIGN_QUOTA_MOST);
	}
	if (spent & BUDGET_LASTING) {
		quota_give_back(person->patience, PERSON_QUOTA_MOST);
		quota_give_back(campaign_lasting(policy), CAMPAIGN_QUOTA_MOST);
	}
	if (spent & BUDGET_PATIENCE) {
		quota_give_back(person->patience, PERSON_QUOTA_MOST);
		quota_give_back(campaign_patience(policy), CAMPAIGN_QUOTA_MOST);
	}
}
