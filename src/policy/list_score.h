/* Logins by what lists in the DNS say of their source. */
#ifndef POLICY_LIST_SCORE_H
#define POLICY_LIST_SCORE_H

#include <stdbool.h>

#include "core.h"

enum { LIST_SCORE_BYTES = 16 }; /* an entry of evidence->scores */

/* EVENT_LIST_SCORE. */
void list_score_take(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);

/*
 * What the lists say of a login of this source that begins; key: the source,
 * which is not on the allow list. true: answered, the verdict is made.
 */
bool list_score_refuses(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	struct policy_verdict *verdict);
/* The same for a rule that observes: a plain pass gets the rule that would have
 * refused it. */
void list_score_would(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	struct policy_verdict *verdict);

#endif
