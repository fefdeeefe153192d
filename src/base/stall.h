/*
 * How long a loop kept everybody waiting: a turn is from the first event
 * behind a wait to the next wait. Two figures, the longest of each: by the
 * clock, and of this thread's own run time. A turn that is long by the clock
 * alone waited for a processor or in the kernel; one that is long by both is
 * our own work.
 *
 * Pure: times are arguments.
 */
#ifndef BASE_STALL_H
#define BASE_STALL_H

#include "units.h"

struct stall {
	mono_ms_t begun; /* 0: no event yet in this turn */
	uint64_t run_us; /* of the thread, when the last turn ended */
	uint64_t longest_ms, run_longest_ms;
};

/* Before the first wait: what came before is nobody's turn. */
void stall_start(struct stall *stall, uint64_t run_us);

/* At each event; the first one of a turn counts. now is not 0. */
void stall_event(struct stall *stall, mono_ms_t now);

/* Before each wait. */
void stall_turn_over(struct stall *stall, mono_ms_t now, uint64_t run_us);

#endif
