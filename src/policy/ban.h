/* The table of bans: by prefix, by address, by their end. */
#ifndef POLICY_BAN_H
#define POLICY_BAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/addr.h"
#include "../base/octets.h"
#include "../base/units.h"
#include "hash.h"
#include "policy.h"

/*
 * Active (heap_at > 0), or over and remembered for its repeats. offence_count:
 * bans by the ladder so far, this one included; 0: nothing to remember.
 */
struct ban {
	struct prefix prefix;
	bool shadow; /* observed only; nobody is told or turned away */
	bool soft;   /* acts at AUTH only: people log in from there */
	mono_ms_t since, until;
	enum policy_rule rule;
	unsigned failure_count;
	uint32_t offence_count;
	uint32_t heap_at;      /* place in the heap of ends; 0: over */
	uint32_t next;	       /* in the chain, or the next free slot */
	uint32_t newer, older; /* of those that are over */
};

struct ban_table;

/* NULL without memory. Caller frees. */
struct ban_table *ban_table_new(size_t most, const struct hash_key *key);
void ban_table_free(struct ban_table **table);
size_t ban_table_count(const struct ban_table *table); /* active, no shadows */
bool ban_room(const struct ban_table *table); /* for one more active one */

/* Of exactly this prefix, active or over; NULL: none. */
struct ban *ban_find(
	const struct ban_table *table, const struct prefix *prefix);
/* The narrowest active one that holds the address; a soft one only where there
 * is no other. NULL: none. */
struct ban *ban_match(const struct ban_table *table, const struct addr *addr,
	mono_ms_t now, bool shadows);
bool ban_active(const struct ban *ban);
/* Did the source do something here? Not where an operator or a list says so. */
static inline bool ban_is_offence(enum policy_rule rule)
{
	return rule != RULE_OPERATOR && rule != RULE_LIST;
}
/* The active one that ends first; NULL: none. */
struct ban *ban_soonest(const struct ban_table *table);
/* All of them in slot order: *cursor starts at 0; NULL: no more. */
struct ban *ban_next(const struct ban_table *table, size_t *cursor);
/* What others get to see of it. */
struct policy_ban ban_info(const struct ban *ban);

/* Finds or makes it; a new one is over. One that is over gives way when the
 * table is full, oldest first; NULL: all are active. */
struct ban *ban_take(struct ban_table *table, const struct prefix *prefix);
/* Makes it active, or moves the end of an active one. */
void ban_set(
	struct ban_table *table, struct ban *ban, mono_ms_t until, bool shadow);
/* It is over: remembered if it has offences, else forgotten. */
void ban_end(struct ban_table *table, struct ban *ban);
/* Forgets it, active or over. */
void ban_remove(struct ban_table *table, struct ban *ban);
/* Forgets at most `most` of those that were over memory_ms ago. */
void ban_forget_old(struct ban_table *table, mono_ms_t now, uint64_t memory_ms,
	unsigned most);

/* For the next core (image.h). false: refused. */
void ban_table_save(const struct ban_table *table, struct octets *out);
bool ban_table_load(struct ban_table *table, struct octets *in);

#endif
