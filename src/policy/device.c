/*
 * Devices: a success notes by which name in EHLO the user's program came.
 *
 * A telephone or a laptop that travels comes from places where its user never
 * was, and calls itself as it did at home. Whoever guesses cannot see that name
 * from outside, so it is a sign that a stranger is none. It is no proof: it
 * stands in the Received field of each message that its owner sends, and some
 * names are what every program of a kind says. Therefore
 *
 *	- it opens a small budget of failures and no door (budget.h);
 *	- a name by which strangers come as well says nothing, and of a
 *	  stranger it is a bad sign: he has no part in the budget of whoever
 *	  comes first. How often they came in the last day is counted by a
 *	  sketch, so a botnet that takes to a common name makes it worthless
 *	  within a few tries;
 *	- where a user's programs call themselves otherwise each time (an
 *	  address on the network of the moment) a strange name is no bad sign
 *	  (passport_by_device).
 *
 * Memory, allocated once, for `most` passports: 40 octets and a chain of 4 for
 * each, and a sketch of 64 KiB. The name used longest ago gives way.
 *
 * Called by gate.c. Knows no place and no secret. What can go wrong: a guesser
 * who has mail from his victim; he gains what the budget says.
 */
#include "device.h"

#include <stdlib.h>

#include "keyed.h"
#include "sketch_count_min.h"

enum {
	SLICE_MS = 12 * 3600 * 1000, /* two are counted */
};

struct device {
	mono_ms_t until;
	mono_ms_t told_at; /* ACTION_DEVICE was said; 0: never */
};

struct devices {
	struct keyed_table *names; /* of users */
	struct count_min strangers;
};

_Static_assert(sizeof(struct device) + 24 == 40, "the size stated above");

struct devices *devices_new(size_t most)
{
	struct devices *devices = calloc(1, sizeof(*devices));

	if (devices == NULL)
		return NULL;
	devices->names = keyed_table_new(most, sizeof(struct device));
	devices->strangers.slice_ms = SLICE_MS;
	if (devices->names == NULL)
		devices_free(&devices);
	return devices;
}

void devices_free(struct devices **devices)
{
	if (*devices == NULL)
		return;
	keyed_table_free(&(*devices)->names);
	free(*devices);
	*devices = NULL;
}

/* As much of it as a worker keeps, so that a rehearsal knows no more. */
uint64_t device_hash(const struct policy *policy, struct slice name)
{
	return hash_user(&policy->key, slice_head(name, POLICY_DEVICE_LONGEST));
}

static uint64_t key_of(
	const struct policy *policy, uint64_t user, uint64_t device)
{
	return hash_numbers(&policy->key, user, device, 4);
}

bool device_known(const struct policy *policy, mono_ms_t now, uint64_t user,
	uint64_t device)
{
	const struct device *found;

	if (user == 0 || device == 0 ||
		policy->conf.device.mode != POLICY_ENFORCE)
		return false;
	found = keyed_find(
		policy->devices->names, key_of(policy, user, device));
	return found != NULL && found->until > now;
}

bool device_notorious(
	const struct policy *policy, mono_ms_t now, uint64_t device)
{
	return device != 0 && policy->conf.device.mode == POLICY_ENFORCE &&
	       count_min_count(&policy->devices->strangers, now, device) >=
		       policy->conf.device.strangers;
}

void device_strange(struct policy *policy, mono_ms_t now, uint64_t device)
{
	if (device != 0)
		count_min_add(&policy->devices->strangers, now, device);
}

void device_mint(
	struct policy *policy, mono_ms_t now, uint64_t user, uint64_t device)
{
	struct device *found;

	if (user == 0 || device == 0 || policy->conf.device.mode == POLICY_OFF)
		return;
	found = keyed_take(
		policy->devices->names, key_of(policy, user, device));
	found->until = later(now, policy->conf.passport.life_ms);
}
