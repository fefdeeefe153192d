/*
 * Where people are known.
 *
 * A success is noted for its source and for the prefixes around it that may be
 * banned. Kept apart from the sources, whose table a flood of strangers turns
 * over: an entry is made by a right password and by nothing else.
 *
 * Knows no user. 36 octets a place; that of the oldest login gives way.
 */
#include "known.h"

#include "evidence.h"
#include "prefix_limit.h"

#define KNOWN_MS (30 * UINT64_C(86400000))

static void note(
	struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	mono_ms_t *last = keyed_take(
		policy->evidence->known, hash_prefix(&policy->key, prefix));

	*last = now != 0 ? now : 1;
}

void known_succeeded(
	struct policy *policy, mono_ms_t now, const struct prefix *source)
{
	struct prefix wide = prefix_limit_wide(policy, source);
	struct prefix narrow = prefix_limit_narrow(policy, source);

	note(policy, now, source);
	note(policy, now, &wide);
	note(policy, now, &narrow);
}

void known_place(
	struct policy *policy, mono_ms_t now, const struct prefix *place)
{
	struct prefix wide = prefix_limit_wide(policy, place);
	struct prefix narrow = prefix_limit_narrow(policy, place);

	if (place->bits >= wide.bits)
		note(policy, now, &wide);
	if (place->bits >= narrow.bits)
		note(policy, now, &narrow);
}

bool known_prefix(
	const struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	const mono_ms_t *last = keyed_find(
		policy->evidence->known, hash_prefix(&policy->key, prefix));

	return last != NULL && now - *last < KNOWN_MS;
}
