/*
 * How long a loop kept everybody waiting: a turn is from the first event
 * behind a wait to the next wait. Two figures, the longest of each: by the
 * clock, and of this thread's own run time. A turn that is long by the clock
 * alone waited for a processor or in the kernel; one that is long by both is
 * our own work.
 *
 * Run time costs a system call, so it is read behind a long turn, and now and
 * then besides: what a long turn ran is what was run since the last reading,
 * and no more than the turn took.
 *
 * Pure: times are arguments.
 */
#ifndef BASE_STALL_H
#define BASE_STALL_H

#include <stdbool.h>

#include "units.h"

struct stall {
	mono_ms_t begun; /* 0: no event yet in this turn */
	uint64_t turn_ms;
	uint64_t run_us; /* of the thread, when it was last read */
	mono_ms_t read_at;
	uint64_t longest_ms, run_longest_ms;
};

/* Before the first wait: what came before is nobody's turn. */
void stall_start(struct stall *stall, mono_ms_t now, uint64_t run_us);

/* At each event; the first one of a turn counts. now is not 0. */
void stall_event(struct stall *stall, mono_ms_t now);

/* Before each wait. true: now say stall_run() */
bool stall_turn_over(struct stall *stall, mono_ms_t now)
	__attribute__((warn_unused_result));

/* The run time of this thread, behind a turn. */
void stall_run(struct stall *stall, mono_ms_t now, uint64_t run_us);

#endif
