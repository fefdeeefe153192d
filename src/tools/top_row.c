/*
 * The rows of the panes of `posternctl top` (see top_row.h).
 *
 * A row is made anew each second; the key says which of them is the same. All
 * texts become printable here, so that widths and the filter know what will be
 * seen. Without memory there are fewer rows.
 */
#include "top_row.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/duration.h"
#include "member.h"
#include "printable.h"

enum { MS_PER_S = 1000, KIBI = 1024, PLAIN_MOST = 10 * KIBI, ROWS_FIRST = 64 };

struct pane {
	const char *name, *empty;
	struct top_column columns[TOP_COLUMNS_MOST + 1];
};

static const struct pane panes[TOP_PANES] = {
	[TOP_PANE_ATTACK] = {"attack", "quiet: nobody guesses",
		{{"SOURCE", 0, false}, {"FAILED", 0, true}, {"LAST", 0, true},
			{"USER", 8, false}, {"STATE", 0, false},
			{"RULE", 6, false}}},
	[TOP_PANE_SESSIONS] = {"sessions", "no session is open",
		{{"AGE", 0, true}, {"FROM", 0, false}, {"USER", 8, false},
			{"DOES", 6, false}, {"LISTENER", 4, false},
			{"TLS", 0, false}, {"IN", 0, true}, {"OUT", 0, true},
			{"SERVER", 8, false}}},
	[TOP_PANE_BANS] = {"bans", "no bans",
		{{"PREFIX", 0, false}, {"LEFT", 0, true}, {"RULE", 8, false},
			{"FAILED", 0, true}, {"SINCE", 0, true},
			{"ACTS", 5, false}, {"REASON", 8, false}}},
	[TOP_PANE_SERVERS] = {"servers", "no server",
		{{"SERVER", 12, false}, {"STATE", 0, false}, {"SINCE", 0, true},
			{"SESSIONS", 0, true}, {"BACKEND", 7, false},
			{"WHY", 8, false}}},
};

const struct top_column *top_columns(enum top_pane pane)
{
	return panes[pane].columns;
}

const char *top_pane_name(enum top_pane pane)
{
	return panes[pane].name;
}

static const json_t *list_of(enum top_pane pane, json_t *const *answers)
{
	switch (pane) {
	case TOP_PANE_ATTACK:
		return json_object_get(answers[TOP_WATCH], "guessers");
	case TOP_PANE_SESSIONS:
		return json_object_get(answers[TOP_SESSIONS], "sessions");
	case TOP_PANE_BANS: return json_object_get(answers[TOP_BANS], "bans");
	case TOP_PANE_SERVERS:
		return json_object_get(answers[TOP_BACKENDS], "backends");
	case TOP_PANES: break;
	}
	return NULL;
}

const char *top_pane_empty(enum top_pane pane, json_t *const *answers)
{
	return list_of(pane, answers) != NULL ? panes[pane].empty : "asking";
}

json_int_t top_pane_count(enum top_pane pane, json_t *const *answers)
{
	const json_t *count = NULL;

	switch (pane) {
	case TOP_PANE_ATTACK:
		count = json_object_get(answers[TOP_WATCH], "guessing");
		break;
	case TOP_PANE_SESSIONS:
		count = json_object_get(
			json_object_get(answers[TOP_STATUS], "sessions"),
			"open");
		break;
	case TOP_PANE_BANS:
		count = json_object_get(answers[TOP_STATUS], "bans");
		break;
	case TOP_PANE_SERVERS:
		return answers[TOP_BACKENDS] != NULL
			       ? (json_int_t)json_array_size(
					 list_of(pane, answers))
			       : -1;
	case TOP_PANES: break;
	}
	return count != NULL ? json_integer_value(count) : -1;
}

/* ---- cells ---- */

static void set_text(char cell[TOP_CELL_LONGEST], const char *text)
{
	(void)printable_copy(text, TOP_CELL_LONGEST, cell, TOP_CELL_LONGEST);
}

static void set_number(char cell[TOP_CELL_LONGEST], int64_t number)
{
	(void)snprintf(cell, TOP_CELL_LONGEST, "%" PRId64, number);
}

static void set_span(char cell[TOP_CELL_LONGEST], int64_t s)
{
	char span[DURATION_TEXT_LONGEST];

	(void)snprintf(cell, TOP_CELL_LONGEST, "%s",
		duration_format(s > 0 ? (uint64_t)s * MS_PER_S : 0, span));
}

/* How long ago; "" when it never was. */
static void set_age(char cell[TOP_CELL_LONGEST], const json_t *at, wall_s_t now)
{
	if (json_integer_value(at) > 0)
		set_span(cell, now - json_integer_value(at));
}

/* No address is longer, and what is one needs no escape. */
static void set_prefix(char out[PREFIX_TEXT_LONGEST], const char *text)
{
	(void)printable_copy(
		text, PREFIX_TEXT_LONGEST, out, PREFIX_TEXT_LONGEST);
}

/* "29m 58s", or "ever": of the ban that holds the row. */
static void set_ban(struct top_row *row, const json_t *ban, wall_s_t now)
{
	const json_t *until = json_object_get(ban, "until");
	int64_t left_s = json_integer_value(until) - now;

	set_prefix(row->ban, member_text(ban, "prefix"));
	if (json_is_integer(until))
		(void)duration_format(
			left_s > 0 ? (uint64_t)left_s * MS_PER_S : 0,
			row->left);
	else
		(void)snprintf(row->left, sizeof(row->left), "ever");
}

static bool acts_at_logins(const json_t *ban)
{
	return strcmp(member_text(ban, "acts"), "login") == 0;
}

/* ---- rows ---- */

static void make_attack(
	struct top_row *row, const json_t *guesser, wall_s_t now)
{
	const json_t *ban = json_object_get(guesser, "ban");

	set_text(row->cells[0], member_text(guesser, "source"));
	set_number(row->cells[1], member_number(guesser, "guesses"));
	set_age(row->cells[2], json_object_get(guesser, "last"), now);
	set_text(row->cells[3], member_text(guesser, "user"));
	set_text(row->key, member_text(guesser, "source"));
	set_prefix(row->source, member_text(guesser, "source"));
	row->mood = TOP_BAD;
	set_text(row->cells[4], "guesses");
	if (!json_is_object(ban))
		return;
	row->mood = TOP_DIM;
	set_ban(row, ban, now);
	(void)snprintf(row->cells[4], TOP_CELL_LONGEST, "%s %s",
		acts_at_logins(ban) ? "no login" : "banned", row->left);
	set_text(row->cells[5], member_text(ban, "rule"));
}

/* "812", "97K": what is large is whole units. */
static void set_octets(char cell[TOP_CELL_LONGEST], int64_t octets)
{
	static const char units[] = "KMGT";
	size_t unit = 0;

	if (octets < PLAIN_MOST) {
		set_number(cell, octets);
		return;
	}
	for (octets /= KIBI; octets >= PLAIN_MOST && unit + 2 < sizeof(units);
		unit++)
		octets /= KIBI;
	(void)snprintf(
		cell, TOP_CELL_LONGEST, "%" PRId64 "%c", octets, units[unit]);
}

/* In the dialogue its state says more than the phase. */
static void make_session(struct top_row *row, const json_t *session)
{
	const char *state = member_text(session, "state");
	bool held = json_is_true(json_object_get(session, "tarpit"));

	set_span(row->cells[0], member_number(session, "age_ms") / MS_PER_S);
	set_text(row->cells[1], member_text(session, "address"));
	set_text(row->cells[2], member_text(session, "user"));
	set_text(row->cells[3],
		state[0] != '\0' ? state : member_text(session, "phase"));
	set_text(row->cells[4], member_text(session, "listener"));
	set_text(row->cells[5], member_text(session, "tls"));
	set_octets(row->cells[6], member_number(session, "client_bytes"));
	set_octets(row->cells[7], member_number(session, "server_bytes"));
	set_text(row->cells[8], member_text(session, "server"));
	(void)snprintf(row->key, sizeof(row->key), "%.60s %" PRId64 " %.30s",
		row->cells[1], member_number(session, "port"),
		member_text(session, "ref"));
	set_prefix(row->source, member_text(session, "address"));
	row->mood = held ? TOP_DIM : TOP_PLAIN;
}

static void make_ban(struct top_row *row, const json_t *ban, wall_s_t now)
{
	const char *note = member_text(ban, "note");

	set_ban(row, ban, now);
	set_text(row->cells[0], member_text(ban, "prefix"));
	set_text(row->cells[1], row->left);
	set_text(row->cells[2], member_text(ban, "rule"));
	set_number(row->cells[3], member_number(ban, "failures"));
	set_age(row->cells[4], json_object_get(ban, "since"), now);
	set_text(row->cells[5], acts_at_logins(ban) ? "login" : "all");
	set_text(row->cells[6],
		note[0] != '\0' ? note : member_text(ban, "text"));
	set_text(row->key, member_text(ban, "prefix"));
}

static bool is_up(const json_t *server)
{
	return strcmp(member_text(server, "state"), "up") == 0;
}

static void make_server(struct top_row *row, const json_t *server, wall_s_t now)
{
	bool drained = json_is_true(json_object_get(server, "drained"));
	char state[TOP_CELL_LONGEST];

	(void)snprintf(state, sizeof(state), "%.64s%s",
		member_text(server, "state"), drained ? ", drained" : "");
	set_text(row->cells[0], member_text(server, "address"));
	set_text(row->cells[1], state);
	set_age(row->cells[2], json_object_get(server, "since"), now);
	set_number(row->cells[3], member_number(server, "sessions"));
	set_text(row->cells[4], member_text(server, "backend"));
	set_text(row->cells[5], member_text(server, "why"));
	(void)snprintf(row->key, sizeof(row->key), "%.70s %.70s", row->cells[4],
		row->cells[0]);
	row->mood = !is_up(server) ? TOP_BAD : drained ? TOP_WARN : TOP_GOOD;
}

static void make(struct top_row *row, enum top_pane pane, const json_t *item,
	wall_s_t now)
{
	*row = (struct top_row){.mood = TOP_PLAIN};
	switch (pane) {
	case TOP_PANE_ATTACK: make_attack(row, item, now); return;
	case TOP_PANE_SESSIONS: make_session(row, item); return;
	case TOP_PANE_BANS: make_ban(row, item, now); return;
	case TOP_PANE_SERVERS: make_server(row, item, now); return;
	case TOP_PANES: return;
	}
}

static bool matches(const struct top_row *row, const char *filter)
{
	bool found = filter[0] == '\0';

	for (size_t i = 0; i < TOP_COLUMNS_MOST && !found; i++)
		found = strcasestr(row->cells[i], filter) != NULL;
	return found;
}

/* NULL: no memory, or there are enough. */
static struct top_row *next_row(struct top_rows *rows)
{
	size_t room = rows->room > 0 ? rows->room * 2 : ROWS_FIRST;
	struct top_row *all;

	if (rows->count < rows->room)
		return &rows->all[rows->count];
	if (room > TOP_ROWS_MOST)
		return NULL;
	all = realloc(rows->all, room * sizeof(*all));
	if (all == NULL)
		return NULL;
	rows->all = all;
	rows->room = room;
	return &rows->all[rows->count];
}

static void add(struct top_rows *rows, enum top_pane pane, const json_t *item,
	wall_s_t now, const char *filter)
{
	struct top_row *row = next_row(rows);

	if (row == NULL)
		return;
	make(row, pane, item, now);
	if (matches(row, filter))
		rows->count++;
	else
		rows->hidden++;
}

void top_rows_fill(struct top_rows *rows, enum top_pane pane,
	json_t *const *answers, wall_s_t now, const char *filter)
{
	const json_t *list = list_of(pane, answers);
	bool servers = pane == TOP_PANE_SERVERS;

	rows->count = rows->hidden = 0;
	/* Servers twice: those that are down come first. */
	for (size_t turn = servers ? 0 : 1; turn < 2; turn++)
		for (size_t i = 0; i < json_array_size(list); i++) {
			const json_t *item = json_array_get(list, i);

			if (!servers || is_up(item) == (turn == 1))
				add(rows, pane, item, now, filter);
		}
}

/* ---- widths ---- */

static size_t sum_of(const size_t widths[TOP_COLUMNS_MOST])
{
	size_t sum = 0;

	for (size_t i = 0; i < TOP_COLUMNS_MOST; i++)
		if (widths[i] > 0)
			sum += widths[i] + (sum > 0 ? TOP_GAP : 0);
	return sum;
}

static void narrow(const struct top_column *columns,
	size_t widths[TOP_COLUMNS_MOST], size_t count)
{
	size_t widest = count, last = count;

	for (size_t i = 0; i < count; i++) {
		if (widths[i] > 0)
			last = i;
		if (columns[i].narrowest > 0 &&
			widths[i] > columns[i].narrowest &&
			(widest == count || widths[i] > widths[widest]))
			widest = i;
	}
	if (widest < count)
		widths[widest]--;
	else if (last < count)
		widths[last] = 0;
}

void top_rows_widths(const struct top_rows *rows, enum top_pane pane,
	size_t width, size_t widths[TOP_COLUMNS_MOST])
{
	const struct top_column *columns = panes[pane].columns;
	size_t count = 0;

	memset(widths, 0, TOP_COLUMNS_MOST * sizeof(widths[0]));
	for (; count < TOP_COLUMNS_MOST && columns[count].head; count++) {
		widths[count] = strlen(columns[count].head);
		for (size_t i = 0; i < rows->count; i++) {
			size_t wide =
				printable_columns(rows->all[i].cells[count]);

			if (wide > widths[count])
				widths[count] = wide;
		}
	}
	while (sum_of(widths) > width)
		narrow(columns, widths, count);
}

void top_rows_done(struct top_rows *rows)
{
	free(rows->all);
	*rows = (struct top_rows){.all = NULL};
}

/* ---- news ---- */

static void make_news(struct top_row *row, const json_t *news, wall_s_t now)
{
	const char *whom = member_text(news, "prefix");

	*row = (struct top_row){.mood = TOP_PLAIN};
	set_age(row->cells[0], json_object_get(news, "at"), now);
	set_text(row->cells[1], member_text(news, "kind"));
	set_text(row->cells[2],
		whom[0] != '\0' ? whom : member_text(news, "user"));
	set_text(row->cells[3], member_text(news, "text"));
	if (strcmp(row->cells[1], "alarm") == 0)
		row->mood = TOP_BAD;
}

void top_rows_news(struct top_rows *rows, json_t *const *answers, wall_s_t now)
{
	const json_t *list = json_object_get(answers[TOP_WATCH], "decisions");

	rows->count = rows->hidden = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct top_row *row = next_row(rows);

		if (row == NULL)
			return;
		make_news(row, json_array_get(list, i), now);
		rows->count++;
	}
}
