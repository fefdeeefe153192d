/*
 * Where people are known: the sources and prefixes that somebody logged in
 * from, whoever it was.
 *
 * A success is noted for its source, for the place of a passport and for the
 * prefixes around it that may be banned. Kept apart from the sources, whose
 * table a flood of strangers turns over: an entry is made by a right password
 * (or by a passport of the store) and by nothing else.
 *
 * Knows no user. Memory, allocated once: 60 octets for each of three times as
 * many places as passports are kept, 12 MB for 65,536. The place whose last
 * success is oldest gives way.
 *
 * Called by the rules. What can go wrong: somebody who owns one account makes
 * any place he has "known". Then bans there are soft, which costs a session and
 * passes no guess: a passport holds for its user only.
 */
#include "known.h"

#include "passport.h"
#include "prefix_limit.h"

struct place {
	struct prefix prefix;
	bool restored; /* which sources in it, the store does not know */
	mono_ms_t last_success;
};

_Static_assert(sizeof(struct place) + 24 <= 56, "the size stated above");

struct keyed_table *known_new(size_t passports)
{
	return keyed_table_new(3 * passports, sizeof(struct place));
}

static struct place *note(
	struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	struct place *place =
		keyed_take(policy->places, hash_prefix(&policy->key, prefix));

	place->prefix = *prefix;
	place->last_success = now;
	return place;
}

/* Prefixes that are the same (a /24 by default) are one entry. */
void known_succeeded(
	struct policy *policy, mono_ms_t now, const struct prefix *source)
{
	struct prefix place = passport_place(policy, &source->addr);
	struct prefix wide = prefix_limit_wide(policy, source);
	struct prefix narrow = prefix_limit_narrow(policy, source);

	(void)note(policy, now, source);
	(void)note(policy, now, &place);
	(void)note(policy, now, &wide);
	(void)note(policy, now, &narrow);
}

void known_restored(
	struct policy *policy, mono_ms_t now, const struct prefix *place)
{
	struct prefix wide = prefix_limit_wide(policy, place);
	struct prefix narrow = prefix_limit_narrow(policy, place);

	if (place->bits >= wide.bits)
		(void)note(policy, now, &wide);
	if (place->bits >= narrow.bits)
		(void)note(policy, now, &narrow);
	note(policy, now, place)->restored = true;
}

static bool fresh(
	const struct policy *policy, mono_ms_t now, const struct place *place)
{
	return now - place->last_success < policy->conf.passport.life_ms;
}

static const struct place *find(
	const struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	const struct place *place =
		keyed_find(policy->places, hash_prefix(&policy->key, prefix));

	return place != NULL && fresh(policy, now, place) ? place : NULL;
}

bool known_prefix(
	const struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	return find(policy, now, prefix) != NULL;
}

bool known_source(
	const struct policy *policy, mono_ms_t now, const struct addr *addr)
{
	struct prefix source =
		prefix_of(addr, policy->conf.v4_bits, policy->conf.v6_bits);

	return known_prefix(policy, now, &source);
}

/* A ban that is neither of a source nor of a place is looked through for: it is
 * rare (a /56, or a /16). */
static bool any_inside(
	const struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	const struct place *place;
	size_t cursor = 0;
	uint64_t key;

	while ((place = keyed_next(policy->places, &cursor, &key)) != NULL)
		if (fresh(policy, now, place) &&
			place->prefix.bits >= prefix->bits &&
			prefix_holds(prefix, &place->prefix.addr))
			return true;
	return false;
}

bool known_inside(
	const struct policy *policy, mono_ms_t now, const struct prefix *prefix)
{
	struct prefix source = prefix_of(
		&prefix->addr, policy->conf.v4_bits, policy->conf.v6_bits);
	struct prefix at = passport_place(policy, &prefix->addr);
	const struct place *place = find(policy, now, &at);

	if (prefix->bits >= source.bits)
		return known_prefix(policy, now, &source) ||
		       (place != NULL && place->restored);
	if (prefix->bits == at.bits)
		return place != NULL;
	return any_inside(policy, now, prefix);
}

bool known_sound(void *value, size_t value_bytes)
{
	const struct place *place = value;

	(void)value_bytes;
	return octets_prefix_sound(&place->prefix) &&
	       octets_bool_sound(&place->restored);
}
