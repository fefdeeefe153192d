/*
 * One run of a program of the operator's.
 *
 * No shell; the JSON is its input, an environment of ours its only one, nothing
 * else is open. It is the head of a process group, which ends with it: at its
 * end, and when its time is up (TERM, a second later KILL).
 */
#ifndef HOOK_PROGRAM_H
#define HOOK_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/units.h"
#include "end.h"

enum {
	PROGRAM_OUTPUT_MOST = 4096, /* kept; the rest is thrown away */
	PROGRAM_FDS = 2,
};

struct program_task {
	char *const *argv;	  /* NULL behind the last */
	char *const *environment; /* likewise */
	const char *input;
	uint64_t timeout_ms;
};

struct program;

/* Borrows task for the call. NULL: ret_end says why. */
struct program *program_new(
	const struct program_task *task, mono_ms_t now, struct end *ret_end);
/* Also one that runs: it is killed, with its group. */
void program_free(struct program **program);
/* Looks at it. true: it is over, *ret_end is how. */
bool program_turn(struct program *program, mono_ms_t now, struct end *ret_end);
mono_ms_t program_deadline(const struct program *program);
/* Descriptors to wait for; returns how many. */
size_t program_fds(const struct program *program, int out[PROGRAM_FDS]);
/* What it said on both outputs, PROGRAM_OUTPUT_MOST at most. */
const char *program_output(const struct program *program, size_t *ret_n);

#endif
