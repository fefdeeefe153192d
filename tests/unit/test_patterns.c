/*
 * The file of patterns: what is wrong with one is said, samples are tests.
 */
#include "../../src/logs/patterns.h"
#include "../../src/logs/expression.h"
#include "../../src/logs/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void what_postern_comes_with_is_sound(void **state)
{
	char error[PATTERNS_ERROR_LONGEST];
	unsigned tried;

	for (unsigned jit = 0; jit < 2; jit++) {
		struct patterns *patterns = patterns_parse(
			patterns_builtin(), "builtin", jit, error);

		assert_non_null(patterns);
		assert_true(patterns_count(patterns) >= 10);
		assert_int_equal(
			samples_check(patterns, "builtin", stderr, &tried), 0);
		assert_true(tried > 200);
		patterns_free(&patterns);
	}
}

static void errors_have_their_line(void **state)
{
	static const struct {
		const char *text, *error;
	} files[] = {
		{"", "f:0: no pattern in it"},
		{"outcome = failed\n", "f:1: a section is missing"},
		{"[a]\nnonsense\n", "f:2: no `key = value`"},
		{"[a]\n\n# x\ncolour = red\n", "f:4: unknown key"},
		{"[a]\noutcome = lost\n", "f:2: outcome: \"lost\" is none"},
		{"[a]\nservice = nntp\n", "f:2: service: \"nntp\" is none"},
		{"[a]\npattern = (?<addr>.\n", "f:2: pattern: missing"},
		{"[a]\npattern = .*\n", "f:2: pattern: it has no group"},
		{"[a]\npattern = (?<addr>.)\npattern = (?<addr>.)\n",
			"f:3: [a] has a pattern already"},
		{"[a]\npattern = (?<addr>.)\n[b]\n", "f:3: [a] has no outcome"},
		{"[a]\noutcome = ok\n", "f:2: [a] has no pattern"},
		{"[a]\noutcome = ok\npattern = (?<addr>.)\n",
			"f:3: [a] needs a sample"},
		{"[a]\nfinds = nothing\n", "f:2: finds stands behind a sample"},
		{"[a]\nsample = x\nsample = y\n", "f:3: the sample before"},
		{"[]\n", "f:1: no [name]"},
	};
	char error[PATTERNS_ERROR_LONGEST];

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		assert_null(patterns_parse(files[i].text, "f", false, error));
		if (strncmp(error, files[i].error, strlen(files[i].error)) != 0)
			fail_msg("%s instead of %s", error, files[i].error);
	}
}

static unsigned wrong_in(const char *text)
{
	char error[PATTERNS_ERROR_LONGEST], said[4096];
	struct patterns *patterns = patterns_parse(text, "f", false, error);
	FILE *out = fmemopen(said, sizeof said, "w");
	unsigned tried, wrong;

	assert_non_null(patterns);
	assert_non_null(out);
	wrong = samples_check(patterns, "f", out, &tried);
	(void)fclose(out);
	patterns_free(&patterns);
	return wrong;
}

/* The point of it all: a pattern that a name can forge does not pass. */
static void a_pattern_that_can_be_forged_is_found(void **state)
{
	/* From the left: the first address counts. */
	assert_true(wrong_in("[a]\noutcome = failed\n"
			     "pattern = login of (?<user>.*?) from "
			     "(?<addr>[0-9.]+).*\n"
			     "sample = login of anna from 192.0.2.1\n"
			     "finds = 192.0.2.1 other failed anna\n"));
	/* Anything may follow, and a host's name sends it back to a name. */
	assert_true(wrong_in("[a]\noutcome = failed\n"
			     "pattern = login of (?<user>.*) from "
			     "(?<addr>[0-9.]+)(?:: .*)?\n"
			     "sample = login of anna from 192.0.2.1: x\n"
			     "finds = 192.0.2.1 other failed anna\n"));
	assert_int_equal(wrong_in("[a]\noutcome = failed\n"
				  "pattern = login of (?<user>.*) from "
				  "(?<addr>[0-9.]+)\n"
				  "sample = login of anna from 192.0.2.1\n"
				  "finds = 192.0.2.1 other failed anna\n"),
		0);
}

static void a_sample_that_finds_something_else_fails(void **state)
{
	assert_int_equal(wrong_in("[a]\noutcome = failed\n"
				  "pattern = x (?<addr>[0-9.]+)\n"
				  "sample = x 192.0.2.1\n"
				  "finds = 192.0.2.2 other failed \n"
				  "sample = y 192.0.2.1\n"
				  "finds = 192.0.2.1 other failed \n"
				  "sample = x 192.0.2.3\n"
				  "finds = nothing\n"),
		3);
}

static void a_slow_pattern_is_given_up(void **state)
{
	char error[EXPRESSION_ERROR_LONGEST], text[4000];
	struct slice groups[EXPRESSION_GROUP_COUNT];

	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 'b'; /* or it would not even begin */
	for (unsigned jit = 0; jit < 2; jit++) {
		struct expression *e =
			expression_new("(?:a+)+b(?<addr>.)", jit != 0, error);

		assert_non_null(e);
		assert_int_equal(expression_match(e,
					 slice_of(text, sizeof text), groups),
			EXPRESSION_LIMIT);
		expression_free(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_postern_comes_with_is_sound),
		cmocka_unit_test(errors_have_their_line),
		cmocka_unit_test(a_pattern_that_can_be_forged_is_found),
		cmocka_unit_test(a_sample_that_finds_something_else_fails),
		cmocka_unit_test(a_slow_pattern_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
