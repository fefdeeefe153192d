/*
 * Reading logs: records, forged names, pieces of any size.
 */
#include "../../src/logs/reader.h"
#include "../../src/logs/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ENTRIES_MOST = 64, TEXT_MOST = 65536 };

/* What was told, as lines "ADDR SERVICE OUTCOME USER". */
struct heard {
	struct patterns *patterns;
	struct reader *reader;
	unsigned count;
	char lines[ENTRIES_MOST][400];
};

static void on_entry(void *arg, const struct entry *entry)
{
	struct heard *heard = arg;
	char addr[ADDR_TEXT_LONGEST];

	if (heard->count < ENTRIES_MOST)
		(void)snprintf(heard->lines[heard->count], 400, "%s %s %s %.*s",
			addr_format(&entry->addr, addr),
			entry_service_name(entry->service),
			entry_outcome_name(entry->outcome), (int)entry->user.n,
			(const char *)entry->user.p);
	heard->count++;
}

static struct heard *begin(enum reader_kind kind)
{
	struct heard *heard = calloc(1, sizeof *heard);
	char error[PATTERNS_ERROR_LONGEST];

	assert_non_null(heard);
	heard->patterns =
		patterns_parse(patterns_builtin(), "builtin", false, error);
	assert_non_null(heard->patterns);
	heard->reader = reader_new(heard->patterns, kind, on_entry, heard);
	assert_non_null(heard->reader);
	return heard;
}

static void done(struct heard *heard)
{
	reader_free(&heard->reader);
	patterns_free(&heard->patterns);
	free(heard);
}

static void feed(struct heard *heard, const char *text)
{
	reader_feed(heard->reader, 1000, slice_str(text));
}

#define HEAD   "05-11-2022 14:18:50   "
#define FAILED "SMTP Server: Authentication failed for user "
#define FROM   " ; connecting host "

/* ---- records ---- */

static void a_line_is_told_when_the_next_begins(void **state)
{
	struct heard *heard = begin(READER_TEXT);

	feed(heard, HEAD FAILED "anna" FROM "192.0.2.1\n");
	assert_int_equal(heard->count, 0);
	feed(heard, HEAD "anything\n");
	assert_int_equal(heard->count, 1);
	assert_string_equal(heard->lines[0], "192.0.2.1 smtp failed anna");
	feed(heard, HEAD FAILED "bert" FROM "192.0.2.2\n");
	reader_quiet(heard->reader);
	assert_int_equal(heard->count, 2);
	feed(heard, HEAD FAILED "half" FROM "192.0.2.3");
	reader_quiet(heard->reader); /* a half line is not whole */
	assert_int_equal(heard->count, 2);
	reader_end(heard->reader);
	assert_int_equal(heard->count, 3);
	done(heard);
}

static void a_newline_in_a_name_does_not_end_the_record(void **state)
{
	struct heard *heard = begin(READER_TEXT);

	feed(heard, HEAD "begins\n" HEAD FAILED "x" FROM "203.0.113.9\ny" FROM
			 "192.0.2.1\n" HEAD "next\n");
	assert_int_equal(heard->count, 1);
	assert_string_equal(heard->lines[0],
		"192.0.2.1 smtp failed x" FROM "203.0.113.9\ny");
	/* In the form of another server's log: no head of this one. */
	feed(heard,
		HEAD FAILED "x" FROM "203.0.113.9\n2022/11/05 14:18:50 " FAILED
			    "y" FROM "192.0.2.1\n" HEAD "next\n");
	assert_int_equal(heard->count, 2);
	assert_memory_equal(heard->lines[1], "192.0.2.1 ", 10);
	done(heard);
}

/* Console output has no heads; a failure before it counts all the same. */
static void lines_of_others_behind_a_failure_take_nothing_away(void **state)
{
	struct heard *heard = begin(READER_TEXT);

	feed(heard, HEAD "begins\n" HEAD FAILED "x" FROM
			 "192.0.2.1\nTask   Description\nRouter Idle\n" HEAD
			 "next\n");
	assert_int_equal(heard->count, 1);
	assert_string_equal(heard->lines[0], "192.0.2.1 smtp failed x");
	done(heard);
}

static void a_name_of_a_thousand_newlines_hides_nothing(void **state)
{
	struct heard *heard = begin(READER_TEXT);

	feed(heard, HEAD "begins\n" HEAD FAILED "x" FROM "203.0.113.9");
	for (unsigned i = 0; i < 10000; i++)
		feed(heard, "\n");
	feed(heard, FROM "192.0.2.1\n" HEAD "next\n");
	assert_int_equal(heard->count, 1);
	assert_memory_equal(heard->lines[0], "192.0.2.1 ", 10);
	assert_true(reader_counts(heard->reader)->cut > 0);
	done(heard);
}

/* A server whose settings were changed is heard again. */
static void another_form_of_head_is_learnt_in_time(void **state)
{
	struct heard *heard = begin(READER_TEXT);
	static const char line[] =
		"2022-11-05 14:18:50 " FAILED "x" FROM "192.0.2.1\n";

	feed(heard, HEAD "begins\n");
	for (unsigned i = 0; i < 3; i++)
		reader_feed(heard->reader, 2000 + i, slice_str(line));
	assert_int_equal(heard->count, 0);
	for (unsigned i = 0; i < 3; i++)
		reader_feed(heard->reader, 40000 + i * 5000, slice_str(line));
	reader_end(heard->reader);
	assert_true(heard->count > 0);
	done(heard);
}

static void a_huge_line_costs_bounded_memory_and_tells_its_end(void **state)
{
	struct heard *heard = begin(READER_TEXT);

	feed(heard, HEAD FAILED);
	for (unsigned i = 0; i < 20000; i++)
		feed(heard, "203.0.113.9 [203.0.113.9] \"'\t host ");
	feed(heard, FROM "192.0.2.1\n");
	reader_quiet(heard->reader);
	assert_int_equal(heard->count, 1);
	assert_memory_equal(heard->lines[0], "192.0.2.1 ", 10);
	done(heard);
}

/* What a writer never ended, before he went on elsewhere, may be half a name.
 */
static void a_half_line_is_nobody_s_word(void **state)
{
	struct heard *heard = begin(READER_FOLLOW);

	feed(heard, HEAD "begins\n" HEAD FAILED "x" FROM "203.0.113.9");
	reader_break(heard->reader);
	assert_int_equal(heard->count, 0);
	feed(heard, HEAD FAILED "y" FROM "192.0.2.1\n");
	/* The shape of heads is still that of this log. */
	feed(heard,
		HEAD FAILED "z" FROM "203.0.113.9\n2022/11/05 14:18:50 " FAILED
			    "z" FROM "192.0.2.2\n");
	reader_break(heard->reader);
	assert_int_equal(heard->count, 2);
	assert_string_equal(heard->lines[0], "192.0.2.1 smtp failed y");
	assert_memory_equal(heard->lines[1], "192.0.2.2 ", 10);
	done(heard);
}

/* Who begins in the middle of a log begins in the middle of a name. */
static void what_comes_before_the_first_head_is_not_followed(void **state)
{
	struct heard *heard = begin(READER_FOLLOW);

	feed(heard, FAILED "x" FROM "203.0.113.9\n" FAILED "x" FROM
			   "203.0.113.9\n");
	feed(heard, HEAD FAILED "y" FROM "192.0.2.1\n");
	reader_quiet(heard->reader);
	assert_int_equal(heard->count, 1);
	done(heard);
	/* A log without any heads is one all the same, after a while. */
	heard = begin(READER_FOLLOW);
	for (unsigned i = 0; i < 40; i++)
		feed(heard, FAILED "x" FROM "192.0.2.1\n");
	reader_quiet(heard->reader);
	assert_true(heard->count > 0 && heard->count < 40);
	done(heard);
}

/* ---- twins ---- */

static void two_forms_of_one_failure_count_once(void **state)
{
	struct heard *heard = begin(READER_TEXT);

	for (unsigned i = 0; i < 3; i++)
		feed(heard, HEAD FAILED
			"anna" FROM "192.0.2.1\n" HEAD
			"smtp: anna [192.0.2.1] authentication failure "
			"using internet password\n");
	feed(heard, HEAD FAILED "bert" FROM "192.0.2.1\n");
	reader_end(heard->reader);
	assert_int_equal(heard->count, 4);
	assert_int_equal(reader_counts(heard->reader)->twins, 3);
	done(heard);
}

/* ---- names that strangers choose ---- */

static uint64_t draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static size_t hostile(uint64_t *seed, char *out)
{
	static const char *const parts[] = {"203.0.113.9", "[203.0.113.9]",
		FROM "203.0.113.9", "connecting host", " ; ", "\"", "'", "\\",
		"[", "]", "(", "\n", "\r\n", "\r", "\t", "\xc3\xa4", "\xff",
		FAILED "x" FROM "203.0.113.9",
		("http: x [203.0.113.9] authentication failure using internet "
		 "password"),
		": User is locked out", " logged in from 203.0.113.9",
		"2022/11/05 14:18:50 ", "01.02.2022 03:04:05 ", "\n\n\n", "a",
		"host", "[1.2.3.4]:", "::1", "%s%n", ".*", "(?<addr>"};
	size_t n = 0, count = draw(seed) % 12 + 1;

	for (size_t i = 0; i < count; i++) {
		const char *part =
			parts[draw(seed) % (sizeof parts / sizeof *parts)];
		size_t times = draw(seed) % 40 == 0 ? 10000 / strlen(part) : 1;

		for (size_t k = 0; k < times; k++) {
			memcpy(out + n, part, strlen(part));
			n += strlen(part);
		}
		if (n > 20000)
			break;
	}
	out[n] = 0;
	return n;
}

/* The form of each line that Domino writes, around a name. */
static const char *const frames[][2] = {
	{HEAD FAILED, FROM "192.0.2.1\n"},
	{HEAD FAILED, FROM "[192.0.2.1]\n"},
	{HEAD "SMTP Server [0D14:0027-1334] Authentication failed for user ",
		FROM "[192.0.2.1]\n"},
	{HEAD "http: ", " [192.0.2.1] authentication failure using internet "
			"password\n"},
	{HEAD "imap: ", " [192.0.2.1] authentication failure using internet "
			"password: User is locked out\n"},
	{HEAD "SMTP Server: Authentication succeeded for user ",
		"; connecting host 192.0.2.1\n"},
	{HEAD "IMAP Server: ", " logged in from 192.0.2.1\n"},
	{HEAD "POP3 Server: ", " logged in; connecting host 192.0.2.1\n"},
};

static void no_name_forges_an_address_or_hides_its_failure(void **state)
{
	static char name[TEXT_MOST];
	uint64_t seed = 20261125;

	for (unsigned i = 0; i < 4000; i++) {
		const char *const *frame =
			frames[i % (sizeof frames / sizeof *frames)];
		struct heard *heard = begin(READER_TEXT);

		(void)hostile(&seed, name);
		feed(heard, HEAD "the log begins\n");
		feed(heard, frame[0]);
		feed(heard, name);
		feed(heard, frame[1]);
		feed(heard, HEAD "the log goes on\n");
		reader_end(heard->reader);
		if (heard->count != 1 ||
			memcmp(heard->lines[0], "192.0.2.1 ", 10) != 0)
			fail_msg("%s (%u entries) by: %s%s%s", heard->lines[0],
				heard->count, frame[0], name, frame[1]);
		done(heard);
	}
}

/* Whole or octet by octet or in any pieces: the same. */
static void pieces_of_any_size_say_the_same(void **state)
{
	static char name[TEXT_MOST], text[4 * TEXT_MOST];
	uint64_t seed = 7;

	for (unsigned i = 0; i < 200; i++) {
		struct heard *whole = begin(READER_GUESS);
		struct heard *pieces = begin(READER_GUESS);
		size_t n, at = 0;

		(void)hostile(&seed, name);
		n = (size_t)snprintf(text, sizeof text,
			HEAD FAILED "%s" FROM "192.0.2.1\n%s\n" HEAD
				    "http: %s [192.0.2.2] authentication "
				    "failure using internet password\n",
			name, name, name);
		feed(whole, text);
		reader_end(whole->reader);
		while (at < n) {
			size_t piece = i % 2 ? 1 : draw(&seed) % 50 + 1;

			if (piece > n - at)
				piece = n - at;
			reader_feed(pieces->reader, 1000,
				slice_of(text + at, piece));
			at += piece;
		}
		reader_end(pieces->reader);
		assert_int_equal(whole->count, pieces->count);
		for (unsigned k = 0; k < whole->count && k < ENTRIES_MOST; k++)
			assert_string_equal(whole->lines[k], pieces->lines[k]);
		done(whole);
		done(pieces);
	}
}

/* ---- postern's own log ---- */

static void postern_s_own_log_is_read(void **state)
{
	struct heard *heard = begin(READER_GUESS);

	feed(heard,
		"{\"time\":\"2026-11-25T04:34:16Z\",\"level\":\"info\","
		"\"event\":\"auth-failed\",\"src\":\"192.0.2.1\",\"user\":"
		"\"an\\\"na\\u000a\"}\n"
		"{\"time\":\"2026-11-25T04:34:17Z\",\"event\":\"session\","
		"\"src\":\"192.0.2.2\",\"auth\":\"ok\",\"user\":\"bert\"}\n"
		"{\"time\":\"2026-11-25T04:34:17Z\",\"event\":\"session\","
		"\"src\":\"192.0.2.2\",\"auth\":\"failed\",\"user\":\"b\"}\n"
		"{\"time\":\"2026-11-25T04:34:18Z\",\"event\":\"ban\",\"src\":"
		"\"192.0.2.0/24\"}\nnonsense\n{}\n{\"src\":7}\n");
	assert_int_equal(heard->count, 3);
	assert_string_equal(heard->lines[0], "192.0.2.1 smtp failed an\"na\n");
	assert_string_equal(heard->lines[1], "192.0.2.2 smtp ok bert");
	assert_string_equal(heard->lines[2], "192.0.2.0 smtp ban ");
	assert_int_equal(reader_counts(heard->reader)->skipped, 4);
	done(heard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_told_when_the_next_begins),
		cmocka_unit_test(a_newline_in_a_name_does_not_end_the_record),
		cmocka_unit_test(
			lines_of_others_behind_a_failure_take_nothing_away),
		cmocka_unit_test(a_name_of_a_thousand_newlines_hides_nothing),
		cmocka_unit_test(another_form_of_head_is_learnt_in_time),
		cmocka_unit_test(
			a_huge_line_costs_bounded_memory_and_tells_its_end),
		cmocka_unit_test(a_half_line_is_nobody_s_word),
		cmocka_unit_test(
			what_comes_before_the_first_head_is_not_followed),
		cmocka_unit_test(two_forms_of_one_failure_count_once),
		cmocka_unit_test(
			no_name_forges_an_address_or_hides_its_failure),
		cmocka_unit_test(pieces_of_any_size_say_the_same),
		cmocka_unit_test(postern_s_own_log_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
