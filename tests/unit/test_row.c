/* A row of the journal is read as it was written, of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/journal/columns.h"
#include "../../src/keeper/backlog.h"

static sqlite3 *db;

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, JOURNAL_TABLE, NULL, NULL, NULL), SQLITE_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return sqlite3_close(db);
}

/* Written and read; the test gives its words back. */
static struct journal_row pass_through(const struct journal_row *row)
{
	struct journal_row again;
	sqlite3_stmt *statement;

	memset(&again, 0, sizeof(again));
	assert_int_equal(
		sqlite3_prepare_v2(db, journal_insert, -1, &statement, NULL),
		SQLITE_OK);
	assert_int_equal(journal_put(statement, row), SQLITE_OK);
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_prepare_v2(db,
				 "SELECT " JOURNAL_COLUMNS
				 " FROM journal ORDER BY id DESC LIMIT 1",
				 -1, &statement, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_true(journal_get(statement, &again));
	sqlite3_finalize(statement);
	assert_int_equal(again.kind, row->kind);
	assert_true(again.at == row->at && again.now == row->now);
	assert_true(again.session == row->session);
	assert_int_equal(again.code, row->code);
	return again;
}

static void assert_slice_equal(struct slice a, struct slice b)
{
	assert_int_equal(a.n, b.n);
	if (a.n > 0)
		assert_memory_equal(a.p, b.p, a.n);
}

static struct journal_row full_event(enum policy_event_kind kind)
{
	static uint8_t octets[256];
	struct journal_row row = {.kind = JOURNAL_EVENT,
		.at = 1790000000,
		.now = 123456789012,
		.session = UINT64_MAX,
		.code = 535};

	for (unsigned i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)i;
	row.event = (struct policy_event){
		.kind = kind,
		.attempt = UINT64_C(0xfedcba9876543210),
		.held_since = 123456780000,
		.asn = UINT32_MAX,
		.country = 'D' << 8 | 'E',
		.port = 65535,
		.score = 7,
		.user = slice_of(octets, 128),
		.text = slice_of(octets, 255),
		.secret_tag = UINT64_C(0x00000000deadbeef),
		.outcome = OUTCOME_ABANDONED,
		.span_ms = MONO_NEVER,
		.age_ms = 5,
	};
	row.verdict = (struct policy_verdict){
		.kind = VERDICT_TURN_AWAY,
		.wait_ms = 15000,
		.rule = RULE_BANNED,
		.mode = POLICY_OBSERVE,
		.failure_count = 9,
	};
	return row;
}

static void assert_event_equal(
	const struct policy_event *a, const struct policy_event *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_true(a->attempt == b->attempt);
	assert_true(a->held_since == b->held_since);
	assert_int_equal(a->asn, b->asn);
	assert_int_equal(a->country, b->country);
	assert_int_equal(a->port, b->port);
	assert_int_equal(a->score, b->score);
	assert_slice_equal(a->user, b->user);
	assert_slice_equal(a->text, b->text);
	assert_true(a->secret_tag == b->secret_tag);
	assert_int_equal(a->outcome, b->outcome);
	assert_true(a->span_ms == b->span_ms);
	assert_true(a->age_ms == b->age_ms);
	assert_true(addr_eq(&a->addr, &b->addr));
	assert_true(prefix_eq(&a->prefix, &b->prefix));
}

static void event_of_each_kind_comes_back_whole(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind <= EVENT_RESTORE_BAN; kind++) {
		struct journal_row row =
			full_event((enum policy_event_kind)kind);
		bool order = kind >= EVENT_OPERATOR_BAN;
		struct journal_row again;

		if (order && kind != EVENT_OPERATOR_FORGET &&
			kind != EVENT_RESTORE_DEVICE)
			assert_true(prefix_parse(
				"2001:db8::/48", &row.event.prefix));
		if (!order)
			assert_true(addr_parse("2001:db8::7", &row.event.addr));
		again = pass_through(&row);
		assert_event_equal(&again.event, &row.event);
		if (kind != EVENT_RESTORE_BAN)
			assert_memory_equal(&again.verdict, &row.verdict,
				sizeof(row.verdict));
		journal_row_done(&again);
	}
}

static void restored_ban_has_its_own_numbers(void **state)
{
	struct journal_row row = full_event(EVENT_RESTORE_BAN);
	struct journal_row again;

	(void)state;
	row.event.rule = RULE_SOURCE_SLOW;
	row.event.failure_count = 11;
	row.event.repeat_count = 3;
	row.event.softness = SOFTNESS_HARD;
	again = pass_through(&row);
	assert_int_equal(again.event.rule, RULE_SOURCE_SLOW);
	assert_int_equal(again.event.failure_count, 11);
	assert_int_equal(again.event.repeat_count, 3);
	assert_int_equal(again.event.softness, SOFTNESS_HARD);
	journal_row_done(&again);
}

static void action_of_each_kind_comes_back_whole(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind <= ACTION_DEVICE; kind++) {
		struct journal_row row = {.kind = JOURNAL_ACTION, .now = 500};
		struct journal_row again;

		row.action = (struct policy_action){
			.kind = (enum policy_action_kind)kind,
			.until = kind == ACTION_BAN ? MONO_NEVER : 5000,
			.rule = RULE_OPERATOR,
			.repeat_count = 1,
			.failure_count = 2,
			.user = "a\\x41\xff",
			.device = "[10.0.0.1]\\x41\xff",
		};
		if (kind != ACTION_DEVICE)
			assert_true(prefix_parse(
				"192.0.2.0/24", &row.action.prefix));
		again = pass_through(&row);
		assert_memory_equal(
			&again.action, &row.action, sizeof(row.action));
		journal_row_done(&again);
	}
}

static void configuration_keeps_its_own_addresses(void **state)
{
	struct journal_row row = {.kind = JOURNAL_START, .number = UINT64_MAX};
	char words[] = "# own 192.0.2.1\n# own 2001:db8::/64\nmode = off\n";
	struct prefix own;
	size_t cursor = 0;
	struct journal_row again;

	(void)state;
	row.words = words;
	again = pass_through(&row);
	assert_true(again.number == UINT64_MAX);
	assert_string_equal(again.words, words);
	assert_true(journal_own(again.words, &cursor, &own));
	assert_int_equal(own.bits, 128);
	assert_true(journal_own(again.words, &cursor, &own));
	assert_int_equal(own.bits, 64);
	assert_false(journal_own(again.words, &cursor, &own));
	assert_string_equal(again.words + cursor, "mode = off\n");
	journal_row_done(&again);
}

static void unknown_kind_is_no_row(void **state)
{
	struct journal_row row;
	sqlite3_stmt *statement;

	(void)state;
	assert_int_equal(
		sqlite3_exec(db,
			"INSERT INTO journal (at, now, kind) VALUES (1, 2,"
			" 'of-tomorrow'), ('x', x'00', NULL)",
			NULL, NULL, NULL),
		SQLITE_CONSTRAINT);
	assert_int_equal(
		sqlite3_exec(db,
			"INSERT INTO journal (at, now, kind) VALUES (1, 2,"
			" 'of-tomorrow'), ('x', x'00', 'auth-begins')",
			NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db,
			"SELECT " JOURNAL_COLUMNS " FROM journal ORDER BY id",
			-1, &statement, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_false(journal_get(statement, &row));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_true(journal_get(statement, &row));
	journal_row_done(&row);
	sqlite3_finalize(statement);
}

static void full_backlog_sheds_and_says_how_many(void **state)
{
	struct backlog backlog = {.most = 3}, batch;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct journal_row row = full_event(EVENT_HELO);

		assert_true(journal_row_own(&row));
		backlog_put(&backlog, &row);
		assert_null(row.words);
	}
	assert_int_equal(backlog.count, 3);
	assert_int_equal(backlog.shed_total, 7);
	backlog_take(&backlog, &batch);
	backlog_done(&batch);
	backlog_put(&backlog, &(struct journal_row){.kind = JOURNAL_TICK});
	assert_int_equal(backlog.count, 2);
	assert_int_equal(backlog.rows[0].kind, JOURNAL_GAP);
	assert_int_equal(backlog.rows[0].number, 7);
	assert_int_equal(backlog.rows[1].kind, JOURNAL_TICK);
	backlog_take(&backlog, &batch);
	backlog_shed(&backlog, &batch);
	assert_int_equal(backlog.shed_total, 8);
	backlog_put(&backlog, &(struct journal_row){.kind = JOURNAL_TICK});
	assert_int_equal(backlog.rows[0].number, 8);
	backlog_done(&backlog);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(event_of_each_kind_comes_back_whole),
		T(restored_ban_has_its_own_numbers),
		T(action_of_each_kind_comes_back_whole),
		T(configuration_keeps_its_own_addresses),
		T(unknown_kind_is_no_row),
		T(full_backlog_sheds_and_says_how_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
