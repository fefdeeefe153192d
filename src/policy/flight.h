/* Strange sources with guesses under way, by the prefix they lie in. */
#ifndef POLICY_FLIGHT_H
#define POLICY_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include "core.h"

struct flight_table;

/* most: sources at once. NULL without memory. Caller frees. */
struct flight_table *flight_table_new(size_t most, const struct hash_key *key);
void flight_table_free(struct flight_table **table);

/* May this source make a guess that can fail, for all that its neighbours have
 * under way? */
bool flight_room(const struct policy *policy, mono_ms_t now,
	const struct source *source);
/* It does: it counts as one that failed, until flight_end(). Again: nothing. */
void flight_begin(struct policy *policy, mono_ms_t now, struct source *source);
/* It has no such guess any more, or it failed. Nothing if it has not begun. */
void flight_end(struct policy *policy, struct source *source);
/* The sizes of prefixes have changed. */
void flight_recount(struct policy *policy);

#endif
