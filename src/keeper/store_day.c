/*
 * The sums of each day in the store's file.
 *
 * A day is a row that is written anew as the day goes on, and a row for each
 * rule that banned. Days are UTC. Called by the writer, and once at the start.
 */
#include "store_day.h"

#include <string.h>

static int step_once(sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);

	(void)sqlite3_reset(statement); /* repeats `result` */
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int write_day(sqlite3 *db, const struct store_day *day)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		"INSERT OR REPLACE INTO day (day, guesses, guesses_passed,"
		" successes, people_hurt, sources, sketch) VALUES"
		" (date(?1 * 86400, 'unixepoch'), ?2, ?3, ?4, ?5, ?6, ?7)",
		-1, &statement, NULL);
	const uint64_t numbers[] = {(uint64_t)day->day, day->guesses,
		day->guesses_passed, day->successes, day->people_hurt,
		day->sources};

	if (result == SQLITE_OK) {
		for (int i = 0; i < (int)(sizeof(numbers) / sizeof(*numbers));
			i++)
			(void)sqlite3_bind_int64(
				statement, i + 1, (int64_t)numbers[i]);
		(void)sqlite3_bind_blob(statement, 7, day->sketch,
			sizeof(day->sketch), SQLITE_STATIC);
		result = step_once(statement);
	}
	(void)sqlite3_finalize(statement);
	return result;
}

static int write_rules(sqlite3 *db, const struct store_day *day)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		"INSERT OR REPLACE INTO day_ban (day, rule, bans)"
		" VALUES (date(?1 * 86400, 'unixepoch'), ?2, ?3)",
		-1, &statement, NULL);

	for (unsigned rule = 0; rule < RULE_COUNT && result == SQLITE_OK;
		rule++) {
		if (day->bans[rule] == 0)
			continue;
		(void)sqlite3_bind_int64(statement, 1, day->day);
		(void)sqlite3_bind_text(statement, 2,
			policy_rule_name((enum policy_rule)rule), -1,
			SQLITE_STATIC);
		(void)sqlite3_bind_int64(
			statement, 3, (int64_t)day->bans[rule]);
		result = step_once(statement);
	}
	(void)sqlite3_finalize(statement);
	return result;
}

int store_day_write(sqlite3 *db, void *arg)
{
	int result = write_day(db, arg);

	return result == SQLITE_OK ? write_rules(db, arg) : result;
}

/* ---- reading ---- */

static uint64_t count_at(sqlite3_stmt *statement, int column)
{
	int64_t value = sqlite3_column_int64(statement, column);

	return value < 0 ? 0 : (uint64_t)value;
}

static int read_rules(sqlite3_stmt *rules, struct store_day *day)
{
	int result;

	(void)sqlite3_bind_int64(rules, 1, day->day);
	while ((result = sqlite3_step(rules)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(rules, 0);

		if (name != NULL) /* RULE_NONE: a rule of another version */
			day->bans[policy_rule_by_name(name)] =
				count_at(rules, 1);
	}
	day->bans[RULE_NONE] = 0;
	(void)sqlite3_reset(rules); /* repeats `result` */
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static void read_day(sqlite3_stmt *statement, struct store_day *day)
{
	const void *sketch = sqlite3_column_blob(statement, 6);

	memset(day, 0, sizeof(*day));
	day->day = sqlite3_column_int64(statement, 0);
	day->guesses = count_at(statement, 1);
	day->guesses_passed = count_at(statement, 2);
	day->successes = count_at(statement, 3);
	day->people_hurt = count_at(statement, 4);
	day->sources = count_at(statement, 5);
	if (sketch != NULL &&
		sqlite3_column_bytes(statement, 6) == STORE_SKETCH_BYTES)
		memcpy(day->sketch, sketch, STORE_SKETCH_BYTES);
}

int store_day_read(sqlite3 *db, const struct store_readers *readers)
{
	sqlite3_stmt *days = NULL, *rules = NULL;
	struct store_day day;
	int result = sqlite3_prepare_v2(db,
		"SELECT * FROM (SELECT unixepoch(day) / 86400 AS day, guesses,"
		" guesses_passed, successes, people_hurt, sources, sketch FROM"
		" day WHERE unixepoch(day) IS NOT NULL ORDER BY 1 DESC LIMIT"
		" ?1) ORDER BY 1",
		-1, &days, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(db,
			"SELECT rule, bans FROM day_ban"
			" WHERE day = date(?1 * 86400, 'unixepoch')",
			-1, &rules, NULL);
	(void)sqlite3_bind_int64(days, 1, STORE_DAYS_MOST);
	while (result == SQLITE_OK &&
		(result = sqlite3_step(days)) == SQLITE_ROW) {
		read_day(days, &day);
		result = read_rules(rules, &day);
		if (result == SQLITE_OK)
			readers->day(readers->arg, &day);
	}
	(void)sqlite3_finalize(rules);
	(void)sqlite3_finalize(days); /* repeats `result` */
	return result == SQLITE_DONE ? SQLITE_OK : result;
}
