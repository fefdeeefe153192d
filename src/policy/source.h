/* The table of tracked sources: what each did lately. */
#ifndef POLICY_SOURCE_H
#define POLICY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/addr.h"
#include "../base/octets.h"
#include "../base/units.h"
#include "hash.h"

struct source {
	struct prefix key;
	uint8_t used : 1;		 /* slot is taken */
	uint8_t in_flight_of_prefix : 1; /* flight.c */
	uint16_t failure_count; /* records kept, see source_failures() */
	uint32_t next;		/* in the chain, or the next free slot */
	uint32_t newer, older;	/* idle list; not on it while in flight */
	uint32_t in_flight_count;
	uint32_t place_count; /* in flight that count as failures until
				 settled */
	mono_ms_t first_seen, last_failure, last_success; /* 0: never */
	mono_ms_t spared_at; /* ACTION_SPARED was said; 0: never */
	uint64_t success_count, failure_total;
};

struct source_table;

/* most: sources; failures_most: records of each, the larger of the limits.
 * NULL without memory. Caller frees. */
struct source_table *source_table_new(
	size_t most, unsigned failures_most, const struct hash_key *key);
void source_table_free(struct source_table **table);
/* Failures older than this are forgotten (the longer window). */
void source_table_keep(struct source_table *table, uint64_t keep_ms);
size_t source_table_count(const struct source_table *table);
unsigned source_table_failures_most(const struct source_table *table);
/* Times that failures which still counted were lost to a newcomer. */
uint64_t source_table_evicted_count(const struct source_table *table);

/* NULL: not tracked. Borrowed until the next source_take(). */
struct source *source_find(
	const struct source_table *table, const struct prefix *key);
/* Finds or makes it, and marks it as active now. NULL: every slot belongs to
 * a source with attempts in flight. */
struct source *source_take(
	struct source_table *table, const struct prefix *key, mono_ms_t now);
/* A number that stays the source's own while it has attempts in flight. */
uint32_t source_index(
	const struct source_table *table, const struct source *source);
struct source *source_at(const struct source_table *table, uint32_t index);
/* All sources in slot order: *cursor starts at 0; NULL: no more. */
struct source *source_next(const struct source_table *table, size_t *cursor);

void source_flight_begin(struct source_table *table, struct source *source);
void source_flight_end(struct source_table *table, struct source *source);

/* Failures in the last window_ms, at most failures_most. */
unsigned source_failures(const struct source_table *table,
	const struct source *source, mono_ms_t now, uint64_t window_ms);
/* Different users among them; who is not known is none. */
unsigned source_users(const struct source_table *table,
	const struct source *source, mono_ms_t now, uint64_t window_ms);
/* This very guess failed already and is still kept. tag 0: never. */
bool source_failed_same(const struct source_table *table,
	const struct source *source, mono_ms_t now, uint64_t user,
	uint64_t tag);
void source_fail(struct source_table *table, struct source *source,
	mono_ms_t now, uint64_t user, uint64_t tag);
/* Other users than this one whose failures are kept, at most 2. */
unsigned source_other_users(const struct source_table *table,
	const struct source *source, mono_ms_t now, uint64_t user);
/* Drops the failures of one user. */
void source_forgive(
	struct source_table *table, struct source *source, uint64_t user);
/* Drops all failures. */
void source_pardon(struct source *source);

/* For the next core (image.h). What is in flight is not in it, but for
 * in_flight_of_prefix. false: refused. */
void source_table_save(const struct source_table *table, struct octets *out);
bool source_table_load(struct source_table *table, struct octets *in);

#endif
