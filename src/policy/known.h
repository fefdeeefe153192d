/* Where people are known: sources and prefixes that somebody logged in from. */
#ifndef POLICY_KNOWN_H
#define POLICY_KNOWN_H

#include <stdbool.h>

#include "core.h"

enum { KNOWN_BYTES = sizeof(mono_ms_t) };

/* Somebody logged in from this source. */
void known_succeeded(
	struct policy *policy, mono_ms_t now, const struct prefix *source);
/* Somebody did from somewhere in this place: a passport of the store says so.
 */
void known_place(
	struct policy *policy, mono_ms_t now, const struct prefix *place);
/* Has somebody within 30 days? A source, or one of its prefixes that
 * prefix_limit bans. */
bool known_prefix(const struct policy *policy, mono_ms_t now,
	const struct prefix *prefix);

#endif
