/* What is known of a user name: who tried it, and since when it is a person. */
#ifndef POLICY_PERSON_H
#define POLICY_PERSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/octets.h"
#include "../base/units.h"

enum {
	PERSON_STRANGE_MOST = 8, /* sources a siege is counted by */
	PERSON_QUOTA_MOST = 8,
};

/* What strangers were granted of late, of this user (budget.h). */
enum person_quota {
	PERSON_QUOTA_ANY,
	PERSON_QUOTA_PATIENCE,
	PERSON_QUOTA_NEAR,
	PERSON_QUOTA_TRUSTED,
	PERSON_QUOTA_COUNT,
};

/* A strange source that tried the name. */
struct strange {
	uint32_t source; /* of its hash */
	uint32_t at_s;	 /* quota_time(); 0: free */
};

/* Of one name. Times are of the core's clock; 0: never. */
struct person {
	mono_ms_t last_success;
	mono_ms_t cleared_at; /* pairs that were refused before are void */
	mono_ms_t siege_until;
	mono_ms_t released_until; /* the operator vouches for a new place */
	mono_ms_t last_failure;
	uint32_t failure_count;	  /* at the server since the last success */
	uint32_t in_flight_count; /* on their way there */
	bool known;	/* its last success came from where it has been */
	bool succeeded; /* it is somebody's name */
	struct strange strange[PERSON_STRANGE_MOST];
	uint32_t quota[PERSON_QUOTA_COUNT][PERSON_QUOTA_MOST]; /* quota.h */
};

struct person_table;

/* most: of names that succeeded, and as many that never did.
 * NULL without memory. Caller frees. */
struct person_table *person_table_new(size_t most);
void person_table_free(struct person_table **table);

/* user: hash_user(). NULL: nothing is known. Borrowed until the next call
 * that may make one. */
struct person *person_find(const struct person_table *table, uint64_t user);
/* Finds or makes it. Never NULL. */
struct person *person_take(struct person_table *table, uint64_t user);
/* It succeeded, known: from a place where it has been before. Whoever did not
 * for memory_ms is nobody any more. */
struct person *person_succeed(struct person_table *table, mono_ms_t now,
	uint64_t user, bool known, uint64_t memory_ms);

/* Strange sources other than this one that tried the name within span_ms, of
 * those that are kept. */
unsigned person_strangers(const struct person *person, mono_ms_t now,
	uint64_t span_ms, uint32_t source);
/* Somebody got in from there: it is not strange. */
void person_not_strange(struct person *person, uint32_t source);

/* When the first success was, ever; 0: none yet. */
mono_ms_t person_since(const struct person_table *table);
/* Names that succeeded lately, and those of them with `known`. */
size_t person_count(const struct person_table *table);
size_t person_known_count(const struct person_table *table);

/* For the next core (image.h). false: refused. */
void person_table_save(const struct person_table *table, struct octets *out);
bool person_table_load(struct person_table *table, struct octets *in);

#endif
