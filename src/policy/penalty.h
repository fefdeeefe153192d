/* Bans begin and end here, and whoever has to know is told. */
#ifndef POLICY_PENALTY_H
#define POLICY_PENALTY_H

#include <stdbool.h>

#include "core.h"

enum { PENALTY_TICK_MOST = 1024 }; /* bans ended in one call */

/* How often this source was banned before, as far as that is remembered. */
unsigned penalty_repeats(const struct policy *policy, mono_ms_t now,
	const struct prefix *prefix);
/* The ladder bans a source. false: it is under such a ban already, or there is
 * no room for it. */
bool penalty_ban(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, enum policy_rule rule, uint64_t span_ms,
	unsigned failure_count);
/* The operator bans a prefix, whatever there was before. */
void penalty_order(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, uint64_t span_ms);
/* Would a ban of it by this rule act at the login alone? */
bool penalty_soft(const struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, enum policy_rule rule);
/* A list has a prefix that no other rule bans: for span_ms from now. false: no
 * room. */
bool penalty_list(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, uint64_t span_ms);
/* One from the store. Nobody is told, unless it is not to be. */
void penalty_restore(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);

/* Ends an active ban now, and says so at once. */
void penalty_end(struct policy *policy, struct ban *ban);
/* Ends an active ban now and forgets its repeats; told by penalty_expire(). */
void penalty_lift(struct policy *policy, mono_ms_t now, struct ban *ban);
/* Ends the bans whose time is over, as many as the queue has room for. */
void penalty_expire(struct policy *policy, mono_ms_t now);

/* Says that a table is full, once a minute for each rule. */
void penalty_tell_limit(struct policy *policy, mono_ms_t now,
	enum policy_rule rule, const struct prefix *prefix);
void penalty_tell_spared(struct policy *policy, const struct prefix *prefix,
	enum policy_rule rule, unsigned failure_count);

#endif
