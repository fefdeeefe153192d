/*
 * Keyed hashes of what the policy's tables are looked up by.
 *
 * Addresses and user names are chosen by strangers, so every table uses
 * SipHash under a key made of the run's seed: nobody can aim at one chain.
 * User names are kept as 64-bit hashes only; the core never stores a name.
 *
 * Called by the tables of this folder. Knows no table, no time. What can go
 * wrong: two users of one source share a hash (1 in 2^64 a pair); then a
 * success of one forgives the other.
 */
#include "hash.h"

#include <string.h>

#include "../base/siphash.h"

enum { FOLD_BYTES = 128 };

static uint64_t mix64(uint64_t x) /* splitmix64 (Steele, Lea, Flood 2014) */
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

void hash_key_init(struct hash_key *key, uint64_t seed)
{
	uint64_t halves[2] = {mix64(seed), mix64(~seed)};

	memcpy(key->octets, halves, sizeof(key->octets));
}

uint64_t hash_prefix(const struct hash_key *key, const struct prefix *prefix)
{
	uint8_t octets[17];

	memcpy(octets, prefix->addr.octets, 16);
	octets[16] = prefix->bits;
	return siphash(key->octets, octets, sizeof(octets));
}

uint64_t hash_numbers(
	const struct hash_key *key, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t numbers[3] = {a, b, c};

	return siphash(key->octets, numbers, sizeof(numbers));
}

/* Piece by piece, each with the hash so far, so that no length is cut off. */
uint64_t hash_user(const struct hash_key *key, struct slice user)
{
	uint8_t piece[sizeof(uint64_t) + FOLD_BYTES];
	uint64_t hash = 0;

	while (user.n > 0) {
		size_t n = user.n < FOLD_BYTES ? user.n : FOLD_BYTES;

		memcpy(piece, &hash, sizeof(hash));
		for (size_t i = 0; i < n; i++)
			piece[sizeof(hash) + i] = slice_lower(user.p[i]);
		hash = siphash(key->octets, piece, sizeof(hash) + n);
		hash += hash == 0; /* 0 says "unknown" */
		user = slice_skip(user, n);
	}
	return hash;
}

size_t hash_bucket_count(size_t most)
{
	size_t count = 1;

	while (count < most)
		count *= 2;
	return count;
}
