/*
 * The journal in the store's file: written, and kept short.
 *
 * What is too old, or too much for the file, goes in small steps, one with
 * each batch, so that no step holds up a ban for long; the pages that fall
 * free are used again, and given back when they are many. Called by the
 * writer.
 */
#include "store_journal.h"

#include "../journal/columns.h"

enum {
	PRUNE_LEAST = 500, /* rows in a step, besides what was written */
	FREE_PAGES_MOST = 2048,
};

/* A statement that gives one number. */
static int number(sqlite3 *db, const char *text, int64_t *ret_number)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db, text, -1, &statement, NULL);

	if (result == SQLITE_OK) {
		result = sqlite3_step(statement);
		if (result == SQLITE_ROW) {
			*ret_number = sqlite3_column_int64(statement, 0);
			result = SQLITE_OK;
		}
	}
	(void)sqlite3_finalize(statement); /* repeats `result` */
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int used_bytes(sqlite3 *db, uint64_t *ret_bytes, int64_t *ret_free)
{
	int64_t pages = 0, free_pages = 0, page_bytes = 0;
	int result = number(db, "PRAGMA page_count", &pages);

	if (result == SQLITE_OK)
		result = number(db, "PRAGMA freelist_count", &free_pages);
	if (result == SQLITE_OK)
		result = number(db, "PRAGMA page_size", &page_bytes);
	if (result == SQLITE_OK) {
		*ret_bytes = (uint64_t)((pages - free_pages) * page_bytes);
		*ret_free = free_pages;
	}
	return result;
}

/* Of the oldest `most` rows, but for the newest `spared`: those before
 * `before`. */
static int prune(sqlite3 *db, int64_t most, int64_t spared, wall_s_t before)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		"DELETE FROM journal WHERE id <"
		" (SELECT min(id) FROM journal) + ?1 AND id <="
		" (SELECT max(id) FROM journal) - ?2 AND at < ?3",
		-1, &statement, NULL);

	if (result == SQLITE_OK) {
		(void)sqlite3_bind_int64(statement, 1, most);
		(void)sqlite3_bind_int64(statement, 2, spared);
		(void)sqlite3_bind_int64(statement, 3, before);
		result = sqlite3_step(statement);
	}
	(void)sqlite3_finalize(statement); /* repeats `result` */
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int keep_short(sqlite3 *db, struct store_journal_work *work)
{
	wall_s_t before = work->now - work->keep.journal_s;
	int64_t count = (int64_t)work->count, free_pages = 0;
	uint64_t bytes = 0;
	int result = used_bytes(db, &bytes, &free_pages);

	if (bytes > work->keep.file_bytes)
		before = INT64_MAX;
	/* More than came, or it would never get shorter. */
	if (result == SQLITE_OK)
		result = prune(
			db, count + count / 4 + PRUNE_LEAST, count, before);
	if (result == SQLITE_OK && free_pages > FREE_PAGES_MOST)
		/* It gives a row for each page. */
		result = sqlite3_exec(
			db, "PRAGMA incremental_vacuum(256)", NULL, NULL, NULL);
	work->file_bytes = bytes;
	return result;
}

int store_journal_write(sqlite3 *db, void *arg)
{
	struct store_journal_work *work = arg;
	sqlite3_stmt *statement = NULL;
	int result =
		sqlite3_prepare_v2(db, journal_insert, -1, &statement, NULL);

	for (size_t i = 0; i < work->count && result == SQLITE_OK; i++)
		result = journal_put(statement, &work->rows[i]);
	(void)sqlite3_finalize(statement); /* repeats `result` */
	if (result == SQLITE_OK)
		result = keep_short(db, work);
	return result;
}
