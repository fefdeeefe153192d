/*
 * How many sessions each source has open, over all workers.
 *
 * Shared memory, made before the workers are forked. Each writes its own row
 * and reads them all: no lock, no system call, no message. A row that nobody
 * has is empty; who starts and buries the workers empties it. Two programs
 * share it while one takes over from the other
 * (docs/decisions/0016-upgrade.md): so a row says whose it is.
 *
 * Counts are kept under two keyed hashes and the smaller sum is taken: never
 * too small; too large only where another source with as many sessions meets
 * under both, which nobody can aim at.
 */
#ifndef BASE_CENSUS_H
#define BASE_CENSUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "addr.h"

struct census;

/* NULL: no memory. rows: processes at a time. */
struct census *census_new(unsigned rows);
/* That of another program; takes the descriptor over. NULL: not one of ours,
 * with so many rows. */
struct census *census_adopt(int fd, unsigned rows);
void census_free(struct census **census);
int census_fd(const struct census *census); /* to hand it on; borrowed */

/* A free row, empty, of this process until somebody else is its owner. false:
 * all are taken. */
bool census_take_row(struct census *census, unsigned *ret_row);
void census_set_owner(struct census *census, unsigned row, pid_t pid);
/* Empties it and gives it back, if this is its owner. */
void census_give_row(struct census *census, unsigned row, pid_t pid);
/* Gives back the rows of processes that are no more, whoever started them. */
void census_bury(struct census *census);
/* Empties a row; nobody else may use it then. */
void census_clear(struct census *census, unsigned row);

/* One session more; the source's sessions now, this one included. Of several
 * that enter at once each sees itself and all but those behind it. */
uint32_t census_enter(
	struct census *census, unsigned row, const struct prefix *source);
void census_leave(
	struct census *census, unsigned row, const struct prefix *source);
uint32_t census_count(const struct census *census, const struct prefix *source);

#endif
