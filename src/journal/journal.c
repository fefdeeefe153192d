/*
 * Reading a journal file, read-only, in its order.
 *
 * Used by tools beside a running postern: SQLite shows them the file as it was
 * when they began. What can go wrong: no right to read it, a file that is no
 * store, an older one without a journal.
 */
#include "journal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "columns.h"

enum { BUSY_MS = 5000 };

struct journal_reader {
	sqlite3 *db;
	sqlite3_stmt *rows;
	uint64_t count, unknown_count;
};

bool journal_is(const char *path)
{
	static const char mark[16] = "SQLite format 3"; /* with its NUL */
	FILE *file = fopen(path, "re");
	char head[sizeof(mark)];
	bool is;

	if (file == NULL)
		return false;
	is = fread(head, sizeof(head), 1, file) == 1 &&
	     memcmp(head, mark, sizeof(mark)) == 0;
	(void)fclose(file); /* was only read */
	return is;
}

static uint64_t count_rows(sqlite3 *db)
{
	sqlite3_stmt *statement = NULL;
	uint64_t count = 0;

	/* Ids have no holes in them: rows go at the old end only. */
	if (sqlite3_prepare_v2(db,
		    "SELECT coalesce(max(id) - min(id) + 1, 0) FROM journal",
		    -1, &statement, NULL) == SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW)
		count = (uint64_t)sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement); /* then the count is 0 */
	return count;
}

struct journal_reader *journal_open(
	const char *path, char *error, size_t error_room)
{
	struct journal_reader *reader = calloc(1, sizeof(*reader));
	int result;

	if (reader == NULL) {
		(void)snprintf(error, error_room, "no memory");
		return NULL;
	}
	result = sqlite3_open_v2(path, &reader->db,
		SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (result == SQLITE_OK) {
		(void)sqlite3_busy_timeout(reader->db, BUSY_MS);
		result = sqlite3_prepare_v2(reader->db,
			"SELECT " JOURNAL_COLUMNS " FROM journal ORDER BY id",
			-1, &reader->rows, NULL);
	}
	if (result != SQLITE_OK) {
		(void)snprintf(error, error_room, "%s: %s", path,
			reader->db != NULL ? sqlite3_errmsg(reader->db)
					   : sqlite3_errstr(result));
		journal_close(&reader);
		return NULL;
	}
	reader->count = count_rows(reader->db);
	return reader;
}

void journal_close(struct journal_reader **reader)
{
	if (*reader == NULL)
		return;
	(void)sqlite3_finalize((*reader)->rows); /* repeats an old error */
	(void)sqlite3_close((*reader)->db);
	free(*reader);
	*reader = NULL;
}

uint64_t journal_count(const struct journal_reader *reader)
{
	return reader->count;
}

bool journal_next(struct journal_reader *reader, struct journal_row *ret_row)
{
	while (sqlite3_step(reader->rows) == SQLITE_ROW) {
		if (journal_get(reader->rows, ret_row))
			return true;
		reader->unknown_count++;
	}
	return false;
}

uint64_t journal_unknown_count(const struct journal_reader *reader)
{
	return reader->unknown_count;
}
