/*
 * Logins by what lists in the DNS say of their source.
 *
 * Who asks the lists (the keeper) adds up the weights of those that have the
 * source and puts the sum into an event; here it is remembered for as long as
 * the lists said, and a stranger's login from a source whose sum reaches the
 * threshold is answered 454. What has not been said, or no longer holds,
 * passes: a resolver that is slow, late or dead locks nobody out.
 *
 * A list knows addresses and no people, and many have the addresses of every
 * private line: so a source that somebody logged in from passes, and so does a
 * user who is known there, who has been in the same provider's network, or
 * whose device it is.
 *
 * Nothing is counted and nobody is banned: 454 to whatever secret tells a
 * guesser nothing, and the server hears nothing.
 *
 * An IPv6 source is its /64, whatever a source is elsewhere: one who owns it
 * has all of its addresses. Memory: 40 octets a source and a chain; the one
 * touched longest ago gives way, and passes. Called by policy.c and ladder.c.
 */
#include "list_score.h"

#include "device.h"
#include "evidence.h"
#include "known.h"
#include "ladder.h"
#include "mode.h"
#include "passport.h"

enum { SOURCE_V4_BITS = 32, SOURCE_V6_BITS = 64 };

struct list_score {
	mono_ms_t until;
	unsigned score;
};

_Static_assert(sizeof(struct list_score) == LIST_SCORE_BYTES, "its table's");

static uint64_t key_of(const struct policy *policy, const struct addr *addr)
{
	struct prefix source = prefix_of(addr, SOURCE_V4_BITS, SOURCE_V6_BITS);

	return hash_prefix(&policy->key, &source);
}

void list_score_take(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	struct keyed_table *scores = policy->evidence->scores;
	uint64_t key = key_of(policy, &event->addr);
	struct list_score *entry;

	if (mode_of_rule(policy, RULE_DNS_LISTS) == POLICY_OFF)
		return;
	if (event->score == 0 || event->span_ms == 0) {
		keyed_remove(scores, key);
		return;
	}
	entry = keyed_take(scores, key);
	entry->score = event->score;
	entry->until = later(now, event->span_ms);
}

static const struct list_score *score_find(
	const struct policy *policy, mono_ms_t now, const struct addr *addr)
{
	const struct list_score *entry =
		keyed_find(policy->evidence->scores, key_of(policy, addr));

	return entry != NULL && entry->until > now ? entry : NULL;
}

static bool is_known(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key)
{
	uint64_t user = hash_user(&policy->key, event->user);
	uint64_t device = device_hash(policy, event->text);

	return known_prefix(policy, now, key) ||
	       passport_relation(policy, now, user, &event->addr) >=
		       RELATION_NEIGHBOUR ||
	       (device_known(policy, now, user, device) &&
		       !device_notorious(policy, now, device));
}

/* Does the rule, in this mode, refuse this login? */
static bool judge(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	enum policy_mode mode)
{
	const struct list_score *entry;

	if (mode_of_rule(policy, RULE_DNS_LISTS) != mode)
		return false;
	entry = score_find(policy, now, &event->addr);
	return entry != NULL && entry->score >= policy->conf.lists.threshold &&
	       !is_known(policy, now, event, key);
}

bool list_score_refuses(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	struct policy_verdict *verdict)
{
	if (!judge(policy, now, event, key, POLICY_ENFORCE))
		return false;
	verdict->kind = VERDICT_ANSWER_TEMPORARY;
	verdict->rule = RULE_DNS_LISTS;
	verdict->mode = POLICY_ENFORCE;
	return true;
}

void list_score_would(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	struct policy_verdict *verdict)
{
	if (verdict->kind != VERDICT_PASS || verdict->rule != RULE_NONE ||
		!judge(policy, now, event, key, POLICY_OBSERVE))
		return;
	verdict->rule = RULE_DNS_LISTS;
	verdict->mode = POLICY_OBSERVE;
}

bool policy_list_wanted(
	const struct policy *policy, mono_ms_t now, const struct addr *addr)
{
	struct policy_ban ban;
	bool allowed;
	struct prefix key = ladder_key(policy, addr, &allowed);

	return mode_of_rule(policy, RULE_DNS_LISTS) != POLICY_OFF && !allowed &&
	       !known_prefix(policy, now, &key) &&
	       (!policy_banned(policy, now, addr, &ban) || ban.soft);
}

bool policy_listed(const struct policy *policy, mono_ms_t now,
	const struct addr *addr, struct policy_list_info *ret_info)
{
	const struct list_score *entry = score_find(policy, now, addr);

	if (entry == NULL)
		return false;
	*ret_info = (struct policy_list_info){
		.score = entry->score,
		.until = entry->until,
	};
	return true;
}
