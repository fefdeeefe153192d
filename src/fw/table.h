/*
 * Prefixes with deadlines: the helper's mirror of what should be in force.
 *
 * Also used for a sync that is being told, for the changes of one datagram,
 * and by the backends that cannot ask anybody what they did. Open addressing
 * with a keyed hash (the keys come from strangers), grows by doubling up to
 * its cap. No clock, no log, no descriptor.
 */
#ifndef FW_TABLE_H
#define FW_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/addr.h"
#include "../base/units.h"

struct fw_table;

struct fw_entry {
	struct prefix prefix;
	bool used;
	uint8_t mark;	    /* the user's; 0 in a new entry */
	mono_ms_t deadline; /* MONO_NEVER: none */
};

enum fw_table_result {
	FW_TABLE_OK = 0,
	FW_TABLE_FULL,
	FW_TABLE_NO_MEMORY,
};

/* most: entries at a time. NULL without memory. */
struct fw_table *fw_table_new(size_t most);
void fw_table_free(struct fw_table **table);

size_t fw_table_count(const struct fw_table *table);

/* NULL: not in it. Borrowed until the next put or delete. */
struct fw_entry *fw_table_find(
	const struct fw_table *table, const struct prefix *prefix);

/*
 * Adds, or gives what is there a new deadline and mark. At the cap only new
 * ones are refused.
 */
enum fw_table_result fw_table_put(struct fw_table *table,
	const struct prefix *prefix, mono_ms_t deadline, uint8_t mark)
	__attribute__((warn_unused_result));

bool fw_table_delete(struct fw_table *table, const struct prefix *prefix);
void fw_table_clear(struct fw_table *table); /* gives the memory back too */

/* All entries in no order: *cursor starts at 0. NULL at the end. */
struct fw_entry *fw_table_next(const struct fw_table *table, size_t *cursor);

/*
 * Takes one entry out whose deadline has come. false: none left, and
 * fw_table_soonest() is exact again.
 */
bool fw_table_expire(
	struct fw_table *table, mono_ms_t now, struct prefix *ret_prefix);

/* No deadline is before this; MONO_NEVER: none at all. */
mono_ms_t fw_table_soonest(const struct fw_table *table);

#endif
