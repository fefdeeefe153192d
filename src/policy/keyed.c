/*
 * A table of fixed size, by keyed hash.
 *
 * What the rules count under (a user, a prefix, a pair) is reduced to 64 bits
 * by a keyed hash before it comes here, and those bits are the identity: two
 * that share them (1 in 2^64 a pair) are one. The values are the rule's own.
 * Allocated once; the entry that was touched longest ago gives way to a fresh
 * one, so that a flood costs counters and never memory.
 *
 * Called by the rules' files. Knows no rule, no time. What can go wrong: no
 * memory in keyed_table_new().
 */
#include "keyed.h"

#include <stdlib.h>
#include <string.h>

#include "../base/check.h"
#include "hash.h"

/* Slots count from 1; 0 is "none". */
struct entry {
	uint64_t key;
	uint32_t next; /* in the chain, or the next free slot */
	uint32_t newer, older;
	uint32_t used;
	uint64_t value[];
};

struct keyed_table {
	uint8_t *slots; /* most + 1, each of `stride` octets */
	uint32_t *chains;
	size_t stride, value_bytes, chain_mask;
	uint32_t most, fresh; /* slots after `fresh` were never used */
	uint32_t free_first, newest, oldest, count;
	uint64_t evicted_count;
};

struct keyed_table *keyed_table_new(size_t most, size_t value_bytes)
{
	struct keyed_table *table = calloc(1, sizeof(*table));
	size_t chains = hash_bucket_count(most);

	if (table == NULL)
		return NULL;
	CHECK(most > 0 && most < UINT32_MAX);
	table->most = (uint32_t)most;
	table->value_bytes = value_bytes;
	table->stride = sizeof(struct entry) + (value_bytes + 7) / 8 * 8;
	table->chain_mask = chains - 1;
	table->slots = calloc(most + 1, table->stride);
	table->chains = calloc(chains, sizeof(*table->chains));
	if (table->slots == NULL || table->chains == NULL)
		keyed_table_free(&table);
	return table;
}

void keyed_table_free(struct keyed_table **table)
{
	if (*table == NULL)
		return;
	free((*table)->slots);
	free((*table)->chains);
	free(*table);
	*table = NULL;
}

size_t keyed_table_count(const struct keyed_table *table)
{
	return table->count;
}

uint64_t keyed_table_evicted_count(const struct keyed_table *table)
{
	return table->evicted_count;
}

static struct entry *at(const struct keyed_table *table, uint32_t slot)
{
	void *entry = table->slots + (size_t)slot * table->stride;

	return entry;
}

static uint32_t *chain_of(const struct keyed_table *table, uint64_t key)
{
	return &table->chains[key & table->chain_mask];
}

static uint32_t slot_of(const struct keyed_table *table, uint64_t key)
{
	uint32_t slot = *chain_of(table, key);

	while (slot != 0 && at(table, slot)->key != key)
		slot = at(table, slot)->next;
	return slot;
}

static void unlink_age(struct keyed_table *table, const struct entry *entry)
{
	if (entry->newer != 0)
		at(table, entry->newer)->older = entry->older;
	else
		table->newest = entry->older;
	if (entry->older != 0)
		at(table, entry->older)->newer = entry->newer;
	else
		table->oldest = entry->newer;
}

static void link_newest(struct keyed_table *table, uint32_t slot)
{
	struct entry *entry = at(table, slot);

	entry->newer = 0;
	entry->older = table->newest;
	if (table->newest != 0)
		at(table, table->newest)->newer = slot;
	else
		table->oldest = slot;
	table->newest = slot;
}

static void forget(struct keyed_table *table, uint32_t slot)
{
	struct entry *entry = at(table, slot);
	uint32_t *link = chain_of(table, entry->key);

	while (*link != slot)
		link = &at(table, *link)->next;
	*link = entry->next;
	unlink_age(table, entry);
	entry->used = 0;
	entry->next = table->free_first;
	table->free_first = slot;
	table->count--;
}

static uint32_t free_slot(struct keyed_table *table)
{
	uint32_t slot = table->free_first;

	if (slot == 0 && table->fresh < table->most)
		return ++table->fresh;
	if (slot == 0) {
		table->evicted_count++;
		forget(table, table->oldest);
		slot = table->free_first;
	}
	table->free_first = at(table, slot)->next;
	return slot;
}

void *keyed_find(const struct keyed_table *table, uint64_t key)
{
	uint32_t slot = slot_of(table, key);

	return slot != 0 ? at(table, slot)->value : NULL;
}

void *keyed_take(struct keyed_table *table, uint64_t key)
{
	uint32_t slot = slot_of(table, key);
	struct entry *entry;

	if (slot != 0) {
		unlink_age(table, at(table, slot));
		link_newest(table, slot);
		return at(table, slot)->value;
	}
	slot = free_slot(table);
	entry = at(table, slot);
	entry->key = key;
	entry->used = 1;
	entry->next = *chain_of(table, key);
	*chain_of(table, key) = slot;
	memset(entry->value, 0, table->value_bytes);
	link_newest(table, slot);
	table->count++;
	return entry->value;
}

void keyed_remove(struct keyed_table *table, uint64_t key)
{
	uint32_t slot = slot_of(table, key);

	if (slot != 0)
		forget(table, slot);
}

void *keyed_oldest(const struct keyed_table *table, uint64_t *ret_key)
{
	if (table->oldest == 0)
		return NULL;
	*ret_key = at(table, table->oldest)->key;
	return at(table, table->oldest)->value;
}

void *keyed_next(
	const struct keyed_table *table, size_t *cursor, uint64_t *ret_key)
{
	while (*cursor < table->fresh) {
		struct entry *entry = at(table, (uint32_t)++ * cursor);

		if (!entry->used)
			continue;
		*ret_key = entry->key;
		return entry->value;
	}
	return NULL;
}

void keyed_save(const struct keyed_table *table, struct octets *out)
{
	octets_put_number(out, table->value_bytes);
	octets_put_number(out, table->evicted_count);
	octets_put_number(out, table->count);
	for (uint32_t slot = table->oldest; slot != 0;
		slot = at(table, slot)->newer) {
		octets_put_number(out, at(table, slot)->key);
		octets_put(out, at(table, slot)->value, table->value_bytes);
	}
}

/* Of values that have another size there is what both have room for. */
static void load_one(struct keyed_table *table, struct octets *in,
	size_t value_bytes, bool (*sound)(void *value, size_t value_bytes))
{
	size_t kept = value_bytes < table->value_bytes ? value_bytes
						       : table->value_bytes;
	uint64_t key = octets_take_number(in, UINT64_MAX);
	const uint8_t *from = octets_borrow(in, value_bytes);
	void *value;

	if (from == NULL || keyed_find(table, key) != NULL) {
		octets_fail(in);
		return;
	}
	value = keyed_take(table, key);
	memcpy(value, from, kept);
	if (sound != NULL && !sound(value, table->value_bytes))
		octets_fail(in);
}

bool keyed_load(struct keyed_table *table, struct octets *in,
	bool (*sound)(void *value, size_t value_bytes))
{
	size_t value_bytes = octets_take_number(in, UINT32_MAX);
	uint64_t evicted_count = octets_take_number(in, UINT64_MAX);
	uint64_t count = octets_take_number(in, UINT32_MAX);

	while (count-- > 0 && !in->failed)
		load_one(table, in, value_bytes, sound);
	table->evicted_count += evicted_count;
	return !in->failed;
}
