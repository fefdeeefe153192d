/*
 * Passports: a success mints (user, prefix) for 30 days.
 *
 * With it the user is no stranger in that prefix: what is done there because
 * of others passes him by. It is renewed by each success, told to the store
 * once a day at most, and wipes what he himself failed with; nobody else's.
 * Which sources and prefixes anybody logged in from at all is known.c's.
 *
 * A line at home gets a new address now and then, of the same provider: whoever
 * logged in from the same /16 (IPv6: /32) is a neighbour, no full stranger.
 *
 * No secret is kept, in no form: a passport says who and where, and a right
 * password that was seen before never lets anybody in.
 *
 * Memory, allocated once, for `most` passports: 60 octets each, 4 MB for
 * 65,536. The one that was used longest ago gives way.
 *
 * Called by the rules and policy.c. What can go wrong: more people than places;
 * then who came longest ago is a stranger again.
 */
#include "passport.h"

#include <string.h>

#include "keyed.h"
#include "known.h"

enum {
	DAY_MS = 86400000,
	MOVES_LEAST = 2,
	STEADY_LEAST = 4, /* one new device in so many is no habit */
	STEADY_MOST = 8,
};

_Static_assert(sizeof(struct passport) + 24 <= 56, "the size stated above");

struct prefix passport_place(
	const struct policy *policy, const struct addr *addr)
{
	const struct policy_passport_conf *conf = &policy->conf.passport;

	return prefix_of(addr, conf->v4_bits, conf->v6_bits);
}

static struct prefix source_of(
	const struct policy *policy, const struct addr *addr)
{
	return prefix_of(addr, policy->conf.v4_bits, policy->conf.v6_bits);
}

static uint64_t key_of(
	const struct policy *policy, uint64_t user, const struct prefix *place)
{
	return hash_numbers(
		&policy->key, user, hash_prefix(&policy->key, place), 0);
}

static struct passport *find_at(const struct policy *policy, mono_ms_t now,
	uint64_t user, const struct prefix *place)
{
	struct passport *passport;

	if (user == 0)
		return NULL;
	passport = keyed_find(policy->passports, key_of(policy, user, place));
	return passport != NULL && passport->until > now ? passport : NULL;
}

struct passport *passport_find(const struct policy *policy, mono_ms_t now,
	uint64_t user, const struct addr *addr)
{
	struct prefix place = passport_place(policy, addr);

	return find_at(policy, now, user, &place);
}

/* The wide entry of a user is a passport that is told to nobody. */
static uint64_t near_key(
	const struct policy *policy, uint64_t user, const struct addr *addr)
{
	const struct policy_passport_conf *conf = &policy->conf.passport;
	struct prefix wide =
		prefix_of(addr, conf->near_v4_bits, conf->near_v6_bits);

	return hash_numbers(
		&policy->key, user, hash_prefix(&policy->key, &wide), 3);
}

static bool near(const struct policy *policy, mono_ms_t now, uint64_t user,
	const struct addr *addr)
{
	const struct passport *passport;

	if (user == 0)
		return false;
	passport = keyed_find(policy->passports, near_key(policy, user, addr));
	return passport != NULL && passport->until > now;
}

enum relation passport_relation(const struct policy *policy, mono_ms_t now,
	uint64_t user, const struct addr *addr)
{
	if (passport_find(policy, now, user, addr) == NULL)
		return near(policy, now, user, addr) ? RELATION_NEIGHBOUR
						     : RELATION_STRANGER;
	return known_source(policy, now, addr) ? RELATION_HOME
					       : RELATION_HOLDER;
}

/* ---- minting ---- */

static void tell(struct policy *policy, const struct prefix *place,
	mono_ms_t until, struct slice name)
{
	struct policy_action action = {
		.kind = ACTION_PASSPORT,
		.prefix = *place,
		.until = until,
	};

	if (name.n == 0 || name.n > POLICY_USER_LONGEST)
		return; /* cut, it would be somebody else's */
	for (size_t i = 0; i < name.n; i++)
		action.user[i] = (char)slice_lower(name.p[i]);
	action_add(&policy->actions, &action);
}

static struct passport *renew(struct policy *policy, mono_ms_t until,
	uint64_t user, const struct prefix *place)
{
	struct passport *passport =
		keyed_take(policy->passports, key_of(policy, user, place));

	passport->until = until;
	return passport;
}

static void note_move(struct passport *passport, uint32_t source)
{
	if (passport->source != 0 && passport->source != source &&
		passport->move_count < MOVES_LEAST)
		passport->move_count++;
	passport->source = source;
}

static void note_device(struct passport *passport, enum passport_device device)
{
	if (device == PASSPORT_DEVICE_NEW)
		passport->steady_count /= 2;
	else if (device == PASSPORT_DEVICE_KNOWN &&
		 passport->steady_count < STEADY_MOST)
		passport->steady_count++;
}

bool passport_by_device(const struct passport *passport)
{
	return passport->move_count >= MOVES_LEAST &&
	       passport->steady_count >= STEADY_LEAST;
}

void passport_mint(struct policy *policy, mono_ms_t now, uint64_t user,
	const struct addr *addr, enum passport_device device, struct slice name)
{
	struct prefix place = passport_place(policy, addr);
	struct prefix source = source_of(policy, addr);
	struct passport *passport;

	if (user == 0)
		return;
	passport = keyed_take(policy->passports, near_key(policy, user, addr));
	passport->until = later(now, policy->conf.passport.life_ms);
	passport = renew(policy, passport->until, user, &place);
	note_move(passport, (uint32_t)hash_prefix(&policy->key, &source));
	note_device(passport, device);
	if (passport->told_at != 0 && now - passport->told_at < DAY_MS)
		return;
	passport->told_at = now != 0 ? now : 1;
	tell(policy, &place, passport->until, name);
}

/* span_ms: what is left. The time of the success follows from it, unless the
 * life was made longer since; then it is taken as just now. */
void passport_restore(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	uint64_t life_ms = policy->conf.passport.life_ms;
	uint64_t user = hash_user(&policy->key, event->user);
	uint64_t left_ms = event->span_ms;
	struct prefix place = passport_place(policy, &event->prefix.addr);
	struct passport *wide;

	if (left_ms > life_ms)
		left_ms = life_ms;
	if (user == 0 || left_ms == 0 || event->prefix.bits < place.bits)
		return;
	/* The clock may be younger than the success. */
	known_restored(policy, now, &event->prefix);
	wide = keyed_take(
		policy->passports, near_key(policy, user, &place.addr));
	if (wide->until < later(now, left_ms))
		wide->until = later(now, left_ms);
	renew(policy, later(now, left_ms), user, &place)->told_at =
		now != 0 ? now : 1;
	(void)person_succeed(policy->persons, now, user, true,
		policy->conf.passport.life_ms);
}

/* ---- the holder's own failures ---- */

unsigned passport_failures(const struct passport *passport, mono_ms_t now)
{
	if (now - passport->failed_since >= DAY_MS)
		return 0;
	return passport->failure_count;
}

void passport_fail(struct passport *passport, mono_ms_t now)
{
	if (passport_failures(passport, now) == 0) {
		passport->failed_since = now;
		passport->failure_count = 0;
	}
	if (passport->failure_count < UINT16_MAX)
		passport->failure_count++;
}
