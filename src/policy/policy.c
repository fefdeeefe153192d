/*
 * The policy core's face: takes events, gives verdicts, lets time pass.
 *
 * Everything is decided elsewhere (ladder.c, operator.c); here are the life of
 * the core, the way of an event to its rule, and what others may ask. The
 * tables are allocated in policy_new() and keep their sizes; policy_configure()
 * allocates the allow list only.
 *
 * PURE: knows no clock, log, socket or file, and no global. Called by the
 * keeper, by replays and by tests. Time that goes back is taken as standing
 * still. What can go wrong: no memory in policy_new(); limits that grow beyond
 * what the tables keep are clamped until the next start.
 */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

#include "../base/check.h"
#include "campaign.h"
#include "core.h"
#include "device.h"
#include "domains.h"
#include "evidence.h"
#include "failure.h"
#include "flight.h"
#include "gate.h"
#include "heard.h"
#include "known.h"
#include "ladder.h"
#include "list_score.h"
#include "offence.h"
#include "operator.h"
#include "pair.h"
#include "passport.h"
#include "penalty.h"
#include "place.h"
#include "retry.h"

static unsigned at_least_one(unsigned n)
{
	return n > 0 ? n : 1;
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * Limits beyond the records kept would never be reached: clamped, so that a
 * reload errs on the strict side until the next start.
 */
static void take_numbers(struct policy *policy, const struct policy_conf *conf)
{
	unsigned kept = source_table_failures_most(policy->sources);
	uint64_t keep_ms = conf->window_ms;

	if (conf->slow_limit != 0 && conf->slow_window_ms > keep_ms)
		keep_ms = conf->slow_window_ms;
	if (conf->source_users.mode != POLICY_OFF &&
		conf->source_users.window_ms > keep_ms)
		keep_ms = conf->source_users.window_ms;
	policy->conf = *conf;
	policy->conf.allow = NULL; /* the caller's */
	policy->conf.allow_count = 0;
	policy->failure_limit =
		smaller(at_least_one(conf->failure_limit), kept);
	policy->slow_limit = smaller(conf->slow_limit, kept);
	policy->ladder_mode =
		conf->source_mode < conf->mode ? conf->source_mode : conf->mode;
	source_table_keep(policy->sources, keep_ms);
}

static size_t at_least(size_t n, size_t least)
{
	return n > least ? n : least;
}

/* What the rules that know people keep. */
static bool make_people(struct policy *policy, const struct policy_conf *conf)
{
	size_t passports = at_least(conf->passport.most, 1);
	size_t pairs = at_least(conf->pair.most, 1);

	policy->passports = keyed_table_new(passports, sizeof(struct passport));
	policy->places = known_new(passports);
	policy->persons = person_table_new(passports);
	policy->pairs = keyed_table_new(pairs, sizeof(struct pair));
	policy->tries = keyed_table_new(pairs, sizeof(struct retry));
	policy->campaign = campaign_new();
	policy->devices = devices_new(passports);
	return policy->passports != NULL && policy->places != NULL &&
	       policy->persons != NULL && policy->pairs != NULL &&
	       policy->tries != NULL && policy->campaign != NULL &&
	       policy->devices != NULL;
}

static bool make_tables(struct policy *policy, const struct policy_conf *conf)
{
	const struct hash_key *key = &policy->key;
	unsigned kept =
		larger(at_least_one(conf->failure_limit), conf->slow_limit);

	if (conf->source_users.mode != POLICY_OFF)
		kept = larger(kept, conf->source_users.known_limit);

	policy->sources = source_table_new(conf->sources_most, kept, key);
	policy->attempts = attempt_table_new(conf->attempts_most, key);
	policy->flights = flight_table_new(conf->attempts_most, key);
	policy->bans = ban_table_new(conf->bans_most, key);
	policy->allow = allow_table_new(key);
	policy->domains =
		domains_new(conf->user_domains, conf->user_domain_count);
	if (policy->domains != NULL)
		policy->evidence = evidence_new(conf, key, policy->domains);
	return make_people(policy, conf) && policy->sources != NULL &&
	       policy->attempts != NULL && policy->flights != NULL &&
	       policy->bans != NULL && policy->allow != NULL &&
	       policy->evidence != NULL &&
	       allow_configure(policy->allow, conf->allow, conf->allow_count);
}

struct policy *policy_new(const struct policy_conf *conf, uint64_t seed)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (policy == NULL)
		return NULL;
	policy->seed = seed;
	hash_key_init(&policy->key, seed);
	if (make_tables(policy, conf))
		take_numbers(policy, conf);
	else
		policy_free(&policy);
	return policy;
}

void policy_free(struct policy **policy)
{
	if (*policy == NULL)
		return;
	source_table_free(&(*policy)->sources);
	attempt_table_free(&(*policy)->attempts);
	flight_table_free(&(*policy)->flights);
	ban_table_free(&(*policy)->bans);
	allow_table_free(&(*policy)->allow);
	evidence_free(&(*policy)->evidence);
	keyed_table_free(&(*policy)->passports);
	keyed_table_free(&(*policy)->places);
	person_table_free(&(*policy)->persons);
	keyed_table_free(&(*policy)->pairs);
	keyed_table_free(&(*policy)->tries);
	campaign_free(&(*policy)->campaign);
	devices_free(&(*policy)->devices);
	domains_free(&(*policy)->domains);
	free(*policy);
	*policy = NULL;
}

static mono_ms_t advance(struct policy *policy, mono_ms_t now)
{
	if (now > policy->now)
		policy->now = now;
	return policy->now;
}

/* The old ones stay where there is no memory for the new. */
static void take_domains(
	struct policy *policy, mono_ms_t now, const struct policy_conf *conf)
{
	static const struct prefix everything;
	struct domains *fresh =
		domains_new(conf->user_domains, conf->user_domain_count);

	if (fresh == NULL) {
		penalty_tell_limit(policy, now, RULE_DECOY, &everything);
		return;
	}
	domains_free(&policy->domains);
	policy->domains = fresh;
}

void policy_configure(
	struct policy *policy, mono_ms_t now, const struct policy_conf *conf)
{
	static const struct prefix everything;

	now = advance(policy, now);
	if (!allow_configure(policy->allow, conf->allow, conf->allow_count))
		penalty_tell_limit(policy, now, RULE_ALLOWED, &everything);
	take_domains(policy, now, conf);
	if (!offences_configure(policy->evidence->offences, conf, &policy->key,
		    policy->domains))
		penalty_tell_limit(policy, now, RULE_HELO, &everything);
	if (!places_configure(&policy->evidence->places, &conf->places))
		penalty_tell_limit(policy, now, RULE_COUNTRY, &everything);
	take_numbers(policy, conf);
	flight_recount(policy);
	operator_reconcile(policy, now);
}

static void pass_time(struct policy *policy, mono_ms_t now)
{
	penalty_expire(policy, now);
	ladder_expire(policy, now);
	outage_expire(policy, now);
}

void policy_tick(struct policy *policy, mono_ms_t now)
{
	pass_time(policy, advance(policy, now));
}

mono_ms_t policy_deadline(const struct policy *policy)
{
	const struct ban *ban = ban_soonest(policy->bans);
	mono_ms_t deadline = ladder_deadline(policy);

	if (ban != NULL && ban->until < deadline)
		deadline = ban->until;
	return deadline;
}

/* Bans and full tables are counted where they happen, by penalty.c. */
static bool counts_by_verdict(enum policy_rule rule)
{
	return rule == RULE_SOURCE_DELAY || rule == RULE_IN_FLIGHT ||
	       rule == RULE_PREFIX_IN_FLIGHT || rule == RULE_BANNED ||
	       rule == RULE_ALLOWED || rule == RULE_COUNTRY ||
	       rule == RULE_ASN || rule == RULE_DNS_LISTS;
}

static void count_verdict(
	struct policy *policy, const struct policy_verdict *verdict)
{
	policy->stats.verdicts[verdict->kind]++;
	if (counts_by_verdict(verdict->rule))
		policy->stats.rule_hits[verdict->rule]++;
}

static void step_order(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	switch (event->kind) {
	case EVENT_OPERATOR_BAN: operator_ban(policy, now, event); break;
	case EVENT_OPERATOR_UNBAN: operator_unban(policy, now, event); break;
	case EVENT_OPERATOR_ALLOW: operator_allow(policy, now, event); break;
	case EVENT_OPERATOR_DISALLOW: operator_disallow(policy, event); break;
	case EVENT_RESTORE_BAN: operator_restore(policy, now, event); break;
	case EVENT_OPERATOR_FORGET: gate_forget(policy, now, event); break;
	case EVENT_RESTORE_PASSPORT:
		passport_restore(policy, now, event);
		break;
	case EVENT_RESTORE_DEVICE: device_restore(policy, now, event); break;
	case EVENT_AUTH_BEGINS: /* these are no orders */
	case EVENT_AUTH_SETTLED:
	case EVENT_AUTH_REFUSED:
	case EVENT_EARLY_TALK:
	case EVENT_PROTOCOL_ERROR:
	case EVENT_CONNECT:
	case EVENT_HELO:
	case EVENT_RECIPIENT_REFUSED:
	case EVENT_RELAY_REFUSED:
	case EVENT_TLS_FAILURE:
	case EVENT_LIST_SCORE:
	case EVENT_LOG_FAILURE:
	case EVENT_LOG_SUCCESS: break;
	}
}

static void step(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *ret_verdict)
{
	struct policy_verdict verdict = {
		.kind = VERDICT_PASS,
		.mode = policy->ladder_mode,
	};

	now = advance(policy, now);
	pass_time(policy, now);
	if (event->kind == EVENT_AUTH_BEGINS) {
		ladder_begin(policy, now, event, &verdict);
		count_verdict(policy, &verdict);
	} else if (event->kind == EVENT_AUTH_SETTLED) {
		CHECK(event->outcome <= OUTCOME_ABANDONED);
		policy->stats.outcomes[event->outcome]++;
		ladder_settle(policy, now, event, &verdict);
		count_verdict(policy, &verdict);
	} else if (event->kind == EVENT_LOG_FAILURE) {
		heard_failure(policy, now, event, &verdict);
	} else if (event->kind == EVENT_LOG_SUCCESS) {
		heard_success(policy, now, event);
	} else if (event->kind == EVENT_LIST_SCORE) {
		list_score_take(policy, now, event);
	} else {
		offence_step(policy, now, event, &verdict);
		step_order(policy, now, event);
	}
	*ret_verdict = verdict;
}

/* From here on a user has one name. */
void policy_step(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *ret_verdict)
{
	struct policy_event own = *event;

	own.user = domains_bare(policy->domains, event->user);
	step(policy, now, &own, ret_verdict);
}

bool policy_next_action(struct policy *policy, struct policy_action *ret_action)
{
	return action_take(&policy->actions, ret_action);
}

bool policy_banned(const struct policy *policy, mono_ms_t now,
	const struct addr *addr, struct policy_ban *ret_ban)
{
	const struct ban *ban;
	struct prefix allowed;

	if (policy->conf.mode != POLICY_ENFORCE ||
		allow_match(policy->allow, addr, &allowed))
		return false;
	ban = ban_match(policy->bans, addr, now, false);
	if (ban == NULL)
		return false;
	*ret_ban = ban_info(ban);
	return true;
}

bool policy_ban_next(
	const struct policy *policy, size_t *cursor, struct policy_ban *ret_ban)
{
	const struct ban *ban;

	if (policy->conf.mode != POLICY_ENFORCE)
		return false;
	while ((ban = ban_next(policy->bans, cursor)) != NULL) {
		if (!ban_active(ban) || ban->shadow ||
			ban->until <= policy->now)
			continue;
		*ret_ban = ban_info(ban);
		return true;
	}
	return false;
}

bool policy_allow_next(
	const struct policy *policy, size_t *cursor, struct prefix *ret_prefix)
{
	return allow_next(policy->allow, cursor, ret_prefix);
}

static void explain_source(const struct policy *policy, mono_ms_t now,
	const struct source *source, struct policy_source_info *info)
{
	info->known = true;
	info->failure_count = source_failures(
		policy->sources, source, now, policy->conf.window_ms);
	if (policy->slow_limit != 0)
		info->slow_count = source_failures(policy->sources, source, now,
			policy->conf.slow_window_ms);
	info->in_flight_count = source->in_flight_count;
	info->success_count = source->success_count;
	info->failure_total = source->failure_total;
	info->first_seen = source->first_seen;
	info->last_failure = source->last_failure;
	info->last_success = source->last_success;
}

void policy_explain(const struct policy *policy, mono_ms_t now,
	const struct addr *addr, struct policy_source_info *ret_info)
{
	struct policy_source_info info;
	const struct source *source;

	memset(&info, 0, sizeof(info));
	if (now < policy->now)
		now = policy->now;
	info.source = ladder_key(policy, addr, &info.allowed);
	info.banned = policy_banned(policy, now, addr, &info.ban);
	source = source_find(policy->sources, &info.source);
	if (source != NULL)
		explain_source(policy, now, source, &info);
	if (!info.allowed && policy->ladder_mode == POLICY_ENFORCE)
		info.next_delay_ms =
			failure_delay(policy, info.failure_count + 1);
	*ret_info = info;
}

void policy_stats(const struct policy *policy, struct policy_stats *ret_stats)
{
	struct policy_stats stats = policy->stats;

	stats.sources = source_table_count(policy->sources);
	stats.bans = ban_table_count(policy->bans);
	stats.attempts = attempt_table_count(policy->attempts);
	stats.evicted_sources = source_table_evicted_count(policy->sources);
	*ret_stats = stats;
}

static const char *const rule_names[RULE_COUNT] = {
	[RULE_NONE] = "none",
#define RULE(id, name, text) [RULE_##id] = (name),
#include "rules.def"
#undef RULE
};

static const char *const rule_texts[RULE_COUNT] = {
	[RULE_NONE] = "no rule",
#define RULE(id, name, text) [RULE_##id] = (text),
#include "rules.def"
#undef RULE
};

const char *policy_rule_name(enum policy_rule rule)
{
	CHECK(rule < RULE_COUNT);
	return rule_names[rule];
}

const char *policy_rule_text(enum policy_rule rule)
{
	CHECK(rule < RULE_COUNT);
	return rule_texts[rule];
}

enum policy_rule policy_rule_by_name(const char *name)
{
	for (unsigned rule = RULE_NONE + 1; rule < RULE_COUNT; rule++)
		if (strcmp(rule_names[rule], name) == 0)
			return (enum policy_rule)rule;
	return RULE_NONE;
}
