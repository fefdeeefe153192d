/* Where people are known: sources and prefixes that somebody logged in from. */
#ifndef POLICY_KNOWN_H
#define POLICY_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "core.h"

/* For so many passports. NULL without memory. Caller frees. */
struct keyed_table *known_new(size_t passports);

/* Somebody logged in from this source. */
void known_succeeded(
	struct policy *policy, mono_ms_t now, const struct prefix *source);
/* Somebody did from somewhere in this place: a passport of the store says so.
 */
void known_restored(
	struct policy *policy, mono_ms_t now, const struct prefix *place);

/* Has somebody within the life of a passport? Exactly this prefix: a source, a
 * passport's place, or one that prefix_limit bans. */
bool known_prefix(const struct policy *policy, mono_ms_t now,
	const struct prefix *prefix);
/* From the source of this address? */
bool known_source(
	const struct policy *policy, mono_ms_t now, const struct addr *addr);
/* From anywhere in the prefix? That makes its ban soft. An address is judged by
 * itself: a guesser next door to people is turned away. After a start nobody
 * knows which addresses of a place it were; then all of them are. */
bool known_inside(const struct policy *policy, mono_ms_t now,
	const struct prefix *prefix);

/* For keyed_load(). */
bool known_sound(void *value, size_t value_bytes);

#endif
