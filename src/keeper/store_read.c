/*
 * Reading the store's file back.
 *
 * SQLite gives what was written, by whomever: every number is brought into
 * range here, and a row whose key is nonsense is passed over, so that nobody
 * behind has to look again. Called by store_file.c.
 */
#include "store_read.h"

#include <stdio.h>

#include "../base/log.h"
#include "store_day.h"
#include "store_point.h"

static bool column_prefix(
	sqlite3_stmt *statement, int column, struct prefix *ret_prefix)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return text != NULL && prefix_parse((const char *)text, ret_prefix);
}

static const char *column_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return text == NULL ? "" : (const char *)text;
}

/* SQLite gives what was written, by whomever: keep it in range. */
static unsigned column_count(sqlite3_stmt *statement, int column)
{
	int64_t value = sqlite3_column_int64(statement, column);

	if (value < 0)
		return 0;
	return value > 1000000 ? 1000000u : (unsigned)value;
}

/* The same for seconds since 1970: none before, none behind the year 9999. */
static wall_s_t column_time(sqlite3_stmt *statement, int column)
{
	static const wall_s_t latest = 253402300799;
	int64_t value = sqlite3_column_int64(statement, column);

	if (value < 0)
		return 0;
	return value > latest ? latest : value;
}

static wall_s_t column_end(sqlite3_stmt *statement, int column)
{
	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return STORE_NEVER;
	return column_time(statement, column);
}

static enum policy_softness column_softness(sqlite3_stmt *statement, int column)
{
	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return SOFTNESS_UNKNOWN;
	return sqlite3_column_int(statement, column) != 0 ? SOFTNESS_SOFT
							  : SOFTNESS_HARD;
}

static int read_bans(sqlite3 *db, const struct store_readers *readers)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		"SELECT prefix, since, until, rule, repeat_count,"
		" failure_count, note, soft FROM ban",
		-1, &statement, NULL);

	while (result == SQLITE_OK &&
		(result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_ban ban = {.rule = column_text(statement, 3),
			.since = column_time(statement, 1),
			.until = column_end(statement, 2),
			.repeat_count = column_count(statement, 4),
			.failure_count = column_count(statement, 5),
			.softness = column_softness(statement, 7),
			.note = column_text(statement, 6)};

		if (column_prefix(statement, 0, &ban.prefix))
			readers->ban(readers->arg, &ban);
		result = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement); /* repeats `result` */
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int read_allows(sqlite3 *db, const struct store_readers *readers)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		"SELECT prefix, since, note FROM allow", -1, &statement, NULL);

	while (result == SQLITE_OK &&
		(result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_allow allow = {
			.since = column_time(statement, 1),
			.note = column_text(statement, 2),
		};

		if (column_prefix(statement, 0, &allow.prefix))
			readers->allow(readers->arg, &allow);
		result = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int read_drains(sqlite3 *db, const struct store_readers *readers)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		"SELECT address, backend, port, since FROM drain", -1,
		&statement, NULL);

	while (result == SQLITE_OK &&
		(result = sqlite3_step(statement)) == SQLITE_ROW) {
		unsigned port = column_count(statement, 2);
		struct store_drain drain = {
			.backend = column_text(statement, 1),
			.port = (uint16_t)port,
			.since = column_time(statement, 3),
		};

		if (port > 0 && port <= UINT16_MAX &&
			addr_parse(column_text(statement, 0), &drain.addr))
			readers->drain(readers->arg, &drain);
		result = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* A name as it was before it was written. */
static void column_user(
	sqlite3_stmt *statement, int column, char out[STORE_USER_LONGEST + 1])
{
	struct slice text = slice_str(column_text(statement, column));

	out[log_unescape(text, out, STORE_USER_LONGEST)] = '\0';
}

static int read_devices(sqlite3 *db, const struct store_readers *readers)
{
	char user[STORE_USER_LONGEST + 1], name[STORE_USER_LONGEST + 1];
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		"SELECT user, name, since, until, last FROM device", -1,
		&statement, NULL);

	while (result == SQLITE_OK &&
		(result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_device device = {.user = user,
			.name = name,
			.since = column_time(statement, 2),
			.until = column_end(statement, 3),
			.last = column_time(statement, 4)};

		column_user(statement, 0, user);
		column_user(statement, 1, name);
		if (user[0] != '\0' && name[0] != '\0')
			readers->device(readers->arg, &device);
		result = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int read_passports(sqlite3 *db, const struct store_readers *readers)
{
	char user[STORE_USER_LONGEST + 1];
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		"SELECT prefix, user, since, until, last FROM passport", -1,
		&statement, NULL);

	while (result == SQLITE_OK &&
		(result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_passport passport = {.user = user,
			.since = column_time(statement, 2),
			.until = column_end(statement, 3),
			.last = column_time(statement, 4)};

		column_user(statement, 1, user);
		if (user[0] != '\0' &&
			column_prefix(statement, 0, &passport.prefix))
			readers->passport(readers->arg, &passport);
		result = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

int store_read_all(sqlite3 *db, const struct store_readers *readers)
{
	int result = read_allows(db, readers);

	if (result == SQLITE_OK)
		result = read_bans(db, readers);
	if (result == SQLITE_OK && readers->drain != NULL)
		result = read_drains(db, readers);
	if (result == SQLITE_OK && readers->passport != NULL)
		result = read_passports(db, readers);
	if (result == SQLITE_OK && readers->device != NULL)
		result = read_devices(db, readers);
	if (result == SQLITE_OK && readers->day != NULL)
		result = store_day_read(db, readers);
	if (result == SQLITE_OK && readers->point != NULL)
		result = store_point_read(db, readers);
	return result;
}
