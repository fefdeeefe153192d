/* Refused pairs: what the server refused is not asked again for a while. */
#ifndef POLICY_PAIR_H
#define POLICY_PAIR_H

#include <stdbool.h>

#include "core.h"

/* A user with a secret that the server refused. */
struct pair {
	mono_ms_t refused_at, until; /* 0: never refused */
	mono_ms_t first_at;	     /* since the last success of the user */
	mono_ms_t noted_at;	     /* ACTION_NOTE; 0: never */
	uint32_t span_s;
	uint32_t answer_count; /* answered here since first_at */
	uint64_t user;
};

/* Is this try answered here? Only where user and tag are known (not 0).
 * scarce: the server would lock the user soon, so its time goes on. */
bool pair_refused(struct policy *policy, mono_ms_t now, uint64_t user,
	uint64_t tag, bool scarce);
/* Did the server refuse it within a day? */
bool pair_known(const struct policy *policy, mono_ms_t now, uint64_t user,
	uint64_t tag);
/* The server refused it. home: the user is known at this source. */
void pair_refuse(struct policy *policy, mono_ms_t now, uint64_t user,
	uint64_t tag, bool home);
/* Answered here once more. Says so to the help desk, once a day, when it goes
 * on: a device keeps an old password. holder: of a place of his. */
void pair_answered(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, uint64_t user, bool holder);
/* So many of his are answered here now. Looks at all of them. */
size_t pair_count(const struct policy *policy, mono_ms_t now, uint64_t user);
/* What is held against the user is void: he succeeded, or the operator said
 * so. */
void pair_clear(struct policy *policy, mono_ms_t now, uint64_t user);

#endif
