/* Passports: who logged in from where. */
#ifndef POLICY_PASSPORT_H
#define POLICY_PASSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "core.h"

/* What a try is to the name that it is made with. */
enum relation {
	RELATION_STRANGER,  /* this user never logged in from here */
	RELATION_NEIGHBOUR, /* he did from the same provider's network */
	RELATION_HOLDER,    /* has a passport for this place */
	RELATION_HOME,	    /* and people log in from this very source */
};

/* A passport: a user has logged in from this prefix. */
struct passport {
	mono_ms_t until;
	mono_ms_t told_at;	/* ACTION_PASSPORT was said; 0: never */
	mono_ms_t failed_since; /* the day that failures are counted in */
	uint32_t source;	/* of its hash: where he was last; 0: unknown */
	uint16_t failure_count; /* of different guesses, in that day */
	uint8_t move_count;	/* times that he was elsewhere in it */
	uint8_t steady_count;	/* of late, by a device that was known */
};

/* A place in which he has now this address, now that one, shared with others,
 * as a carrier's; and always comes by devices that have been there. */
bool passport_by_device(const struct passport *passport);
/* The prefix that a passport is for. */
struct prefix passport_place(
	const struct policy *policy, const struct addr *addr);
/* user: hash_user(), 0: unknown. NULL: a stranger. */
struct passport *passport_find(const struct policy *policy, mono_ms_t now,
	uint64_t user, const struct addr *addr);
enum relation passport_relation(const struct policy *policy, mono_ms_t now,
	uint64_t user, const struct addr *addr);

/* How one came who succeeded. */
enum passport_device {
	PASSPORT_DEVICE_UNSAID,
	PASSPORT_DEVICE_NEW,
	PASSPORT_DEVICE_KNOWN,
};

/* A success. name: as tried, for the store; empty: not told to it. */
void passport_mint(struct policy *policy, mono_ms_t now, uint64_t user,
	const struct addr *addr, enum passport_device device,
	struct slice name);
/* EVENT_RESTORE_PASSPORT. */
void passport_restore(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);

/* Different guesses with the holder's name that failed from here in a day; and
 * one more. No success takes them back: whoever shares his address with the
 * holder would guess on behind each of his logins. */
unsigned passport_failures(const struct passport *passport, mono_ms_t now);
void passport_fail(struct passport *passport, mono_ms_t now);

#endif
