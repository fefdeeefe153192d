/* What the keeper remembers for people: events, refusals, notes, attempts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/keeper/attempts.h"
#include "../../src/keeper/history.h"
#include "../../src/keeper/notes.h"
#include "../../src/keeper/refusals.h"

static struct prefix source(uint32_t number)
{
	struct prefix prefix = {.bits = 128};

	memcpy(prefix.addr.octets, &number, sizeof(number));
	return prefix;
}

static void add(struct history *history, uint32_t number, wall_s_t at)
{
	const struct prefix key = source(number);
	const struct history_event event = {.at = at};

	history_add(history, &key, &event);
}

static size_t find(const struct history *history, uint32_t number,
	struct history_event *events)
{
	const struct prefix key = source(number);

	return history_find(history, &key, events);
}

static void last_sixteen_events_are_kept_oldest_first(void **state)
{
	struct history *history = history_new();
	struct history_event events[HISTORY_EVENTS_MOST];

	(void)state;
	assert_int_equal(find(history, 1, events), 0);
	for (wall_s_t at = 1; at <= 20; at++) {
		add(history, 1, at);
		assert_int_equal(find(history, 1, events), at < 16 ? at : 16);
	}
	for (size_t i = 0; i < HISTORY_EVENTS_MOST; i++)
		assert_int_equal(events[i].at, 5 + i);
	history_free(&history);
	assert_null(history);
}

static void longest_silent_source_gives_way(void **state)
{
	struct history *history = history_new();
	struct history_event events[HISTORY_EVENTS_MOST];

	(void)state;
	for (uint32_t i = 0; i < HISTORY_SOURCES_MOST; i++)
		add(history, i, 1);
	add(history, 0, 2); /* not the oldest any more */
	add(history, HISTORY_SOURCES_MOST, 3);
	assert_int_equal(find(history, 0, events), 2);
	assert_int_equal(find(history, 1, events), 0);
	assert_int_equal(find(history, 2, events), 1);
	assert_int_equal(find(history, HISTORY_SOURCES_MOST, events), 1);
	for (uint32_t i = 0; i < 3 * HISTORY_SOURCES_MOST; i++)
		add(history, 1000000 + i, 4);
	assert_int_equal(find(history, 0, events), 0);
	history_free(&history);
}

static void source_gets_five_lines_a_second_and_a_count(void **state)
{
	struct history *history = history_new();
	const struct prefix key = source(1), other = source(2);
	uint64_t suppressed = 99;

	(void)state;
	for (int i = 0; i < HISTORY_LINES_MOST; i++) {
		assert_true(history_may_log(history, &key, 10, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	for (int i = 0; i < 7; i++)
		assert_false(history_may_log(history, &key, 10, &suppressed));
	assert_true(history_may_log(history, &other, 10, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_true(history_may_log(history, &key, 11, &suppressed));
	assert_int_equal(suppressed, 7);
	assert_true(history_may_log(history, &key, 11, &suppressed));
	assert_int_equal(suppressed, 0);
	history_free(&history);
}

static void newest_refusal_of_a_session_is_found_until_overwritten(void **state)
{
	struct refusals *refusals = refusals_new();
	struct refusal found = {.at = 0};

	(void)state;
	assert_false(refusals_find(refusals, 0, &found));
	refusals_put(refusals, &(struct refusal){.session = 5, .at = 1});
	refusals_put(refusals, &(struct refusal){.session = 5, .at = 2});
	assert_true(refusals_find(refusals, 5, &found));
	assert_int_equal(found.at, 2);
	for (int i = 0; i < REFUSALS_MOST - 1; i++)
		refusals_put(refusals, &(struct refusal){.session = 6});
	assert_true(refusals_find(refusals, 5, &found));
	refusals_put(refusals, &(struct refusal){.session = 6});
	assert_false(refusals_find(refusals, 5, &found));
	refusals_free(&refusals);
}

static void note_is_replaced_cut_and_removed(void **state)
{
	struct notes *notes = notes_new();
	const struct prefix key = source(1), other = source(2);
	char longest[NOTE_LONGEST + 2];

	(void)state;
	assert_null(notes_find(notes, &key));
	notes_put(notes, &key, "a");
	notes_put(notes, &other, "b");
	notes_put(notes, &key, "c");
	assert_string_equal(notes_find(notes, &key), "c");
	assert_string_equal(notes_find(notes, &other), "b");
	notes_put(notes, &key, "");
	assert_null(notes_find(notes, &key));
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	notes_put(notes, &key, longest);
	assert_int_equal(strlen(notes_find(notes, &key)), NOTE_LONGEST);
	notes_free(&notes);
}

static void attempts_come_back_once(void **state)
{
	enum { MANY = 5000 };
	struct attempts *attempts = attempts_new(MANY);
	struct message_ask ask = {.attempt = 0};
	size_t left = 0;

	(void)state;
	for (uint64_t i = 0; i < MANY; i++) {
		ask.attempt = i;
		ask.session = i * 2;
		attempts_put(attempts, &ask);
		attempts_put(attempts, &ask); /* not twice */
	}
	ask.attempt = MANY; /* beyond the cap */
	attempts_put(attempts, &ask);
	assert_int_equal(attempts_count(attempts), MANY);
	assert_false(attempts_take(attempts, MANY, &ask));
	assert_true(attempts_take(attempts, 1234, &ask));
	assert_int_equal(ask.session, 2468);
	assert_false(attempts_take(attempts, 1234, &ask));
	while (attempts_take_any(attempts, &ask))
		left++;
	assert_int_equal(left, MANY - 1);
	ask.attempt = 7;
	attempts_put(attempts, &ask);
	attempts_free(&attempts);
	assert_null(attempts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_sixteen_events_are_kept_oldest_first),
		cmocka_unit_test(longest_silent_source_gives_way),
		cmocka_unit_test(source_gets_five_lines_a_second_and_a_count),
		cmocka_unit_test(
			newest_refusal_of_a_session_is_found_until_overwritten),
		cmocka_unit_test(note_is_replaced_cut_and_removed),
		cmocka_unit_test(attempts_come_back_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
