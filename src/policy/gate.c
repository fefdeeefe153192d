/*
 * The way of a login through the rules that know people from guessers.
 *
 * The order is the design:
 *
 *	refused pair	what the server refused is answered 535, to anybody
 *	soft ban	where people are known a ban stops strangers only, and
 *			holders until they come back
 *	campaign	strangers only: the first try is answered 454, and who
 *			comes back is held to a budget
 *	shield		what would lock the user is for holders
 *
 * and behind it the ladder with its places. An allowed address never comes
 * here. A rule in observe says what it would have answered, the first that
 * would wins, and the login goes on.
 *
 * A holder's own first failures of a day are not his source's, where people log
 * in from that source: an office in which five people mistype is no guesser.
 * They are counted for him, and from the fourth on for the source as
 * everyone's. A guesser next door to him has no part in it.
 *
 * Called by ladder.c. Knows no place of the ladder. What can go wrong: a login
 * whose user is not known (the server asks for it later). It is a stranger's.
 */
#include "gate.h"

#include <string.h>

#include "budget.h"
#include "campaign.h"
#include "compromise.h"
#include "device.h"
#include "failure.h"
#include "known.h"
#include "ladder.h"
#include "outage.h"
#include "pair.h"
#include "retry.h"
#include "shield.h"

enum { RELEASED_MS = 86400000 };

static enum policy_mode mode_of(
	const struct policy *policy, enum policy_mode mode)
{
	return mode < policy->conf.mode ? mode : policy->conf.mode;
}

/* true: that is the answer. */
static bool answer(struct policy *policy, enum policy_mode mode,
	enum policy_verdict_kind kind, enum policy_rule rule,
	struct policy_verdict *verdict)
{
	policy->stats.rule_hits[rule]++;
	if (mode == POLICY_ENFORCE) {
		verdict->kind = kind;
		verdict->rule = rule;
		verdict->mode = mode;
		return true;
	}
	if (verdict->rule == RULE_NONE) {
		verdict->rule = rule;
		verdict->mode = mode;
	}
	return false;
}

/* ---- refused pairs ---- */

/* As late as the server's own would go out: who measures must see no
 * difference. */
static uint64_t refusal_ms(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event)
{
	struct prefix key = prefix_of(
		&event->addr, policy->conf.v4_bits, policy->conf.v6_bits);
	const struct source *source = source_find(policy->sources, &key);

	return failure_delay(policy,
		source != NULL ? failure_count_fast(policy, now, source) : 0);
}

static bool pair_stops(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct gate_pass *pass,
	struct policy_verdict *verdict)
{
	enum policy_mode mode = mode_of(policy, policy->conf.pair.mode);
	const struct person *person = person_find(policy->persons, pass->user);
	bool scarce =
		mode_of(policy, policy->conf.shield.mode) == POLICY_ENFORCE &&
		shield_scarce(policy, now, person);

	if (mode == POLICY_OFF ||
		!pair_refused(policy, now, pass->user, pass->tag, scarce))
		return false;
	pair_answered(policy, now, event, pass->user,
		pass->relation >= RELATION_HOLDER);
	if (!answer(policy, mode, VERDICT_ANSWER_REFUSED, RULE_REFUSED_PAIR,
		    verdict))
		return false;
	if (policy->ladder_mode == POLICY_ENFORCE)
		verdict->wait_ms = refusal_ms(policy, now, event);
	return true;
}

/* ---- soft bans ---- */

/* The holder's own failures of the day are not used up. */
static bool holder_trusted(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct gate_pass *pass)
{
	const struct passport *passport =
		passport_find(policy, now, pass->user, &event->addr);

	return passport != NULL &&
	       passport_failures(passport, now) < policy->conf.soft.failures;
}

static bool soft_stops(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct ban *ban,
	const struct gate_pass *pass, struct policy_verdict *verdict)
{
	const struct policy_soft_conf *conf = &policy->conf.soft;
	enum policy_rule rule = RULE_SOFT_BAN;
	enum policy_mode mode = mode_of(policy, conf->mode);

	if (ban == NULL)
		return false;
	if (ban->rule == RULE_PREFIX_LIMIT) {
		rule = RULE_PREFIX_LIMIT; /* whether people are there or not */
		mode = policy->conf.mode;
	}
	if (conf->mode == POLICY_ENFORCE &&
		holder_trusted(policy, now, event, pass) &&
		(outage_active(&policy->outage) ||
			retry_note(policy, now, &event->addr, pass->user,
				pass->tag, conf->retry_ms)
					->count >= conf->tries))
		return false;
	return answer(policy, mode, VERDICT_ANSWER_TEMPORARY, rule, verdict);
}

/* ---- campaigns ---- */

static struct campaign_try try_of(const struct policy *policy,
	const struct addr *addr, uint64_t user, uint64_t tag, struct slice name)
{
	struct prefix source =
		prefix_of(addr, policy->conf.v4_bits, policy->conf.v6_bits);

	return (struct campaign_try){
		.source = hash_prefix(&policy->key, &source),
		.user = user,
		.tag = tag,
		.prefix = source,
		.name = name,
	};
}

static bool campaign_says(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct gate_pass *pass,
	enum policy_mode mode, enum policy_rule rule,
	struct policy_verdict *verdict)
{
	struct campaign_try one = try_of(
		policy, &event->addr, pass->user, pass->tag, event->user);

	campaign_asked(policy, now, &one);
	return answer(policy, mode, VERDICT_ANSWER_TEMPORARY, rule, verdict);
}

static struct budget_claim claim_of(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct gate_pass *pass)
{
	struct prefix source = prefix_of(
		&event->addr, policy->conf.v4_bits, policy->conf.v6_bits);

	bool notorious = device_notorious(policy, now, pass->device);

	return (struct budget_claim){
		.person = person_find(policy->persons, pass->user),
		.near = pass->relation == RELATION_NEIGHBOUR &&
			!(pass->doubtful && notorious),
		.device = device_known(policy, now, pass->user, pass->device),
		.notorious = notorious,
		.source = (uint32_t)hash_prefix(&policy->key, &source),
	};
}

/* A held login asks again in a moment; that is the same try. */
static bool campaign_stops(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct gate_pass *pass,
	struct policy_verdict *verdict)
{
	enum policy_mode grey = mode_of(policy, policy->conf.campaign.mode);
	enum policy_mode mode = mode_of(policy, policy->conf.budget.mode);
	struct budget_claim claim;
	const struct retry *retry;

	if (grey == POLICY_OFF || pass->relation >= RELATION_HOLDER)
		return false;
	claim = claim_of(policy, now, event, pass);
	/* His own few are granted at any time, so that they begin nothing. */
	if (budget_grants_at_once(policy, now, &claim, &pass->spent))
		return false;
	if (!campaign_active(policy, now, claim.person) ||
		!campaign_learned(policy, now))
		return false;
	retry = retry_note(policy, now, &event->addr, pass->user, pass->tag,
		policy->conf.campaign.grey_ms);
	if (retry->first_at == now)
		device_strange(policy, now, pass->device);
	if (retry->count < 2 && campaign_says(policy, now, event, pass, grey,
					RULE_GREYLIST, verdict))
		return true;
	if (mode == POLICY_OFF ||
		budget_grants(policy, now, &claim, retry, &pass->spent))
		return false;
	return campaign_says(
		policy, now, event, pass, mode, RULE_BUDGET, verdict);
}

/* ---- lockout shield ---- */

static bool shield_stops(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct gate_pass *pass,
	struct policy_verdict *verdict)
{
	enum policy_mode mode = mode_of(policy, policy->conf.shield.mode);
	const struct person *person = person_find(policy->persons, pass->user);

	if (mode == POLICY_OFF || person == NULL)
		return false;
	switch (shield_asks(
		policy, now, person, pass->relation >= RELATION_HOLDER)) {
	case SHIELD_PASS: return false;
	case SHIELD_STOP: break;
	case SHIELD_HOLD:
		if (!answer(policy, mode, VERDICT_HOLD, RULE_LOCKOUT_SHIELD,
			    verdict))
			return false;
		ladder_hold(policy, now, event, verdict);
		return true;
	}
	return answer(policy, mode, VERDICT_ANSWER_TEMPORARY,
		RULE_LOCKOUT_SHIELD, verdict);
}

/* ---- a login begins ---- */

/*
 * In a campaign: somebody with the name of a holder behind an address that he
 * shares with others, by a device that is not his. Neither proof nor insult:
 * he has a neighbour's budget.
 */
static bool doubtful(struct policy *policy, mono_ms_t now,
	const struct gate_pass *pass, const struct passport *passport)
{
	const struct person *person;

	if (pass->relation < RELATION_HOLDER || pass->device == 0 ||
		!passport_by_device(passport) ||
		mode_of(policy, policy->conf.device.mode) != POLICY_ENFORCE)
		return false;
	person = person_find(policy->persons, pass->user);
	return !device_known(policy, now, pass->user, pass->device) &&
	       campaign_active(policy, now, person) &&
	       campaign_learned(policy, now);
}

static struct gate_pass look(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	struct gate_pass pass = {
		.user = hash_user(&policy->key, event->user),
		.device = device_hash(policy, event->text),
	};
	const struct passport *passport =
		passport_find(policy, now, pass.user, &event->addr);

	if (pass.user != 0)
		pass.tag = event->secret_tag;
	pass.relation = passport_relation(policy, now, pass.user, &event->addr);
	pass.doubtful = doubtful(policy, now, &pass, passport);
	if (pass.doubtful)
		pass.relation = RELATION_NEIGHBOUR;
	pass.excused =
		mode_of(policy, policy->conf.soft.mode) == POLICY_ENFORCE &&
		pass.relation == RELATION_HOME &&
		(outage_active(&policy->outage) ||
			passport_failures(passport, now) <
				policy->conf.soft.failures);
	return pass;
}

bool gate_begin(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct ban *ban,
	struct policy_verdict *verdict, struct gate_pass *ret_pass)
{
	*ret_pass = look(policy, now, event);
	if (pair_stops(policy, now, event, ret_pass, verdict))
		return false;
	if (soft_stops(policy, now, event, ban, ret_pass, verdict) ||
		campaign_stops(policy, now, event, ret_pass, verdict))
		return false;
	return !shield_stops(policy, now, event, ret_pass, verdict);
}

void gate_opened(struct policy *policy, mono_ms_t now,
	const struct gate_pass *pass, struct attempt *attempt)
{
	struct person *person;

	attempt->relation = (uint8_t)pass->relation;
	attempt->spent = pass->spent;
	attempt->device = pass->device;
	person = person_take(policy->persons, pass->user);
	shield_opened(person);
	budget_take(policy, now, person, pass->spent);
}

/* ---- a login is over ---- */

struct gate_end gate_end_of(const struct policy *policy,
	const struct attempt *attempt, enum policy_outcome outcome)
{
	return (struct gate_end){
		.user = attempt->user,
		.tag = attempt_guess(policy->attempts, attempt)->tag,
		.device = attempt->device,
		.addr = core_source(policy, attempt)->key.addr,
		.relation = (enum relation)attempt->relation,
		.spent = attempt->spent,
		.outcome = outcome,
	};
}

static enum passport_device came_by(
	const struct policy *policy, mono_ms_t now, const struct gate_end *end)
{
	if (end->device == 0)
		return PASSPORT_DEVICE_UNSAID;
	return device_known(policy, now, end->user, end->device)
		       ? PASSPORT_DEVICE_KNOWN
		       : PASSPORT_DEVICE_NEW;
}

/* true: it is not to be believed. */
static bool succeeded(
	struct policy *policy, mono_ms_t now, const struct gate_end *end)
{
	struct person *person = person_find(policy->persons, end->user);
	struct prefix source = prefix_of(
		&end->addr, policy->conf.v4_bits, policy->conf.v6_bits);

	outage_success(policy, now);
	if (end->user == 0) {
		known_succeeded(policy, now, &source);
		return false;
	}
	if (end->relation < RELATION_HOLDER &&
		compromise_looks(policy, now, end, person))
		return true;
	known_succeeded(policy, now, &source);
	person = person_succeed(policy->persons, now, end->user,
		end->relation >= RELATION_HOLDER,
		policy->conf.passport.life_ms);
	person_not_strange(
		person, (uint32_t)hash_prefix(&policy->key, &source));
	pair_clear(policy, now, end->user);
	passport_mint(policy, now, end->user, &end->addr,
		came_by(policy, now, end), end->name);
	device_mint(policy, now, end);
	retry_forget(policy, &end->addr, end->user, end->tag);
	return false;
}

/* What strangers fail with before a campaign is seen is of its budget, too. */
static void stranger_failed(struct policy *policy, mono_ms_t now,
	const struct gate_end *end, bool fresh)
{
	struct campaign_try one =
		try_of(policy, &end->addr, end->user, end->tag, end->name);

	if (!fresh)
		return;
	device_strange(policy, now, end->device);
	if (end->spent == BUDGET_NEAR || end->spent == BUDGET_DEVICE)
		return;
	if (end->spent == 0)
		budget_take(policy, now,
			person_take(policy->persons, end->user), BUDGET_ANY);
	campaign_failed(policy, now, &one);
}

/* A guess that failed before tells nobody anything; it counts once. */
static void failed(
	struct policy *policy, mono_ms_t now, const struct gate_end *end)
{
	bool holder = end->relation >= RELATION_HOLDER;
	bool fresh = !pair_known(policy, now, end->user, end->tag);
	struct passport *passport =
		passport_find(policy, now, end->user, &end->addr);

	if (holder)
		outage_failure(policy, now, end->user);
	else
		stranger_failed(policy, now, end, fresh);
	if (end->outcome == OUTCOME_FAILED)
		pair_refuse(policy, now, end->user, end->tag,
			end->relation == RELATION_HOME);
	if (fresh && passport != NULL)
		passport_fail(passport, now);
}

void gate_settled(struct policy *policy, mono_ms_t now,
	const struct gate_end *end, struct policy_verdict *verdict)
{
	struct person *person = person_find(policy->persons, end->user);
	bool fails = end->outcome == OUTCOME_FAILED ||
		     end->outcome == OUTCOME_ABANDONED;

	if (person != NULL) {
		shield_closed(policy, now, person, fails);
		if (!fails)
			budget_give_back(policy, person, end->spent);
	}
	if (fails)
		failed(policy, now, end);
	if (end->outcome != OUTCOME_OK || !succeeded(policy, now, end))
		return;
	verdict->kind = VERDICT_ANSWER_TEMPORARY;
	verdict->rule = RULE_COMPROMISE;
	verdict->mode = POLICY_ENFORCE;
}

/* No name in EHLO and no secret is known of it. */
bool gate_heard(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	uint64_t user = hash_user(&policy->key, event->user);
	const struct gate_end end = {
		.user = user,
		.addr = event->addr,
		.name = event->user,
		.relation = passport_relation(policy, now, user, &event->addr),
		.outcome = OUTCOME_OK,
	};

	return !succeeded(policy, now, &end);
}

/* The operator vouches for the user: what strangers did to him is forgotten,
 * and his next success counts wherever it comes from. */
void gate_forget(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	uint64_t user = hash_user(&policy->key, event->user);
	struct person *person;

	if (user == 0)
		return;
	person = person_take(policy->persons, user);
	person->cleared_at = now;
	person->failure_count = 0;
	person->siege_until = 0;
	person->released_until = later(now, RELEASED_MS);
	memset(person->strange, 0, sizeof(person->strange));
	memset(person->quota, 0, sizeof(person->quota));
}
