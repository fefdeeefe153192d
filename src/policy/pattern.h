/*
 * Patterns that an operator writes (PCRE2), with limits.
 *
 * The only file with PCRE2 here; src/logs/ has one of its own. A pattern is
 * matched against text that a stranger chose, so the work of one match is
 * bounded: what goes beyond the limit is no match, and says so. Octets, not
 * characters: no UTF mode, no \C, no JIT (writable and executable memory is not
 * worth the few matches there are).
 */
#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include <stddef.h>

#include "../../proto/slice.h"

struct pattern;

enum pattern_result {
	PATTERN_MATCH = 0,
	PATTERN_NO_MATCH,
	PATTERN_LIMIT, /* given up: nothing is known */
};

enum { PATTERN_ERROR_LONGEST = 256 };

/* Case does not count, `.` is any octet but a newline, `^` and `$` are those
 * of lines. NULL: `error` says what is wrong and where. Caller frees. */
struct pattern *pattern_new(
	const char *text, char error[PATTERN_ERROR_LONGEST]);
void pattern_free(struct pattern **pattern);
/* Anywhere in the subject, of which the first 4,096 octets are looked at. */
enum pattern_result pattern_match(
	const struct pattern *pattern, struct slice subject);

#endif
