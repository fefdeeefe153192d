/*
 * The allow list.
 *
 * Two sources: the configuration (as many as it has, replaced as a whole) and
 * the operator (at most ALLOW_OPERATOR_MOST, one by one). Both are in one hash
 * table and a prefix may be in it for both reasons. A lookup probes the
 * lengths in use, shortest first, since every question is asked of it: with
 * an empty list it costs three words.
 *
 * Called by ladder.c, operator.c and policy.c. Lifts nothing itself. Memory is
 * allocated only when a configuration is taken over: 24 octets an entry.
 * What can go wrong: the operator's share is full.
 */
#include "allow.h"

#include <stdlib.h>
#include <string.h>

#include "lengths.h"

enum allow_reason {
	ALLOW_FREE = 0,
	ALLOW_CONFIGURED = 1,
	ALLOW_OPERATOR = 2,
};

struct allow_entry {
	struct prefix prefix;
	uint8_t reasons; /* bits of enum allow_reason */
	uint32_t next;	 /* in the chain, or the next free slot */
};

/* Slots count from 1; 0 is "none". */
struct allow_table {
	struct hash_key key;
	struct allow_entry *slots;
	uint32_t *chains;
	size_t chain_mask;
	uint32_t fresh, free;
	uint32_t operator_count;
	struct lengths lengths;
};

struct allow_table *allow_table_new(const struct hash_key *key)
{
	struct allow_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->key = *key;
	if (!allow_configure(table, NULL, 0))
		allow_table_free(&table);
	return table;
}

void allow_table_free(struct allow_table **table)
{
	if (*table == NULL)
		return;
	free((*table)->slots);
	free((*table)->chains);
	free(*table);
	*table = NULL;
}

static uint32_t *chain_of(
	const struct allow_table *table, const struct prefix *prefix)
{
	return &table->chains[hash_prefix(&table->key, prefix) &
			      table->chain_mask];
}

static struct allow_entry *entry_find(
	const struct allow_table *table, const struct prefix *prefix)
{
	uint32_t index = *chain_of(table, prefix);

	while (index != 0 && !prefix_eq(&table->slots[index].prefix, prefix))
		index = table->slots[index].next;
	return index != 0 ? &table->slots[index] : NULL;
}

/* There is always a slot: configured ones + ALLOW_OPERATOR_MOST. */
static void entry_add(struct allow_table *table, const struct prefix *prefix,
	enum allow_reason reason)
{
	struct prefix cut = lengths_cut(&prefix->addr, prefix->bits);
	struct allow_entry *entry = entry_find(table, &cut);
	uint32_t *chain = chain_of(table, &cut);
	uint32_t index = table->free;

	if (entry != NULL) {
		entry->reasons = (uint8_t)(entry->reasons | reason);
		return;
	}
	if (index != 0)
		table->free = table->slots[index].next;
	else
		index = ++table->fresh;
	table->slots[index] = (struct allow_entry){
		.prefix = cut, .reasons = (uint8_t)reason, .next = *chain};
	*chain = index;
	lengths_add(&table->lengths, cut.bits);
}

bool allow_configure(
	struct allow_table *table, const struct prefix *prefixes, size_t count)
{
	struct allow_table old = *table;
	size_t most = count + ALLOW_OPERATOR_MOST;
	size_t chains = hash_bucket_count(most);
	struct allow_entry *slots = calloc(most + 1, sizeof(*slots));
	uint32_t *heads = calloc(chains, sizeof(*heads));

	if (slots == NULL || heads == NULL) {
		free(slots);
		free(heads);
		return false;
	}
	*table = (struct allow_table){.key = old.key,
		.slots = slots,
		.chains = heads,
		.chain_mask = chains - 1,
		.operator_count = old.operator_count};
	for (size_t i = 0; i < count; i++)
		entry_add(table, &prefixes[i], ALLOW_CONFIGURED);
	for (uint32_t i = 1; i <= old.fresh; i++)
		if (old.slots[i].reasons & ALLOW_OPERATOR)
			entry_add(table, &old.slots[i].prefix, ALLOW_OPERATOR);
	free(old.slots);
	free(old.chains);
	return true;
}

bool allow_add(struct allow_table *table, const struct prefix *prefix)
{
	struct prefix cut = lengths_cut(&prefix->addr, prefix->bits);
	const struct allow_entry *entry = entry_find(table, &cut);

	if (entry != NULL && entry->reasons & ALLOW_OPERATOR)
		return true;
	if (table->operator_count == ALLOW_OPERATOR_MOST)
		return false;
	entry_add(table, &cut, ALLOW_OPERATOR);
	table->operator_count++;
	return true;
}

void allow_remove(struct allow_table *table, const struct prefix *prefix)
{
	struct prefix cut = lengths_cut(&prefix->addr, prefix->bits);
	struct allow_entry *entry = entry_find(table, &cut);
	uint32_t *at = chain_of(table, &cut);
	uint32_t index;

	if (entry == NULL || !(entry->reasons & ALLOW_OPERATOR))
		return;
	table->operator_count--;
	entry->reasons &= ALLOW_CONFIGURED;
	if (entry->reasons != ALLOW_FREE)
		return;
	index = (uint32_t)(entry - table->slots);
	while (*at != index)
		at = &table->slots[*at].next;
	*at = entry->next;
	entry->next = table->free;
	table->free = index;
	lengths_remove(&table->lengths, cut.bits);
}

bool allow_next(const struct allow_table *table, size_t *cursor,
	struct prefix *ret_prefix)
{
	while (*cursor < table->fresh) {
		const struct allow_entry *entry = &table->slots[++*cursor];

		if (entry->reasons & ALLOW_OPERATOR) {
			*ret_prefix = entry->prefix;
			return true;
		}
	}
	return false;
}

static bool match_upto(const struct allow_table *table, const struct addr *addr,
	unsigned longest, struct prefix *ret_prefix)
{
	unsigned bits = lengths_first(addr);

	for (; lengths_next(&table->lengths, bits, &bits); bits++) {
		struct prefix prefix;

		if (bits > longest)
			return false;
		prefix = lengths_cut(addr, bits);
		if (entry_find(table, &prefix) != NULL) {
			*ret_prefix = prefix;
			return true;
		}
	}
	return false;
}

bool allow_match(const struct allow_table *table, const struct addr *addr,
	struct prefix *ret_prefix)
{
	return match_upto(table, addr, 128, ret_prefix);
}

bool allow_covers(const struct allow_table *table, const struct prefix *prefix)
{
	struct prefix unused;

	return match_upto(table, &prefix->addr, prefix->bits, &unused);
}
