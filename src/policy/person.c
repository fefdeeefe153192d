/*
 * What is known of user names.
 *
 * Two tables: names that succeeded, and names that were only tried. Whoever
 * makes names up pushes out made-up names and never a person. A success moves
 * a name from the second to the first, where it stays for the life of a
 * passport after its last success.
 *
 * Memory, allocated once: 280 octets and a chain of 4 for each name; 37 MB for
 * 65,536 of either kind.
 *
 * Called by the rules that know people. Decides nothing. What can go wrong:
 * more people than places; then who succeeded longest ago is a stranger again.
 */
#include "person.h"

#include <stdlib.h>

#include "keyed.h"
#include "quota.h"

_Static_assert(sizeof(struct person) + 24 <= 280, "the size stated above");

enum { MS_PER_S = 1000, PRUNE_MOST = 4 /* in one call */ };

struct person_table {
	struct keyed_table *people, *names;
	size_t most, known_count;
	mono_ms_t since;
};

struct person_table *person_table_new(size_t most)
{
	struct person_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->most = most;
	table->people = keyed_table_new(most, sizeof(struct person));
	table->names = keyed_table_new(most, sizeof(struct person));
	if (table->people == NULL || table->names == NULL)
		person_table_free(&table);
	return table;
}

void person_table_free(struct person_table **table)
{
	if (*table == NULL)
		return;
	keyed_table_free(&(*table)->people);
	keyed_table_free(&(*table)->names);
	free(*table);
	*table = NULL;
}

struct person *person_find(const struct person_table *table, uint64_t user)
{
	struct person *person = keyed_find(table->people, user);

	return person != NULL ? person : keyed_find(table->names, user);
}

/* A failure does not make a person younger: found, not taken. */
struct person *person_take(struct person_table *table, uint64_t user)
{
	struct person *person = keyed_find(table->people, user);

	return person != NULL ? person : keyed_take(table->names, user);
}

static void forget_oldest(struct person_table *table)
{
	uint64_t key;
	const struct person *oldest = keyed_oldest(table->people, &key);

	table->known_count -= oldest->known;
	keyed_remove(table->people, key);
}

static void prune(struct person_table *table, mono_ms_t now, uint64_t memory_ms)
{
	for (unsigned i = 0; i < PRUNE_MOST; i++) {
		uint64_t key;
		const struct person *oldest = keyed_oldest(table->people, &key);

		if (oldest == NULL || now - oldest->last_success < memory_ms)
			break;
		forget_oldest(table);
	}
}

static struct person *promote(struct person_table *table, uint64_t user)
{
	struct person *tried = keyed_find(table->names, user);
	struct person *person;

	if (keyed_find(table->people, user) == NULL &&
		keyed_table_count(table->people) == table->most)
		forget_oldest(table);
	person = keyed_take(table->people, user);
	if (tried != NULL) {
		*person = *tried;
		keyed_remove(table->names, user);
	}
	return person;
}

struct person *person_succeed(struct person_table *table, mono_ms_t now,
	uint64_t user, bool known, uint64_t memory_ms)
{
	struct person *person;

	if (table->since == 0)
		table->since = now != 0 ? now : 1;
	prune(table, now, memory_ms);
	person = promote(table, user);
	table->known_count += known;
	table->known_count -= person->known;
	person->known = known;
	person->succeeded = true;
	person->last_success = now;
	person->failure_count = 0;
	return person;
}

unsigned person_strangers(const struct person *person, mono_ms_t now,
	uint64_t span_ms, uint32_t source)
{
	uint32_t now_s = quota_time(now);
	unsigned count = 0;

	for (unsigned i = 0; i < PERSON_STRANGE_MOST; i++) {
		const struct strange *strange = &person->strange[i];

		count += strange->at_s != 0 && strange->source != source &&
			 now_s - strange->at_s < span_ms / MS_PER_S;
	}
	return count;
}

void person_not_strange(struct person *person, uint32_t source)
{
	for (unsigned i = 0; i < PERSON_STRANGE_MOST; i++)
		if (person->strange[i].source == source)
			person->strange[i].at_s = 0;
}

size_t person_count(const struct person_table *table)
{
	return keyed_table_count(table->people);
}

size_t person_known_count(const struct person_table *table)
{
	return table->known_count;
}

mono_ms_t person_since(const struct person_table *table)
{
	return table->since;
}

void person_table_save(const struct person_table *table, struct octets *out)
{
	octets_put_number(out, table->since);
	keyed_save(table->people, out);
	keyed_save(table->names, out);
}

static bool sound(void *value, size_t value_bytes)
{
	const struct person *person = value;

	(void)value_bytes;
	return octets_bool_sound(&person->known) &&
	       octets_bool_sound(&person->succeeded);
}

bool person_table_load(struct person_table *table, struct octets *in)
{
	const struct person *person;
	size_t cursor = 0;
	uint64_t key;

	table->since = octets_take_number(in, UINT64_MAX);
	if (!keyed_load(table->people, in, sound) ||
		!keyed_load(table->names, in, sound))
		return false;
	while ((person = keyed_next(table->people, &cursor, &key)) != NULL)
		table->known_count += person->known;
	return true;
}
