/*
 * The table of bans.
 *
 * A ban has a prefix of any length and is found by exact prefix (to extend or
 * lift it) or by an address (to turn it away): the lengths in use are kept in
 * a bitmap, and the address is hashed once for each. Active bans are in a heap
 * by their end. A ban of the ladder that is over stays for its repeat count,
 * in a list by its end, until the memory is over or its slot is needed: those
 * go first, oldest first; an active ban never gives way here.
 *
 * Memory, all of it allocated once: 72 octets a ban, 4 in the heap, 4 a chain
 * (next power of two): 21 MB for 262,144 bans. O(1), O(log n) for the heap.
 *
 * Knows no rule and tells nobody; penalty.c does. What can go wrong: the table
 * is full of active bans.
 */
#include "ban.h"

#include <stdlib.h>
#include <string.h>

#include "../base/check.h"
#include "lengths.h"

_Static_assert(sizeof(struct ban) <= 72, "the size stated above");

/*
 * Slots count from 1; 0 is "none". The heap too: parent of i is i / 2, no
 * child ends before its parent, slots[heap[i]].heap_at == i.
 */
struct ban_table {
	struct hash_key key;
	struct ban *slots;
	uint32_t *heap, *chains;
	size_t chain_mask;
	uint32_t most, fresh, free;
	uint32_t heap_count, shadow_count;
	uint32_t newest, oldest; /* over, by their end */
	struct lengths lengths;	 /* of the active ones */
};

struct ban_table *ban_table_new(size_t most, const struct hash_key *key)
{
	struct ban_table *table = calloc(1, sizeof(*table));
	size_t chains = hash_bucket_count(most);

	if (table == NULL)
		return NULL;
	CHECK(most > 0 && most < UINT32_MAX);
	table->key = *key;
	table->most = (uint32_t)most;
	table->chain_mask = chains - 1;
	table->slots = calloc(most + 1, sizeof(*table->slots));
	table->heap = calloc(most + 1, sizeof(*table->heap));
	table->chains = calloc(chains, sizeof(*table->chains));
	if (!table->slots || !table->heap || !table->chains)
		ban_table_free(&table);
	return table;
}

void ban_table_free(struct ban_table **table)
{
	if (*table == NULL)
		return;
	free((*table)->slots);
	free((*table)->heap);
	free((*table)->chains);
	free(*table);
	*table = NULL;
}

size_t ban_table_count(const struct ban_table *table)
{
	return table->heap_count - table->shadow_count;
}

bool ban_room(const struct ban_table *table)
{
	return table->heap_count < table->most;
}

static uint32_t *chain_of(
	const struct ban_table *table, const struct prefix *prefix)
{
	return &table->chains[hash_prefix(&table->key, prefix) &
			      table->chain_mask];
}

static uint32_t index_of(const struct ban_table *table, const struct ban *ban)
{
	return (uint32_t)(ban - table->slots);
}

bool ban_active(const struct ban *ban)
{
	return ban->heap_at != 0;
}

struct ban *ban_find(const struct ban_table *table, const struct prefix *prefix)
{
	uint32_t index = *chain_of(table, prefix);

	while (index != 0 && !prefix_eq(&table->slots[index].prefix, prefix))
		index = table->slots[index].next;
	return index != 0 ? &table->slots[index] : NULL;
}

/* Between its end and the next tick a ban is in the heap but not in force. */
struct ban *ban_match(const struct ban_table *table, const struct addr *addr,
	mono_ms_t now, bool shadows)
{
	struct ban *narrowest = NULL;
	unsigned bits = lengths_first(addr);

	for (; lengths_next(&table->lengths, bits, &bits); bits++) {
		struct prefix prefix = lengths_cut(addr, bits);
		struct ban *ban = ban_find(table, &prefix);

		if (ban == NULL || !ban_active(ban) || ban->until <= now)
			continue;
		if (ban->shadow && !shadows)
			continue;
		if (narrowest == NULL || narrowest->soft || !ban->soft)
			narrowest = ban;
	}
	return narrowest;
}

struct ban *ban_soonest(const struct ban_table *table)
{
	return table->heap_count != 0 ? &table->slots[table->heap[1]] : NULL;
}

struct ban *ban_next(const struct ban_table *table, size_t *cursor)
{
	while (*cursor < table->fresh) {
		struct ban *ban = &table->slots[++*cursor];

		if (ban_active(ban) || ban->offence_count > 0)
			return ban;
	}
	return NULL;
}

struct policy_ban ban_info(const struct ban *ban)
{
	unsigned before = ban->offence_count;

	/* The ladder's own ban is the last of its offences. */
	if (ban_is_offence(ban->rule) && before > 0)
		before--;
	return (struct policy_ban){
		.prefix = ban->prefix,
		.since = ban->since,
		.until = ban->until,
		.rule = ban->rule,
		.soft = ban->soft,
		.repeat_count = before,
		.failure_count = ban->failure_count,
	};
}

static void heap_put(struct ban_table *table, uint32_t at, uint32_t index)
{
	table->heap[at] = index;
	table->slots[index].heap_at = at;
}

static mono_ms_t heap_until(const struct ban_table *table, uint32_t at)
{
	return table->slots[table->heap[at]].until;
}

static void heap_rise(struct ban_table *table, uint32_t at)
{
	uint32_t index = table->heap[at];
	mono_ms_t until = table->slots[index].until;

	while (at > 1 && heap_until(table, at / 2) > until) {
		heap_put(table, at, table->heap[at / 2]);
		at /= 2;
	}
	heap_put(table, at, index);
}

static void heap_sink(struct ban_table *table, uint32_t at)
{
	uint32_t index = table->heap[at];
	mono_ms_t until = table->slots[index].until;

	for (;;) {
		size_t child = (size_t)at * 2;

		if (child > table->heap_count)
			break;
		if (child < table->heap_count &&
			heap_until(table, (uint32_t)child + 1) <
				heap_until(table, (uint32_t)child))
			child++;
		if (heap_until(table, (uint32_t)child) >= until)
			break;
		heap_put(table, at, table->heap[child]);
		at = (uint32_t)child;
	}
	heap_put(table, at, index);
}

static void heap_settle(struct ban_table *table, uint32_t at)
{
	uint32_t index = table->heap[at];

	heap_rise(table, at);
	heap_sink(table, table->slots[index].heap_at);
}

static void heap_remove(struct ban_table *table, struct ban *ban)
{
	uint32_t at = ban->heap_at;
	uint32_t last = table->heap_count--;

	ban->heap_at = 0;
	if (at != last) {
		heap_put(table, at, table->heap[last]);
		heap_settle(table, at);
	}
}

static void over_add(struct ban_table *table, struct ban *ban)
{
	uint32_t index = index_of(table, ban);

	ban->newer = 0;
	ban->older = table->newest;
	if (table->newest)
		table->slots[table->newest].newer = index;
	else
		table->oldest = index;
	table->newest = index;
}

static void over_remove(struct ban_table *table, struct ban *ban)
{
	if (ban->newer)
		table->slots[ban->newer].older = ban->older;
	else
		table->newest = ban->older;
	if (ban->older)
		table->slots[ban->older].newer = ban->newer;
	else
		table->oldest = ban->newer;
	ban->newer = ban->older = 0;
}

static struct ban *slot_take(struct ban_table *table)
{
	uint32_t index;

	if (table->free == 0 && table->fresh < table->most)
		return &table->slots[++table->fresh];
	if (table->free == 0 && table->oldest != 0)
		ban_remove(table, &table->slots[table->oldest]);
	index = table->free;
	if (index == 0)
		return NULL;
	table->free = table->slots[index].next;
	return &table->slots[index];
}

struct ban *ban_take(struct ban_table *table, const struct prefix *prefix)
{
	struct ban *ban = ban_find(table, prefix);
	uint32_t *chain = chain_of(table, prefix);

	if (ban != NULL)
		return ban;
	ban = slot_take(table);
	if (ban == NULL)
		return NULL;
	memset(ban, 0, sizeof(*ban));
	ban->prefix = *prefix;
	ban->next = *chain;
	*chain = index_of(table, ban);
	over_add(table, ban);
	return ban;
}

static void ban_deactivate(struct ban_table *table, struct ban *ban)
{
	heap_remove(table, ban);
	lengths_remove(&table->lengths, ban->prefix.bits);
	table->shadow_count -= ban->shadow;
	over_add(table, ban);
}

void ban_set(
	struct ban_table *table, struct ban *ban, mono_ms_t until, bool shadow)
{
	if (ban_active(ban))
		ban_deactivate(table, ban);
	over_remove(table, ban);
	ban->until = until;
	ban->shadow = shadow;
	table->shadow_count += shadow;
	lengths_add(&table->lengths, ban->prefix.bits);
	heap_put(table, ++table->heap_count, index_of(table, ban));
	heap_rise(table, table->heap_count);
}

void ban_end(struct ban_table *table, struct ban *ban)
{
	if (ban->offence_count == 0)
		ban_remove(table, ban);
	else if (ban_active(ban))
		ban_deactivate(table, ban);
}

void ban_remove(struct ban_table *table, struct ban *ban)
{
	uint32_t index = index_of(table, ban);
	uint32_t *at = chain_of(table, &ban->prefix);

	if (ban_active(ban))
		ban_deactivate(table, ban);
	over_remove(table, ban);
	while (*at != index)
		at = &table->slots[*at].next;
	*at = ban->next;
	memset(ban, 0, sizeof(*ban));
	ban->next = table->free;
	table->free = index;
}

void ban_forget_old(struct ban_table *table, mono_ms_t now, uint64_t memory_ms,
	unsigned most)
{
	while (most-- > 0 && table->oldest != 0) {
		struct ban *ban = &table->slots[table->oldest];

		if (ban->until > now || now - ban->until < memory_ms)
			break;
		ban_remove(table, ban);
	}
}

static uint32_t over_count(const struct ban_table *table)
{
	uint32_t count = 0;

	for (uint32_t index = table->oldest; index != 0;
		index = table->slots[index].newer)
		count++;
	return count;
}

/* Those that are over by their end; the others as they lie in the heap. */
void ban_table_save(const struct ban_table *table, struct octets *out)
{
	octets_put_number(out, over_count(table));
	for (uint32_t index = table->oldest; index != 0;
		index = table->slots[index].newer)
		octets_put(out, &table->slots[index], sizeof(struct ban));
	octets_put_number(out, table->heap_count);
	for (uint32_t at = 1; at <= table->heap_count; at++)
		octets_put(out, &table->slots[table->heap[at]],
			sizeof(struct ban));
}

static bool ban_sound(const struct ban *ban)
{
	return octets_prefix_sound(&ban->prefix) && ban->rule < RULE_COUNT &&
	       octets_bool_sound(&ban->shadow) && octets_bool_sound(&ban->soft);
}

/* A smaller table has no room for all. */
static void load_one(struct ban_table *table, struct octets *in, bool active)
{
	struct ban read, *ban;

	if (!octets_take(in, &read, sizeof(read)) || !ban_sound(&read) ||
		ban_find(table, &read.prefix) != NULL) {
		octets_fail(in);
		return;
	}
	ban = ban_take(table, &read.prefix);
	if (ban == NULL)
		return;
	ban->soft = read.soft;
	ban->since = read.since;
	ban->until = read.until;
	ban->rule = read.rule;
	ban->failure_count = read.failure_count;
	ban->offence_count = read.offence_count;
	if (active)
		ban_set(table, ban, read.until, read.shadow);
	else
		ban->shadow = read.shadow;
}

bool ban_table_load(struct ban_table *table, struct octets *in)
{
	for (unsigned active = 0; active < 2; active++) {
		uint64_t count = octets_take_number(in, UINT32_MAX);

		while (count-- > 0 && !in->failed)
			load_one(table, in, active);
	}
	return !in->failed;
}
