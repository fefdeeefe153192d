/*
 * Patterns that an operator writes, with limits (PCRE2).
 *
 * `^(a+)+$` against thirty letters takes for ever without them. The figures
 * are far above what a pattern for a line of text needs and far below what
 * would be noticed: some milliseconds.
 */
#include "pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdio.h>
#include <stdlib.h>

enum {
	SUBJECT_MOST_BYTES = 4096,
	MATCH_LIMIT = 20000,
	DEPTH_LIMIT = 500,
	HEAP_LIMIT_KIB = 512,
};

struct pattern {
	pcre2_code *code;
	pcre2_match_context *context;
	pcre2_match_data *data;
};

static bool pattern_limits(struct pattern *p)
{
	p->context = pcre2_match_context_create(NULL);
	p->data = pcre2_match_data_create(1, NULL);
	return p->context && p->data &&
	       pcre2_set_match_limit(p->context, MATCH_LIMIT) == 0 &&
	       pcre2_set_depth_limit(p->context, DEPTH_LIMIT) == 0 &&
	       pcre2_set_heap_limit(p->context, HEAP_LIMIT_KIB) == 0;
}

static void say_wrong(int number, size_t at, char *error)
{
	PCRE2_UCHAR words[160];

	if (pcre2_get_error_message(number, words, sizeof words) < 0)
		words[0] = 0;
	(void)snprintf(error, PATTERN_ERROR_LONGEST, "%s (at character %zu)",
		(const char *)words, at + 1);
}

struct pattern *pattern_new(const char *text, char error[PATTERN_ERROR_LONGEST])
{
	struct pattern *p = calloc(1, sizeof *p);
	PCRE2_SIZE at = 0;
	int number = 0;

	(void)snprintf(error, PATTERN_ERROR_LONGEST, "no memory");
	if (!p)
		return NULL;
	p->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
		PCRE2_CASELESS | PCRE2_MULTILINE | PCRE2_NEVER_UTF |
			PCRE2_NEVER_BACKSLASH_C,
		&number, &at, NULL);
	if (p->code && pattern_limits(p))
		return p;
	if (!p->code)
		say_wrong(number, at, error);
	pattern_free(&p);
	return NULL;
}

void pattern_free(struct pattern **pattern)
{
	struct pattern *p = *pattern;

	if (!p)
		return;
	pcre2_code_free(p->code);
	pcre2_match_context_free(p->context);
	pcre2_match_data_free(p->data);
	free(p);
	*pattern = NULL;
}

enum pattern_result pattern_match(const struct pattern *p, struct slice subject)
{
	int result;

	subject = slice_head(subject, SUBJECT_MOST_BYTES);
	result = pcre2_match(p->code,
		(PCRE2_SPTR)(subject.n ? subject.p : (const uint8_t *)""),
		subject.n, 0, 0, p->data, p->context);
	if (result >= 0)
		return PATTERN_MATCH;
	return result == PCRE2_ERROR_NOMATCH ? PATTERN_NO_MATCH : PATTERN_LIMIT;
}
