/*
 * How long a loop kept everybody waiting; see the header.
 *
 * What libevent does between the wait and the first event is not seen by the
 * clock, but by the run time.
 */
#include "stall.h"

enum { US_PER_MS = 1000 };

void stall_start(struct stall *stall, uint64_t run_us)
{
	stall->begun = 0;
	stall->run_us = run_us;
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

void stall_turn_over(struct stall *stall, mono_ms_t now, uint64_t run_us)
{
	if (stall->begun != 0)
		raise_to(&stall->longest_ms, now - stall->begun);
	raise_to(&stall->run_longest_ms, (run_us - stall->run_us) / US_PER_MS);
	stall_start(stall, run_us);
}
