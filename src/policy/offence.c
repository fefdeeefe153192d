/*
 * Bad manners: what a source does besides guessing.
 *
 * Each rule of offences.def is the same: so many events of a kind within a
 * window, and the source is banned. A window begins with the first event and
 * counts until it is over; then the next event begins a new one. So between
 * two bans never more than twice `times` fit into any span of a window's
 * length, and a rule costs 16 octets a source.
 *
 * A decoy is a user whom nobody has: one failed login for him is enough. The
 * server answers it as any other, so that the guesser learns nothing.
 *
 * Where people log in from nobody is banned for manners: a phone with a wrong
 * setting must not lock its office out. Memory: 65,536 tallies, 40 octets each
 * and a chain, 3 MB; the one touched longest ago gives way.
 *
 * Called by policy.c and evidence.c. Bans by sentence.c. What can go wrong: a
 * pattern that costs too much is no match (pattern.c).
 */
#include "offence.h"

#include <stdlib.h>

#include "domains.h"
#include "evidence.h"
#include "keyed.h"
#include "known.h"
#include "ladder.h"
#include "mode.h"
#include "pattern.h"
#include "sentence.h"

enum { TALLIES_MOST = 65536 };

struct tally {
	mono_ms_t since;
	uint32_t count;
};

struct helo_patterns {
	struct pattern **items;
	size_t count;
};

/* Hashes of the names, as a login's name is hashed. */
struct decoys {
	uint64_t *users;
	size_t count;
};

struct offences {
	struct keyed_table *tallies;
	struct helo_patterns helo;
	struct decoys decoys;
};

struct rule {
	enum policy_event_kind event;
	enum policy_rule rule;
	size_t at; /* of its numbers in struct policy_conf */
};

static const struct rule rules[] = {
#define OFFENCE(field, event, rule)                                            \
	{event, rule, offsetof(struct policy_conf, field)},
#include "offences.def"
#undef OFFENCE
};

static const struct policy_offence *numbers(
	const struct policy_conf *conf, const struct rule *rule)
{
	const void *at = (const uint8_t *)conf + rule->at;

	return at;
}

const enum policy_mode *offence_mode(
	const struct policy_conf *conf, enum policy_rule rule)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].rule == rule)
			return &numbers(conf, &rules[i])->mode;
	return rule == RULE_DECOY ? &conf->decoys.mode : NULL;
}

/* ---- patterns of names ---- */

static void patterns_free(struct helo_patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		pattern_free(&patterns->items[i]);
	free(patterns->items);
	*patterns = (struct helo_patterns){0};
}

static bool patterns_make(
	struct helo_patterns *patterns, const struct policy_conf *conf)
{
	char error[PATTERN_ERROR_LONGEST];

	*patterns = (struct helo_patterns){
		.items = calloc(
			conf->helo_name_count + 1, sizeof(struct pattern *))};
	if (patterns->items == NULL)
		return false;
	for (size_t i = 0; i < conf->helo_name_count; i++) {
		struct pattern *made = pattern_new(conf->helo_names[i], error);

		if (made == NULL) {
			patterns_free(patterns);
			return false;
		}
		patterns->items[patterns->count++] = made;
	}
	return true;
}

static bool decoys_make(struct decoys *decoys, const struct policy_decoys *conf,
	const struct hash_key *key, const struct domains *domains)
{
	*decoys = (struct decoys){
		.users = calloc(conf->count + 1, sizeof(*decoys->users))};
	if (decoys->users == NULL)
		return false;
	for (; decoys->count < conf->count; decoys->count++)
		decoys->users[decoys->count] = hash_user(
			key, domains_bare(domains,
				     slice_str(conf->names[decoys->count])));
	return true;
}

bool offences_configure(struct offences *offences,
	const struct policy_conf *conf, const struct hash_key *key,
	const struct domains *domains)
{
	struct helo_patterns helo;
	struct decoys decoys;

	if (!patterns_make(&helo, conf))
		return false;
	if (!decoys_make(&decoys, &conf->decoys, key, domains)) {
		patterns_free(&helo);
		return false;
	}
	patterns_free(&offences->helo);
	free(offences->decoys.users);
	offences->helo = helo;
	offences->decoys = decoys;
	return true;
}

struct offences *offences_new(const struct policy_conf *conf,
	const struct hash_key *key, const struct domains *domains)
{
	struct offences *offences = calloc(1, sizeof(*offences));

	if (offences == NULL)
		return NULL;
	offences->tallies = keyed_table_new(TALLIES_MOST, sizeof(struct tally));
	if (offences->tallies == NULL ||
		!offences_configure(offences, conf, key, domains))
		offences_free(&offences);
	return offences;
}

void offences_free(struct offences **offences)
{
	if (*offences == NULL)
		return;
	keyed_table_free(&(*offences)->tallies);
	patterns_free(&(*offences)->helo);
	free((*offences)->decoys.users);
	free(*offences);
	*offences = NULL;
}

static bool name_matches(const struct policy *policy, struct slice name)
{
	const struct helo_patterns *patterns =
		&policy->evidence->offences->helo;

	for (size_t i = 0; i < patterns->count; i++)
		if (pattern_match(patterns->items[i], name) == PATTERN_MATCH)
			return true;
	return false;
}

/* ---- counting ---- */

/* How many there are with this one in the window that is open. */
static unsigned count(struct policy *policy, mono_ms_t now,
	const struct prefix *source, enum policy_rule rule, uint64_t window_ms)
{
	uint64_t key = hash_numbers(
		&policy->key, hash_prefix(&policy->key, source), rule, 0);
	struct tally *tally =
		keyed_take(policy->evidence->offences->tallies, key);

	if (tally->count == 0 || now - tally->since >= window_ms)
		*tally = (struct tally){.since = now};
	if (tally->count < UINT32_MAX)
		tally->count++;
	return tally->count;
}

static void forget(struct policy *policy, const struct prefix *source,
	enum policy_rule rule)
{
	keyed_remove(policy->evidence->offences->tallies,
		hash_numbers(&policy->key, hash_prefix(&policy->key, source),
			rule, 0));
}

static void commit(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct rule *rule)
{
	const struct policy_offence *conf = numbers(&policy->conf, rule);
	bool allowed;
	struct prefix source = ladder_key(policy, &event->addr, &allowed);
	unsigned times;

	if (mode_of_rule(policy, rule->rule) == POLICY_OFF ||
		known_prefix(policy, now, &source))
		return;
	times = count(policy, now, &source, rule->rule, conf->window_ms);
	if (times < conf->limit)
		return;
	forget(policy, &source, rule->rule);
	(void)sentence_pass(
		policy, now, &source, rule->rule, conf->ban_ms, times);
}

static bool is_offence(
	const struct policy *policy, const struct policy_event *event)
{
	return event->kind != EVENT_HELO || name_matches(policy, event->text);
}

static void meet(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict)
{
	struct policy_ban ban;

	if (!policy_banned(policy, now, &event->addr, &ban) || ban.soft)
		return;
	verdict->kind = VERDICT_TURN_AWAY;
	verdict->rule = RULE_BANNED;
	verdict->mode = policy->conf.mode;
}

void offence_step(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].event == event->kind && is_offence(policy, event))
			commit(policy, now, event, &rules[i]);
	if (event->kind == EVENT_CONNECT)
		meet(policy, now, event, verdict);
}

bool offence_decoy(struct policy *policy, mono_ms_t now,
	const struct source *source, uint64_t user)
{
	const struct decoys *decoys = &policy->evidence->offences->decoys;

	if (user == 0 || mode_of_rule(policy, RULE_DECOY) == POLICY_OFF)
		return false;
	for (size_t i = 0; i < decoys->count; i++)
		if (decoys->users[i] == user)
			return sentence_pass(policy, now, &source->key,
				RULE_DECOY, policy->conf.decoys.ban_ms, 1);
	return false;
}

void offences_save(const struct offences *offences, struct octets *out)
{
	keyed_save(offences->tallies, out);
}

bool offences_load(struct offences *offences, struct octets *in)
{
	return keyed_load(offences->tallies, in, NULL);
}
