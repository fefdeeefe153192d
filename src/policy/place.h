/* Logins by where their source is: its country and its autonomous system. */
#ifndef POLICY_PLACE_H
#define POLICY_PLACE_H

#include <stdbool.h>

#include "core.h"

struct places;

/* NULL without memory. Caller frees. */
struct places *places_new(const struct policy_places *conf);
void places_free(struct places **places);
/* false: no memory, the old lists stay. */
bool places_configure(struct places **places, const struct policy_places *conf);

/*
 * What the rules of places say of a login of this source that begins; key: the
 * source, which is not on the allow list. true: answered, the verdict is made.
 */
bool place_refuses(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	struct policy_verdict *verdict);
/* The same for rules that observe: a plain pass gets the rule that would have
 * refused it. */
void place_would(const struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct prefix *key,
	struct policy_verdict *verdict);

#endif
