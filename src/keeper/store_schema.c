/*
 * The store's schema, as the steps from each version to the next.
 *
 * A step and the number that says that it was made are one transaction: a
 * crash between two octets leaves the version before, whole, and the next
 * start goes on from there. What has been released never changes; what is new
 * is a new step. docs/store.md says what the columns mean.
 *
 * Knows no file: store_file.c opens it and refuses one that is newer. What can
 * go wrong: a full disk; then the file stays as it was and bans are kept in
 * memory until it can be tried again.
 */
#include "store_schema.h"

#include <stdio.h>

#include "../journal/columns.h"
#include "store.h"

enum { STEP_LONGEST = 4096 };

/* steps[n]: from version n to n + 1. */
static const char *const steps[STORE_SCHEMA_VERSION] = {
	/* IF NOT EXISTS: version 1 was not written in one transaction. */
	"CREATE TABLE IF NOT EXISTS ban ("
	" prefix TEXT PRIMARY KEY NOT NULL,"
	" since INTEGER NOT NULL,"
	" until INTEGER," /* NULL: for ever */
	" rule TEXT NOT NULL,"
	" repeat_count INTEGER NOT NULL,"
	" failure_count INTEGER NOT NULL,"
	" note TEXT NOT NULL DEFAULT ''"
	") WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS allow ("
	" prefix TEXT PRIMARY KEY NOT NULL,"
	" since INTEGER NOT NULL,"
	" note TEXT NOT NULL DEFAULT ''"
	") WITHOUT ROWID;",

	"CREATE TABLE drain ("
	" backend TEXT NOT NULL,"
	" address TEXT NOT NULL,"
	" port INTEGER NOT NULL,"
	" since INTEGER NOT NULL,"
	" PRIMARY KEY (backend, address, port)"
	") WITHOUT ROWID;"
	"CREATE TABLE passport ("
	" user TEXT NOT NULL,"
	" prefix TEXT NOT NULL,"
	" since INTEGER NOT NULL,"
	" until INTEGER," /* NULL: for ever */
	" last INTEGER NOT NULL,"
	" PRIMARY KEY (user, prefix)"
	") WITHOUT ROWID;" JOURNAL_TABLE "CREATE TABLE day ("
	" day TEXT PRIMARY KEY NOT NULL," /* 2026-11-25 */
	" guesses INTEGER NOT NULL,"
	" guesses_passed INTEGER NOT NULL,"
	" successes INTEGER NOT NULL,"
	" people_hurt INTEGER NOT NULL,"
	" sources INTEGER NOT NULL,"
	" sketch BLOB"
	") WITHOUT ROWID;"
	"CREATE TABLE day_ban ("
	" day TEXT NOT NULL,"
	" rule TEXT NOT NULL,"
	" bans INTEGER NOT NULL,"
	" PRIMARY KEY (day, rule)"
	") WITHOUT ROWID;",

	"ALTER TABLE ban ADD COLUMN soft INTEGER;", /* NULL: unknown */

	"CREATE TABLE device ("
	" user TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" since INTEGER NOT NULL,"
	" until INTEGER," /* NULL: for ever */
	" last INTEGER NOT NULL,"
	" PRIMARY KEY (user, name)"
	") WITHOUT ROWID;",

	"CREATE TABLE point ("
	" step INTEGER NOT NULL," /* seconds */
	" at INTEGER NOT NULL,"
	" value TEXT NOT NULL," /* JSON: {"sessions":3,...} */
	" PRIMARY KEY (step, at)"
	") WITHOUT ROWID;",
};

static int step_make(sqlite3 *db, int64_t from)
{
	char text[STEP_LONGEST];
	int n = snprintf(text, sizeof(text),
		"BEGIN IMMEDIATE; %s PRAGMA user_version = %d; COMMIT;",
		steps[from], (int)from + 1);
	int result = SQLITE_ERROR;

	if (n > 0 && (size_t)n < sizeof(text))
		result = sqlite3_exec(db, text, NULL, NULL, NULL);
	if (result != SQLITE_OK && sqlite3_get_autocommit(db) == 0)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return result;
}

int store_schema_begin(sqlite3 *db)
{
	return sqlite3_exec(
		db, "PRAGMA auto_vacuum = INCREMENTAL", NULL, NULL, NULL);
}

int store_schema_bring(sqlite3 *db, int64_t from)
{
	int result = SQLITE_OK;

	for (int64_t at = from < 0 ? 0 : from;
		at < STORE_SCHEMA_VERSION && result == SQLITE_OK; at++)
		result = step_make(db, at);
	if (result == SQLITE_OK && from == 1)
		/* Without room for the copy it stays as it is: a file that
		 * does not shrink is a good one. */
		(void)sqlite3_exec(db,
			"PRAGMA auto_vacuum = INCREMENTAL; VACUUM", NULL, NULL,
			NULL);
	return result;
}
