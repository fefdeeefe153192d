/*
 * Showing what a replay found.
 *
 * The first twenty of each list are for eyes; all of them are in the JSON.
 */
#include "replay_show.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../base/duration.h"
#include "table.h"

enum { ROWS_MOST = 20, WHEN_LONGEST = 32, MS_PER_S = 1000 };

/* In the log's own clock. */
static const char *when(int64_t ms, char out[WHEN_LONGEST])
{
	time_t at = (time_t)(ms / MS_PER_S);
	struct tm tm;

	if (ms == INT64_MAX)
		return "ever";
	if (gmtime_r(&at, &tm) == NULL ||
		strftime(out, WHEN_LONGEST, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return "?";
	return out;
}

/* ---- counting what is different ---- */

static int by_octets(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct prefix));
}

/* The prefixes that were banned at least once, sorted. Caller frees. */
static struct prefix *banned(const struct course *course, size_t *ret_count)
{
	size_t count, n = 0;
	const struct course_ban *bans = course_bans(course, &count);
	struct prefix *all = calloc(count + 1, sizeof(*all));

	*ret_count = 0;
	if (all == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
		all[i] = bans[i].prefix;
	qsort(all, count, sizeof(*all), by_octets);
	for (size_t i = 0; i < count; i++)
		if (n == 0 || by_octets(&all[n - 1], &all[i]) != 0)
			all[n++] = all[i];
	*ret_count = n;
	return all;
}

static int by_user(const void *a, const void *b)
{
	const struct course_hurt *x = a, *y = b;

	return strcmp(x->user, y->user);
}

/* How many people that are. */
static size_t users_hurt(const struct course *course)
{
	size_t count, n = 0;
	const struct course_hurt *hurts = course_hurts(course, &count);
	struct course_hurt *all = calloc(count + 1, sizeof(*all));

	if (all == NULL)
		return 0;
	if (count > 0)
		memcpy(all, hurts, count * sizeof(*all));
	qsort(all, count, sizeof(*all), by_user);
	for (size_t i = 0; i < count; i++)
		n += i == 0 || by_user(&all[i - 1], &all[i]) != 0;
	free(all);
	return n;
}

static size_t sources_banned(const struct course *course)
{
	size_t count;

	free(banned(course, &count));
	return count;
}

/* Those of one side that the other never banned. Caller frees. */
static struct prefix *only_in(
	const struct course *one, const struct course *other, size_t *ret_count)
{
	size_t count, others, n = 0;
	struct prefix *all = banned(one, &count);
	struct prefix *without = banned(other, &others);

	for (size_t i = 0; all != NULL && without != NULL && i < count; i++)
		if (bsearch(&all[i], without, others, sizeof(*all),
			    by_octets) == NULL)
			all[n++] = all[i];
	free(without);
	*ret_count = n;
	return all;
}

/* ---- text ---- */

static void number_row(struct table *table, const struct replay_result *r,
	const char *what, const uint64_t numbers[REPLAY_SIDES])
{
	char text[REPLAY_SIDES][24];
	const char *cells[1 + REPLAY_SIDES] = {what, text[0], text[1]};

	for (unsigned i = 0; i < r->side_count; i++)
		(void)snprintf(
			text[i], sizeof(text[i]), "%" PRIu64, numbers[i]);
	table_add(table, cells);
}

static void print_numbers(const struct replay_result *r)
{
	const char *heads[] = {"", r->sides[0].name, r->sides[1].name};
	struct table *table = table_new(1 + r->side_count, heads);
	uint64_t of[10][REPLAY_SIDES] = {{0}};
	static const char *const what[] = {"failed logins",
		"  still heard by the server", "right logins", "  refused",
		"  of these, told to come again", "  of so many users", "bans",
		"  of so many sources", "alarms and notes",
		"stopped then, end unknown"};

	if (table == NULL)
		return;
	for (unsigned i = 0; i < r->side_count; i++) {
		const struct course *course = r->sides[i].course;
		const struct course_counts *counts = course_counts(course);
		size_t bans;

		(void)course_bans(course, &bans);
		of[0][i] = counts->failures;
		of[1][i] = counts->arrived;
		of[2][i] = counts->successes;
		of[3][i] = counts->hurt;
		of[4][i] = counts->late;
		of[5][i] = users_hurt(course);
		of[6][i] = bans;
		of[7][i] = sources_banned(course);
		of[8][i] = counts->alarms + counts->notes;
		of[9][i] = counts->stopped;
	}
	for (unsigned k = 0; k < sizeof(what) / sizeof(what[0]); k++)
		number_row(table, r, what[k], of[k]);
	table_print(table, stdout);
	table_free(&table);
}

static void print_title(const char *what, const char *name, size_t count)
{
	(void)printf("\n%s %s: %zu", what, name, count);
	(void)printf(count > ROWS_MOST ? ", the first %d:\n" : "\n", ROWS_MOST);
}

static void print_bans(const struct replay_side *side)
{
	static const char *const heads[] = {
		"at", "source", "rule", "for", "failures", "repeat"};
	size_t count;
	const struct course_ban *bans = course_bans(side->course, &count);
	struct table *table = table_new(6, heads);

	print_title("bans with", side->name, count);
	for (size_t i = 0; table != NULL && i < count && i < ROWS_MOST; i++) {
		char at[WHEN_LONGEST], prefix[PREFIX_TEXT_LONGEST],
			span[DURATION_TEXT_LONGEST] = "ever", failures[24],
			repeat[24];

		if (bans[i].until_ms != INT64_MAX)
			(void)duration_format(
				(uint64_t)(bans[i].until_ms - bans[i].at_ms),
				span);
		(void)snprintf(failures, sizeof(failures), "%u",
			bans[i].failure_count);
		(void)snprintf(
			repeat, sizeof(repeat), "%u", bans[i].repeat_count);
		table_add(table, (const char *const[]){when(bans[i].at_ms, at),
					 prefix_format(&bans[i].prefix, prefix),
					 policy_rule_name(bans[i].rule), span,
					 failures, repeat});
	}
	if (table != NULL && count > 0)
		table_print(table, stdout);
	table_free(&table);
}

static void print_hurts(const struct replay_side *side)
{
	static const char *const heads[] = {
		"at", "source", "user", "service", "rule"};
	size_t count;
	const struct course_hurt *hurts = course_hurts(side->course, &count);
	struct table *table = table_new(5, heads);

	print_title("right logins refused with", side->name, count);
	for (size_t i = 0; table != NULL && i < count && i < ROWS_MOST; i++) {
		char at[WHEN_LONGEST], addr[ADDR_TEXT_LONGEST];

		table_add(table, (const char *const[]){when(hurts[i].at_ms, at),
					 addr_format(&hurts[i].addr, addr),
					 hurts[i].user,
					 entry_service_name(hurts[i].service),
					 policy_rule_name(hurts[i].rule)});
	}
	if (table != NULL && count > 0)
		table_print(table, stdout);
	table_free(&table);
}

static void print_only(
	const struct replay_side *one, const struct replay_side *other)
{
	size_t count;
	struct prefix *only = only_in(one->course, other->course, &count);

	print_title("banned only with", one->name, count);
	for (size_t i = 0; only != NULL && i < count && i < ROWS_MOST; i++) {
		char prefix[PREFIX_TEXT_LONGEST];

		(void)printf("  %s\n", prefix_format(&only[i], prefix));
	}
	free(only);
}

static void print_log(const struct replay_result *r)
{
	const struct logfile_counts *log = &r->log;
	char first[WHEN_LONGEST], last[WHEN_LONGEST];

	(void)printf("%" PRIu64 " lines, %" PRIu64 " entries, %" PRIu64
		     " second lines of one login, %" PRIu64 " unknown\n",
		log->read.lines, log->read.entries, log->read.twins,
		log->read.skipped);
	if (log->any)
		(void)printf("from %s to %s (the log's clock)\n",
			when(log->first_ms, first), when(log->last_ms, last));
	if (log->timeless > 0)
		(void)printf("%" PRIu64 " entries have no time that can be "
			     "read: they count as at the time of the one "
			     "before\n",
			log->timeless);
	if (log->read.limits > 0)
		(void)printf("%" PRIu64 " records took a pattern too long and "
			     "were left out\n",
			log->read.limits);
	if (r->others_bans > 0)
		(void)printf("%" PRIu64 " bans of another tool are in it\n",
			r->others_bans);
	(void)putchar('\n');
}

static void print_compared(const struct course_counts *counts)
{
	(void)printf("verdicts and actions: %" PRIu64 " the same, %" PRIu64
		     " different, %" PRIu64 " not compared (behind a gap)\n\n",
		counts->same, counts->different, counts->uncompared);
}

void replay_print_text(const struct replay_result *r)
{
	print_log(r);
	if (r->own)
		print_compared(course_counts(r->sides[0].course));
	print_numbers(r);
	for (unsigned i = 0; i < r->side_count; i++)
		print_bans(&r->sides[i]);
	for (unsigned i = 0; i < r->side_count; i++)
		print_hurts(&r->sides[i]);
	if (r->side_count < REPLAY_SIDES)
		return;
	print_only(&r->sides[0], &r->sides[1]);
	print_only(&r->sides[1], &r->sides[0]);
}

/* ---- JSON ---- */

/* Names are octets: what is not UTF-8 is shown by its octets. */
static json_t *name_json(const char *name)
{
	char shown[COURSE_USER_LONGEST * 4 + 1];
	json_t *text = json_string(name);
	size_t n = 0;

	if (text != NULL)
		return text;
	for (; *name != '\0'; name++) {
		uint8_t c = (uint8_t)*name;

		n += (size_t)snprintf(shown + n, sizeof(shown) - n,
			c < 0x80 && c != '\\' ? "%c" : "\\x%02x", c);
	}
	return json_string(shown);
}

static json_t *bans_json(const struct course *course)
{
	size_t count;
	const struct course_ban *bans = course_bans(course, &count);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		char prefix[PREFIX_TEXT_LONGEST];
		json_t *ban = json_pack("{s:s, s:I, s:s, s:i, s:i, s:b}",
			"prefix", prefix_format(&bans[i].prefix, prefix), "at",
			(json_int_t)(bans[i].at_ms / MS_PER_S), "rule",
			policy_rule_name(bans[i].rule), "repeat",
			(int)bans[i].repeat_count, "failures",
			(int)bans[i].failure_count, "observed",
			(int)bans[i].observed);

		(void)json_object_set_new(ban, "until",
			bans[i].until_ms == INT64_MAX
				? json_null()
				: json_integer(bans[i].until_ms / MS_PER_S));
		(void)json_array_append_new(array, ban);
	}
	return array;
}

static json_t *hurts_json(const struct course *course)
{
	size_t count;
	const struct course_hurt *hurts = course_hurts(course, &count);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		char addr[ADDR_TEXT_LONGEST];

		(void)json_array_append_new(array,
			json_pack("{s:I, s:s, s:o, s:s, s:s, s:b}", "at",
				(json_int_t)(hurts[i].at_ms / MS_PER_S),
				"address", addr_format(&hurts[i].addr, addr),
				"user", name_json(hurts[i].user), "service",
				entry_service_name(hurts[i].service), "rule",
				policy_rule_name(hurts[i].rule), "late",
				(int)hurts[i].late));
	}
	return array;
}

static json_t *side_json(const struct replay_side *side)
{
	const struct course_counts *counts = course_counts(side->course);

	return json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I, s:I, s:o, s:o}",
		"config", side->name, "failures", (json_int_t)counts->failures,
		"arrived", (json_int_t)counts->arrived, "successes",
		(json_int_t)counts->successes, "refused",
		(json_int_t)counts->hurt, "late", (json_int_t)counts->late,
		"users_refused", (json_int_t)users_hurt(side->course),
		"sources_banned", (json_int_t)sources_banned(side->course),
		"alarms", (json_int_t)counts->alarms, "notes",
		(json_int_t)counts->notes, "stopped",
		(json_int_t)counts->stopped, "same", (json_int_t)counts->same,
		"different", (json_int_t)counts->different, "uncompared",
		(json_int_t)counts->uncompared, "bans", bans_json(side->course),
		"refusals", hurts_json(side->course));
}

static json_t *only_json(
	const struct replay_side *one, const struct replay_side *other)
{
	size_t count;
	struct prefix *only = only_in(one->course, other->course, &count);
	json_t *array = json_array();

	for (size_t i = 0; only != NULL && i < count; i++) {
		char prefix[PREFIX_TEXT_LONGEST];

		(void)json_array_append_new(
			array, json_string(prefix_format(&only[i], prefix)));
	}
	free(only);
	return array;
}

static json_t *log_json(const struct replay_result *r)
{
	const struct logfile_counts *log = &r->log;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"lines", (json_int_t)log->read.lines, "entries",
		(json_int_t)log->read.entries, "twins",
		(json_int_t)log->read.twins, "skipped",
		(json_int_t)log->read.skipped, "limits",
		(json_int_t)log->read.limits, "timeless",
		(json_int_t)log->timeless, "backward",
		(json_int_t)log->backward, "first",
		(json_int_t)(log->first_ms / MS_PER_S), "last",
		(json_int_t)(log->last_ms / MS_PER_S), "others_bans",
		(json_int_t)r->others_bans);
}

void replay_print_json(const struct replay_result *r)
{
	json_t *sides = json_array();
	json_t *all =
		json_pack("{s:o, s:o}", "log", log_json(r), "replays", sides);

	for (unsigned i = 0; i < r->side_count; i++)
		(void)json_array_append_new(sides, side_json(&r->sides[i]));
	if (r->side_count == REPLAY_SIDES)
		(void)json_object_set_new(all, "banned_only",
			json_pack("[o, o]",
				only_json(&r->sides[0], &r->sides[1]),
				only_json(&r->sides[1], &r->sides[0])));
	(void)json_dumpf(all, stdout, JSON_INDENT(1));
	(void)putchar('\n');
	json_decref(all);
}
