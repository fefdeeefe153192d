/*
 * The answers of the daemon, for eyes: aligned columns, spans instead of
 * seconds since 1970.
 *
 * Prints to standard output what is there and nothing for what is not: an
 * older or newer daemon may have other members. Called by posternctl.
 */
#include "show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../base/duration.h"
#include "show_lists.h"
#include "table.h"

enum { TEXT_LONGEST = 160, LABEL_WIDTH = 12, MS_PER_S = 1000 };

/* ---- members ---- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static int64_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static bool is_set(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

/* One line "label   words". */
static void line(const char *label, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void line(const char *label, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut */
	va_end(args);
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?'; /* nothing that steers a terminal */
	(void)printf("%-*s  %s\n", LABEL_WIDTH, label, text);
}

/* ---- times ---- */

static const char *span_s(int64_t s, char out[DURATION_TEXT_LONGEST])
{
	return duration_format(s < 0 ? 0 : (uint64_t)s * MS_PER_S, out);
}

static const char *ago(const json_t *at, char out[TEXT_LONGEST])
{
	char span[DURATION_TEXT_LONGEST];

	if (!json_is_integer(at) || json_integer_value(at) == 0)
		(void)snprintf(out, TEXT_LONGEST, "never");
	else
		(void)snprintf(out, TEXT_LONGEST, "%s ago",
			span_s((int64_t)time(NULL) - json_integer_value(at),
				span));
	return out;
}

static const char *clock_time(int64_t at, char out[TEXT_LONGEST])
{
	time_t seconds = (time_t)at;
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL ||
		strftime(out, TEXT_LONGEST, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)snprintf(out, TEXT_LONGEST, "%" PRId64, at);
	return out;
}

/* "in 9m 58s", or "never". */
static const char *ends(const json_t *ban, char out[TEXT_LONGEST])
{
	const json_t *left = json_object_get(ban, "left_s");
	char span[DURATION_TEXT_LONGEST];

	if (!json_is_integer(left))
		(void)snprintf(out, TEXT_LONGEST, "never");
	else
		(void)snprintf(out, TEXT_LONGEST, "in %s",
			span_s(json_integer_value(left), span));
	return out;
}

/* ---- bans and allow ---- */

static void add_ban(struct table *table, const json_t *ban)
{
	char until[TEXT_LONGEST], since[TEXT_LONGEST];
	char repeat[TEXT_LONGEST], failures[TEXT_LONGEST];
	const char *cells[] = {text_of(ban, "prefix"), text_of(ban, "rule"),
		text_of(ban, "acts"), ends(ban, until),
		ago(json_object_get(ban, "since"), since), failures, repeat,
		text_of(ban, "note")};

	(void)snprintf(failures, sizeof(failures), "%" PRId64,
		number_of(ban, "failures"));
	(void)snprintf(
		repeat, sizeof(repeat), "%" PRId64, number_of(ban, "repeat"));
	table_add(table, cells);
}

void show_bans(const json_t *answer)
{
	static const char *const heads[] = {"PREFIX", "RULE", "ACTS", "ENDS",
		"SINCE", "FAILURES", "REPEATS", "NOTE"};
	const json_t *bans = json_object_get(answer, "bans");
	size_t n = json_array_size(bans);
	struct table *table;

	if (n == 0) {
		(void)puts("no bans");
		return;
	}
	table = table_new(sizeof(heads) / sizeof(heads[0]), heads);
	if (table == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		add_ban(table, json_array_get(bans, i));
	table_print(table, stdout);
	table_free(&table);
}

void show_ban_added(const json_t *answer)
{
	const json_t *ban = json_object_get(answer, "ban");
	char until[TEXT_LONGEST];

	if (is_set(answer, "observed"))
		(void)printf("%s would be banned, but mode is not enforce\n",
			text_of(answer, "prefix"));
	else if (ban != NULL)
		(void)printf("%s is banned, ends %s\n",
			text_of(answer, "prefix"), ends(ban, until));
	else
		(void)printf("%s is banned\n", text_of(answer, "prefix"));
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

void show_lifted(const json_t *answer)
{
	const json_t *still = json_object_get(answer, "still");
	int64_t lifted = number_of(answer, "lifted");

	(void)printf("%" PRId64 " ban%s lifted\n", lifted, plural(lifted));
	if (still != NULL)
		(void)printf("it is still banned by %s; lift that with: "
			     "posternctl bans del %s\n",
			text_of(still, "prefix"), text_of(still, "prefix"));
}

void show_allow(const json_t *answer)
{
	static const char *const heads[] = {"PREFIX", "FROM", "NOTE"};
	const json_t *entries = json_object_get(answer, "allow");
	struct table *table = table_new(3, heads);

	if (table == NULL)
		return;
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		const char *cells[] = {text_of(entry, "prefix"),
			text_of(entry, "origin"), text_of(entry, "note")};

		table_add(table, cells);
	}
	table_print(table, stdout);
	table_free(&table);
}

void show_allow_added(const json_t *answer)
{
	int64_t lifted = number_of(answer, "lifted");

	(void)printf("%s is allowed", text_of(answer, "prefix"));
	if (lifted > 0)
		(void)printf(
			"; %" PRId64 " ban%s lifted", lifted, plural(lifted));
	(void)putchar('\n');
}

void show_done(const json_t *answer)
{
	(void)printf("%s is no longer on the allow list\n",
		text_of(answer, "prefix"));
}

void show_reload(const json_t *answer)
{
	const char *text = text_of(answer, "text");

	(void)fputs(text[0] != '\0' ? text : "nothing changed", stdout);
	if (text[0] == '\0' || text[strlen(text) - 1] != '\n')
		(void)putchar('\n');
}

/* ---- explain ---- */

static void explain_ban(const json_t *answer)
{
	const json_t *ban = json_object_get(answer, "ban");
	char until[TEXT_LONGEST], since[TEXT_LONGEST];

	if (!is_set(answer, "banned")) {
		line("banned", "no");
		return;
	}
	line("banned", "%s, since %s, ends %s", text_of(ban, "prefix"),
		ago(json_object_get(ban, "since"), since), ends(ban, until));
	line("rule", "%s: %s", text_of(ban, "rule"), text_of(ban, "text"));
	if (strcmp(text_of(ban, "acts"), "login") == 0)
		line("acts", "at logins alone; mail comes in");
	if (number_of(ban, "repeat") > 0)
		line("repeats", "%" PRId64 " bans before this one",
			number_of(ban, "repeat"));
	if (text_of(ban, "note")[0] != '\0')
		line("reason", "%s", text_of(ban, "note"));
}

static void explain_window(const char *label, const json_t *window)
{
	char span[DURATION_TEXT_LONGEST];

	if (number_of(window, "limit") == 0)
		return; /* there is no such window */
	line(label, "%" PRId64 " of %" PRId64 " in %s",
		number_of(window, "count"), number_of(window, "limit"),
		duration_format(
			(uint64_t)number_of(window, "window_ms"), span));
}

static void explain_seen(const json_t *answer)
{
	char failure[TEXT_LONGEST], success[TEXT_LONGEST];

	explain_window("failures", json_object_get(answer, "failures"));
	explain_window("slow", json_object_get(answer, "slow_failures"));
	line("under way", "%" PRId64 " logins", number_of(answer, "under_way"));
	line("logins",
		"%" PRId64 " ok (last: %s), %" PRId64 " failed (last: %s)",
		number_of(answer, "successes"),
		ago(json_object_get(answer, "last_success"), success),
		number_of(answer, "failures_total"),
		ago(json_object_get(answer, "last_failure"), failure));
}

static void explain_events(const json_t *events)
{
	static const char *const heads[] = {"TIME", "EVENT", "FROM", "USER",
		"RULE", "CODE", "COUNT", "REF"};
	struct table *table;

	if (json_array_size(events) == 0)
		return;
	table = table_new(sizeof(heads) / sizeof(heads[0]), heads);
	if (table == NULL)
		return;
	for (size_t i = 0; i < json_array_size(events); i++) {
		const json_t *event = json_array_get(events, i);
		char at[TEXT_LONGEST], code[TEXT_LONGEST] = "";
		char count[TEXT_LONGEST];
		const char *rule = text_of(event, "rule");
		const char *from = json_object_get(event, "prefix") != NULL
					   ? text_of(event, "prefix")
					   : text_of(event, "address");
		const char *cells[] = {clock_time(number_of(event, "at"), at),
			text_of(event, "event"), from, text_of(event, "user"),
			strcmp(rule, "none") == 0 ? "" : rule, code, count,
			text_of(event, "ref")};

		if (number_of(event, "code") != 0)
			(void)snprintf(code, sizeof(code), "%" PRId64,
				number_of(event, "code"));
		(void)snprintf(count, sizeof(count), "%" PRId64,
			number_of(event, "failures"));
		table_add(table, cells);
	}
	(void)putchar('\n');
	table_print(table, stdout);
	table_free(&table);
}

static void explain_places(const json_t *places)
{
	static const char *const heads[] = {
		"FROM", "OK", "LAST OK", "FAILED", "LAST FAILED", "REFUSED"};
	static const char *const members[] = {
		"successes", "failures", "refused"};
	enum { NUMBERS = sizeof(members) / sizeof(members[0]) };
	struct table *table;

	if (json_array_size(places) == 0)
		return;
	table = table_new(sizeof(heads) / sizeof(heads[0]), heads);
	for (size_t i = 0; table != NULL && i < json_array_size(places); i++) {
		const json_t *place = json_array_get(places, i);
		char n[NUMBERS][TEXT_LONGEST], ok[TEXT_LONGEST];
		char failed[TEXT_LONGEST];
		const char *cells[] = {text_of(place, "source"), n[0],
			ago(json_object_get(place, "last_success"), ok), n[1],
			ago(json_object_get(place, "last_failure"), failed),
			n[2]};

		for (size_t k = 0; k < NUMBERS; k++)
			(void)snprintf(n[k], TEXT_LONGEST, "%" PRId64,
				number_of(place, members[k]));
		table_add(table, cells);
	}
	(void)putchar('\n');
	if (table != NULL)
		table_print(table, stdout);
	table_free(&table);
}

static void explain_passports(const json_t *passports)
{
	static const char *const heads[] = {
		"KNOWN AT", "AS", "SINCE", "LAST", "UNTIL"};
	struct table *table;

	if (json_array_size(passports) == 0)
		return;
	table = table_new(sizeof(heads) / sizeof(heads[0]), heads);
	for (size_t i = 0; table != NULL && i < json_array_size(passports);
		i++) {
		const json_t *passport = json_array_get(passports, i);
		char since[TEXT_LONGEST], last[TEXT_LONGEST];
		char until[TEXT_LONGEST] = "ever";
		const json_t *end = json_object_get(passport, "until");
		const char *cells[] = {text_of(passport, "prefix"),
			text_of(passport, "user"),
			ago(json_object_get(passport, "since"), since),
			ago(json_object_get(passport, "last"), last), until};

		if (json_is_integer(end))
			(void)clock_time(json_integer_value(end), until);
		table_add(table, cells);
	}
	(void)putchar('\n');
	if (table != NULL)
		table_print(table, stdout);
	table_free(&table);
}

static void explain_where(const json_t *answer)
{
	const char *country = text_of(answer, "country");
	int64_t asn = number_of(answer, "asn");
	char network[24] = "";

	if (country[0] == '\0' && asn == 0)
		return;
	if (asn != 0)
		(void)snprintf(network, sizeof(network), "AS%" PRId64, asn);
	line("place", "%s%s%s", country,
		country[0] != '\0' && asn != 0 ? ", " : "", network);
}

static void explain_listed(const json_t *listed)
{
	char text[TEXT_LONGEST * 2];

	if (show_listed(listed, text, sizeof(text))[0] != '\0')
		line("listed", "%s", text);
}

static void explain_address(const json_t *answer)
{
	const json_t *by = json_object_get(answer, "allowed_by");

	line("address", "%s", text_of(answer, "address"));
	line("source", "%s", text_of(answer, "source"));
	if (is_set(answer, "allowed"))
		line("allowed", "yes, by %s (%s)", text_of(by, "prefix"),
			text_of(by, "origin"));
	else
		line("allowed", "no");
	explain_ban(answer);
	explain_where(answer);
	explain_listed(json_object_get(answer, "listed"));
	explain_seen(answer);
}

/* What the rules hold against a name, in words. */
static void explain_state(const json_t *state)
{
	char at[TEXT_LONGEST];

	if (state == NULL)
		return;
	line("a person", "%s",
		is_set(state, "person") ? "yes, has logged in" : "not known");
	if (number_of(state, "lockout") > 0)
		line("at the server",
			"%" PRId64 " of %" PRId64
			" failures before it may lock the name%s",
			number_of(state, "server_failures"),
			number_of(state, "lockout"),
			is_set(state, "shielded")
				? ": strangers are answered 454"
				: "");
	if (number_of(state, "refused_pairs") > 0)
		line("passwords",
			"%" PRId64 " that the server refused are answered "
			"535 here",
			number_of(state, "refused_pairs"));
	if (json_is_integer(json_object_get(state, "siege_until")))
		line("siege", "strangers besiege the name; until %s",
			clock_time(number_of(state, "siege_until"), at));
	if (is_set(state, "campaign"))
		line("campaign", "strangers attack the whole server");
	if (json_is_integer(json_object_get(state, "released_until")))
		line("released", "by the operator, until %s",
			clock_time(number_of(state, "released_until"), at));
}

void show_forgotten(const json_t *answer)
{
	(void)printf("what was held against %s is forgotten; the next right "
		     "login counts, wherever it comes from\n",
		text_of(answer, "user"));
}

void show_explain(const json_t *answer)
{
	const json_t *reference = json_object_get(answer, "reference");
	const json_t *journal = json_object_get(answer, "journal");
	char at[TEXT_LONGEST];

	if (text_of(answer, "summary")[0] != '\0')
		(void)printf("%s\n\n", text_of(answer, "summary"));
	if (reference != NULL)
		line("reference", "%s, shown %s", text_of(reference, "ref"),
			ago(json_object_get(reference, "at"), at));
	if (json_object_get(answer, "address") != NULL)
		explain_address(answer);
	if (json_object_get(answer, "user") != NULL)
		line("user", "%s", text_of(answer, "user"));
	explain_state(json_object_get(answer, "state"));
	if (text_of(answer, "lift")[0] != '\0')
		line("to lift it", "%s", text_of(answer, "lift"));
	if (text_of(answer, "allow")[0] != '\0')
		line("never again", "%s", text_of(answer, "allow"));
	if (json_is_false(journal))
		line("events", "the last in memory: the journal cannot be read "
			       "now (posternctl status)");
	explain_passports(json_object_get(answer, "passports"));
	explain_places(json_object_get(answer, "places"));
	explain_events(json_object_get(answer, "events"));
}

/* ---- backends ---- */

void show_backends(const json_t *answer)
{
	static const char *const heads[] = {"BACKEND", "SERVER", "ADDRESS",
		"STATE", "SINCE", "SESSIONS", "WHY"};
	const json_t *rows = json_object_get(answer, "backends");
	struct table *table =
		table_new(sizeof(heads) / sizeof(heads[0]), heads);

	for (size_t i = 0; table != NULL && i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		char state[TEXT_LONGEST], since[TEXT_LONGEST];
		char sessions[TEXT_LONGEST];
		const char *cells[] = {text_of(row, "backend"),
			text_of(row, "server"), text_of(row, "address"), state,
			ago(json_object_get(row, "since"), since), sessions,
			text_of(row, "why")};

		(void)snprintf(state, sizeof(state), "%s%s",
			text_of(row, "state"),
			is_set(row, "drained") ? ", drained" : "");
		(void)snprintf(sessions, sizeof(sessions), "%" PRId64,
			number_of(row, "sessions"));
		table_add(table, cells);
	}
	if (table != NULL)
		table_print(table, stdout);
	table_free(&table);
}

void show_drained(const json_t *answer)
{
	(void)printf("%s gets no new sessions; those it has go on\n",
		text_of(answer, "server"));
}

void show_undrained(const json_t *answer)
{
	(void)printf("%s gets sessions again\n", text_of(answer, "server"));
}

/* ---- status ---- */

static void status_logins(const json_t *answer)
{
	const json_t *logins = json_object_get(answer, "logins");
	const json_t *verdicts = json_object_get(answer, "verdicts");

	line("logins",
		"%" PRId64 " ok, %" PRId64 " failed, %" PRId64
		" abandoned, %" PRId64 " temporary, %" PRId64 " other, %" PRId64
		" under way",
		number_of(logins, "ok"), number_of(logins, "failed"),
		number_of(logins, "abandoned"), number_of(logins, "temporary"),
		number_of(logins, "other") + number_of(logins, "cancelled"),
		number_of(logins, "under_way"));
	line("verdicts",
		"%" PRId64 " passed, %" PRId64 " delayed, %" PRId64
		" held, %" PRId64 " answered 454, %" PRId64
		" answered 535, %" PRId64 " turned away",
		number_of(verdicts, "pass"), number_of(verdicts, "delay"),
		number_of(verdicts, "hold"), number_of(verdicts, "answer"),
		number_of(verdicts, "refuse"),
		number_of(verdicts, "turn_away"));
}

static void status_firewall(const json_t *answer)
{
	const json_t *firewall = json_object_get(answer, "firewall");
	char at[TEXT_LONGEST];

	line("firewall",
		"%s, %s, %" PRId64 " entries, synced %s, drift %" PRId64,
		text_of(firewall, "backend"),
		is_set(firewall, "connected") ? "connected" : "not connected",
		number_of(firewall, "entries"),
		ago(json_object_get(firewall, "synced_at"), at),
		number_of(firewall, "drift"));
	if (text_of(firewall, "failure")[0] != '\0')
		line("", "last failure %s: %s",
			ago(json_object_get(firewall, "failed_at"), at),
			text_of(firewall, "failure"));
}

static void status_store(const json_t *answer)
{
	const json_t *store = json_object_get(answer, "store");

	line("store", "%s, %" PRId64 " rows waiting, %" PRId64 " written",
		is_set(store, "failing") ? "FAILING" : "works",
		number_of(store, "waiting"), number_of(store, "written"));
	line("journal",
		"%" PRId64 " rows written, %" PRId64
		" shed; the file has %" PRId64 " KiB",
		number_of(store, "journal_written"),
		number_of(store, "journal_shed"),
		number_of(store, "bytes") / 1024);
	if (text_of(store, "error")[0] != '\0')
		line("", "last error: %s", text_of(store, "error"));
	if (text_of(store, "set_aside")[0] != '\0')
		line("", "damaged file kept as %s",
			text_of(store, "set_aside"));
}

static void status_workers(const json_t *workers)
{
	static const char *const heads[] = {
		"WORKER", "PID", "SESSIONS", "TARPIT", "LOGINS", "STALL"};
	static const char *const members[] = {
		"slot", "pid", "sessions", "tarpit", "logins", "stall_ms"};
	enum { COLUMNS = sizeof(heads) / sizeof(heads[0]) };
	struct table *table;

	if (json_array_size(workers) == 0)
		return;
	table = table_new(COLUMNS, heads);
	if (table == NULL)
		return;
	for (size_t i = 0; i < json_array_size(workers); i++) {
		char texts[COLUMNS][TEXT_LONGEST];
		const char *cells[COLUMNS];

		for (size_t k = 0; k < COLUMNS; k++) {
			(void)snprintf(texts[k], sizeof(texts[k]),
				"%" PRId64 "%s",
				number_of(
					json_array_get(workers, i), members[k]),
				k + 1 == COLUMNS ? " ms" : "");
			cells[k] = texts[k];
		}
		table_add(table, cells);
	}
	(void)putchar('\n');
	table_print(table, stdout);
	table_free(&table);
}

static void status_rules(const json_t *rules)
{
	static const char *const heads[] = {"RULE", "TIMES"};
	struct table *table = table_new(2, heads);
	const char *name;
	json_t *value;
	size_t shown = 0;

	if (table == NULL)
		return;
	json_object_foreach((json_t *)(uintptr_t)rules, name, value)
	{
		char count[TEXT_LONGEST];
		const char *cells[] = {name, count};

		if (json_integer_value(value) == 0)
			continue;
		(void)snprintf(count, sizeof(count), "%" PRId64,
			(int64_t)json_integer_value(value));
		table_add(table, cells);
		shown++;
	}
	if (shown > 0) {
		(void)putchar('\n');
		table_print(table, stdout);
	}
	table_free(&table);
}

/* Only where there is one. */
static void status_geo(const json_t *geo)
{
	static const char *const names[] = {"country_db", "asn_db"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const json_t *base = json_object_get(geo, names[i]);

		if (base == NULL || strcmp(text_of(base, "state"), "none") == 0)
			continue;
		line(names[i],
			"%s, %" PRId64 " found, %" PRId64 " unknown, %" PRId64
			" damaged",
			text_of(base, "state"), number_of(base, "found"),
			number_of(base, "unknown"), number_of(base, "damaged"));
	}
}

/* Only where there is one to follow. */
static void status_domino_log(const json_t *ear)
{
	const char *error = text_of(ear, "error");
	bool off = strcmp(text_of(ear, "state"), "off") == 0;

	if (ear == NULL || off)
		return;
	line("domino_log",
		"%s %s%s%s, %" PRId64 " lines, %" PRId64 " failures, %" PRId64
		" successes, %" PRId64 " not counted",
		text_of(ear, "state"), text_of(ear, "path"),
		error[0] != '\0' ? ": " : "", error, number_of(ear, "lines"),
		number_of(ear, "failures"), number_of(ear, "successes"),
		number_of(ear, "ignored"));
}

void show_status(const json_t *answer)
{
	const json_t *sessions = json_object_get(answer, "sessions");
	char up[DURATION_TEXT_LONGEST];

	line("postern", "%s, up %s, mode %s", text_of(answer, "version"),
		span_s(number_of(answer, "uptime_s"), up),
		text_of(answer, "mode"));
	line("sessions",
		"%" PRId64 " open, %" PRId64 " in all, %" PRId64
		" messages, %" PRId64 " server errors",
		number_of(sessions, "open"), number_of(sessions, "total"),
		number_of(sessions, "messages"),
		number_of(sessions, "server_errors"));
	status_logins(answer);
	line("bans",
		"%" PRId64 " in force, %" PRId64 " would be (observe), %" PRId64
		" spared, %" PRId64 " turned away, %" PRId64 " in the tarpit",
		number_of(answer, "bans"), number_of(answer, "would_bans"),
		number_of(answer, "spared"), number_of(sessions, "turned_away"),
		number_of(sessions, "tarpit"));
	line("people", "%" PRId64 " alarms, %" PRId64 " notes (in the log)",
		number_of(answer, "alarms"), number_of(answer, "notes"));
	line("sources", "%" PRId64 " tracked, %" PRId64 " evicted",
		number_of(answer, "sources"),
		number_of(answer, "sources_evicted"));
	status_firewall(answer);
	status_store(answer);
	status_domino_log(json_object_get(answer, "domino_log"));
	status_geo(json_object_get(answer, "geo"));
	line("log", "%" PRId64 " lines dropped",
		number_of(answer, "log_dropped"));
	status_workers(json_object_get(answer, "workers"));
	show_lists(json_object_get(answer, "dns_lists"));
	status_rules(json_object_get(answer, "rules"));
}

/* "source-limit 3, operator 1" */
static const char *bans_of(const json_t *day, char out[TEXT_LONGEST])
{
	json_t *bans = json_object_get(day, "bans");
	const char *name;
	json_t *value;
	size_t n = 0;

	out[0] = '\0';
	json_object_foreach(bans, name, value)
	{
		int more = snprintf(out + n, TEXT_LONGEST - n, "%s%s %" PRId64,
			n > 0 ? ", " : "", name,
			(int64_t)json_integer_value(value));

		if (more < 0 || (size_t)more >= TEXT_LONGEST - n)
			break;
		n += (size_t)more;
	}
	return out;
}

void show_days(const json_t *answer)
{
	static const char *const heads[] = {"DAY (UTC)", "LOGINS", "GUESSES",
		"PASSED", "SOURCES", "HURT", "BANS"};
	static const char *const members[] = {"successes", "guesses",
		"guesses_passed", "sources", "people_hurt"};
	enum { NUMBERS = sizeof(members) / sizeof(members[0]) };
	const json_t *days = json_object_get(answer, "days");
	struct table *table =
		table_new(sizeof(heads) / sizeof(heads[0]), heads);

	for (size_t i = 0; table != NULL && i < json_array_size(days); i++) {
		const json_t *day = json_array_get(days, i);
		char numbers[NUMBERS][TEXT_LONGEST], bans[TEXT_LONGEST];
		const char *cells[NUMBERS + 2] = {text_of(day, "day")};

		for (size_t k = 0; k < NUMBERS; k++) {
			(void)snprintf(numbers[k], TEXT_LONGEST, "%" PRId64,
				number_of(day, members[k]));
			cells[k + 1] = numbers[k];
		}
		cells[NUMBERS + 1] = bans_of(day, bans);
		table_add(table, cells);
	}
	if (table != NULL)
		table_print(table, stdout);
	table_free(&table);
}
