/* Devices: by which name in EHLO a user's programs call themselves. */
#ifndef POLICY_DEVICE_H
#define POLICY_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "core.h"
#include "person.h"

struct devices;

/* NULL without memory. Caller frees. */
struct devices *devices_new(size_t most);
void devices_free(struct devices **devices);

/* Of the name in EHLO, without regard to case; 0: none was given. */
uint64_t device_hash(const struct policy *policy, struct slice name);

/* Has this user logged in by that name within the life of a passport? */
bool device_known(const struct policy *policy, mono_ms_t now, uint64_t user,
	uint64_t device);
/* Likewise, and strangers do not call themselves so: a sign that it is he. */
bool device_vouches(const struct policy *policy, mono_ms_t now, uint64_t user,
	uint64_t device);
/* He has so many names that one more says nothing; person NULL: likewise. */
bool device_fickle(const struct person *person);

/* A stranger came by this name, with a guess that is new. */
void device_strange(struct policy *policy, mono_ms_t now, uint64_t device);
/* A success. person: the user's. name: for the store, as given. */
void device_mint(struct policy *policy, mono_ms_t now, struct person *person,
	uint64_t user, uint64_t device);

#endif
