/*
 * So many events of each kind in a time; the others are counted.
 *
 * Pure: time is an argument.
 */
#ifndef HOOK_RATION_H
#define HOOK_RATION_H

#include <stdbool.h>

#include "../base/units.h"
#include "../ipc/message.h"

struct ration {
	uint64_t most; /* of a kind in each_ms */
	uint64_t each_ms;
	mono_ms_t since[HOOK_KINDS]; /* its time began */
	uint64_t count[HOOK_KINDS];  /* let through in it */
	uint64_t more[HOOK_KINDS];   /* not let through, not told */
};

/* May one of this kind (below HOOK_KINDS) go? If not it is counted. */
bool ration_take(struct ration *ration, enum hook_event kind, mono_ms_t now);
/* So many were not told for another reason. */
void ration_add(struct ration *ration, enum hook_event kind, uint64_t count,
	mono_ms_t now);
/* When the counts are to be told; MONO_NEVER: there are none. */
mono_ms_t ration_due(const struct ration *ration);
/* Those whose time is over by now, of all kinds; they are told then. false:
 * none. */
bool ration_collect(
	struct ration *ration, mono_ms_t now, uint64_t ret_more[HOOK_KINDS]);

#endif
