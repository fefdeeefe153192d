/*
 * What a report says: questions to the store, one a section.
 *
 * The journal is read once into a table of tries that lives in the connection
 * alone; the sections ask that one. Nothing is written to the file. Names and
 * addresses come from strangers: values here are as the journal has them
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

struct gathering {
	sqlite3 *db;
	wall_s_t since, until;
	unsigned top, half; /* half: failures that come near the limit */
};

/*
 * stopped: postern answered it and the server heard nothing; failed: the
 * server refused it; ok. A log that postern follows counts as the server.
 */
static const char tries[] =
	"CREATE TEMP TABLE tries AS SELECT at, coalesce(source, addr) AS "
	"source,"
	" network(addr) AS network, lower(coalesce(user, '')) AS user, tag,"
	" coalesce(country, '') AS country, rule,"
	" CASE kind WHEN 'auth-begins' THEN 'stopped'"
	"  WHEN 'log-success' THEN 'ok' WHEN 'log-failure' THEN 'failed'"
	"  ELSE outcome END AS what"
	" FROM journal WHERE at >= ?1 AND at < ?2 AND addr IS NOT NULL AND ("
	" (kind = 'auth-begins' AND mode = 'enforce' AND verdict IN"
	"  ('answer-454', 'answer-535', 'turn-away'))"
	" OR (kind = 'auth-settled' AND outcome IN ('ok', 'failed'))"
	" OR kind IN ('log-failure', 'log-success'));";

static const char indices[] =
	"CREATE INDEX temp.tries_source ON tries(source, what);"
	"CREATE INDEX temp.tries_user ON tries(user, what);"
	"CREATE TEMP TABLE came AS SELECT at, prefix, rule, kind, user, text"
	" FROM journal WHERE at >= ?1 AND at < ?2 AND kind IN ('ban',"
	" 'would-ban', 'unban', 'alarm', 'operator-ban', 'operator-unban',"
	" 'operator-allow', 'operator-disallow', 'operator-forget');";

#define WHEN(at) "strftime('%m-%d %H:%M', " at ", 'unixepoch', 'localtime')"
#define GUESSES                                                                \
	"sum(what = 'failed') AS arrived, sum(what = 'stopped') AS stopped"
#define WRONG "what <> 'ok' AND rule IS NOT 'refused-pair'"

struct section {
	const char *name, *title;
	const char *text;   /* what the rows are */
	const char *advice; /* what to do about it; "" */
	const char *sql;    /* ?1 since, ?2 until, ?3 top, ?4 half */
};

static const struct section sections[] = {
	{"summary", "In short", "", "",
		"SELECT coalesce(sum(what = 'failed'), 0) AS guesses_arrived,"
		" coalesce(sum(what = 'stopped'), 0) AS guesses_stopped,"
		" count(DISTINCT CASE WHEN what <> 'ok' THEN source END)"
		"  AS sources,"
		" count(DISTINCT CASE WHEN what <> 'ok' THEN user END) AS "
		"users,"
		" coalesce(sum(what = 'ok'), 0) AS logins,"
		" (SELECT count(*) FROM temp.came WHERE kind = 'ban') AS bans,"
		" (SELECT count(*) FROM temp.came WHERE kind = 'would-ban')"
		"  AS would_bans,"
		" (SELECT count(*) FROM ban WHERE until IS NULL OR until >"
		"  unixepoch()) AS banned_now FROM temp.tries WHERE ?1 <= ?2"},
	{"alarms", "Alarms", "A login that looks like a stolen password.",
		"Ask the user; when it was not he, change his password now.",
		"SELECT " WHEN(
			"at") " AS time, rule, coalesce(user, '') AS user,"
			      " coalesce(prefix, '') AS source FROM temp.came"
			      " WHERE kind = 'alarm' ORDER BY at DESC LIMIT "
			      "?3"},
	{"hurt", "Refused, then right",
		"They were refused or slowed to a stop, and logged in later "
		"from "
		"the same place: most likely your own people.",
		"posternctl explain USER says which rule it was; posternctl "
		"allow "
		"add ADDRESS, if it is a place of yours.",
		"SELECT user, source, count(*) AS refused, " WHEN(
			"min(at)") " AS first, " WHEN("ok") " AS logged_in, "
							    "rule FROM (SELECT "
							    "t.*,"
							    " (SELECT "
							    "min(o.at) FROM "
							    "temp.tries o "
							    "WHERE o.source = "
							    "t.source"
							    "  AND o.what = "
							    "'ok' AND o.user = "
							    "t.user AND o.at "
							    ">= t.at) AS ok"
							    " FROM temp.tries "
							    "t WHERE t.what = "
							    "'stopped' AND "
							    "t.rule IS NOT"
							    " 'refused-pair') "
							    "WHERE ok IS NOT "
							    "NULL GROUP BY "
							    "user, source"
							    " ORDER BY "
							    "count(*) DESC "
							    "LIMIT ?3"},
	{"stale", "Old passwords in phones and programs",
		"The same wrong password again and again, from a place where "
		"this user is at home. Nobody is banned for it.",
		"Have the user type the new password into that device.",
		"SELECT user, source, count(*) AS times, " WHEN(
			"min(at)") " AS first, " WHEN("max(at)") " AS last "
								 "FROM "
								 "temp.tries t"
								 " WHERE rule "
								 "= "
								 "'refused-"
								 "pair' AND "
								 "(EXISTS "
								 "(SELECT 1 "
								 "FROM"
								 " passport p "
								 "WHERE "
								 "holds(p."
								 "prefix, "
								 "t.source) "
								 "AND "
								 "(lower(p."
								 "user)"
								 " = t.user OR "
								 "lower(p.user)"
								 " = "
								 "substr(t."
								 "user, 1, "
								 "instr(t.user "
								 "||"
								 " '@', '@') - "
								 "1))) OR "
								 "EXISTS "
								 "(SELECT 1 "
								 "FROM "
								 "temp.tries o "
								 "WHERE"
								 " o.source = "
								 "t.source AND "
								 "o.what = "
								 "'ok' AND "
								 "o.user = "
								 "t.user))"
								 " GROUP BY "
								 "user, source "
								 "HAVING "
								 "count(*) >= 3"
								 " ORDER BY "
								 "count(*) "
								 "DESC LIMIT "
								 "?3"},
	{"sources", "Who guessed most", "", "",
		"SELECT source, " GUESSES ", count(DISTINCT user) AS users,"
		" " WHEN("min(at)") " AS first, " WHEN(
			"max(at)") " AS last,"
				   " coalesce((SELECT max(c.rule) FROM "
				   "temp.came c WHERE c.kind ="
				   " 'ban' AND holds(c.prefix, t.source)), '') "
				   "AS banned_by,"
				   " max(country) AS country FROM temp.tries t "
				   "WHERE " WRONG
				   " GROUP BY source ORDER BY count(*) DESC, "
				   "source LIMIT ?3"},
	{"networks", "Networks with more than one who guessed", "", "",
		"SELECT network, count(DISTINCT source) AS sources, " GUESSES
		","
		" count(DISTINCT user) AS users FROM temp.tries WHERE " WRONG
		" GROUP BY network HAVING count(DISTINCT source) > 1"
		" ORDER BY count(*) DESC, network LIMIT ?3"},
	{"countries", "Countries", "", "",
		"SELECT country, count(DISTINCT source) AS sources, " GUESSES
		" FROM temp.tries WHERE country <> '' AND " WRONG
		" GROUP BY country ORDER BY count(*) DESC LIMIT ?3"},
	{"users", "Names under siege", "The names that were guessed at most.",
		"Names that are nobody's are decoys: list them in "
		"decoys.users.",
		"SELECT user, " GUESSES ", count(DISTINCT source) AS sources,"
		" coalesce((SELECT " WHEN(
			"max(o.at)") " FROM temp.tries o WHERE"
				     " o.user = t.user AND o.what = 'ok'), '') "
				     "AS last_login"
				     " FROM temp.tries t WHERE " WRONG
				     " GROUP BY user"
				     " ORDER BY count(*) DESC, user LIMIT ?3"},
	{"near", "Near misses", "They came near the limit and were not banned.",
		"Many of them, each with few guesses, are one campaign: see "
		"the "
		"names under siege.",
		"SELECT source, " GUESSES ", count(DISTINCT user) AS users"
		" FROM temp.tries t WHERE " WRONG
		" AND NOT EXISTS (SELECT 1 FROM"
		" temp.came c WHERE c.kind IN ('ban', 'would-ban') AND"
		" holds(c.prefix, t.source)) GROUP BY source"
		" HAVING sum(what = 'failed') >= ?4"
		" ORDER BY sum(what = 'failed') DESC, source LIMIT ?3"},
	{"rules", "Bans by rule", "", "",
		"SELECT rule, sum(kind = 'ban') AS bans, sum(kind = "
		"'would-ban')"
		" AS would_ban FROM temp.came WHERE kind IN ('ban', "
		"'would-ban')"
		" GROUP BY rule ORDER BY count(*) DESC LIMIT ?3"},
	{"allow", "Places of your people",
		"Several people log in from there, and somebody there had a "
		"wrong "
		"password, too.",
		"When it is an office or a VPN of yours: posternctl allow add "
		"NETWORK.",
		"SELECT network, count(DISTINCT CASE WHEN what = 'ok' THEN user"
		" END) AS people, sum(what = 'ok') AS logins, sum(what <> 'ok')"
		" AS refused FROM temp.tries t WHERE NOT EXISTS (SELECT 1 FROM"
		" allow a WHERE holds(a.prefix, t.source)) GROUP BY network"
		" HAVING count(DISTINCT CASE WHEN what = 'ok' THEN user END) "
		">= 3"
		" AND sum(what <> 'ok') > 0 ORDER BY 2 DESC LIMIT ?3"},
	{"hours", "By the hour", "", "",
		"SELECT strftime('%m-%d %H:00', at, 'unixepoch', 'localtime') "
		"AS"
		" hour, " GUESSES ", sum(what = 'ok') AS logins FROM temp.tries"
		" GROUP BY 1 HAVING sum(what <> 'ok') > 0 ORDER BY min(at)"
		" LIMIT 48"},
	{"orders", "Orders of the operators", "", "",
		"SELECT " WHEN(
			"at") " AS time, substr(kind, 10) AS word,"
			      " coalesce(prefix, user, '') AS what FROM "
			      "temp.came WHERE kind"
			      " LIKE 'operator-%' ORDER BY at DESC LIMIT ?3"},
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

static void bind_all(const struct gathering *g, sqlite3_stmt *statement)
{
	const sqlite3_int64 values[] = {g->since, g->until, g->top, g->half};
	int wanted = sqlite3_bind_parameter_count(statement);

	for (int i = 0; i < wanted; i++)
		(void)sqlite3_bind_int64(statement, i + 1, values[i]);
}

/* Each statement of `sql`, for what it does. */
static int run(const struct gathering *g, const char *sql)
{
	int result = SQLITE_OK;

	while (result == SQLITE_OK && *sql != '\0') {
		sqlite3_stmt *statement = NULL;

		result = sqlite3_prepare_v2(g->db, sql, -1, &statement, &sql);
		if (result != SQLITE_OK || statement == NULL)
			return result;
		bind_all(g, statement);
		(void)sqlite3_step(statement); /* finalize repeats it */
		result = sqlite3_finalize(statement);
	}
	return result;
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
static json_t *section_of(
	const struct gathering *g, const struct section *section)
{
	sqlite3_stmt *statement = NULL;
	json_t *rows = json_array(), *columns;

	if (sqlite3_prepare_v2(g->db, section->sql, -1, &statement, NULL) !=
		SQLITE_OK) {
		json_decref(rows);
		return NULL;
	}
	bind_all(g, statement);
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

static json_t *sections_of(const struct gathering *g)
{
	json_t *all = json_array();

	if (teach(g->db) != SQLITE_OK || run(g, tries) != SQLITE_OK ||
		run(g, indices) != SQLITE_OK) {
		json_decref(all);
		return NULL;
	}
	for (size_t i = 0; i < SECTION_COUNT; i++) {
		json_t *section = section_of(g, &sections[i]);

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
	struct gathering g = {
		.since = since,
		.until = until,
		.top = top,
		.half = (unsigned)(conf->source_limit.failures_count + 1) / 2,
	};
	char host[HOST_LONGEST] = "";
	json_t *all = NULL;

	if (sqlite3_open_v2(path, &g.db,
		    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
		    NULL) == SQLITE_OK) {
		(void)sqlite3_busy_timeout(g.db, BUSY_MS);
		all = sections_of(&g);
	}
	if (all == NULL)
		(void)snprintf(error, error_room, "%s: %s", path,
			g.db != NULL ? sqlite3_errmsg(g.db) : "no memory");
	(void)sqlite3_close(g.db);
	return all == NULL ? NULL
			   : json_pack("{s:b, s:s, s:I, s:I, s:o}", "ok", 1,
				     "host", host_of(conf, host), "since",
				     (json_int_t)since, "until",
				     (json_int_t)until, "sections", all);
}
