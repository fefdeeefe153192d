/*
 * Refused pairs: (user, secret) that the server refused is answered 535 by
 * postern for 5 minutes, then twice as long each time, 4 hours at most.
 *
 * A phone that keeps an old password then costs its owner one failure at the
 * server where it would have cost hundreds, and a botnet that shares one list
 * asks each guess once. The answer is the server's own, a moment old: it tells
 * nobody anything that the server did not say.
 *
 * A pair is void once its user has succeeded since, anywhere, or the operator
 * forgot what is held against him, or when the server was ill as it refused
 * (outage.c). A man who typed his new password before the server knew it is
 * late by no more than he had already waited, and not at all once another of
 * his devices got in. Where he is known and people log in from the very source
 * he is asked for again each minute for two hours: that is how long a new
 * password needs in a slow directory. The lockout shield still counts him.
 *
 * Secrets are 64-bit tags under a key of this start; they and the pairs live in
 * memory only and are never told to anybody. A right secret is never here.
 *
 * Memory, allocated once: 72 octets and a chain of 4 for each of `most` pairs;
 * the one used longest ago gives way and is asked again.
 */
#include "pair.h"

#include "keyed.h"
#include "outage.h"
#include "person.h"

enum {
	DAY_MS = 86400000,
	MS_PER_S = 1000,
	NOTE_ANSWERS = 3, /* a man tries twice; a device goes on */
	NOTE_AFTER_MS = 600000,
};

_Static_assert(sizeof(struct pair) + 24 == 72, "the size stated above");

static uint64_t key_of(const struct policy *policy, uint64_t user, uint64_t tag)
{
	return hash_numbers(&policy->key, user, tag, 1);
}

static bool is_void(
	const struct policy *policy, const struct pair *pair, uint64_t user)
{
	const struct person *person = person_find(policy->persons, user);

	if (person != NULL && pair->refused_at < person->cleared_at)
		return true;
	return outage_covers(&policy->outage, pair->refused_at);
}

static struct pair *find(
	const struct policy *policy, uint64_t user, uint64_t tag)
{
	struct pair *pair;

	if (user == 0 || tag == 0)
		return NULL;
	pair = keyed_find(policy->pairs, key_of(policy, user, tag));
	if (pair == NULL || is_void(policy, pair, user))
		return NULL;
	return pair;
}

/* Void or not: the same old password is no new guess after a success. */
bool pair_known(
	const struct policy *policy, mono_ms_t now, uint64_t user, uint64_t tag)
{
	const struct pair *pair;

	if (user == 0 || tag == 0)
		return false;
	pair = keyed_find(policy->pairs, key_of(policy, user, tag));
	return pair != NULL && now - pair->refused_at < DAY_MS;
}

bool pair_refused(struct policy *policy, mono_ms_t now, uint64_t user,
	uint64_t tag, bool scarce)
{
	struct pair *pair = find(policy, user, tag);

	if (pair == NULL)
		return false;
	if (pair->until <= now && scarce) /* not worth a step to the lock */
		pair->until = later(now, policy->conf.pair.longest_ms);
	return pair->until > now;
}

/* Twice the time that passed since it was first refused comes out the same as
 * doubling, whenever it is asked. */
static uint64_t next_span(const struct policy *policy, const struct pair *pair)
{
	const struct policy_pair_conf *conf = &policy->conf.pair;
	uint64_t span_ms = (uint64_t)pair->span_s * MS_PER_S * 2;

	if (span_ms < conf->first_ms)
		span_ms = conf->first_ms;
	return span_ms < conf->longest_ms ? span_ms : conf->longest_ms;
}

void pair_refuse(struct policy *policy, mono_ms_t now, uint64_t user,
	uint64_t tag, bool home)
{
	uint64_t span_ms;
	struct pair *pair;

	if (user == 0 || tag == 0)
		return;
	pair = keyed_take(policy->pairs, key_of(policy, user, tag));
	if (pair->refused_at == 0 || is_void(policy, pair, user) ||
		now - pair->refused_at >= DAY_MS)
		*pair = (struct pair){
			.first_at = now, .noted_at = pair->noted_at};
	span_ms = next_span(policy, pair);
	/* He may have typed a new password before the server knows it. */
	if (home && now - pair->first_at < policy->conf.pair.home_ms)
		span_ms = policy->conf.pair.home_first_ms;
	/* The server may be ill: somebody has to find out that it is well. */
	if (home && outage_active(&policy->outage) &&
		span_ms > policy->conf.outage.probe_ms)
		span_ms = policy->conf.outage.probe_ms;
	pair->user = user;
	pair->span_s = (uint32_t)(span_ms / MS_PER_S);
	pair->refused_at = now;
	pair->until = later(now, span_ms);
}

static void note(struct policy *policy, const struct policy_event *event)
{
	struct policy_action action = {
		.kind = ACTION_NOTE,
		.prefix = prefix_of(&event->addr, policy->conf.v4_bits,
			policy->conf.v6_bits),
		.rule = RULE_STALE_DEVICE,
	};

	for (size_t i = 0; i < event->user.n && i < POLICY_USER_LONGEST; i++)
		action.user[i] = (char)slice_lower(event->user.p[i]);
	policy->stats.rule_hits[RULE_STALE_DEVICE]++;
	action_add(&policy->actions, &action);
}

void pair_answered(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, uint64_t user, bool holder)
{
	struct pair *pair = find(policy, user, event->secret_tag);

	if (pair == NULL)
		return;
	pair->answer_count++;
	if (!holder || pair->answer_count < NOTE_ANSWERS ||
		now - pair->first_at < NOTE_AFTER_MS)
		return;
	if (pair->noted_at != 0 && now - pair->noted_at < DAY_MS)
		return;
	pair->noted_at = now != 0 ? now : 1;
	note(policy, event);
}

size_t pair_count(const struct policy *policy, mono_ms_t now, uint64_t user)
{
	const struct pair *pair;
	size_t cursor = 0, count = 0;
	uint64_t key;

	while ((pair = keyed_next(policy->pairs, &cursor, &key)) != NULL)
		count += pair->user == user && pair->until > now &&
			 !is_void(policy, pair, user);
	return count;
}

void pair_clear(struct policy *policy, mono_ms_t now, uint64_t user)
{
	struct person *person = person_find(policy->persons, user);

	if (person != NULL)
		person->cleared_at = now;
}
