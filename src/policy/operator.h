/* What an operator orders, and what the store brings back. */
#ifndef POLICY_OPERATOR_H
#define POLICY_OPERATOR_H

#include "core.h"

/* EVENT_OPERATOR_* and EVENT_RESTORE_BAN. */
void operator_ban(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);
void operator_unban(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);
void operator_allow(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);
void operator_disallow(struct policy *policy, const struct policy_event *event);
void operator_restore(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);

/* After the configuration changed: bans that are covered by the allow list, or
 * that the ladder's new mode would not have made, end. */
void operator_reconcile(struct policy *policy, mono_ms_t now);

#endif
