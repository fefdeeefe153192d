/*
 * The table of tracked sources.
 *
 * A source is a prefix (an IPv4 address, an IPv6 /64). Of each the last
 * failures are kept one by one with their time, user and secret tag, so that
 * both windows slide exactly and nothing is rounded to buckets. Everything is
 * allocated once:
 *
 *	a source		88 octets
 *	each failure record	24 octets, `failures_most` of them a source
 *	chains			4 octets each, the next power of two
 *
 * With the default limits (5 and 10, so 10 records) that is 332 octets a
 * source: 87 MB for 262,144 sources and 332 MB for 1,000,000. The kernel
 * gives the pages only when they are first used.
 *
 * Eviction: the source that was least recently active and has no attempt in
 * flight gives way. Bans live in ban.c and do not care. An event costs one
 * hash, one chain and at most failures_most records, whatever the size.
 *
 * Knows no rule and no mode; ladder.c calls it. What can go wrong: a flood of
 * fresh sources evicts counters (counted, told as sources-full).
 */
#include "source.h"

#include <stdlib.h>
#include <string.h>

#include "../base/check.h"

struct failure {
	mono_ms_t at;
	uint64_t user, tag;
};

_Static_assert(sizeof(struct source) == 88, "the size stated above");
_Static_assert(sizeof(struct failure) == 24, "the size stated above");

/* Slots count from 1; 0 is "none", so that fresh zero pages need no work. */
struct source_table {
	struct hash_key key;
	struct source *slots;	  /* most + 1 */
	struct failure *failures; /* failures_most for each slot, oldest first
				   */
	uint32_t *chains;
	size_t chain_mask;
	uint32_t most, fresh;	 /* slots after `fresh` were never used */
	uint32_t newest, oldest; /* idle list, by last activity */
	uint32_t count;
	unsigned failures_most;
	uint64_t keep_ms, evicted_count;
};

struct source_table *source_table_new(
	size_t most, unsigned failures_most, const struct hash_key *key)
{
	struct source_table *table = calloc(1, sizeof(*table));
	size_t chains = hash_bucket_count(most);

	if (table == NULL)
		return NULL;
	CHECK(most > 0 && most < UINT32_MAX);
	CHECK(failures_most > 0 && failures_most <= UINT16_MAX);
	table->key = *key;
	table->most = (uint32_t)most;
	table->failures_most = failures_most;
	table->chain_mask = chains - 1;
	table->slots = calloc(most + 1, sizeof(*table->slots));
	table->failures =
		calloc(most + 1, failures_most * sizeof(*table->failures));
	table->chains = calloc(chains, sizeof(*table->chains));
	if (!table->slots || !table->failures || !table->chains)
		source_table_free(&table);
	return table;
}

void source_table_free(struct source_table **table)
{
	if (*table == NULL)
		return;
	free((*table)->slots);
	free((*table)->failures);
	free((*table)->chains);
	free(*table);
	*table = NULL;
}

void source_table_keep(struct source_table *table, uint64_t keep_ms)
{
	table->keep_ms = keep_ms;
}

size_t source_table_count(const struct source_table *table)
{
	return table->count;
}

unsigned source_table_failures_most(const struct source_table *table)
{
	return table->failures_most;
}

uint64_t source_table_evicted_count(const struct source_table *table)
{
	return table->evicted_count;
}

static uint32_t *chain_of(
	const struct source_table *table, const struct prefix *key)
{
	return &table->chains[hash_prefix(&table->key, key) &
			      table->chain_mask];
}

static struct failure *failures_of(
	const struct source_table *table, const struct source *source)
{
	return &table->failures[(size_t)(source - table->slots) *
				table->failures_most];
}

uint32_t source_index(
	const struct source_table *table, const struct source *source)
{
	return (uint32_t)(source - table->slots);
}

struct source *source_at(const struct source_table *table, uint32_t index)
{
	CHECK(index > 0 && index <= table->fresh && table->slots[index].used);
	return &table->slots[index];
}

struct source *source_next(const struct source_table *table, size_t *cursor)
{
	while (*cursor < table->fresh) {
		struct source *source = &table->slots[++*cursor];

		if (source->used)
			return source;
	}
	return NULL;
}

static void idle_remove(struct source_table *table, struct source *source)
{
	if (source->newer)
		table->slots[source->newer].older = source->older;
	else
		table->newest = source->older;
	if (source->older)
		table->slots[source->older].newer = source->newer;
	else
		table->oldest = source->newer;
	source->newer = source->older = 0;
}

static void idle_add(struct source_table *table, struct source *source)
{
	uint32_t index = source_index(table, source);

	source->newer = 0;
	source->older = table->newest;
	if (table->newest)
		table->slots[table->newest].newer = index;
	else
		table->oldest = index;
	table->newest = index;
}

static void chain_remove(struct source_table *table, struct source *source)
{
	uint32_t index = source_index(table, source);
	uint32_t *at = chain_of(table, &source->key);

	while (*at != index)
		at = &table->slots[*at].next;
	*at = source->next;
}

static struct source *slot_evict(struct source_table *table, mono_ms_t now)
{
	struct source *source = &table->slots[table->oldest];

	if (table->oldest == 0)
		return NULL;
	if (source_failures(table, source, now, table->keep_ms) > 0)
		table->evicted_count++;
	idle_remove(table, source);
	chain_remove(table, source);
	table->count--;
	return source;
}

struct source *source_find(
	const struct source_table *table, const struct prefix *key)
{
	uint32_t index = *chain_of(table, key);

	while (index != 0) {
		struct source *source = &table->slots[index];

		if (prefix_eq(&source->key, key))
			return source;
		index = source->next;
	}
	return NULL;
}

static struct source *source_make(
	struct source_table *table, const struct prefix *key, mono_ms_t now)
{
	struct source *source;
	uint32_t *chain = chain_of(table, key);

	if (table->fresh < table->most)
		source = &table->slots[++table->fresh];
	else
		source = slot_evict(table, now);
	if (source == NULL)
		return NULL;
	memset(source, 0, sizeof(*source));
	source->key = *key;
	source->used = 1;
	source->first_seen = now;
	source->next = *chain; /* read after the eviction: same chain */
	*chain = source_index(table, source);
	idle_add(table, source);
	table->count++;
	return source;
}

struct source *source_take(
	struct source_table *table, const struct prefix *key, mono_ms_t now)
{
	struct source *source = source_find(table, key);

	if (source == NULL)
		return source_make(table, key, now);
	if (source->in_flight_count == 0) {
		idle_remove(table, source);
		idle_add(table, source);
	}
	return source;
}

void source_flight_begin(struct source_table *table, struct source *source)
{
	if (source->in_flight_count++ == 0)
		idle_remove(table, source);
}

void source_flight_end(struct source_table *table, struct source *source)
{
	CHECK(source->in_flight_count > 0);
	if (--source->in_flight_count == 0)
		idle_add(table, source);
}

unsigned source_failures(const struct source_table *table,
	const struct source *source, mono_ms_t now, uint64_t window_ms)
{
	const struct failure *failures = failures_of(table, source);
	unsigned first = source->failure_count;

	while (first > 0 && now - failures[first - 1].at < window_ms)
		first--;
	return source->failure_count - first;
}

/* Is the user of failure `at` among those before it, from `first` on? */
static bool user_before(
	const struct failure *failures, unsigned first, unsigned at)
{
	for (unsigned i = first; i < at; i++)
		if (failures[i].user == failures[at].user)
			return true;
	return false;
}

unsigned source_users(const struct source_table *table,
	const struct source *source, mono_ms_t now, uint64_t window_ms)
{
	const struct failure *failures = failures_of(table, source);
	unsigned count = 0;
	unsigned first = source->failure_count -
			 source_failures(table, source, now, window_ms);

	for (unsigned i = first; i < source->failure_count; i++)
		count += failures[i].user != 0 &&
			 !user_before(failures, first, i);
	return count;
}

bool source_failed_same(const struct source_table *table,
	const struct source *source, mono_ms_t now, uint64_t user, uint64_t tag)
{
	const struct failure *failures = failures_of(table, source);

	if (tag == 0)
		return false;
	for (unsigned i = source->failure_count; i-- > 0;) {
		if (now - failures[i].at >= table->keep_ms)
			return false;
		if (failures[i].user == user && failures[i].tag == tag)
			return true;
	}
	return false;
}

/* Makes room: what left both windows goes, or else the oldest. */
static void failures_trim(
	struct source_table *table, struct source *source, mono_ms_t now)
{
	struct failure *failures = failures_of(table, source);
	unsigned kept = source_failures(table, source, now, table->keep_ms);

	if (kept == table->failures_most)
		kept--;
	memmove(failures, failures + (source->failure_count - kept),
		kept * sizeof(*failures));
	source->failure_count = (uint16_t)kept;
}

void source_fail(struct source_table *table, struct source *source,
	mono_ms_t now, uint64_t user, uint64_t tag)
{
	failures_trim(table, source, now);
	failures_of(table, source)[source->failure_count++] =
		(struct failure){now, user, tag};
}

unsigned source_other_users(const struct source_table *table,
	const struct source *source, mono_ms_t now, uint64_t user)
{
	const struct failure *failures = failures_of(table, source);
	uint64_t first = 0;

	for (unsigned i = 0; i < source->failure_count; i++) {
		uint64_t other = failures[i].user;

		if (other == 0 || other == user ||
			now - failures[i].at >= table->keep_ms)
			continue;
		if (first != 0 && other != first)
			return 2;
		first = other;
	}
	return first != 0;
}

void source_forgive(
	struct source_table *table, struct source *source, uint64_t user)
{
	struct failure *failures = failures_of(table, source);
	unsigned kept = 0;

	for (unsigned i = 0; i < source->failure_count; i++)
		if (failures[i].user != user)
			failures[kept++] = failures[i];
	source->failure_count = (uint16_t)kept;
}

void source_pardon(struct source *source)
{
	source->failure_count = 0;
}

static void save_one(const struct source_table *table,
	const struct source *source, struct octets *out)
{
	octets_put(out, source, sizeof(*source));
	octets_put(out, failures_of(table, source),
		source->failure_count * sizeof(struct failure));
}

/* Those in flight last: none of them gives way to another. */
void source_table_save(const struct source_table *table, struct octets *out)
{
	const struct source *source;
	size_t cursor = 0;

	octets_put_number(out, table->evicted_count);
	octets_put_number(out, table->count);
	for (uint32_t index = table->oldest; index != 0;
		index = table->slots[index].newer)
		save_one(table, &table->slots[index], out);
	while ((source = source_next(table, &cursor)) != NULL)
		if (source->in_flight_count > 0)
			save_one(table, source, out);
}

/* Of more failures than are kept here the last. */
static void load_failures(struct source_table *table, struct source *source,
	struct octets *in, unsigned count)
{
	struct failure *failures = failures_of(table, source);
	unsigned over =
		count > table->failures_most ? count - table->failures_most : 0;

	(void)octets_borrow(in, over * sizeof(*failures));
	if (octets_take(in, failures, (count - over) * sizeof(*failures)))
		source->failure_count = (uint16_t)(count - over);
}

static void load_one(struct source_table *table, struct octets *in)
{
	struct source read, *source = NULL;

	if (octets_take(in, &read, sizeof(read)) &&
		octets_prefix_sound(&read.key) &&
		source_find(table, &read.key) == NULL)
		source = source_make(table, &read.key, read.first_seen);
	if (source == NULL) {
		octets_fail(in);
		return;
	}
	source->in_flight_of_prefix = read.in_flight_of_prefix;
	source->last_failure = read.last_failure;
	source->last_success = read.last_success;
	source->spared_at = read.spared_at;
	source->success_count = read.success_count;
	source->failure_total = read.failure_total;
	load_failures(table, source, in, read.failure_count);
}

bool source_table_load(struct source_table *table, struct octets *in)
{
	uint64_t evicted_count = octets_take_number(in, UINT64_MAX);
	uint64_t count = octets_take_number(in, UINT32_MAX);

	while (count-- > 0 && !in->failed)
		load_one(table, in);
	table->evicted_count += evicted_count; /* those of its own, too */
	return !in->failed;
}
