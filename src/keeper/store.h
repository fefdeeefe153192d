/*
 * The store: what must outlive everything, on disk.
 *
 * SQLite in the state folder (docs/store.md). Rows are handed to one writer
 * thread, the only thread of the program, through a bounded queue; nobody
 * waits for the disk. A store that cannot be written goes on trying and says
 * so; bans stay in memory. Wall seconds only: mono time means nothing on disk.
 */
#ifndef KEEPER_STORE_H
#define KEEPER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../journal/row.h"
#include "store_rows.h"

/* How long the journal is kept. */
struct store_keep {
	wall_s_t journal_s;   /* 0: none is written */
	uint64_t file_bytes;  /* of the whole file; old rows go beyond it */
	size_t waiting_count; /* rows of it that may wait */
};

/* What the writer says about itself; for `status` and the log. */
struct store_state {
	size_t waiting_count;	/* rows not yet on disk, but the journal's */
	uint64_t written_total; /* rows committed */
	uint64_t lost_total;	/* rows refused by a full queue */
	size_t journal_waiting_count;
	uint64_t journal_written_total, journal_shed_total;
	uint64_t days_shed_total; /* sums that a failing disk did not take */
	uint64_t file_bytes;	  /* at the last look, the free pages apart */
	bool failing;
	char error[200];     /* the last one, "" when none ever */
	char set_aside[300]; /* a damaged file's new name, "" when none */
};

struct store;

/* Who is handed the rows of each table at the start. */
struct store_readers {
	void (*ban)(void *arg, const struct store_ban *ban);
	void (*allow)(void *arg, const struct store_allow *allow);
	/* NULL: nobody */
	void (*passport)(void *arg, const struct store_passport *passport);
	void (*device)(void *arg, const struct store_device *device);
	void (*drain)(void *arg, const struct store_drain *drain);
	void (*day)(void *arg, const struct store_day *day); /* NULL: nobody */
	/* Likewise; of each step in its order. */
	void (*point)(void *arg, const struct store_point *point);
	void *arg;
};

/*
 * Opens dir/postern.db (made when it is not there; a damaged one is renamed
 * to postern.db.damaged-<time>), hands every row to the readers. What is put
 * waits until store_start(). queue_most: rows that may wait. Comes back
 * without a file when there can be none (store_state says why) and tries again
 * by itself. NULL: no memory. Caller frees.
 */
struct store *store_open(const char *dir, size_t queue_most, wall_s_t now,
	const struct store_readers *readers);
/* Starts the writer: behind the restoring of 100,000 rows, which it would only
 * hold up. false: no thread. */
bool store_start(struct store *store) __attribute__((warn_unused_result));
/* Writes what waits (at most a few seconds), ends the thread, closes. */
void store_close(struct store **store);

void store_put_ban(struct store *store, const struct store_ban *ban);
void store_delete_ban(struct store *store, const struct prefix *prefix);
void store_put_allow(struct store *store, const struct store_allow *allow);
void store_delete_allow(struct store *store, const struct prefix *prefix);
void store_put_passport(
	struct store *store, const struct store_passport *passport);
void store_put_device(struct store *store, const struct store_device *device);
void store_delete_passport(
	struct store *store, const char *user, const struct prefix *prefix);
void store_put_drain(struct store *store, const struct store_drain *drain);
/* Of `drain` all but `since` says which. */
void store_delete_drain(struct store *store, const struct store_drain *drain);
/* Removes bans that ended before `before`, passports and devices that did
 * before `now`. */
void store_purge(struct store *store, wall_s_t before, wall_s_t now);
/* Marks all as ended and forgets allow entries and drains; a fresh copy
 * follows. */
void store_reset(struct store *store, wall_s_t now);

/*
 * What can be lost: rows of the journal wait apart, up to a second, and are
 * the first to go; of the sums only the newest waits. Takes the row's words.
 */
void store_put_journal(struct store *store, struct journal_row *row);
void store_put_day(struct store *store, const struct store_day *day);
/* Of each step the newest waits. most: points of this step that are kept. */
void store_put_point(
	struct store *store, const struct store_point *point, unsigned most);
void store_set_keep(struct store *store, const struct store_keep *keep);

void store_state(struct store *store, struct store_state *ret_state);
/*
 * Rows were lost or the file was set aside and writing works again: the
 * caller puts everything anew, after store_reset(). True once for each case.
 */
bool store_wants_all(struct store *store);

/*
 * What is left of a stored ban in seconds, 0 when it is over: never longer
 * than its own span, even when the clock went back. STORE_NEVER: for ever.
 */
wall_s_t store_left(wall_s_t since, wall_s_t until, wall_s_t now);

#endif
