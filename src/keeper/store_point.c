/*
 * The points of the graphs in the store's file.
 *
 * A point is a row that is written anew while it goes on. Of each step so many
 * are kept as its graph shows, counted back from the newest; what is behind it
 * was written by a clock that was wrong. Called by the writer, and once at the
 * start.
 */
#include "store_point.h"

#include <stdio.h>

static int write_one(sqlite3 *db, const struct store_point *point)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		"INSERT OR REPLACE INTO point (step, at, value)"
		" VALUES (?1, ?2, ?3)",
		-1, &statement, NULL);

	if (result == SQLITE_OK) {
		(void)sqlite3_bind_int64(statement, 1, point->step_s);
		(void)sqlite3_bind_int64(statement, 2, point->at);
		(void)sqlite3_bind_text(
			statement, 3, point->values, -1, SQLITE_STATIC);
		result = sqlite3_step(statement);
	}
	(void)sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int forget_old(
	sqlite3 *db, const struct store_point *point, unsigned most)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		"DELETE FROM point WHERE step = ?1"
		" AND (at <= ?2 OR at > ?3)",
		-1, &statement, NULL);

	if (result == SQLITE_OK) {
		(void)sqlite3_bind_int64(statement, 1, point->step_s);
		(void)sqlite3_bind_int64(statement, 2,
			point->at - (int64_t)most * point->step_s);
		(void)sqlite3_bind_int64(statement, 3, point->at);
		result = sqlite3_step(statement);
	}
	(void)sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

int store_point_write(sqlite3 *db, void *arg)
{
	const struct store_points *points = arg;
	int result = SQLITE_OK;

	for (size_t i = 0; i < points->count && result == SQLITE_OK; i++) {
		result = write_one(db, &points->items[i]);
		if (result == SQLITE_OK)
			result = forget_old(
				db, &points->items[i], points->most[i]);
	}
	return result;
}

int store_point_read(sqlite3 *db, const struct store_readers *readers)
{
	sqlite3_stmt *statement = NULL;
	struct store_point point;
	int result = sqlite3_prepare_v2(db,
		"SELECT step, at, value FROM point"
		" WHERE step > 0 AND at > 0 ORDER BY step, at LIMIT ?1",
		-1, &statement, NULL);

	(void)sqlite3_bind_int64(statement, 1, STORE_POINTS_READ);
	while (result == SQLITE_OK &&
		(result = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *text =
			(const char *)sqlite3_column_text(statement, 2);

		point.step_s = (uint32_t)sqlite3_column_int64(statement, 0);
		point.at = sqlite3_column_int64(statement, 1);
		(void)snprintf(point.values, sizeof(point.values), "%s",
			text != NULL ? text : "");
		readers->point(readers->arg, &point);
		result = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}
