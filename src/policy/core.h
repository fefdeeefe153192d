/* The inside of struct policy: for the files of this folder only. */
#ifndef POLICY_CORE_H
#define POLICY_CORE_H

#include "action.h"
#include "allow.h"
#include "attempt.h"
#include "ban.h"
#include "hash.h"
#include "keyed.h"
#include "outage.h"
#include "person.h"
#include "policy.h"
#include "source.h"

struct campaign;
struct devices;
struct domains;
struct evidence;
struct flight_table;

struct policy {
	struct policy_conf conf;      /* allow: NULL, it is in `allow` below */
	enum policy_mode ladder_mode; /* the lower of mode and source_mode */
	unsigned failure_limit, slow_limit; /* as far as records are kept */
	mono_ms_t now; /* of the last call; never goes back */
	uint64_t seed; /* of the key */
	struct hash_key key;
	struct source_table *sources;
	struct attempt_table *attempts;
	struct flight_table *flights;
	struct ban_table *bans;
	struct allow_table *allow;
	struct evidence *evidence; /* of the rules beside the ladder */
	struct keyed_table *passports, *places; /* known.c: places */
	struct keyed_table *pairs, *tries;	/* pair.c, retry.c */
	struct person_table *persons;
	struct devices *devices;
	struct domains *domains; /* of user names */
	struct outage outage;
	struct campaign *campaign;
	struct action_queue actions;
	mono_ms_t limit_told[RULE_COUNT]; /* ACTION_LIMIT was said; 0: never */
	struct policy_stats stats;
};

/* Never wraps: MONO_NEVER is the end of time. */
static inline mono_ms_t later(mono_ms_t now, uint64_t span_ms)
{
	return span_ms > MONO_NEVER - now ? MONO_NEVER : now + span_ms;
}

/* Of an open attempt. */
static inline struct source *core_source(
	const struct policy *policy, const struct attempt *attempt)
{
	return source_at(policy->sources,
		attempt_guess(policy->attempts, attempt)->source);
}

#endif
