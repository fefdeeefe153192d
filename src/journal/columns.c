/*
 * The journal's table: what stands in which column.
 *
 * Numbers that are 0 and texts that are empty are left out, so a row is about
 * a hundred octets. Peers' octets are escaped as in the log. What is read was
 * perhaps written by somebody else: nonsense becomes 0, and a kind that is not
 * known makes the row unknown.
 */
#include "columns.h"

#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/reference.h"
#include "../base/text.h"

/* In the order of JOURNAL_COLUMNS, from 1 as SQLite binds. */
enum column {
	COLUMN_AT = 1,
	COLUMN_NOW,
	COLUMN_KIND,
	COLUMN_ADDR,
	COLUMN_SOURCE,
	COLUMN_PREFIX,
	COLUMN_USER,
	COLUMN_TAG,
	COLUMN_ATTEMPT,
	COLUMN_HELD,
	COLUMN_OUTCOME,
	COLUMN_VERDICT,
	COLUMN_MODE,
	COLUMN_RULE,
	COLUMN_WAIT,
	COLUMN_FAILURES,
	COLUMN_REPEATS,
	COLUMN_SPAN,
	COLUMN_AGE,
	COLUMN_COUNTRY,
	COLUMN_ASN,
	COLUMN_PORT,
	COLUMN_SCORE,
	COLUMN_TEXT,
	COLUMN_SESSION,
	COLUMN_CODE,
	COLUMN_NUMBER,
};

enum {
	TAG_DIGITS = TEXT_HEX_DIGITS,
	HEX = 16,
	COUNTRY_LETTERS = 2,
	ESCAPED_LONGEST = 4 * JOURNAL_TEXT_LONGEST,
};

const char journal_insert[] =
	"INSERT INTO journal (" JOURNAL_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5,"
	" ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,"
	" ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)";

/* ---- writing ---- */

/*
 * The texts of a row, side by side. SQLite reads them here until the row is in:
 * a copy of each would cost more than the row itself.
 */
struct texts {
	sqlite3_stmt *statement;
	char *free;
	char room[2 * ESCAPED_LONGEST + ADDR_TEXT_LONGEST +
		  2 * PREFIX_TEXT_LONGEST + REFERENCE_TEXT_LONGEST +
		  TAG_DIGITS + COUNTRY_LETTERS];
};

/* A failed bind leaves NULL: a row with less in it, never a wrong one. */

static void put_number(struct texts *out, enum column at, uint64_t value)
{
	if (value != 0)
		(void)sqlite3_bind_int64(
			out->statement, (int)at, (int64_t)value);
}

/* One that lives longer than the row; NULL: none. */
static void put_text(struct texts *out, enum column at, const char *text)
{
	if (text != NULL)
		(void)sqlite3_bind_text(
			out->statement, (int)at, text, -1, SQLITE_STATIC);
}

/* What was written into the room up to `end`. */
static void put_made(struct texts *out, enum column at, char *end)
{
	(void)sqlite3_bind_text(out->statement, (int)at, out->free,
		(int)(end - out->free), SQLITE_STATIC);
	out->free = end;
}

static void put_octets(struct texts *out, enum column at, struct slice octets)
{
	size_t n = log_escape(octets, LOG_TEXT, out->free, ESCAPED_LONGEST);

	if (n > 0)
		put_made(out, at, out->free + n);
}

static void put_addr(struct texts *out, enum column at, const struct addr *addr)
{
	(void)addr_format(addr, out->free);
	put_made(out, at, out->free + strlen(out->free));
}

static void put_prefix(
	struct texts *out, enum column at, const struct prefix *prefix)
{
	(void)prefix_format(prefix, out->free);
	put_made(out, at, out->free + strlen(out->free));
}

static void put_session(struct texts *out, uint64_t session)
{
	if (session == 0)
		return;
	(void)reference_format(session, out->free);
	put_made(out, COLUMN_SESSION, out->free + strlen(out->free));
}

static void put_tag(struct texts *out, uint64_t tag)
{
	if (tag != 0)
		put_made(out, COLUMN_TAG, text_hex(out->free, tag));
}

static bool has_prefix(enum policy_event_kind kind)
{
	switch (kind) {
	case EVENT_OPERATOR_BAN:
	case EVENT_OPERATOR_UNBAN:
	case EVENT_OPERATOR_ALLOW:
	case EVENT_OPERATOR_DISALLOW:
	case EVENT_RESTORE_PASSPORT:
	case EVENT_RESTORE_BAN: return true;
	case EVENT_AUTH_BEGINS:
	case EVENT_AUTH_SETTLED:
	case EVENT_AUTH_REFUSED:
	case EVENT_EARLY_TALK:
	case EVENT_PROTOCOL_ERROR:
	case EVENT_CONNECT:
	case EVENT_HELO:
	case EVENT_RECIPIENT_REFUSED:
	case EVENT_RELAY_REFUSED:
	case EVENT_TLS_FAILURE:
	case EVENT_LIST_SCORE:
	case EVENT_LOG_FAILURE:
	case EVENT_LOG_SUCCESS:
	case EVENT_OPERATOR_FORGET:
	case EVENT_RESTORE_DEVICE: break;
	}
	return false;
}

static void put_verdict(struct texts *out, const struct policy_verdict *verdict)
{
	put_text(out, COLUMN_VERDICT, journal_verdict_name(verdict->kind));
	put_text(out, COLUMN_MODE, journal_mode_name(verdict->mode));
	put_number(out, COLUMN_WAIT, verdict->wait_ms);
	put_number(out, COLUMN_FAILURES, verdict->failure_count);
	if (verdict->rule != RULE_NONE)
		put_text(out, COLUMN_RULE, policy_rule_name(verdict->rule));
}

static const char *const softnesses[] = {
	[SOFTNESS_HARD] = "hard",
	[SOFTNESS_SOFT] = "soft",
};

static void put_restored(struct texts *out, const struct policy_event *event)
{
	put_text(out, COLUMN_RULE, policy_rule_name(event->rule));
	put_number(out, COLUMN_FAILURES, event->failure_count);
	put_number(out, COLUMN_REPEATS, event->repeat_count);
	put_text(out, COLUMN_VERDICT, softnesses[event->softness]);
}

static void put_country(struct texts *out, uint16_t country)
{
	if (country == 0)
		return;
	out->free[0] = (char)(country >> 8);
	out->free[1] = (char)(country & 255);
	put_made(out, COLUMN_COUNTRY, out->free + COUNTRY_LETTERS);
}

static void put_event(struct texts *out, const struct journal_row *row)
{
	const struct policy_event *event = &row->event;

	if (has_prefix(event->kind))
		put_prefix(out, COLUMN_PREFIX, &event->prefix);
	else if (event->kind != EVENT_OPERATOR_FORGET &&
		 event->kind != EVENT_RESTORE_DEVICE)
		put_addr(out, COLUMN_ADDR, &event->addr);
	put_octets(out, COLUMN_USER, event->user);
	put_octets(out, COLUMN_TEXT, event->text);
	put_tag(out, event->secret_tag);
	put_number(out, COLUMN_ATTEMPT, event->attempt);
	put_number(out, COLUMN_HELD, event->held_since);
	if (event->kind == EVENT_AUTH_SETTLED || event->outcome != OUTCOME_OK)
		put_text(out, COLUMN_OUTCOME,
			journal_outcome_name(event->outcome));
	put_country(out, event->country);
	put_number(out, COLUMN_ASN, event->asn);
	put_number(out, COLUMN_PORT, event->port);
	put_number(out, COLUMN_SCORE, event->score);
	put_number(out, COLUMN_SPAN, event->span_ms);
	put_number(out, COLUMN_AGE, event->age_ms);
	if (event->kind == EVENT_RESTORE_BAN)
		put_restored(out, event);
	else if (journal_row_judged(row))
		put_verdict(out, &row->verdict);
}

static void put_action(struct texts *out, const struct journal_row *row)
{
	const struct policy_action *action = &row->action;

	if (action->kind != ACTION_DEVICE)
		put_prefix(out, COLUMN_PREFIX, &action->prefix);
	put_octets(out, COLUMN_TEXT, slice_str(action->device));
	put_octets(out, COLUMN_USER, slice_str(action->user));
	if (action->rule != RULE_NONE)
		put_text(out, COLUMN_RULE, policy_rule_name(action->rule));
	put_number(out, COLUMN_FAILURES, action->failure_count);
	put_number(out, COLUMN_REPEATS, action->repeat_count);
	if (action->soft)
		put_text(out, COLUMN_VERDICT, softnesses[SOFTNESS_SOFT]);
	if (action->until == MONO_NEVER)
		(void)sqlite3_bind_int64(out->statement, COLUMN_SPAN, -1);
	else if (action->until > row->now)
		put_number(out, COLUMN_SPAN, action->until - row->now);
}

static void put_row(struct texts *out, const struct journal_row *row)
{
	(void)sqlite3_bind_int64(out->statement, COLUMN_AT, row->at);
	(void)sqlite3_bind_int64(out->statement, COLUMN_NOW, (int64_t)row->now);
	put_text(out, COLUMN_KIND, journal_row_name(row));
	if (row->source.bits != 0)
		put_prefix(out, COLUMN_SOURCE, &row->source);
	put_session(out, row->session);
	put_number(out, COLUMN_CODE, row->code);
	put_number(out, COLUMN_NUMBER, row->number);
	if (row->kind == JOURNAL_EVENT)
		put_event(out, row);
	else if (row->kind == JOURNAL_ACTION)
		put_action(out, row);
	else
		put_text(out, COLUMN_TEXT, row->words);
	if (row->kind == JOURNAL_REFUSAL)
		put_addr(out, COLUMN_ADDR, &row->addr);
}

int journal_put(sqlite3_stmt *statement, const struct journal_row *row)
{
	struct texts texts;
	int result;

	texts.statement = statement;
	texts.free = texts.room;
	put_row(&texts, row);
	result = sqlite3_step(statement);
	(void)sqlite3_reset(statement); /* repeats `result` */
	(void)sqlite3_clear_bindings(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* ---- reading ---- */

static const char *text_at(sqlite3_stmt *statement, enum column at)
{
	const char *text =
		(const char *)sqlite3_column_text(statement, (int)at - 1);

	return text != NULL ? text : "";
}

static uint64_t number_at(sqlite3_stmt *statement, enum column at)
{
	return (uint64_t)sqlite3_column_int64(statement, (int)at - 1);
}

/* One that is kept in fewer bits. */
static uint32_t small_at(sqlite3_stmt *statement, enum column at)
{
	uint64_t value = number_at(statement, at);

	return value > UINT32_MAX ? 0 : (uint32_t)value;
}

/* Nonsense leaves what was there: nothing. */
static void addr_at(sqlite3_stmt *statement, enum column at, struct addr *addr)
{
	struct addr read;

	if (addr_parse(text_at(statement, at), &read))
		*addr = read;
}

static void prefix_at(
	sqlite3_stmt *statement, enum column at, struct prefix *prefix)
{
	struct prefix read;

	if (prefix_parse(text_at(statement, at), &read))
		*prefix = read;
}

static uint64_t session_at(sqlite3_stmt *statement)
{
	uint64_t session = 0;

	return reference_parse(text_at(statement, COLUMN_SESSION), &session)
		       ? session
		       : 0;
}

static uint64_t tag_at(sqlite3_stmt *statement)
{
	const char *text = text_at(statement, COLUMN_TAG);

	return strlen(text) == TAG_DIGITS ? strtoull(text, NULL, HEX) : 0;
}

static uint16_t country_at(sqlite3_stmt *statement)
{
	const char *text = text_at(statement, COLUMN_COUNTRY);

	if (strlen(text) != 2)
		return 0;
	return (uint16_t)((uint8_t)text[0] << 8 | (uint8_t)text[1]);
}

/* Two columns' octets, side by side in row->words. false: no memory. */
static bool get_words(sqlite3_stmt *statement, struct journal_row *row)
{
	char user[JOURNAL_USER_LONGEST], text[JOURNAL_TEXT_LONGEST];

	row->event.user = slice_of((uint8_t *)user,
		log_unescape(slice_str(text_at(statement, COLUMN_USER)), user,
			sizeof(user)));
	row->event.text = slice_of((uint8_t *)text,
		log_unescape(slice_str(text_at(statement, COLUMN_TEXT)), text,
			sizeof(text)));
	return journal_row_own(row);
}

static void get_verdict(sqlite3_stmt *statement, struct policy_verdict *verdict)
{
	(void)journal_verdict_named(
		text_at(statement, COLUMN_VERDICT), &verdict->kind);
	(void)journal_mode_named(
		text_at(statement, COLUMN_MODE), &verdict->mode);
	verdict->wait_ms = number_at(statement, COLUMN_WAIT);
	verdict->rule = policy_rule_by_name(text_at(statement, COLUMN_RULE));
	verdict->failure_count = small_at(statement, COLUMN_FAILURES);
}

static enum policy_softness softness_at(sqlite3_stmt *statement)
{
	const char *text = text_at(statement, COLUMN_VERDICT);

	for (unsigned i = SOFTNESS_HARD; i <= SOFTNESS_SOFT; i++)
		if (strcmp(text, softnesses[i]) == 0)
			return (enum policy_softness)i;
	return SOFTNESS_UNKNOWN;
}

static bool get_event(sqlite3_stmt *statement, struct journal_row *row)
{
	struct policy_event *event = &row->event;

	addr_at(statement, COLUMN_ADDR, &event->addr);
	prefix_at(statement, COLUMN_PREFIX, &event->prefix);
	event->secret_tag = tag_at(statement);
	event->attempt = number_at(statement, COLUMN_ATTEMPT);
	event->held_since = number_at(statement, COLUMN_HELD);
	(void)journal_outcome_named(
		text_at(statement, COLUMN_OUTCOME), &event->outcome);
	event->country = country_at(statement);
	event->asn = small_at(statement, COLUMN_ASN);
	event->port = (uint16_t)small_at(statement, COLUMN_PORT);
	event->score = small_at(statement, COLUMN_SCORE);
	event->span_ms = number_at(statement, COLUMN_SPAN);
	event->age_ms = number_at(statement, COLUMN_AGE);
	if (event->kind == EVENT_RESTORE_BAN) {
		event->rule =
			policy_rule_by_name(text_at(statement, COLUMN_RULE));
		event->failure_count = small_at(statement, COLUMN_FAILURES);
		event->repeat_count = small_at(statement, COLUMN_REPEATS);
		event->softness = softness_at(statement);
	} else {
		get_verdict(statement, &row->verdict);
	}
	return get_words(statement, row);
}

static void get_action(sqlite3_stmt *statement, struct journal_row *row)
{
	struct policy_action *action = &row->action;
	int64_t span = (int64_t)number_at(statement, COLUMN_SPAN);

	prefix_at(statement, COLUMN_PREFIX, &action->prefix);
	action->rule = policy_rule_by_name(text_at(statement, COLUMN_RULE));
	action->failure_count = small_at(statement, COLUMN_FAILURES);
	action->repeat_count = small_at(statement, COLUMN_REPEATS);
	action->soft = softness_at(statement) == SOFTNESS_SOFT;
	action->until = span < 0 ? MONO_NEVER : row->now + (uint64_t)span;
	(void)log_unescape(slice_str(text_at(statement, COLUMN_USER)),
		action->user, sizeof(action->user) - 1);
	(void)log_unescape(slice_str(text_at(statement, COLUMN_TEXT)),
		action->device, sizeof(action->device) - 1);
}

static bool get_rest(sqlite3_stmt *statement, struct journal_row *row)
{
	addr_at(statement, COLUMN_ADDR, &row->addr);
	if (row->kind != JOURNAL_START && row->kind != JOURNAL_CONFIGURED)
		return true;
	row->words = strdup(text_at(statement, COLUMN_TEXT));
	return row->words != NULL;
}

bool journal_get(sqlite3_stmt *statement, struct journal_row *ret_row)
{
	struct journal_row row;
	bool good = true;

	memset(&row, 0, sizeof(row));
	if (!journal_row_named(&row, text_at(statement, COLUMN_KIND)))
		return false;
	row.at = (wall_s_t)number_at(statement, COLUMN_AT);
	row.now = number_at(statement, COLUMN_NOW);
	row.code = small_at(statement, COLUMN_CODE);
	row.number = number_at(statement, COLUMN_NUMBER);
	row.session = session_at(statement);
	prefix_at(statement, COLUMN_SOURCE, &row.source);
	if (row.kind == JOURNAL_EVENT)
		good = get_event(statement, &row);
	else if (row.kind == JOURNAL_ACTION)
		get_action(statement, &row);
	else
		good = get_rest(statement, &row);
	if (good)
		*ret_row = row;
	return good;
}
