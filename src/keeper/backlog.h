/* Rows of the journal that wait for the disk; the first to be shed. */
#ifndef KEEPER_BACKLOG_H
#define KEEPER_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

#include "../journal/row.h"

/* All 0 but for `most` is an empty one. */
struct backlog {
	struct journal_row *rows;
	size_t count, room, most;
	size_t head;	      /* of a batch: rows before it are done with */
	uint64_t shed_total;  /* ever, for want of room */
	uint64_t shed_unsaid; /* since the last JOURNAL_GAP */
};

/*
 * Takes the row's words over. Without room the row is shed and counted; the
 * next one that is taken has a JOURNAL_GAP in front that says how many.
 */
void backlog_put(struct backlog *backlog, struct journal_row *row);
/* Moves all rows to `ret_batch`, which had none; counters stay. */
void backlog_take(struct backlog *backlog, struct backlog *ret_batch);
/* Of a batch: the next `count` rows are done with. */
void backlog_skip(struct backlog *batch, size_t count);
/* Frees the rows that are left. */
void backlog_done(struct backlog *backlog);
/* The rows of a batch that could not be written: counted and freed. */
void backlog_shed(struct backlog *backlog, struct backlog *batch);

#endif
