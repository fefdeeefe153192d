/* Logins under way, and the guesses that they make. */
#ifndef POLICY_ATTEMPT_H
#define POLICY_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/units.h"
#include "hash.h"

enum attempt_standing {
	ATTEMPT_COUNTED, /* its failure counts */
	ATTEMPT_SURPLUS, /* observed: would have been held */
	ATTEMPT_IGNORED, /* observed: would never have been made */
};

/*
 * What is tried: user and secret. Attempts of one source that try the same
 * at once share one guess, and one place. charged: it holds a place of its
 * source, that is, it may still add a failure.
 */
struct guess {
	uint64_t user, tag;
	uint32_t source; /* source_index() */
	uint32_t attempt_count;
	uint32_t next;
	bool charged;
};

struct attempt {
	uint64_t id;
	mono_ms_t began;
	uint64_t user;	 /* hash; outlives the guess */
	uint64_t device; /* hash of the name in EHLO; 0: none */
	uint32_t guess;	 /* 0: lapsed, counted as a failure already */
	uint32_t next;
	uint32_t newer, older; /* of the open, or of the lapsed */
	uint8_t standing;      /* enum attempt_standing */
	uint8_t relation;      /* enum relation */
	uint8_t spent;	       /* what it was granted of; budget.h */
};

struct attempt_table;

/* NULL without memory. Caller frees. */
struct attempt_table *attempt_table_new(
	size_t most, const struct hash_key *key);
void attempt_table_free(struct attempt_table **table);
size_t attempt_table_count(const struct attempt_table *table); /* open ones */

/* Open or lapsed; NULL: neither. */
struct attempt *attempt_find(const struct attempt_table *table, uint64_t id);
/* The open one that began first; NULL: none. */
struct attempt *attempt_oldest(const struct attempt_table *table);
bool attempt_lapsed(const struct attempt *attempt);
struct guess *attempt_guess(
	const struct attempt_table *table, const struct attempt *attempt);

/* The guess under way at this source; NULL: none, or the tag is unknown. */
struct guess *guess_find(const struct attempt_table *table, uint32_t source,
	uint64_t user, uint64_t tag);

/* Opens `id`, which must not be known. A lapsed one gives way when all slots
 * are taken; NULL: all are open. */
struct attempt *attempt_open(struct attempt_table *table, mono_ms_t now,
	uint64_t id, uint32_t source, uint64_t user, uint64_t tag);
/* Lets go of its guess and forgets it. Returns whether a place fell free. */
bool attempt_close(struct attempt_table *table, struct attempt *attempt);
/* The same, but keeps the id, so that a late outcome does not count twice. */
bool attempt_lapse(struct attempt_table *table, struct attempt *attempt);

/* In the order in which they began; NULL: the first, and no more. */
const struct attempt *attempt_next(const struct attempt_table *table,
	const struct attempt *before, bool lapsed);

#endif
