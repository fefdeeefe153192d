/*
 * How long a loop kept everybody waiting; see the header.
 */
#include "stall.h"

enum { US_PER_MS = 1000, LONG_MS = 2, READ_EVERY_MS = 200 };

void stall_start(struct stall *stall, mono_ms_t now, uint64_t run_us)
{
	stall->begun = 0;
	stall->turn_ms = 0;
	stall->run_us = run_us;
	stall->read_at = now;
}

void stall_event(struct stall *stall, mono_ms_t now)
{
	if (stall->begun == 0)
		stall->begun = now;
}

static void raise_to(uint64_t *longest, uint64_t value)
{
	if (value > *longest)
		*longest = value;
}

bool stall_turn_over(struct stall *stall, mono_ms_t now)
{
	stall->turn_ms = stall->begun ? now - stall->begun : 0;
	stall->begun = 0;
	raise_to(&stall->longest_ms, stall->turn_ms);
	return stall->turn_ms >= LONG_MS ||
	       now - stall->read_at >= READ_EVERY_MS;
}

void stall_run(struct stall *stall, mono_ms_t now, uint64_t run_us)
{
	uint64_t run_ms = (run_us - stall->run_us) / US_PER_MS;

	raise_to(&stall->run_longest_ms,
		run_ms < stall->turn_ms ? run_ms : stall->turn_ms);
	stall->run_us = run_us;
	stall->read_at = now;
}
