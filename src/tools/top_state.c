/*
 * What `posternctl top` knows and shows (see top_state.h).
 *
 * A question keeps the order that y will send: whatever moves on the screen
 * meanwhile, it is what was asked. Called by top (keys, answers) and top_view.
 */
#include "top_state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../base/duration.h"
#include "member.h"
#include "printable.h"

void top_state_done(struct top_state *state)
{
	for (size_t i = 0; i < TOP_TOPICS; i++)
		json_decref(state->answers[i]);
	json_decref(state->order);
	top_rows_done(&state->rows);
	*state = (struct top_state){.pane = TOP_PANE_ATTACK};
}

static void set_line(char line[TOP_SAID_LONGEST], const char *format,
	va_list args) __attribute__((format(printf, 2, 0)));

static void set_line(
	char line[TOP_SAID_LONGEST], const char *format, va_list args)
{
	char text[1024];

	(void)vsnprintf(text, sizeof(text), format, args); /* cut */
	(void)printable_copy(text, TOP_SAID_LONGEST, line, TOP_SAID_LONGEST);
}

void top_state_say(
	struct top_state *state, enum top_mood mood, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_line(state->said, format, args);
	va_end(args);
	state->said_mood = mood;
}

/* ---- answers ---- */

static void say_ordered(struct top_state *state, const json_t *answer)
{
	const json_t *still = json_object_get(answer, "still");
	const char *prefix = member_text(answer, "prefix");
	int64_t lifted = member_number(answer, "lifted");

	if (json_is_object(still))
		top_state_say(state, TOP_WARN,
			"%" PRId64 " lifted; it is still banned by %s", lifted,
			member_text(still, "prefix"));
	else if (json_object_get(answer, "lifted") != NULL)
		top_state_say(state, TOP_GOOD, "%" PRId64 " ban%s lifted",
			lifted, lifted == 1 ? "" : "s");
	else if (json_is_true(json_object_get(answer, "observed")))
		top_state_say(state, TOP_WARN,
			"%s would be banned, but mode is not enforce", prefix);
	else
		top_state_say(state, TOP_GOOD, "%s is banned", prefix);
}

bool top_state_take(struct top_state *state, enum top_topic topic,
	json_t *answer, mono_ms_t now)
{
	/* Somebody has looked elsewhere before it came. */
	if (topic == TOP_SESSIONS && state->pane != TOP_PANE_SESSIONS) {
		json_decref(answer);
		return false;
	}
	if (!json_is_true(json_object_get(answer, "ok"))) {
		top_state_say(state, TOP_BAD, "%s; %s",
			member_text(answer, "error"),
			member_text(answer, "hint"));
		json_decref(answer);
		return false;
	}
	if (topic == TOP_ORDER)
		say_ordered(state, answer);
	if (topic == TOP_STATUS)
		top_rates_take(&state->rates, answer, now);
	json_decref(state->answers[topic]);
	state->answers[topic] = answer;
	return true;
}

bool top_state_wants_bans(const struct top_state *state)
{
	static const char *const members[] = {"serial", "started", "pid"};
	const json_t *there = state->answers[TOP_WATCH];
	const json_t *here = state->answers[TOP_BANS];

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!json_equal(json_object_get(there, members[i]),
			    json_object_get(here, members[i])))
			return true;
	return false;
}

/* ---- rows ---- */

static void keep_key(struct top_state *state)
{
	const struct top_row *row = top_state_row(state);

	(void)snprintf(state->key, sizeof(state->key), "%s",
		row != NULL ? row->key : "");
}

static void clamp(struct top_state *state)
{
	if (state->cursor >= state->rows.count)
		state->cursor =
			state->rows.count > 0 ? state->rows.count - 1 : 0;
}

void top_state_fill(struct top_state *state, wall_s_t now)
{
	top_rows_fill(
		&state->rows, state->pane, state->answers, now, state->filter);
	for (size_t i = 0; i < state->rows.count; i++)
		if (strcmp(state->rows.all[i].key, state->key) == 0)
			state->cursor = i;
	clamp(state);
	keep_key(state);
}

const struct top_row *top_state_row(const struct top_state *state)
{
	return state->cursor < state->rows.count
		       ? &state->rows.all[state->cursor]
		       : NULL;
}

void top_state_show(struct top_state *state, enum top_pane pane)
{
	/* They are asked for while they are shown, and are soon others. */
	if (pane != TOP_PANE_SESSIONS) {
		json_decref(state->answers[TOP_SESSIONS]);
		state->answers[TOP_SESSIONS] = NULL;
	}
	state->pane = pane;
	state->rows.count = state->rows.hidden = 0;
	state->cursor = state->first = 0;
	state->key[0] = '\0';
}

void top_state_move(struct top_state *state, long by)
{
	size_t up = by < 0 ? (size_t)-by : 0;

	if (up > state->cursor)
		up = state->cursor;
	state->cursor -= up;
	if (by > 0)
		state->cursor += (size_t)by;
	clamp(state);
	keep_key(state);
}

void top_state_scroll(struct top_state *state, size_t height)
{
	size_t last =
		state->rows.count > height ? state->rows.count - height : 0;

	if (state->first > state->cursor)
		state->first = state->cursor;
	if (height > 0 && state->cursor >= state->first + height)
		state->first = state->cursor - height + 1;
	if (state->first > last)
		state->first = last;
}

/* ---- the filter ---- */

void top_state_filter_more(struct top_state *state, const char *character)
{
	size_t n = strlen(state->filter);

	if (n + strlen(character) < sizeof(state->filter))
		(void)snprintf(state->filter + n, sizeof(state->filter) - n,
			"%s", character);
}

void top_state_filter_less(struct top_state *state)
{
	size_t n = strlen(state->filter);

	/* Octets 10xxxxxx go on with the character of UTF-8 before them. */
	while (n > 0 && ((unsigned char)state->filter[--n] & 0xc0) == 0x80)
		;
	state->filter[n] = '\0';
}

/* ---- orders ---- */

static bool ask(struct top_state *state, json_t *order, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool ask(struct top_state *state, json_t *order, const char *format, ...)
{
	va_list args;

	if (order == NULL)
		return false;
	va_start(args, format);
	set_line(state->question, format, args);
	va_end(args);
	json_decref(state->order);
	state->order = order;
	state->doing = TOP_ASKING;
	return true;
}

bool top_state_ask_unban(struct top_state *state)
{
	const struct top_row *row = top_state_row(state);
	bool many;

	if (row == NULL || row->ban[0] == '\0') {
		top_state_say(state, TOP_WARN, "%s",
			row == NULL ? "there is no line to unban"
				    : "this line is not banned");
		return false;
	}
	many = strchr(row->ban, '/') != NULL;
	return ask(state,
		json_pack("{s:s, s:s}", "command", "bans.del", "prefix",
			row->ban),
		"Unban %s%s (left: %s)? y/n", row->ban,
		many ? " and all inside it" : "", row->left);
}

bool top_state_ask_ban(struct top_state *state)
{
	const struct top_row *row = top_state_row(state);
	const json_t *limit =
		json_object_get(state->answers[TOP_CONFIG], "source_limit");
	int64_t span_ms = member_number(limit, "ban");
	char span[DURATION_TEXT_LONGEST], exact[DURATION_TEXT_LONGEST];

	if (row == NULL || row->source[0] == '\0' || span_ms <= 0) {
		top_state_say(state, TOP_WARN, "%s",
			row == NULL    ? "there is no line to ban"
			: span_ms <= 0 ? "the daemon does not say for how long"
				       : "this line is no source to ban");
		return false;
	}
	/* What is asked for is what is sent, whatever is reloaded meanwhile. */
	(void)snprintf(exact, sizeof(exact), "%" PRId64 "ms", span_ms);
	return ask(state,
		json_pack("{s:s, s:s, s:s, s:s}", "command", "bans.add",
			"prefix", row->source, "for", exact, "reason",
			"by hand, in top"),
		"Ban %s for %s? y/n", row->source,
		duration_format((uint64_t)span_ms, span));
}

json_t *top_state_answer(struct top_state *state, bool yes)
{
	json_t *order = state->order;

	state->order = NULL;
	state->doing = TOP_LOOKING;
	if (yes)
		return order;
	json_decref(order);
	return NULL;
}
