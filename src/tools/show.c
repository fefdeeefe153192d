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
#include "member.h"
#include "printable.h"
#include "show_hooks.h"
#include "show_lists.h"
#include "table.h"

enum { TEXT_LONGEST = 160, LABEL_WIDTH = 12, MS_PER_S = 1000 };

/* ---- members ---- */

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
	printable_tame(text);
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
	const char *cells[] = {member_text(ban, "prefix"),
		member_text(ban, "rule"), member_text(ban, "acts"),
		ends(ban, until), ago(json_object_get(ban, "since"), since),
		failures, repeat, member_text(ban, "note")};

	(void)snprintf(failures, sizeof(failures), "%" PRId64,
		member_number(ban, "failures"));
	(void)snprintf(repeat, sizeof(repeat), "%" PRId64,
		member_number(ban, "repeat"));
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
			member_text(answer, "prefix"));
	else if (ban != NULL)
		(void)printf("%s is banned, ends %s\n",
			member_text(answer, "prefix"), ends(ban, until));
	else
		(void)printf("%s is banned\n", member_text(answer, "prefix"));
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

void show_lifted(const json_t *answer)
{
	const json_t *still = json_object_get(answer, "still");
	int64_t lifted = member_number(answer, "lifted");

	(void)printf("%" PRId64 " ban%s lifted\n", lifted, plural(lifted));
	if (still != NULL)
		(void)printf("it is still banned by %s; lift that with: "
			     "posternctl bans del %s\n",
			member_text(still, "prefix"),
			member_text(still, "prefix"));
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
		const char *cells[] = {member_text(entry, "prefix"),
			member_text(entry, "origin"),
			member_text(entry, "note")};

		table_add(table, cells);
	}
	table_print(table, stdout);
	table_free(&table);
}

void show_allow_added(const json_t *answer)
{
	int64_t lifted = member_number(answer, "lifted");

	(void)printf("%s is allowed", member_text(answer, "prefix"));
	if (lifted > 0)
		(void)printf(
			"; %" PRId64 " ban%s lifted", lifted, plural(lifted));
	(void)putchar('\n');
}

void show_done(const json_t *answer)
{
	(void)printf("%s is no longer on the allow list\n",
		member_text(answer, "prefix"));
}

void show_reload(const json_t *answer)
{
	const char *text = member_text(answer, "text");

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
	line("banned", "%s, since %s, ends %s", member_text(ban, "prefix"),
		ago(json_object_get(ban, "since"), since), ends(ban, until));
	line("rule", "%s: %s", member_text(ban, "rule"),
		member_text(ban, "text"));
	if (strcmp(member_text(ban, "acts"), "login") == 0)
		line("acts", "at logins alone; mail comes in");
	if (member_number(ban, "repeat") > 0)
		line("repeats", "%" PRId64 " bans before this one",
			member_number(ban, "repeat"));
	if (member_text(ban, "note")[0] != '\0')
		line("reason", "%s", member_text(ban, "note"));
}

static void explain_window(const char *label, const json_t *window)
{
	char span[DURATION_TEXT_LONGEST];

	if (member_number(window, "limit") == 0)
		return; /* there is no such window */
	line(label, "%" PRId64 " of %" PRId64 " in %s",
		member_number(window, "count"), member_number(window, "limit"),
		duration_format(
			(uint64_t)member_number(window, "window_ms"), span));
}

static void explain_seen(const json_t *answer)
{
	char failure[TEXT_LONGEST], success[TEXT_LONGEST];

	explain_window("failures", json_object_get(answer, "failures"));
	explain_window("slow", json_object_get(answer, "slow_failures"));
	line("under way", "%" PRId64 " logins",
		member_number(answer, "under_way"));
	line("logins",
		"%" PRId64 " ok (last: %s), %" PRId64 " failed (last: %s)",
		member_number(answer, "successes"),
		ago(json_object_get(answer, "last_success"), success),
		member_number(answer, "failures_total"),
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
		const char *rule = member_text(event, "rule");
		const char *from = json_object_get(event, "prefix") != NULL
					   ? member_text(event, "prefix")
					   : member_text(event, "address");
		const char *cells[] = {
			clock_time(member_number(event, "at"), at),
			member_text(event, "event"), from,
			member_text(event, "user"),
			strcmp(rule, "none") == 0 ? "" : rule, code, count,
			member_text(event, "ref")};

		if (member_number(event, "code") != 0)
			(void)snprintf(code, sizeof(code), "%" PRId64,
				member_number(event, "code"));
		(void)snprintf(count, sizeof(count), "%" PRId64,
			member_number(event, "failures"));
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
		const char *cells[] = {member_text(place, "source"), n[0],
			ago(json_object_get(place, "last_success"), ok), n[1],
			ago(json_object_get(place, "last_failure"), failed),
			n[2]};

		for (size_t k = 0; k < NUMBERS; k++)
			(void)snprintf(n[k], TEXT_LONGEST, "%" PRId64,
				member_number(place, members[k]));
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
		const char *cells[] = {member_text(passport, "prefix"),
			member_text(passport, "user"),
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
	const char *country = member_text(answer, "country");
	int64_t asn = member_number(answer, "asn");
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

static void explain_on_lists(const json_t *names)
{
	char text[TEXT_LONGEST] = "";
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(names); i++)
		if (n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n,
				"%s%s", i > 0 ? ", " : "",
				json_string_value(json_array_get(names, i)));
	if (text[0] != '\0')
		line("on lists", "%s", text);
}

static void explain_address(const json_t *answer)
{
	const json_t *by = json_object_get(answer, "allowed_by");

	line("address", "%s", member_text(answer, "address"));
	line("source", "%s", member_text(answer, "source"));
	if (is_set(answer, "allowed"))
		line("allowed", "yes, by %s (%s)", member_text(by, "prefix"),
			member_text(by, "origin"));
	else
		line("allowed", "no");
	explain_ban(answer);
	explain_where(answer);
	explain_listed(json_object_get(answer, "listed"));
	explain_on_lists(json_object_get(answer, "on_lists"));
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
	if (member_number(state, "lockout") > 0)
		line("at the server",
			"%" PRId64 " of %" PRId64
			" failures before it may lock the name%s",
			member_number(state, "server_failures"),
			member_number(state, "lockout"),
			is_set(state, "shielded")
				? ": strangers are answered 454"
				: "");
	if (member_number(state, "refused_pairs") > 0)
		line("passwords",
			"%" PRId64 " that the server refused are answered "
			"535 here",
			member_number(state, "refused_pairs"));
	if (json_is_integer(json_object_get(state, "siege_until")))
		line("siege", "strangers besiege the name; until %s",
			clock_time(member_number(state, "siege_until"), at));
	if (is_set(state, "campaign"))
		line("campaign", "strangers attack the whole server");
	if (json_is_integer(json_object_get(state, "released_until")))
		line("released", "by the operator, until %s",
			clock_time(member_number(state, "released_until"), at));
}

void show_forgotten(const json_t *answer)
{
	(void)printf("what was held against %s is forgotten; the next right "
		     "login counts, wherever it comes from\n",
		member_text(answer, "user"));
}

void show_explain(const json_t *answer)
{
	const json_t *reference = json_object_get(answer, "reference");
	const json_t *journal = json_object_get(answer, "journal");
	char at[TEXT_LONGEST];

	if (member_text(answer, "summary")[0] != '\0')
		(void)printf("%s\n\n", member_text(answer, "summary"));
	if (reference != NULL)
		line("reference", "%s, shown %s", member_text(reference, "ref"),
			ago(json_object_get(reference, "at"), at));
	if (json_object_get(answer, "address") != NULL)
		explain_address(answer);
	if (json_object_get(answer, "user") != NULL)
		line("user", "%s", member_text(answer, "user"));
	explain_state(json_object_get(answer, "state"));
	if (member_text(answer, "lift")[0] != '\0')
		line("to lift it", "%s", member_text(answer, "lift"));
	if (member_text(answer, "allow")[0] != '\0')
		line("never again", "%s", member_text(answer, "allow"));
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
		const char *cells[] = {member_text(row, "backend"),
			member_text(row, "server"), member_text(row, "address"),
			state, ago(json_object_get(row, "since"), since),
			sessions, member_text(row, "why")};

		(void)snprintf(state, sizeof(state), "%s%s",
			member_text(row, "state"),
			is_set(row, "drained") ? ", drained" : "");
		(void)snprintf(sessions, sizeof(sessions), "%" PRId64,
			member_number(row, "sessions"));
		table_add(table, cells);
	}
	if (table != NULL)
		table_print(table, stdout);
	table_free(&table);
}

void show_drained(const json_t *answer)
{
	(void)printf("%s gets no new sessions; those it has go on\n",
		member_text(answer, "server"));
}

void show_undrained(const json_t *answer)
{
	(void)printf("%s gets sessions again\n", member_text(answer, "server"));
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
		member_number(logins, "ok"), member_number(logins, "failed"),
		member_number(logins, "abandoned"),
		member_number(logins, "temporary"),
		member_number(logins, "other") +
			member_number(logins, "cancelled"),
		member_number(logins, "under_way"));
	line("verdicts",
		"%" PRId64 " passed, %" PRId64 " delayed, %" PRId64
		" held, %" PRId64 " answered 454, %" PRId64
		" answered 535, %" PRId64 " turned away",
		member_number(verdicts, "pass"),
		member_number(verdicts, "delay"),
		member_number(verdicts, "hold"),
		member_number(verdicts, "answer"),
		member_number(verdicts, "refuse"),
		member_number(verdicts, "turn_away"));
}

static void status_firewall(const json_t *answer)
{
	const json_t *firewall = json_object_get(answer, "firewall");
	char at[TEXT_LONGEST];

	line("firewall",
		"%s, %s, %" PRId64
		" entries in the kernel at the last look, %s; drift %" PRId64,
		member_text(firewall, "backend"),
		is_set(firewall, "connected") ? "connected" : "not connected",
		member_number(firewall, "entries"),
		ago(json_object_get(firewall, "synced_at"), at),
		member_number(firewall, "drift"));
	if (member_text(firewall, "failure")[0] != '\0')
		line("", "last failure %s: %s",
			ago(json_object_get(firewall, "failed_at"), at),
			member_text(firewall, "failure"));
}

static void status_store(const json_t *answer)
{
	const json_t *store = json_object_get(answer, "store");

	line("store", "%s, %" PRId64 " rows waiting, %" PRId64 " written",
		is_set(store, "failing") ? "FAILING" : "works",
		member_number(store, "waiting"),
		member_number(store, "written"));
	line("journal",
		"%" PRId64 " rows written, %" PRId64
		" shed; the file has %" PRId64 " KiB",
		member_number(store, "journal_written"),
		member_number(store, "journal_shed"),
		member_number(store, "bytes") / 1024);
	if (member_text(store, "error")[0] != '\0')
		line("", "last error: %s", member_text(store, "error"));
	if (member_text(store, "set_aside")[0] != '\0')
		line("", "damaged file kept as %s",
			member_text(store, "set_aside"));
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
				member_number(
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

		if (base == NULL ||
			strcmp(member_text(base, "state"), "none") == 0)
			continue;
		line(names[i],
			"%s, %" PRId64 " found, %" PRId64 " unknown, %" PRId64
			" damaged",
			member_text(base, "state"),
			member_number(base, "found"),
			member_number(base, "unknown"),
			member_number(base, "damaged"));
	}
}

/* Only where there is one to follow. */
static void status_domino_log(const json_t *ear)
{
	const char *error = member_text(ear, "error");
	bool off = strcmp(member_text(ear, "state"), "off") == 0;

	if (ear == NULL || off)
		return;
	line("domino_log",
		"%s %s%s%s, %" PRId64 " lines, %" PRId64 " failures, %" PRId64
		" successes, %" PRId64 " not counted",
		member_text(ear, "state"), member_text(ear, "path"),
		error[0] != '\0' ? ": " : "", error,
		member_number(ear, "lines"), member_number(ear, "failures"),
		member_number(ear, "successes"), member_number(ear, "ignored"));
}

void show_status(const json_t *answer)
{
	const json_t *sessions = json_object_get(answer, "sessions");
	char up[DURATION_TEXT_LONGEST];

	line("postern", "%s, up %s, mode %s", member_text(answer, "version"),
		span_s(member_number(answer, "uptime_s"), up),
		member_text(answer, "mode"));
	line("sessions",
		"%" PRId64 " open, %" PRId64 " in all, %" PRId64
		" messages, %" PRId64 " server errors",
		member_number(sessions, "open"),
		member_number(sessions, "total"),
		member_number(sessions, "messages"),
		member_number(sessions, "server_errors"));
	status_logins(answer);
	line("bans",
		"%" PRId64 " in force, %" PRId64 " would be (observe), %" PRId64
		" spared, %" PRId64 " turned away, %" PRId64 " in the tarpit",
		member_number(answer, "bans"),
		member_number(answer, "would_bans"),
		member_number(answer, "spared"),
		member_number(sessions, "turned_away"),
		member_number(sessions, "tarpit"));
	line("people", "%" PRId64 " alarms, %" PRId64 " notes (in the log)",
		member_number(answer, "alarms"),
		member_number(answer, "notes"));
	line("sources", "%" PRId64 " tracked, %" PRId64 " evicted",
		member_number(answer, "sources"),
		member_number(answer, "sources_evicted"));
	status_firewall(answer);
	status_store(answer);
	status_domino_log(json_object_get(answer, "domino_log"));
	status_geo(json_object_get(answer, "geo"));
	line("log", "%" PRId64 " lines dropped",
		member_number(answer, "log_dropped"));
	status_workers(json_object_get(answer, "workers"));
	show_lists(json_object_get(answer, "dns_lists"));
	show_hooks(json_object_get(answer, "hooks"));
	show_rolls(json_object_get(answer, "lists"));
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
		const char *cells[NUMBERS + 2] = {member_text(day, "day")};

		for (size_t k = 0; k < NUMBERS; k++) {
			(void)snprintf(numbers[k], TEXT_LONGEST, "%" PRId64,
				member_number(day, members[k]));
			cells[k + 1] = numbers[k];
		}
		cells[NUMBERS + 1] = bans_of(day, bans);
		table_add(table, cells);
	}
	if (table != NULL)
		table_print(table, stdout);
	table_free(&table);
}
