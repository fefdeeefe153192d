/*
 * So many events of each kind in a time (see ration.h).
 *
 * Each kind has a time of its own, which begins with its first event: a flood
 * of one kind takes nothing from the others. A count that is due stays until
 * it is collected.
 */
#include "ration.h"

#include <string.h>

static void begin(struct ration *ration, enum hook_event kind, mono_ms_t now)
{
	bool over = now - ration->since[kind] >= ration->each_ms;

	if (ration->more[kind] > 0 || (ration->count[kind] > 0 && !over))
		return;
	ration->since[kind] = now;
	ration->count[kind] = 0;
}

bool ration_take(struct ration *ration, enum hook_event kind, mono_ms_t now)
{
	begin(ration, kind, now);
	if (ration->count[kind] < ration->most) {
		ration->count[kind]++;
		return true;
	}
	ration->more[kind]++;
	return false;
}

void ration_add(struct ration *ration, enum hook_event kind, uint64_t count,
	mono_ms_t now)
{
	begin(ration, kind, now);
	ration->more[kind] += count;
}

mono_ms_t ration_due(const struct ration *ration)
{
	mono_ms_t at = MONO_NEVER;

	for (unsigned i = 0; i < HOOK_KINDS; i++)
		if (ration->more[i] > 0 &&
			ration->since[i] + ration->each_ms < at)
			at = ration->since[i] + ration->each_ms;
	return at;
}

bool ration_collect(
	struct ration *ration, mono_ms_t now, uint64_t ret_more[HOOK_KINDS])
{
	if (ration_due(ration) > now)
		return false;
	memset(ret_more, 0, HOOK_KINDS * sizeof(ret_more[0]));
	for (unsigned i = 0; i < HOOK_KINDS; i++) {
		if (ration->more[i] == 0 ||
			ration->since[i] + ration->each_ms > now)
			continue;
		ret_more[i] = ration->more[i];
		ration->more[i] = 0;
		ration->count[i] = 0;
	}
	return true;
}
