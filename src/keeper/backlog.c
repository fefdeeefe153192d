/*
 * Rows of the journal that wait for the disk.
 *
 * An array that the loop fills and the writer takes whole, so the lock is held
 * for a row or for a pointer, never for a copy of many. What does not fit is
 * shed: a verdict must not wait for its own record. Called by the store.
 */
#include "backlog.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 256 };

static bool grow(struct backlog *backlog)
{
	size_t room =
		backlog->room == 0 ? (size_t)ROOM_FIRST : backlog->room * 2;
	struct journal_row *rows;

	if (room > backlog->most)
		room = backlog->most;
	if (room <= backlog->count)
		return false;
	rows = realloc(backlog->rows, room * sizeof(*rows));
	if (rows == NULL)
		return false;
	backlog->rows = rows;
	backlog->room = room;
	return true;
}

static bool append(struct backlog *backlog, const struct journal_row *row)
{
	if (backlog->count == backlog->room && !grow(backlog))
		return false;
	backlog->rows[backlog->count++] = *row;
	return true;
}

void backlog_put(struct backlog *backlog, struct journal_row *row)
{
	struct journal_row gap;

	if (backlog->shed_unsaid > 0) {
		memset(&gap, 0, sizeof(gap));
		gap.kind = JOURNAL_GAP;
		gap.at = row->at;
		gap.now = row->now;
		gap.number = backlog->shed_unsaid;
		if (append(backlog, &gap))
			backlog->shed_unsaid = 0;
	}
	if (backlog->shed_unsaid == 0 && append(backlog, row)) {
		row->words = NULL;
		return;
	}
	journal_row_done(row);
	backlog->shed_total++;
	backlog->shed_unsaid++;
}

void backlog_take(struct backlog *backlog, struct backlog *ret_batch)
{
	*ret_batch = (struct backlog){
		.rows = backlog->rows,
		.count = backlog->count,
		.room = backlog->room,
	};
	backlog->rows = NULL;
	backlog->count = backlog->room = 0;
}

void backlog_skip(struct backlog *batch, size_t count)
{
	for (size_t i = 0; i < count; i++)
		journal_row_done(&batch->rows[batch->head++]);
}

void backlog_done(struct backlog *backlog)
{
	backlog_skip(backlog, backlog->count - backlog->head);
	free(backlog->rows);
	backlog->rows = NULL;
	backlog->count = backlog->room = backlog->head = 0;
}

/* A gap's own rows were counted when they were shed. */
static void count_shed(struct backlog *backlog, const struct journal_row *row)
{
	bool gap = row->kind == JOURNAL_GAP;

	backlog->shed_total += !gap;
	backlog->shed_unsaid += gap ? row->number : 1;
}

void backlog_shed(struct backlog *backlog, struct backlog *batch)
{
	for (size_t i = batch->head; i < batch->count; i++)
		count_shed(backlog, &batch->rows[i]);
	backlog_done(batch);
}
