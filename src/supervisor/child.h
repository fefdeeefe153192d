/*
 * One process of postern's, as its parent knows it.
 */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "../base/units.h"
#include "../ipc/channel.h"

enum child_kind {
	CHILD_KEEPER,
	CHILD_FIREWALL,
	CHILD_DASH,
	CHILD_HOOK,
	CHILD_FETCH,
	CHILD_WORKER,
};

enum { CHILDREN_MOST = 1024 };

struct child {
	bool used;
	enum child_kind kind;
	pid_t pid;	     /* 0: to be started at start_at_ms */
	unsigned slot;	     /* workers: from 1 */
	unsigned generation; /* workers: of the plan that they serve */
	bool ready;
	bool leaving;		 /* drains or was told to stop: not restarted */
	bool renewed;		 /* was told to stop, to be started anew */
	struct channel *channel; /* to it; NULL: none (firewall, fetch) */
	mono_ms_t started_ms, start_at_ms;
	unsigned quick_deaths; /* in a row, soon after the start */
	unsigned census_row;   /* workers: while they run */
	/* watchdog.c; 0: no question is open, never */
	mono_ms_t asked_ms, answered_ms;
	bool heard; /* since its start */
	bool hung;  /* and was killed for it */
};

struct children {
	struct child all[CHILDREN_MOST];
	size_t count; /* slots of `all` that were ever used */
};

/* A free entry, cleared and marked used; NULL: too many processes. */
struct child *child_new(struct children *children, enum child_kind kind);
void child_free(struct child *child);
struct child *child_by_pid(struct children *children, pid_t pid);
struct child *child_first(struct children *children, enum child_kind kind);
/* When to start it again: at once the first time, then ever later, 5 s at
 * most. */
mono_ms_t child_restart_at(struct child *child, mono_ms_t now);
const char *child_name(const struct child *child); /* static */

#endif
