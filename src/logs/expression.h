/*
 * One expression (PCRE2) for a whole record, with groups by name.
 *
 * The only file of the folder with PCRE2. Unlike src/policy/pattern.h it must
 * match the record from its first octet to its last: what stands at the end
 * was written by the server, what stands before it may be a stranger's. The
 * work of one match is bounded.
 */
#ifndef LOGS_EXPRESSION_H
#define LOGS_EXPRESSION_H

#include "../../proto/slice.h"

struct expression;

enum expression_group {
	EXPRESSION_ADDR, /* (?<addr>…) */
	EXPRESSION_USER,
	EXPRESSION_SERVICE,
	EXPRESSION_GROUP_COUNT,
};

enum expression_result {
	EXPRESSION_MATCH = 0,
	EXPRESSION_NO_MATCH,
	EXPRESSION_LIMIT, /* given up: nothing is known */
};

enum { EXPRESSION_ERROR_LONGEST = 256 };

/* `.` is any octet. It must have a group addr. jit: compiled to machine code
 * where possible, which needs memory that is writable and executable. NULL:
 * `error` says what is wrong. Caller frees. */
struct expression *expression_new(
	const char *text, bool jit, char error[EXPRESSION_ERROR_LONGEST]);
void expression_free(struct expression **expression);
/* Groups that did not take part have n 0. */
enum expression_result expression_match(const struct expression *expression,
	struct slice subject, struct slice ret_groups[EXPRESSION_GROUP_COUNT]);

#endif
