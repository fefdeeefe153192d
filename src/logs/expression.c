/*
 * Expressions with limits (PCRE2).
 *
 * Anchored at both ends by the library, whatever the operator wrote. The
 * limits are far above what a record of 4,000 octets needs when `.*` gives
 * back octet by octet, and far below what would be noticed.
 */
#include "expression.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdio.h>
#include <stdlib.h>

enum {
	MATCH_LIMIT = 50000,
	DEPTH_LIMIT = 1000,
	HEAP_LIMIT_KIB = 1024,
	PAIRS_MOST = 32,
};

struct expression {
	pcre2_code *code;
	pcre2_match_context *context;
	pcre2_match_data *data;
	unsigned groups[EXPRESSION_GROUP_COUNT]; /* 0: it has none */
};

static const char *const names[EXPRESSION_GROUP_COUNT] = {
	[EXPRESSION_ADDR] = "addr",
	[EXPRESSION_USER] = "user",
	[EXPRESSION_SERVICE] = "service",
};

static bool set_limits(struct expression *e)
{
	e->context = pcre2_match_context_create(NULL);
	e->data = pcre2_match_data_create(PAIRS_MOST, NULL);
	return e->context && e->data &&
	       pcre2_set_match_limit(e->context, MATCH_LIMIT) == 0 &&
	       pcre2_set_depth_limit(e->context, DEPTH_LIMIT) == 0 &&
	       pcre2_set_heap_limit(e->context, HEAP_LIMIT_KIB) == 0;
}

static bool find_groups(struct expression *e, char *error)
{
	for (unsigned i = 0; i < EXPRESSION_GROUP_COUNT; i++) {
		int number = pcre2_substring_number_from_name(
			e->code, (PCRE2_SPTR)names[i]);

		e->groups[i] = number > 0 ? (unsigned)number : 0;
	}
	if (e->groups[EXPRESSION_ADDR] != 0)
		return true;
	(void)snprintf(error, EXPRESSION_ERROR_LONGEST,
		"it has no group (?<addr>...)");
	return false;
}

static void say_wrong(int number, size_t at, char *error)
{
	PCRE2_UCHAR words[160];

	if (pcre2_get_error_message(number, words, sizeof words) < 0)
		words[0] = 0;
	(void)snprintf(error, EXPRESSION_ERROR_LONGEST, "%s (at character %zu)",
		(const char *)words, at + 1);
}

struct expression *expression_new(
	const char *text, bool jit, char error[EXPRESSION_ERROR_LONGEST])
{
	struct expression *e = calloc(1, sizeof *e);
	PCRE2_SIZE at = 0;
	int number = 0;

	(void)snprintf(error, EXPRESSION_ERROR_LONGEST, "no memory");
	if (!e)
		return NULL;
	e->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
		PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL |
			PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF |
			PCRE2_NEVER_BACKSLASH_C,
		&number, &at, NULL);
	if (!e->code)
		say_wrong(number, at, error);
	else if (set_limits(e) && find_groups(e, error)) {
		if (jit) /* without it the interpreter does the same */
			(void)pcre2_jit_compile(e->code, PCRE2_JIT_COMPLETE);
		return e;
	}
	expression_free(&e);
	return NULL;
}

void expression_free(struct expression **expression)
{
	struct expression *e = *expression;

	if (!e)
		return;
	pcre2_code_free(e->code);
	pcre2_match_context_free(e->context);
	pcre2_match_data_free(e->data);
	free(e);
	*expression = NULL;
}

/* *slice stays empty when the group took no part. */
static struct slice group_of(
	const struct expression *e, struct slice subject, unsigned group)
{
	const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(e->data);
	size_t at = 2 * (size_t)group;
	PCRE2_SIZE begin = pairs[at], end = pairs[at + 1];

	if (group == 0 || begin == PCRE2_UNSET || end < begin)
		return slice_of(NULL, 0);
	return slice_of(subject.p + begin, end - begin);
}

enum expression_result expression_match(const struct expression *e,
	struct slice subject, struct slice ret_groups[EXPRESSION_GROUP_COUNT])
{
	int result = pcre2_match(e->code,
		(PCRE2_SPTR)(subject.n ? subject.p : (const uint8_t *)""),
		subject.n, 0, 0, e->data, e->context);

	if (result == PCRE2_ERROR_NOMATCH)
		return EXPRESSION_NO_MATCH;
	if (result < 0)
		return EXPRESSION_LIMIT;
	for (unsigned i = 0; i < EXPRESSION_GROUP_COUNT; i++)
		ret_groups[i] = e->groups[i] < PAIRS_MOST
					? group_of(e, subject, e->groups[i])
					: slice_of(NULL, 0);
	return EXPRESSION_MATCH;
}
