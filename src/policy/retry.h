/* Tries that were answered 454, and whoever comes back with the same. */
#ifndef POLICY_RETRY_H
#define POLICY_RETRY_H

#include "core.h"

/* The same user and secret from the same place. */
struct retry {
	mono_ms_t first_at, counted_at;
	uint32_t count; /* those closer than the gap are one; at least 1 */
};

/* Notes one more try; what is older than a day begins anew. tag 0: unknown,
 * then all secrets of the user are one. Borrowed until the next call. */
const struct retry *retry_note(struct policy *policy, mono_ms_t now,
	const struct addr *addr, uint64_t user, uint64_t tag, uint64_t gap_ms);
/* It went on and was right: whoever comes with it from there next, a guesser
 * next door to him, begins anew. */
void retry_forget(struct policy *policy, const struct addr *addr, uint64_t user,
	uint64_t tag);

#endif
