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
	DAY_MS = 86400000,
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

static void tell(
	struct policy *policy, mono_ms_t until, const struct gate_end *end)
{
	struct slice name = slice_head(end->helo, POLICY_DEVICE_LONGEST);
	struct policy_action action = {.kind = ACTION_DEVICE, .until = until};

	if (end->name.n == 0 || end->name.n > POLICY_USER_LONGEST ||
		name.n == 0)
		return; /* cut, it would be somebody else's */
	for (size_t i = 0; i < end->name.n; i++)
		action.user[i] = (char)slice_lower(end->name.p[i]);
	for (size_t i = 0; i < name.n; i++)
		action.device[i] = (char)slice_lower(name.p[i]);
	action_add(&policy->actions, &action);
}

/* Told to the store once a day at most, as passports are. */
void device_mint(
	struct policy *policy, mono_ms_t now, const struct gate_end *end)
{
	struct device *found;

	if (end->user == 0 || end->device == 0 ||
		policy->conf.device.mode == POLICY_OFF)
		return;
	found = keyed_take(
		policy->devices->names, key_of(policy, end->user, end->device));
	found->until = later(now, policy->conf.passport.life_ms);
	if (found->told_at != 0 && now - found->told_at < DAY_MS)
		return;
	found->told_at = now != 0 ? now : 1;
	tell(policy, found->until, end);
}

void device_restore(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	uint64_t user = hash_user(&policy->key, event->user);
	uint64_t device = device_hash(policy, event->text);
	uint64_t left_ms = event->span_ms;
	struct device *found;

	if (left_ms > policy->conf.passport.life_ms)
		left_ms = policy->conf.passport.life_ms;
	if (user == 0 || device == 0 || left_ms == 0)
		return;
	found = keyed_take(
		policy->devices->names, key_of(policy, user, device));
	found->until = later(now, left_ms);
	found->told_at = now != 0 ? now : 1;
}

void devices_save(const struct devices *devices, struct octets *out)
{
	keyed_save(devices->names, out);
	count_min_save(&devices->strangers, out);
}

bool devices_load(struct devices *devices, struct octets *in)
{
	return keyed_load(devices->names, in, NULL) &&
	       count_min_load(&devices->strangers, in);
}
