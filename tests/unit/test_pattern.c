/*
 * Patterns: what they match, and that no subject makes them work for long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../src/policy/pattern.h"
#include "guard.h"

static enum pattern_result match(const char *text, const char *subject)
{
	static struct guard guard;
	char error[PATTERN_ERROR_LONGEST];
	struct pattern *p = pattern_new(text, error);
	enum pattern_result result;

	assert_non_null(p);
	result = pattern_match(
		p, slice_of(guard_copy(&guard, subject, strlen(subject)),
			   strlen(subject)));
	pattern_free(&p);
	assert_null(p);
	return result;
}

static void patterns_match_as_said(void **state)
{
	static const struct {
		const char *pattern, *subject;
		enum pattern_result result;
	} cases[] = {
		{"^554 .*password", "554 Wrong PASSWORD\r\n", PATTERN_MATCH},
		{"^554 .*password", "550 wrong password\r\n", PATTERN_NO_MATCH},
		{"^550 b", "550-a\r\n550 b\r\n", PATTERN_MATCH},
		{"kennwort", "554 falsches Kennwort", PATTERN_MATCH},
		{"x", "", PATTERN_NO_MATCH},
		{"^$", "", PATTERN_MATCH},
		{"\\xff", "a\xff", PATTERN_MATCH},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(match(cases[i].pattern, cases[i].subject),
			cases[i].result);
}

static void wrong_patterns_are_explained(void **state)
{
	static const char *const wrong[] = {"(", "a**b[", "\\C", "(*UTF)x"};
	char error[PATTERN_ERROR_LONGEST];

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		error[0] = 0;
		assert_null(pattern_new(wrong[i], error));
		assert_non_null(strstr(error, "at character"));
	}
}

static void endless_work_is_given_up(void **state)
{
	clock_t begun = clock();

	(void)state;
	assert_int_equal(
		match("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
		PATTERN_LIMIT);
	/* RES-10 asks for 50 ms; with sanitizers more is fair. */
	assert_true(clock() - begun < CLOCKS_PER_SEC / 2);
}

static void long_subjects_are_cut(void **state)
{
	static char subject[5001];

	(void)state;
	memset(subject, 'b', sizeof subject - 1);
	subject[4095] = 'x';
	assert_int_equal(match("x", subject), PATTERN_MATCH);
	subject[4095] = 'b';
	subject[4096] = 'x';
	assert_int_equal(match("x", subject), PATTERN_NO_MATCH);
}

/* RES-11: whatever the peer sends is octets, never UTF-8. */
static void any_octets_are_matched(void **state)
{
	static char big[65536];
	const struct slice odd[] = {slice_of("a\0b", 3),
		slice_of("\xff\xfe\x80 x", 5), slice_of("\xc3", 1),
		slice_of("\xed\xa0\x80", 3), slice_of(big, sizeof big),
		slice_of("", 0)};
	char error[PATTERN_ERROR_LONGEST];
	struct pattern *all = pattern_new("^(.|\n)*$", error);
	struct pattern *nul = pattern_new("\\x00b", error);

	(void)state;
	assert_non_null(all);
	assert_non_null(nul);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		assert_int_not_equal(
			pattern_match(all, odd[i]), PATTERN_NO_MATCH);
	assert_int_equal(pattern_match(nul, odd[0]), PATTERN_MATCH);
	assert_int_equal(pattern_match(nul, odd[1]), PATTERN_NO_MATCH);
	pattern_free(&all);
	pattern_free(&nul);
}

static void dangerous_items_are_refused(void **state)
{
	char error[PATTERN_ERROR_LONGEST];

	(void)state;
	assert_null(pattern_new("\\C", error));
	assert_null(pattern_new("(*UTF)a", error));
	assert_null(pattern_new("(*UTF8)a", error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_said),
		cmocka_unit_test(wrong_patterns_are_explained),
		cmocka_unit_test(endless_work_is_given_up),
		cmocka_unit_test(long_subjects_are_cut),
		cmocka_unit_test(any_octets_are_matched),
		cmocka_unit_test(dangerous_items_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
