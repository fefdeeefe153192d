/* Workers' answers to a question about sessions, put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/keeper/roster.h"

enum { NOW = 1000, FIRST = 71, SECOND = 72 };

static struct roster *roster;

static int setup(void **state)
{
	roster = roster_new();
	return roster == NULL;
}

static int teardown(void **state)
{
	roster_free(&roster);
	return 0;
}

static uint64_t begin(uint32_t limit)
{
	uint64_t question = roster_begin(roster, NOW, limit);

	assert_true(question != 0);
	assert_true(roster_expect(roster, question, FIRST, 1, 101));
	assert_true(roster_expect(roster, question, SECOND, 2, 102));
	return question;
}

static void tell(uint64_t question, uint64_t worker, uint64_t age_ms)
{
	struct message_session row = {.question = question, .age_ms = age_ms};

	roster_row(roster, worker, &row);
}

static void finish(uint64_t question, uint64_t worker, uint32_t sessions)
{
	const struct message_sessions_end end = {.question = question,
		.sessions = sessions,
		.tarpit = 1,
		.matched = sessions + 1};

	roster_end(roster, worker, &end);
}

static size_t size_of(const json_t *answer, const char *member)
{
	return json_array_size(json_object_get(answer, member));
}

static json_int_t number_of(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

static const json_t *row_of(const json_t *answer, size_t i)
{
	return json_array_get(json_object_get(answer, "sessions"), i);
}

static void all_that_ended_are_ready_at_once(void **state)
{
	uint64_t question = begin(10);
	json_t *answer;

	tell(question, SECOND, 5);
	tell(question, FIRST, 9);
	tell(question, SECOND, 7);
	finish(question, FIRST, 40);
	assert_false(roster_ready(roster, question, NOW));
	finish(question, SECOND, 2);
	assert_true(roster_ready(roster, question, NOW));
	answer = roster_answer(roster, question);
	assert_int_equal(size_of(answer, "sessions"), 3);
	assert_int_equal(number_of(row_of(answer, 0), "age_ms"), 9);
	assert_int_equal(number_of(row_of(answer, 0), "slot"), 1);
	assert_int_equal(number_of(row_of(answer, 2), "age_ms"), 5);
	assert_int_equal(number_of(row_of(answer, 2), "pid"), 102);
	assert_int_equal(number_of(answer, "open"), 42);
	assert_int_equal(number_of(answer, "tarpit"), 2);
	assert_int_equal(number_of(answer, "matched"), 44);
	assert_int_equal(size_of(answer, "silent"), 0);
	json_decref(answer);
	assert_null(roster_answer(roster, question));
}

static void who_is_silent_is_named_when_time_is_over(void **state)
{
	uint64_t question = begin(10);
	const json_t *silent;
	json_t *answer;

	tell(question, FIRST, 5);
	finish(question, SECOND, 1);
	assert_false(roster_ready(roster, question, NOW + ROSTER_WAIT_MS - 1));
	assert_true(roster_ready(roster, question, NOW + ROSTER_WAIT_MS));
	answer = roster_answer(roster, question);
	assert_int_equal(size_of(answer, "sessions"), 1);
	assert_int_equal(size_of(answer, "silent"), 1);
	silent = json_array_get(json_object_get(answer, "silent"), 0);
	assert_int_equal(number_of(silent, "slot"), 1);
	assert_int_equal(number_of(silent, "pid"), 101);
	assert_true(json_is_false(json_object_get(silent, "gone")));
	json_decref(answer);
	/* It talks on, to nobody. */
	tell(question, FIRST, 5);
	finish(question, FIRST, 1);
}

static void worker_that_dies_is_not_waited_for(void **state)
{
	uint64_t question = begin(10);
	json_t *answer;

	tell(question, FIRST, 5);
	roster_gone(roster, FIRST);
	finish(question, SECOND, 1);
	assert_true(roster_ready(roster, question, NOW));
	answer = roster_answer(roster, question);
	assert_int_equal(size_of(answer, "sessions"), 1);
	assert_true(json_is_true(json_object_get(
		json_array_get(json_object_get(answer, "silent"), 0), "gone")));
	json_decref(answer);
}

static void fifth_question_finds_no_place_until_one_is_over(void **state)
{
	uint64_t questions[MESSAGE_SESSIONS_MOST];

	for (unsigned i = 0; i < MESSAGE_SESSIONS_MOST; i++)
		questions[i] = begin(1);
	assert_int_equal(roster_begin(roster, NOW, 1), 0);
	roster_drop(roster, questions[2]);
	assert_true(roster_begin(roster, NOW, 1) > questions[3]);
	roster_drop(roster, 0);
	roster_drop(roster, 12345);
	assert_int_equal(roster_begin(roster, NOW, 1), 0);
}

static void oldest_are_shown_when_there_are_too_many(void **state)
{
	uint64_t question = begin(3);
	json_t *answer;

	for (uint64_t i = 0; i < 100; i++)
		tell(question, FIRST, 200 - i); /* six are kept */
	for (uint64_t i = 0; i < 3; i++)
		tell(question, SECOND, 199 + i);
	finish(question, FIRST, 100);
	finish(question, SECOND, 3);
	answer = roster_answer(roster, question);
	assert_int_equal(size_of(answer, "sessions"), 3);
	assert_int_equal(number_of(row_of(answer, 0), "age_ms"), 201);
	assert_int_equal(number_of(row_of(answer, 1), "age_ms"), 200);
	json_decref(answer);
}

static void nobody_answers_for_another_or_twice(void **state)
{
	uint64_t question = begin(10);
	json_t *answer;

	tell(question, 73, 5); /* was not asked */
	tell(question + 1, FIRST, 5);
	tell(0, FIRST, 5);
	finish(question, 73, 5);
	finish(question, FIRST, 5);
	finish(question, FIRST, 9);
	tell(question, FIRST, 5); /* behind its end */
	finish(question, SECOND, 0);
	answer = roster_answer(roster, question);
	assert_int_equal(size_of(answer, "sessions"), 0);
	assert_int_equal(number_of(answer, "open"), 5);
	json_decref(answer);
}

static void row_of_a_taken_over_worker_does_no_harm(void **state)
{
	uint64_t question = begin(10);
	struct message_session row;
	const json_t *shown;
	json_t *answer;

	memset(&row, 0xff, sizeof(row));
	row.question = question;
	roster_row(roster, FIRST, &row); /* user_n is too long: dropped */
	row.user_n = 3;
	memcpy(row.user, "a\x1b\xff", 3);
	roster_row(roster, FIRST, &row);
	answer = roster_answer(roster, question);
	assert_int_equal(size_of(answer, "sessions"), 1);
	shown = row_of(answer, 0);
	assert_string_equal(json_string_value(json_object_get(shown, "user")),
		"a\\x1b\\xff");
	assert_string_equal(
		json_string_value(json_object_get(shown, "phase")), "?");
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			all_that_ended_are_ready_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_is_silent_is_named_when_time_is_over, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			worker_that_dies_is_not_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(
			fifth_question_finds_no_place_until_one_is_over, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			oldest_are_shown_when_there_are_too_many, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			nobody_answers_for_another_or_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(
			row_of_a_taken_over_worker_does_no_harm, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
