/*
 * A handful of times, for limits such as "two a day".
 *
 * Each grant is kept with its own time, so the day slides and no midnight
 * hands out a second budget. Limits that are kept so are small (at most 64):
 * looking through them costs less than any structure would.
 *
 * Called by the rules for strangers. Knows no rule. What can go wrong: a limit
 * above the places of its array; policy.c clamps it.
 */
#include "quota.h"

#include <stddef.h>

enum { MS_PER_S = 1000 };

uint32_t quota_time(mono_ms_t now)
{
	return (uint32_t)(now / MS_PER_S) + 1;
}

unsigned quota_used(
	const uint32_t *times, unsigned most, mono_ms_t now, uint64_t span_ms)
{
	uint32_t now_s = quota_time(now);
	unsigned used = 0;

	for (unsigned i = 0; i < most; i++)
		used += times[i] != 0 && now_s - times[i] < span_ms / MS_PER_S;
	return used;
}

/* A free place is the oldest of all: 0. */
void quota_take(uint32_t *times, unsigned most, mono_ms_t now)
{
	unsigned oldest = 0;

	for (unsigned i = 1; i < most; i++)
		if (times[i] < times[oldest])
			oldest = i;
	if (most > 0)
		times[oldest] = quota_time(now);
}

void quota_give_back(uint32_t *times, unsigned most)
{
	unsigned latest = 0;

	for (unsigned i = 1; i < most; i++)
		if (times[i] > times[latest])
			latest = i;
	if (most > 0)
		times[latest] = 0;
}
