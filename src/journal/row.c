/*
 * A row of the journal: its words and its names.
 *
 * A name is found by asking every value for its own: the compiler then says
 * which one is missing when the core gets a new event. Called by the writer,
 * the reader and whoever makes rows.
 */
#include "row.h"

#include <stdlib.h>
#include <string.h>

static const char own_mark[] = "# own ";

void journal_row_done(struct journal_row *row)
{
	free(row->words);
	row->words = NULL;
}

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

bool journal_row_own(struct journal_row *row)
{
	struct slice *user = &row->event.user, *text = &row->event.text;

	user->n = at_most(user->n, JOURNAL_USER_LONGEST);
	text->n = at_most(text->n, JOURNAL_TEXT_LONGEST);
	if (user->n + text->n == 0)
		return true;
	row->words = malloc(user->n + text->n);
	if (row->words == NULL)
		return false;
	if (user->n > 0)
		memcpy(row->words, user->p, user->n);
	if (text->n > 0)
		memcpy(row->words + user->n, text->p, text->n);
	*user = slice_of((uint8_t *)row->words, user->n);
	*text = slice_of((uint8_t *)row->words + user->n, text->n);
	return true;
}

bool journal_own(const char *words, size_t *cursor, struct prefix *ret_prefix)
{
	const char *line = words + *cursor;
	size_t mark_n = sizeof(own_mark) - 1;
	char text[PREFIX_TEXT_LONGEST];
	size_t n;

	if (strncmp(line, own_mark, mark_n) != 0)
		return false;
	n = strcspn(line + mark_n, "\n");
	if (n >= sizeof(text))
		return false;
	memcpy(text, line + mark_n, n);
	text[n] = '\0';
	*cursor += mark_n + n + (line[mark_n + n] == '\n');
	return prefix_parse(text, ret_prefix);
}

/* ---- names ---- */

static const char *event_name(enum policy_event_kind kind)
{
	switch (kind) {
	case EVENT_AUTH_BEGINS: return "auth-begins";
	case EVENT_AUTH_SETTLED: return "auth-settled";
	case EVENT_AUTH_REFUSED: return "auth-refused";
	case EVENT_EARLY_TALK: return "early-talk";
	case EVENT_PROTOCOL_ERROR: return "protocol-error";
	case EVENT_CONNECT: return "connect";
	case EVENT_HELO: return "helo";
	case EVENT_RECIPIENT_REFUSED: return "recipient-refused";
	case EVENT_RELAY_REFUSED: return "relay-refused";
	case EVENT_TLS_FAILURE: return "tls-failure";
	case EVENT_LIST_SCORE: return "list-score";
	case EVENT_LOG_FAILURE: return "log-failure";
	case EVENT_LOG_SUCCESS: return "log-success";
	case EVENT_OPERATOR_BAN: return "operator-ban";
	case EVENT_OPERATOR_UNBAN: return "operator-unban";
	case EVENT_OPERATOR_ALLOW: return "operator-allow";
	case EVENT_OPERATOR_DISALLOW: return "operator-disallow";
	case EVENT_OPERATOR_FORGET: return "operator-forget";
	case EVENT_RESTORE_PASSPORT: return "restore-passport";
	case EVENT_RESTORE_DEVICE: return "restore-device";
	case EVENT_RESTORE_BAN: return "restore-ban";
	}
	return NULL; /* behind the last */
}

static const char *action_name(enum policy_action_kind kind)
{
	switch (kind) {
	case ACTION_BAN: return "ban";
	case ACTION_UNBAN: return "unban";
	case ACTION_WOULD_BAN: return "would-ban";
	case ACTION_SPARED: return "spared";
	case ACTION_LIMIT: return "limit";
	case ACTION_ALARM: return "alarm";
	case ACTION_NOTE: return "note";
	case ACTION_PASSPORT: return "passport";
	case ACTION_DEVICE: return "device";
	case ACTION_PASSPORT_GONE: return "passport-gone";
	}
	return NULL;
}

static const char *kind_name(enum journal_kind kind)
{
	switch (kind) {
	case JOURNAL_START: return "start";
	case JOURNAL_CONFIGURED: return "configured";
	case JOURNAL_TICK: return "tick";
	case JOURNAL_GAP: return "gap";
	case JOURNAL_REFUSAL: return "refusal";
	case JOURNAL_EVENT:
	case JOURNAL_ACTION: break; /* theirs say more */
	}
	return NULL;
}

const char *journal_outcome_name(enum policy_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_OK: return "ok";
	case OUTCOME_FAILED: return "failed";
	case OUTCOME_TEMPORARY: return "temporary";
	case OUTCOME_CANCELLED: return "cancelled";
	case OUTCOME_OTHER: return "other";
	case OUTCOME_ABANDONED: return "abandoned";
	}
	return NULL;
}

const char *journal_verdict_name(enum policy_verdict_kind kind)
{
	switch (kind) {
	case VERDICT_PASS: return "pass";
	case VERDICT_DELAY: return "delay";
	case VERDICT_HOLD: return "hold";
	case VERDICT_ANSWER_TEMPORARY: return "answer-454";
	case VERDICT_ANSWER_REFUSED: return "answer-535";
	case VERDICT_TURN_AWAY: return "turn-away";
	}
	return NULL;
}

const char *journal_mode_name(enum policy_mode mode)
{
	switch (mode) {
	case POLICY_OFF: return "off";
	case POLICY_OBSERVE: return "observe";
	case POLICY_ENFORCE: return "enforce";
	}
	return NULL;
}

const char *journal_row_name(const struct journal_row *row)
{
	if (row->kind == JOURNAL_EVENT)
		return event_name(row->event.kind);
	if (row->kind == JOURNAL_ACTION)
		return action_name(row->action.kind);
	return kind_name(row->kind);
}

/* The value whose name this is; -1: none. Values count up from 0. */
#define VALUE_NAMED(type, name_of, name)                                       \
	for (int value = 0; (name_of)((type)value) != NULL; value++)           \
		if (strcmp((name_of)((type)value), (name)) == 0)               \
			return value;                                          \
	return -1

static int event_named(const char *name)
{
	VALUE_NAMED(enum policy_event_kind, event_name, name);
}

static int action_named(const char *name)
{
	VALUE_NAMED(enum policy_action_kind, action_name, name);
}

static int kind_named(const char *name)
{
	VALUE_NAMED(enum journal_kind, kind_name, name);
}

static int outcome_named(const char *name)
{
	VALUE_NAMED(enum policy_outcome, journal_outcome_name, name);
}

static int verdict_named(const char *name)
{
	VALUE_NAMED(enum policy_verdict_kind, journal_verdict_name, name);
}

static int mode_named(const char *name)
{
	VALUE_NAMED(enum policy_mode, journal_mode_name, name);
}

bool journal_row_named(struct journal_row *row, const char *name)
{
	int value = kind_named(name);

	if (value >= 0) {
		row->kind = (enum journal_kind)value;
		return true;
	}
	value = event_named(name);
	if (value >= 0) {
		row->kind = JOURNAL_EVENT;
		row->event.kind = (enum policy_event_kind)value;
		return true;
	}
	value = action_named(name);
	if (value < 0)
		return false;
	row->kind = JOURNAL_ACTION;
	row->action.kind = (enum policy_action_kind)value;
	return true;
}

bool journal_outcome_named(const char *name, enum policy_outcome *ret_outcome)
{
	int value = outcome_named(name);

	if (value >= 0)
		*ret_outcome = (enum policy_outcome)value;
	return value >= 0;
}

bool journal_verdict_named(const char *name, enum policy_verdict_kind *ret_kind)
{
	int value = verdict_named(name);

	if (value >= 0)
		*ret_kind = (enum policy_verdict_kind)value;
	return value >= 0;
}

bool journal_mode_named(const char *name, enum policy_mode *ret_mode)
{
	int value = mode_named(name);

	if (value >= 0)
		*ret_mode = (enum policy_mode)value;
	return value >= 0;
}

bool journal_row_judged(const struct journal_row *row)
{
	return row->kind == JOURNAL_EVENT &&
	       (row->event.kind == EVENT_AUTH_BEGINS ||
		       row->event.kind == EVENT_AUTH_SETTLED ||
		       row->event.kind == EVENT_CONNECT ||
		       row->verdict.kind != VERDICT_PASS ||
		       row->verdict.rule != RULE_NONE);
}
