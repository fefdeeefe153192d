/* Keyed hashes of what the tables are looked up by. */
#ifndef POLICY_HASH_H
#define POLICY_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/addr.h"

struct hash_key {
	uint8_t octets[16];
};

void hash_key_init(struct hash_key *key, uint64_t seed);
uint64_t hash_prefix(const struct hash_key *key, const struct prefix *prefix);
uint64_t hash_numbers(
	const struct hash_key *key, uint64_t a, uint64_t b, uint64_t c);
/* ASCII case folded; 0 only for the empty (unknown) user. */
uint64_t hash_user(const struct hash_key *key, struct slice user);
/* Chains for `most` entries: a power of two, at least most. */
size_t hash_bucket_count(size_t most);

#endif
