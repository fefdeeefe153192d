/*
 * Rows of the journal, and what memory has in their place, for people.
 *
 * Both become the same objects, with the same words, so that nobody has to
 * know where they came from. Called by explain.
 */
#include "story.h"

#include <stdio.h>
#include <string.h>

#include "../base/log.h"
#include "../base/reference.h"
#include "history.h"
#include "judge.h"

enum { PLACES_MOST = 32, MS_PER_S = 1000 };

struct place {
	struct prefix source;
	uint64_t failures, successes, refused;
	wall_s_t last_failure, last_success, last;
};

static json_t *of_event(const struct history_event *event)
{
	char reference[REFERENCE_TEXT_LONGEST] = "";

	if (event->session != 0)
		(void)reference_format(event->session, reference);
	return json_pack("{s:I, s:s, s:s, s:s, s:i, s:i, s:s}", "at",
		(json_int_t)event->at, "event", history_kind_name(event->kind),
		"user", event->user, "rule",
		policy_rule_name((enum policy_rule)event->rule), "failures",
		(int)event->failure_count, "code", (int)event->code, "ref",
		reference);
}

json_t *story_of_memory(
	struct hub *hub, const struct prefix *source, uint64_t session)
{
	struct history_event events[HISTORY_EVENTS_MOST];
	size_t n = history_find(hub->history, source, events);
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		if (session == 0 || events[i].session == session)
			(void)json_array_append_new(
				array, of_event(&events[i]));
	return array;
}

/* ---- rows ---- */

static bool withheld(const struct policy_verdict *verdict)
{
	return verdict->kind != VERDICT_PASS && verdict->kind != VERDICT_DELAY;
}

static enum history_kind kind_of_settled(const struct journal_row *row)
{
	return row->event.outcome == OUTCOME_OK && withheld(&row->verdict)
		       ? HISTORY_WITHHELD
		       : history_settled(row->event.outcome);
}

static const char *name_of_begun(enum policy_verdict_kind kind)
{
	switch (kind) {
	case VERDICT_PASS:
	case VERDICT_DELAY: break;
	case VERDICT_HOLD: return history_kind_name(HISTORY_HELD);
	case VERDICT_ANSWER_TEMPORARY:
		return history_kind_name(HISTORY_ANSWERED);
	case VERDICT_ANSWER_REFUSED: return history_kind_name(HISTORY_REFUSED);
	case VERDICT_TURN_AWAY: return history_kind_name(HISTORY_TURNED_AWAY);
	}
	return "auth-begins";
}

static const char *name_of(const struct journal_row *row)
{
	if (row->kind == JOURNAL_EVENT && row->event.kind == EVENT_AUTH_SETTLED)
		return history_kind_name(kind_of_settled(row));
	if (row->kind == JOURNAL_EVENT && row->event.kind == EVENT_AUTH_BEGINS)
		return name_of_begun(row->verdict.kind);
	return journal_row_name(row);
}

static void set_text(json_t *object, const char *name, const char *text)
{
	(void)json_object_set_new(object, name, json_string(text));
}

static void set_action(json_t *object, const struct journal_row *row)
{
	const struct policy_action *action = &row->action;
	char prefix[PREFIX_TEXT_LONGEST];
	json_t *until = json_null();

	if (action->until != MONO_NEVER)
		until = json_integer(
			row->at +
			(wall_s_t)((action->until - row->now) / MS_PER_S));
	set_text(object, "prefix", prefix_format(&action->prefix, prefix));
	set_text(object, "rule", policy_rule_name(action->rule));
	(void)json_object_set_new(object, "failures",
		json_integer((json_int_t)action->failure_count));
	(void)json_object_set_new(object, "until", until);
}

static void set_event(json_t *object, const struct journal_row *row)
{
	char addr[ADDR_TEXT_LONGEST], user[4 * JOURNAL_USER_LONGEST + 1];
	const struct policy_event *event = &row->event;
	size_t n = log_escape(event->user, LOG_TEXT, user, sizeof(user) - 1);

	user[n] = '\0';
	set_text(object, "user", user);
	if (event->kind < EVENT_OPERATOR_BAN)
		set_text(object, "address", addr_format(&event->addr, addr));
	set_text(object, "rule", policy_rule_name(row->verdict.rule));
	(void)json_object_set_new(object, "failures",
		json_integer((json_int_t)row->verdict.failure_count));
	if (row->verdict.wait_ms > 0)
		(void)json_object_set_new(object, "wait_ms",
			json_integer((json_int_t)row->verdict.wait_ms));
	if (row->verdict.mode == POLICY_OBSERVE &&
		row->verdict.rule != RULE_NONE)
		(void)json_object_set_new(object, "observed", json_true());
}

static json_t *of_row(const struct journal_row *row)
{
	char reference[REFERENCE_TEXT_LONGEST] = "", addr[ADDR_TEXT_LONGEST];
	json_t *object;

	if (row->session != 0)
		(void)reference_format(row->session, reference);
	object = json_pack("{s:I, s:s, s:s, s:s, s:i, s:i, s:s}", "at",
		(json_int_t)row->at, "event", name_of(row), "user", "", "rule",
		"none", "failures", 0, "code", (int)row->code, "ref",
		reference);
	if (row->kind == JOURNAL_ACTION)
		set_action(object, row);
	if (row->kind == JOURNAL_EVENT)
		set_event(object, row);
	if (row->kind == JOURNAL_REFUSAL)
		set_text(object, "address", addr_format(&row->addr, addr));
	return object;
}

json_t *story_of_rows(const struct store_answer *answer, uint64_t session)
{
	json_t *array = json_array();

	for (size_t i = 0; i < answer->count; i++) {
		const struct journal_row *row = &answer->rows[i];

		if (session == 0 || row->session == session)
			(void)json_array_append_new(array, of_row(row));
	}
	while (json_array_size(array) > STORY_EVENTS_MOST)
		(void)json_array_remove(array, 0);
	return array;
}

/* ---- places ---- */

static struct place *place_of(
	struct place *places, size_t *count, const struct prefix *source)
{
	for (size_t i = 0; i < *count; i++)
		if (prefix_eq(&places[i].source, source))
			return &places[i];
	if (*count == PLACES_MOST)
		return NULL;
	places[*count] = (struct place){.source = *source};
	return &places[(*count)++];
}

static void count_row(struct place *place, const struct journal_row *row)
{
	if (row->event.kind == EVENT_AUTH_BEGINS) {
		place->refused++;
	} else if (row->event.outcome == OUTCOME_OK) {
		place->successes++;
		place->last_success = row->at;
	} else if (row->event.outcome == OUTCOME_FAILED ||
		   row->event.outcome == OUTCOME_ABANDONED) {
		place->failures++;
		place->last_failure = row->at;
	}
	place->last = row->at;
}

static json_t *time_or_null(wall_s_t at)
{
	return at == 0 ? json_null() : json_integer(at);
}

static json_t *place_object(const struct place *place)
{
	char source[PREFIX_TEXT_LONGEST];

	return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "source",
		prefix_format(&place->source, source), "failures",
		(json_int_t)place->failures, "successes",
		(json_int_t)place->successes, "refused",
		(json_int_t)place->refused, "last_failure",
		time_or_null(place->last_failure), "last_success",
		time_or_null(place->last_success));
}

json_t *story_of_places(struct hub *hub, const struct store_answer *answer)
{
	struct place places[PLACES_MOST];
	json_t *array = json_array();
	size_t count = 0;

	/* From the newest: of more places than fit, the last are shown. */
	for (size_t i = answer->count; i-- > 0;) {
		const struct journal_row *row = &answer->rows[i];
		struct prefix source;
		struct place *place;

		if (row->kind != JOURNAL_EVENT ||
			(row->event.kind != EVENT_AUTH_BEGINS &&
				row->event.kind != EVENT_AUTH_SETTLED))
			continue;
		source = judge_source(hub, &row->event.addr);
		place = place_of(places, &count, &source);
		if (place != NULL)
			count_row(place, row);
	}
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(array, place_object(&places[i]));
	return array;
}
