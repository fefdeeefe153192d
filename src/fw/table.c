/*
 * Prefixes with deadlines (see table.h).
 *
 * Linear probing with backward shift, so there are no tombstones and a lookup
 * never grows slower with the table's age. At most half full: an attacker
 * chooses the addresses but not the hash, whose key is random per table.
 *
 * Deadlines are found by a sweep, not by a heap: `soonest` is a lower bound,
 * and a sweep happens only once that is reached (and the caller asks at most
 * once a second). 262,144 entries are swept in about a millisecond.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"
#include "../base/siphash.h"

enum { FW_TABLE_SLOTS_FEWEST = 64 };

/*
 * Invariant: slots is NULL (then slot_count is 0) or has slot_count slots, a
 * power of two, at most half of them used; between an entry's home and its
 * slot no slot is free.
 */
struct fw_table {
	struct fw_entry *slots;
	size_t slot_count;
	size_t count;
	size_t most;
	size_t sweep; /* where fw_table_expire() goes on */
	mono_ms_t sweep_soonest;
	mono_ms_t soonest;
	uint8_t key[16];
};

struct fw_table *fw_table_new(size_t most)
{
	struct fw_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->most = most;
	table->soonest = MONO_NEVER;
	table->sweep_soonest = MONO_NEVER;
	secret_random(table->key, sizeof(table->key));
	return table;
}

void fw_table_free(struct fw_table **table)
{
	if (!*table)
		return;
	free((*table)->slots);
	free(*table);
	*table = NULL;
}

size_t fw_table_count(const struct fw_table *table)
{
	return table->count;
}

static size_t fw_table_home(
	const struct fw_table *table, const struct prefix *prefix)
{
	uint8_t octets[17];

	memcpy(octets, prefix->addr.octets, 16);
	octets[16] = prefix->bits;
	return (size_t)siphash(table->key, octets, sizeof(octets)) &
	       (table->slot_count - 1);
}

/* The slot of `prefix`, or the free one where it belongs. */
static size_t fw_table_slot(
	const struct fw_table *table, const struct prefix *prefix)
{
	size_t i = fw_table_home(table, prefix);

	while (table->slots[i].used &&
		!prefix_eq(&table->slots[i].prefix, prefix))
		i = (i + 1) & (table->slot_count - 1);
	return i;
}

struct fw_entry *fw_table_find(
	const struct fw_table *table, const struct prefix *prefix)
{
	struct fw_entry *entry;

	if (table->count == 0)
		return NULL;
	entry = &table->slots[fw_table_slot(table, prefix)];
	return entry->used ? entry : NULL;
}

static bool fw_table_grow(struct fw_table *table)
{
	struct fw_entry *old = table->slots;
	size_t old_count = table->slot_count;
	size_t count = old_count ? old_count * 2 : FW_TABLE_SLOTS_FEWEST;
	struct fw_entry *slots = calloc(count, sizeof(*slots));

	if (!slots)
		return false;
	table->slots = slots;
	table->slot_count = count;
	table->sweep = 0; /* all moved: the sweep begins anew */
	table->sweep_soonest = MONO_NEVER;
	for (size_t i = 0; i < old_count; i++)
		if (old[i].used)
			slots[fw_table_slot(table, &old[i].prefix)] = old[i];
	free(old);
	return true;
}

enum fw_table_result fw_table_put(struct fw_table *table,
	const struct prefix *prefix, mono_ms_t deadline, uint8_t mark)
{
	struct fw_entry *entry = fw_table_find(table, prefix);

	if (!entry) {
		if (table->count >= table->most)
			return FW_TABLE_FULL;
		if ((table->count + 1) * 2 > table->slot_count &&
			!fw_table_grow(table))
			return FW_TABLE_NO_MEMORY;
		entry = &table->slots[fw_table_slot(table, prefix)];
		*entry = (struct fw_entry){.prefix = *prefix, .used = true};
		table->count++;
	}
	entry->deadline = deadline;
	entry->mark = mark;
	if (deadline < table->soonest)
		table->soonest = deadline;
	/* It may lie behind a sweep that is under way. */
	if (table->sweep > 0 && deadline < table->sweep_soonest)
		table->sweep_soonest = deadline;
	return FW_TABLE_OK;
}

/* Frees slot i and closes the gap (Knuth, TAOCP 6.4, algorithm R). */
static void fw_table_unslot(struct fw_table *table, size_t i)
{
	size_t mask = table->slot_count - 1;
	size_t j = i;

	for (;;) {
		size_t home;

		j = (j + 1) & mask;
		if (!table->slots[j].used)
			break;
		home = fw_table_home(table, &table->slots[j].prefix);
		/* Stays if its home lies cyclically in (i, j]. */
		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		table->slots[i] = table->slots[j];
		i = j;
	}
	table->slots[i] = (struct fw_entry){.used = false};
	table->count--;
}

bool fw_table_delete(struct fw_table *table, const struct prefix *prefix)
{
	struct fw_entry *entry = fw_table_find(table, prefix);

	if (!entry)
		return false;
	fw_table_unslot(table, (size_t)(entry - table->slots));
	table->sweep = 0; /* entries moved: one may be behind the sweep now */
	table->sweep_soonest = MONO_NEVER;
	return true;
}

void fw_table_clear(struct fw_table *table)
{
	free(table->slots);
	table->slots = NULL;
	table->slot_count = 0;
	table->count = 0;
	table->sweep = 0;
	table->soonest = MONO_NEVER;
	table->sweep_soonest = MONO_NEVER;
}

struct fw_entry *fw_table_next(const struct fw_table *table, size_t *cursor)
{
	while (*cursor < table->slot_count) {
		struct fw_entry *entry = &table->slots[(*cursor)++];

		if (entry->used)
			return entry;
	}
	return NULL;
}

/*
 * Goes on with the sweep up to an entry that has ended, or to the end.
 * Freeing slot i may move a later entry into it, so i is looked at again. An
 * entry that wraps from the front to the back was looked at already.
 */
static bool fw_table_sweep(
	struct fw_table *table, mono_ms_t now, struct prefix *ret_prefix)
{
	for (; table->sweep < table->slot_count; table->sweep++) {
		const struct fw_entry *entry = &table->slots[table->sweep];

		if (!entry->used)
			continue;
		if (entry->deadline <= now) {
			*ret_prefix = entry->prefix;
			fw_table_unslot(table, table->sweep);
			return true;
		}
		if (entry->deadline < table->sweep_soonest)
			table->sweep_soonest = entry->deadline;
	}
	table->soonest = table->sweep_soonest;
	table->sweep_soonest = MONO_NEVER;
	table->sweep = 0;
	return false;
}

/* A second sweep where the first was begun at an earlier time. */
bool fw_table_expire(
	struct fw_table *table, mono_ms_t now, struct prefix *ret_prefix)
{
	while (table->soonest <= now)
		if (fw_table_sweep(table, now, ret_prefix))
			return true;
	return false;
}

mono_ms_t fw_table_soonest(const struct fw_table *table)
{
	return table->soonest;
}
