/* Devices: by which name in EHLO a user's programs call themselves. */
#ifndef POLICY_DEVICE_H
#define POLICY_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/octets.h"
#include "core.h"
#include "gate.h"

struct devices;

/* NULL without memory. Caller frees. */
struct devices *devices_new(size_t most);
void devices_free(struct devices **devices);

/* Of the name in EHLO, without regard to case; 0: none was given. */
uint64_t device_hash(const struct policy *policy, struct slice name);

/* Has this user logged in by that name within the life of a passport? */
bool device_known(const struct policy *policy, mono_ms_t now, uint64_t user,
	uint64_t device);
/* Do so many strangers call themselves so that it is a bad sign? */
bool device_notorious(
	const struct policy *policy, mono_ms_t now, uint64_t device);
/* A stranger came by this name, with a guess that is new. */
void device_strange(struct policy *policy, mono_ms_t now, uint64_t device);
/* A success. */
void device_mint(
	struct policy *policy, mono_ms_t now, const struct gate_end *end);
/* EVENT_RESTORE_DEVICE. */
void device_restore(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);

/* For the next core (image.h). false: refused. */
void devices_save(const struct devices *devices, struct octets *out);
bool devices_load(struct devices *devices, struct octets *in);

#endif
