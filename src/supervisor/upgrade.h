/*
 * Handing over to another program: the side of the one that goes
 * (docs/decisions/0016-upgrade.md).
 */
#ifndef SUPERVISOR_UPGRADE_H
#define SUPERVISOR_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/units.h"
#include "../ipc/message.h"
#include "heir_line.h"

struct supervisor;
struct child;

enum upgrade_stage {
	UPGRADE_NONE,
	UPGRADE_STARTING, /* the other one reads its configuration, opens what
			     is new */
	UPGRADE_EMPTYING, /* the keeper closes the store and ends */
	UPGRADE_GIVEN,	  /* the other one starts its keeper and workers */
	UPGRADE_DONE,	  /* sessions end here, new ones begin there */
};

enum { UPGRADE_LINES_MOST = 1024 };

struct upgrade {
	enum upgrade_stage stage;
	pid_t pid;
	int line;	 /* -1: none */
	mono_ms_t until; /* then it has failed, or is over */
	bool same_ipc;	 /* their keeper understands our workers */
	int keeper;	 /* pidfd of theirs; -1: none yet */
	char version[64];
	char why[HEIR_LINE_LONGEST];
	struct {
		struct message_channel body;
		int fd;
	} lines[UPGRADE_LINES_MOST]; /* of workers, to a keeper */
	size_t line_count;
};

void upgrade_init(struct supervisor *s);
void upgrade_free(struct supervisor *s);
/* posternctl asks for it. */
void upgrade_begin(struct supervisor *s);
void upgrade_read(struct supervisor *s); /* the line may have something */
void upgrade_tick(struct supervisor *s);
bool upgrade_busy(const struct supervisor *s);
/* From the keeper that ends: a worker's line, taken over. */
void upgrade_line(
	struct supervisor *s, const struct message_channel *body, int fd);
/* The keeper has ended. */
void upgrade_keeper_gone(struct supervisor *s);
/* Is it not the time to start this one again? */
bool upgrade_holds(const struct supervisor *s, const struct child *c);
/* The lines to a keeper that was started now; false: there are none. */
bool upgrade_give_lines(struct supervisor *s);

#endif
