/* A table of fixed size, by keyed hash; who was touched longest ago gives way.
 */
#ifndef POLICY_KEYED_H
#define POLICY_KEYED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/octets.h"

struct keyed_table;

/* most: entries; value_bytes: of each, zero at first. Takes most * (24 +
 * value_bytes rounded up to 8) octets and 4 for each chain. NULL without
 * memory. Caller frees. */
struct keyed_table *keyed_table_new(size_t most, size_t value_bytes);
void keyed_table_free(struct keyed_table **table);
size_t keyed_table_count(const struct keyed_table *table);
/* Entries that gave way to a fresh one. */
uint64_t keyed_table_evicted_count(const struct keyed_table *table);

/* key: hash_numbers() of what is meant, so that nobody can aim at a chain.
 * NULL: not there. Borrowed until the next keyed_take(). */
void *keyed_find(const struct keyed_table *table, uint64_t key);
/* Finds or makes it, and marks it as touched now. */
void *keyed_take(struct keyed_table *table, uint64_t key);
/* Forgets it; nothing happens when it is not there. */
void keyed_remove(struct keyed_table *table, uint64_t key);
/* The one that would give way next; NULL: the table is empty. */
void *keyed_oldest(const struct keyed_table *table, uint64_t *ret_key);
/* All in slot order: *cursor starts at 0; NULL: no more. The entry just given
 * may be removed. */
void *keyed_next(
	const struct keyed_table *table, size_t *cursor, uint64_t *ret_key);

/* For the next core (image.h): all entries, oldest first. */
void keyed_save(const struct keyed_table *table, struct octets *out);
/* Into an empty table; more than fit push out the oldest. sound: looks at a
 * value, which it may mend; NULL: all are. false: refused. */
bool keyed_load(struct keyed_table *table, struct octets *in,
	bool (*sound)(void *value, size_t value_bytes));

#endif
