/* The allow list: what is never slowed, refused or banned. */
#ifndef POLICY_ALLOW_H
#define POLICY_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/addr.h"
#include "hash.h"

enum { ALLOW_OPERATOR_MOST = 1024 }; /* added at run time */

struct allow_table;

/* Empty; the configuration follows. NULL without memory. Caller frees. */
struct allow_table *allow_table_new(const struct hash_key *key);
void allow_table_free(struct allow_table **table);
/* Takes the configured ones over; the operator's stay. false: no memory, and
 * the table is as before. */
bool allow_configure(struct allow_table *table, const struct prefix *prefixes,
	size_t count) __attribute__((warn_unused_result));

/* The operator's. false: ALLOW_OPERATOR_MOST are there already. */
bool allow_add(struct allow_table *table, const struct prefix *prefix)
	__attribute__((warn_unused_result));
void allow_remove(struct allow_table *table, const struct prefix *prefix);
/* The operator's, any order: *cursor starts at 0. */
bool allow_next(const struct allow_table *table, size_t *cursor,
	struct prefix *ret_prefix);

/* The widest entry that holds the address. */
bool allow_match(const struct allow_table *table, const struct addr *addr,
	struct prefix *ret_prefix);
/* Is all of the prefix allowed by one entry? */
bool allow_covers(const struct allow_table *table, const struct prefix *prefix);

#endif
