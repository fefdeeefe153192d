/* How often something was granted lately: a handful of times, exact. */
#ifndef POLICY_QUOTA_H
#define POLICY_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/units.h"

/*
 * A quota is an array of `most` times in seconds, 0: never; no order. It
 * slides: what was granted longer than span_ms ago is free again.
 */

/* Seconds as kept here; never 0. */
uint32_t quota_time(mono_ms_t now);
/* Grants within span_ms before now. */
unsigned quota_used(
	const uint32_t *times, unsigned most, mono_ms_t now, uint64_t span_ms);
/* Notes one more grant. When all places are taken the oldest gives way. */
void quota_take(uint32_t *times, unsigned most, mono_ms_t now);
/* Takes back the latest grant. */
void quota_give_back(uint32_t *times, unsigned most);

#endif
