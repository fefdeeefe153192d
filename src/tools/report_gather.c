/*
 * What a report says: questions to the store, one a section; report.sql has
 * them.
 *
 * All is made in the connection alone, nothing is written to the file. Names
 * and addresses come from strangers: values here are as the journal has them
 * (escaped), and whoever prints them escapes them for his form.
 */
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "../base/addr.h"
#include "report.h"

enum {
	BUSY_MS = 5000,
	V4_NETWORK = 24,
	V6_NETWORK = 48,
	HOST_LONGEST = 256,
};

/* report.sql */
extern const char report_sql[];

/* Of the view report_NAME. */
static const struct section {
	const char *name, *title;
	const char *text;   /* what the rows are */
	const char *advice; /* what to do about it; "" */
} sections[] = {
	{"summary", "In short", "", ""},
	{"alarms", "Alarms", "A login that looks like a stolen password.",
		"Ask the user; when it was not he, change his password now."},
	{"hurt", "Refused, then right",
		"They were refused or slowed to a stop, and logged in later "
		"from the same place: most likely your own people.",
		"posternctl explain USER says which rule it was; posternctl "
		"allow add ADDRESS, if it is a place of yours."},
	{"stale", "Old passwords in phones and programs",
		"The same wrong password again and again, from a place where "
		"this user is at home. Nobody is banned for it.",
		"Have the user type the new password into that device."},
	{"sources", "Who guessed most", "", ""},
	{"networks", "Networks with more than one who guessed", "", ""},
	{"countries", "Countries", "", ""},
	{"users", "Names under siege", "The names that were guessed at most.",
		"Names that are nobody's are decoys: list them in "
		"decoys.users."},
	{"near", "Near misses", "They came near the limit and were not banned.",
		"Many of them, each with few guesses, are one campaign: see "
		"the names under siege."},
	{"rules", "Bans by rule", "", ""},
	{"allow", "Places of your people",
		"Several people log in from there, and somebody there had a "
		"wrong password, too.",
		"When it is an office or a VPN of yours: posternctl allow add "
		"NETWORK."},
	{"hours", "By the hour", "", ""},
	{"orders", "Orders of the operators", "", ""},
};

enum { SECTION_COUNT = sizeof(sections) / sizeof(sections[0]) };

/* ---- what SQL does not know ---- */

static const char *text_of(sqlite3_value *value)
{
	const char *text = (const char *)sqlite3_value_text(value);

	return text != NULL ? text : "";
}

/* network(address): its /24 or /48. */
static void network(sqlite3_context *context, int count, sqlite3_value **values)
{
	char text[PREFIX_TEXT_LONGEST];
	struct prefix prefix;
	struct addr addr;

	(void)count;
	if (!addr_parse(text_of(values[0]), &addr))
		return;
	prefix = prefix_of(&addr, V4_NETWORK, V6_NETWORK);
	sqlite3_result_text(
		context, prefix_format(&prefix, text), -1, SQLITE_TRANSIENT);
}

/* holds(prefix, prefix) */
static void holds(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct prefix outer, inner;
	bool good = prefix_parse(text_of(values[0]), &outer) &&
		    prefix_parse(text_of(values[1]), &inner);

	(void)count;
	sqlite3_result_int(context, good && outer.bits <= inner.bits &&
					    prefix_holds(&outer, &inner.addr));
}

static int teach(sqlite3 *db)
{
	static const int how = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
	int result = sqlite3_create_function(
		db, "network", 1, how, NULL, network, NULL, NULL);

	return result != SQLITE_OK ? result
				   : sqlite3_create_function(db, "holds", 2,
					     how, NULL, holds, NULL, NULL);
}

/* ---- asking ---- */

/* Makes what the views of report.sql ask for, and them. */
static bool make_views(sqlite3 *db, wall_s_t since, wall_s_t until,
	unsigned top, unsigned half)
{
	char *asked = sqlite3_mprintf(
		"CREATE TEMP TABLE asked AS SELECT %lld AS since,"
		" %lld AS until, %u AS top, %u AS half",
		(long long)since, (long long)until, top, half);
	bool made = asked != NULL && teach(db) == SQLITE_OK &&
		    sqlite3_exec(db, asked, NULL, NULL, NULL) == SQLITE_OK &&
		    sqlite3_exec(db, report_sql, NULL, NULL, NULL) == SQLITE_OK;

	sqlite3_free(asked);
	return made;
}

static json_t *value_of(sqlite3_stmt *statement, int column)
{
	const char *text;

	if (sqlite3_column_type(statement, column) == SQLITE_INTEGER)
		return json_integer(sqlite3_column_int64(statement, column));
	text = (const char *)sqlite3_column_text(statement, column);
	return json_string(text != NULL ? text : "");
}

static json_t *row_of(sqlite3_stmt *statement)
{
	json_t *row = json_object();

	for (int i = 0; i < sqlite3_column_count(statement); i++)
		(void)json_object_set_new(row,
			sqlite3_column_name(statement, i),
			value_of(statement, i));
	return row;
}

static json_t *columns_of(sqlite3_stmt *statement)
{
	json_t *columns = json_array();

	for (int i = 0; i < sqlite3_column_count(statement); i++)
		(void)json_array_append_new(columns,
			json_string(sqlite3_column_name(statement, i)));
	return columns;
}

/* NULL: the store's error says why. */
static json_t *section_of(sqlite3 *db, const struct section *section)
{
	char *sql =
		sqlite3_mprintf("SELECT * FROM temp.report_%s", section->name);
	sqlite3_stmt *statement = NULL;
	json_t *rows = json_array(), *columns;
	int result =
		sql == NULL ? SQLITE_NOMEM
			    : sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	sqlite3_free(sql);
	if (result != SQLITE_OK) {
		json_decref(rows);
		return NULL;
	}
	columns = columns_of(statement);
	while (sqlite3_step(statement) == SQLITE_ROW)
		(void)json_array_append_new(rows, row_of(statement));
	if (sqlite3_finalize(statement) != SQLITE_OK) {
		json_decref(rows);
		json_decref(columns);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name",
		section->name, "title", section->title, "text", section->text,
		"advice", section->advice, "columns", columns, "rows", rows);
}

static json_t *sections_of(sqlite3 *db)
{
	json_t *all = json_array();

	for (size_t i = 0; i < SECTION_COUNT; i++) {
		json_t *section = section_of(db, &sections[i]);

		if (section == NULL) {
			json_decref(all);
			return NULL;
		}
		(void)json_array_append_new(all, section);
	}
	return all;
}

static const char *host_of(const struct conf *conf, char out[HOST_LONGEST])
{
	if (conf->global.hostname[0] != '\0')
		return conf->global.hostname;
	if (gethostname(out, HOST_LONGEST - 1) != 0)
		return "localhost";
	return out;
}

json_t *report_gather(const char *path, const struct conf *conf, wall_s_t since,
	wall_s_t until, unsigned top, char *error, size_t error_room)
{
	unsigned half = (unsigned)(conf->source_limit.failures_count + 1) / 2;
	char host[HOST_LONGEST] = "";
	json_t *all = NULL;
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db,
		    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
		    NULL) == SQLITE_OK) {
		(void)sqlite3_busy_timeout(db, BUSY_MS);
		if (make_views(db, since, until, top, half))
			all = sections_of(db);
	}
	if (all == NULL)
		(void)snprintf(error, error_room, "%s: %s", path,
			db != NULL ? sqlite3_errmsg(db) : "no memory");
	(void)sqlite3_close(db);
	return all == NULL ? NULL
			   : json_pack("{s:b, s:s, s:I, s:I, s:o}", "ok", 1,
				     "host", host_of(conf, host), "since",
				     (json_int_t)since, "until",
				     (json_int_t)until, "sections", all);
}
