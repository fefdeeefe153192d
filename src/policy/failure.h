/* What a failed login brings. */
#ifndef POLICY_FAILURE_H
#define POLICY_FAILURE_H

#include "core.h"

/* Different guesses of the source that failed in each window. */
unsigned failure_count_fast(const struct policy *policy, mono_ms_t now,
	const struct source *source);
unsigned failure_count_slow(const struct policy *policy, mono_ms_t now,
	const struct source *source);
/* Of the reply to the n-th failure in the window. */
uint64_t failure_delay(const struct policy *policy, unsigned n);

/* Of a ban that has had so many before it. */
uint64_t failure_grown(
	const struct policy *policy, uint64_t span_ms, unsigned repeats);

/* An open attempt failed. It stays open, but its guess loses its place.
 * Returns the rule of the ban that began, or RULE_NONE. */
enum policy_rule failure_of_attempt(
	struct policy *policy, mono_ms_t now, struct attempt *attempt);
/* One more failure, of a guess that had none. The same result. */
enum policy_rule failure_add(struct policy *policy, mono_ms_t now,
	struct source *source, uint64_t user, uint64_t tag);

#endif
