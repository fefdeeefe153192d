/* Logins that were read from a server's log: others than those that passed. */
#ifndef POLICY_HEARD_H
#define POLICY_HEARD_H

#include "core.h"

/* EVENT_LOG_FAILURE, EVENT_LOG_SUCCESS. The verdict says how the source
 * stands; there is nothing to answer. */
void heard_failure(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict);
void heard_success(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);

#endif
