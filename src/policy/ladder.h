/* The ladder: the rules for one source. */
#ifndef POLICY_LADDER_H
#define POLICY_LADDER_H

#include "core.h"

/* EVENT_AUTH_BEGINS, EVENT_AUTH_SETTLED. `verdict` is a plain pass at first. */
void ladder_begin(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict);
void ladder_settle(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict);
/* Attempts that were never settled become failures; as many as the queue of
 * actions has room for. */
void ladder_expire(struct policy *policy, mono_ms_t now);
/* When the oldest attempt does; MONO_NEVER: none. */
mono_ms_t ladder_deadline(const struct policy *policy);

/* Asks again in a moment; answered 454 when that takes too long. */
void ladder_hold(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict);

/* What an address is counted under. */
struct prefix ladder_key(const struct policy *policy, const struct addr *addr,
	bool *ret_allowed);

#endif
