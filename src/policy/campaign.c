/*
 * Campaigns: what many sources do together.
 *
 *	siege		4 strange sources failed on one user within a day
 *	botnet		8 did on the whole server, and one more for each 25
 *			people that it has
 *	spray		one secret failed on 3 users
 *	stuffing	12 users were tried by strangers, and one more for 10
 *
 * A siege is kept with its user, the others are the server's. Each lasts three
 * days after the last sign of it; a stranger who is answered 454 meanwhile is
 * such a sign, else a campaign would end because it is held back.
 *
 * Only strangers count here, and only guesses that had not failed before: a
 * telephone with an old password on its way through the networks is no siege.
 *
 * Counting is by sketches in fixed memory (67 KiB), so nobody can push anybody
 * out by coming with a million names.
 *
 * Called by gate.c, which decides what a campaign means. What can go wrong: an
 * ordinary day on which many people fail at places where they never were; it
 * costs strangers a minute each until it is over.
 */
#include "campaign.h"

#include <stdlib.h>

#include "quota.h"
#include "sketch_count_min.h"
#include "sketch_hll.h"

enum { SLICE_MS = 6 * 3600 * 1000, DAY_MS = 86400000 };

struct campaign {
	struct hll sources, users;
	struct count_min secrets;
	mono_ms_t until; /* of the server's; 0: none yet */
	uint32_t quotas[BUDGET_COUNT][CAMPAIGN_QUOTA_MOST];
};

struct campaign *campaign_new(void)
{
	struct campaign *campaign = calloc(1, sizeof(*campaign));

	if (campaign == NULL)
		return NULL;
	campaign->sources.slice_ms = SLICE_MS;
	campaign->users.slice_ms = SLICE_MS;
	campaign->secrets.slice_ms = 2 * (uint64_t)SLICE_MS;
	return campaign;
}

void campaign_free(struct campaign **campaign)
{
	free(*campaign);
	*campaign = NULL;
}

uint32_t *campaign_quota(struct policy *policy, enum budget_of budget)
{
	return policy->campaign->quotas[budget];
}

bool campaign_siege(mono_ms_t now, const struct person *person)
{
	return person != NULL && person->siege_until > now;
}

bool campaign_active(
	const struct policy *policy, mono_ms_t now, const struct person *person)
{
	return policy->campaign->until > now || campaign_siege(now, person);
}

/* By people, not by successes: one account that logs in from everywhere is
 * one. The first day shows who works there at all. */
bool campaign_learned(const struct policy *policy, mono_ms_t now)
{
	const struct policy_campaign_conf *conf = &policy->conf.campaign;
	size_t people = person_count(policy->persons);
	size_t known = person_known_count(policy->persons);

	return people > 0 && known * 100 >= people * conf->learned_percent &&
	       now - person_since(policy->persons) >= conf->learn_ms;
}

static void tell(struct policy *policy, mono_ms_t now, enum policy_rule rule,
	const struct campaign_try *one)
{
	struct policy_action action = {
		.kind = ACTION_ALARM,
		.prefix = one->prefix,
		.until = later(now, policy->conf.campaign.hold_ms),
		.rule = rule,
	};

	for (size_t i = 0; i < one->name.n && i < POLICY_USER_LONGEST; i++)
		action.user[i] = (char)slice_lower(one->name.p[i]);
	policy->stats.rule_hits[rule]++;
	action_add(&policy->actions, &action);
}

/* ---- a siege on one user ---- */

/* Notes the source; strange sources of the last day. */
static unsigned note_source(
	struct person *person, mono_ms_t now, uint32_t source)
{
	uint32_t now_s = quota_time(now);
	unsigned at = 0;

	for (unsigned i = 0; i < PERSON_STRANGE_MOST; i++) {
		struct strange *strange = &person->strange[i];

		if (strange->at_s != 0 && strange->source == source) {
			at = i;
			break;
		}
		if (strange->at_s < person->strange[at].at_s)
			at = i;
	}
	person->strange[at] = (struct strange){source, now_s};
	return 1 + person_strangers(person, now, DAY_MS, source);
}

static void watch_siege(
	struct policy *policy, mono_ms_t now, const struct campaign_try *one)
{
	const struct policy_campaign_conf *conf = &policy->conf.campaign;
	struct person *person;

	if (one->user == 0)
		return;
	person = person_take(policy->persons, one->user);
	if (note_source(person, now, (uint32_t)one->source) <
		conf->siege_sources)
		return;
	if (!campaign_siege(now, person))
		tell(policy, now, RULE_SIEGE, one);
	person->siege_until = later(now, conf->hold_ms);
}

/* ---- the server's ---- */

/* Tags come from outside: their bits are not good enough for a sketch. */
static uint64_t secret_of(
	const struct policy *policy, const struct campaign_try *one)
{
	return hash_numbers(&policy->key, one->tag, 0, 2);
}

/* What the sketches say together; RULE_NONE: an ordinary day. */
static enum policy_rule sign(
	struct policy *policy, mono_ms_t now, const struct campaign_try *one)
{
	const struct policy_campaign_conf *conf = &policy->conf.campaign;
	struct campaign *campaign = policy->campaign;
	size_t people = person_count(policy->persons);

	if (hll_count(&campaign->sources, now) >=
		conf->botnet_sources + people / conf->people_per_source)
		return RULE_BOTNET;
	if (one->tag != 0 &&
		count_min_count(&campaign->secrets, now,
			secret_of(policy, one)) >= conf->secret_users)
		return RULE_SPRAY;
	if (hll_count(&campaign->users, now) >=
		conf->stuffing_users + people / conf->people_per_user)
		return RULE_STUFFING;
	return RULE_NONE;
}

static void watch_server(
	struct policy *policy, mono_ms_t now, const struct campaign_try *one)
{
	struct campaign *campaign = policy->campaign;
	enum policy_rule rule = sign(policy, now, one);

	if (rule == RULE_NONE)
		return;
	if (campaign->until <= now)
		tell(policy, now, rule, one);
	campaign->until = later(now, policy->conf.campaign.hold_ms);
}

/* Who comes for a user under siege is no sign of anything more. */
static void note_try(
	struct policy *policy, mono_ms_t now, const struct campaign_try *one)
{
	watch_siege(policy, now, one);
	if (campaign_siege(now, person_find(policy->persons, one->user)))
		return;
	hll_add(&policy->campaign->sources, now, one->source);
	if (one->user != 0)
		hll_add(&policy->campaign->users, now, one->user);
	watch_server(policy, now, one);
}

void campaign_failed(
	struct policy *policy, mono_ms_t now, const struct campaign_try *one)
{
	if (policy->conf.campaign.mode == POLICY_OFF)
		return;
	if (one->user != 0 && one->tag != 0)
		count_min_add(&policy->campaign->secrets, now,
			secret_of(policy, one));
	note_try(policy, now, one);
}

void campaign_asked(
	struct policy *policy, mono_ms_t now, const struct campaign_try *one)
{
	note_try(policy, now, one);
}

void campaign_save(const struct campaign *campaign, struct octets *out)
{
	hll_save(&campaign->sources, out);
	hll_save(&campaign->users, out);
	count_min_save(&campaign->secrets, out);
	octets_put_number(out, campaign->until);
	octets_put(out, campaign->quotas, sizeof(campaign->quotas));
}

bool campaign_load(struct campaign *campaign, struct octets *in)
{
	(void)hll_load(&campaign->sources, in);
	(void)hll_load(&campaign->users, in);
	(void)count_min_load(&campaign->secrets, in);
	campaign->until = octets_take_number(in, UINT64_MAX);
	return octets_take(in, campaign->quotas, sizeof(campaign->quotas));
}
