/*
 * Tries that were answered 454.
 *
 * A mail program comes back by itself, with the same secret; a bot has the next
 * guess to make. What tells them apart is counted here, by place, user and tag.
 * One who hammers gains nothing: tries closer together than the gap are one.
 *
 * Memory, allocated once: 48 octets and a chain of 4 for each of as many as
 * there are pairs; the one touched longest ago gives way and is new again.
 *
 * Called by the rules that answer 454. What can go wrong: a tag that is not
 * known (CRAM-MD5 has a new answer each time); then user and place must do.
 */
#include "retry.h"

#include "keyed.h"
#include "passport.h"

enum { DAY_MS = 86400000 };

_Static_assert(sizeof(struct retry) + 24 == 48, "the size stated above");

static uint64_t key_of(const struct policy *policy, const struct addr *addr,
	uint64_t user, uint64_t tag)
{
	struct prefix place = passport_place(policy, addr);

	return hash_numbers(
		&policy->key, hash_prefix(&policy->key, &place), user, tag);
}

const struct retry *retry_note(struct policy *policy, mono_ms_t now,
	const struct addr *addr, uint64_t user, uint64_t tag, uint64_t gap_ms)
{
	struct retry *retry =
		keyed_take(policy->tries, key_of(policy, addr, user, tag));

	if (retry->count == 0 || now - retry->first_at >= DAY_MS) {
		*retry = (struct retry){
			.first_at = now, .counted_at = now, .count = 1};
	} else if (now - retry->counted_at >= gap_ms) {
		retry->counted_at = now;
		retry->count++;
	}
	return retry;
}

void retry_forget(struct policy *policy, const struct addr *addr, uint64_t user,
	uint64_t tag)
{
	keyed_remove(policy->tries, key_of(policy, addr, user, tag));
}
