/*
 * What a prefix has in flight: sources that may fail any moment now.
 *
 * prefix-limit bans a prefix when so many strange sources in it have failed.
 * Until those are told a guesser has as many addresses as he likes: 254 of a
 * /24 that ask at once would all be passed before the fifth is settled. So a
 * strange source with a guess under way counts as one that failed already, and
 * of the others only so many may begin as failures are left; the rest waits, as
 * the ladder does it for the guesses of one source.
 *
 * No prefix is held back in which people are known, nor a source that failed
 * before: it adds none. Where the failures are all there and no ban is (it has
 * ended, or the table is full) one source at a time has its turn.
 *
 * A source counts in the prefix and in the narrow one inside it, since either
 * may be banned. A source has one guess under way at least, so the table is
 * never full: 16 octets for each two of the attempts there may be, and chains.
 *
 * Called by the ladder, which knows when a place is taken and given back. What
 * can go wrong: a reload that makes prefixes larger or smaller.
 */
#include "flight.h"

#include <stdlib.h>
#include <string.h>

#include "../base/check.h"
#include "prefix_limit.h"

struct flight {
	uint64_t key;
	uint32_t count, next; /* in the chain, or the next free slot */
};

_Static_assert(sizeof(struct flight) == 16, "the size stated above");

/* Slots count from 1; 0 is "none". */
struct flight_table {
	struct hash_key key;
	struct flight *slots;
	uint32_t *chains;
	size_t chain_mask;
	uint32_t most, fresh, free;
};

struct flight_table *flight_table_new(size_t most, const struct hash_key *key)
{
	struct flight_table *table = calloc(1, sizeof(*table));
	size_t slots = 2 * most; /* wide and narrow */
	size_t chains = hash_bucket_count(slots);

	if (table == NULL)
		return NULL;
	CHECK(most > 0 && slots < UINT32_MAX);
	table->key = *key;
	table->most = (uint32_t)slots;
	table->chain_mask = chains - 1;
	table->slots = calloc(slots + 1, sizeof(*table->slots));
	table->chains = calloc(chains, sizeof(*table->chains));
	if (table->slots == NULL || table->chains == NULL)
		flight_table_free(&table);
	return table;
}

void flight_table_free(struct flight_table **table)
{
	if (*table == NULL)
		return;
	free((*table)->slots);
	free((*table)->chains);
	free(*table);
	*table = NULL;
}

/* Where the chain points at its slot, or would. */
static uint32_t *find(const struct flight_table *table, uint64_t key)
{
	uint32_t *at = &table->chains[key & table->chain_mask];

	while (*at != 0 && table->slots[*at].key != key)
		at = &table->slots[*at].next;
	return at;
}

static uint32_t slot_take(struct flight_table *table)
{
	uint32_t index = table->free;

	if (index != 0)
		table->free = table->slots[index].next;
	else
		index = ++table->fresh;
	CHECK(index <= table->most);
	return index;
}

static void add(struct flight_table *table, const struct prefix *prefix)
{
	uint64_t key = hash_prefix(&table->key, prefix);
	uint32_t *at = find(table, key);

	if (*at == 0) {
		*at = slot_take(table);
		table->slots[*at] = (struct flight){.key = key};
	}
	table->slots[*at].count++;
}

static void take_off(struct flight_table *table, const struct prefix *prefix)
{
	uint32_t *at = find(table, hash_prefix(&table->key, prefix));
	uint32_t index = *at;

	CHECK(index != 0 && table->slots[index].count > 0);
	if (--table->slots[index].count > 0)
		return;
	*at = table->slots[index].next;
	table->slots[index].next = table->free;
	table->free = index;
}

static unsigned count(
	const struct flight_table *table, const struct prefix *prefix)
{
	uint32_t index = *find(table, hash_prefix(&table->key, prefix));

	return table->slots[index].count; /* slot 0 has none */
}

static void each_prefix(struct policy *policy, const struct source *source,
	void (*change)(struct flight_table *, const struct prefix *))
{
	struct prefix wide = prefix_limit_wide(policy, &source->key);
	struct prefix narrow = prefix_limit_narrow(policy, &source->key);

	change(policy->flights, &wide);
	if (!prefix_eq(&wide, &narrow))
		change(policy->flights, &narrow);
}

bool flight_room(
	const struct policy *policy, mono_ms_t now, const struct source *source)
{
	struct prefix_limit_state state;
	unsigned flying;

	if (source->in_flight_of_prefix ||
		!prefix_limit_state(policy, now, &source->key, &state))
		return true;
	flying = count(policy->flights, &state.prefix);
	if (state.failed_count >= state.limit)
		return flying == 0;
	return state.failed_before || state.failed_count + flying < state.limit;
}

void flight_begin(struct policy *policy, mono_ms_t now, struct source *source)
{
	struct prefix_limit_state state;

	if (source->in_flight_of_prefix ||
		!prefix_limit_state(policy, now, &source->key, &state) ||
		(state.failed_before && state.failed_count < state.limit))
		return;
	source->in_flight_of_prefix = 1;
	each_prefix(policy, source, add);
}

void flight_end(struct policy *policy, struct source *source)
{
	if (!source->in_flight_of_prefix)
		return;
	source->in_flight_of_prefix = 0;
	each_prefix(policy, source, take_off);
}

void flight_recount(struct policy *policy)
{
	struct flight_table *table = policy->flights;
	struct source *source;
	size_t cursor = 0;

	table->fresh = table->free = 0;
	memset(table->chains, 0,
		(table->chain_mask + 1) * sizeof(*table->chains));
	while ((source = source_next(policy->sources, &cursor)) != NULL)
		if (source->in_flight_of_prefix)
			each_prefix(policy, source, add);
}
