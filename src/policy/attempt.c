/*
 * Logins under way, by id, in the order in which they began.
 *
 * An attempt makes a guess (a user with a secret). Two attempts of a source
 * with the same guess, such as two connections of one stale phone, can add one
 * failure only; they share the guess and its place. An unknown secret (tag 0)
 * is never the same as another.
 *
 * An attempt that is never settled lapses: its guess is let go, its id stays
 * until the slot is needed, so that an outcome that comes after all is not
 * taken for a second failure.
 *
 * Memory, all of it allocated once: 56 octets an attempt, 32 a guess (as many
 * as attempts), two chains of 4 octets each. Every call is O(1).
 *
 * Knows no rule; ladder.c calls it. What can go wrong: all slots are open
 * (told as attempts-full by the ladder).
 */
#include "attempt.h"

#include <stdlib.h>
#include <string.h>

#include "../base/check.h"

_Static_assert(sizeof(struct attempt) == 56, "the size stated above");
_Static_assert(sizeof(struct guess) == 32, "the size stated above");

struct attempt_list {
	uint32_t newest, oldest;
};

/* Slots count from 1; 0 is "none". */
struct attempt_table {
	struct hash_key key;
	struct attempt *slots;
	struct guess *guesses;
	uint32_t *chains, *guess_chains;
	size_t chain_mask;
	uint32_t most, fresh, fresh_guess;
	uint32_t free, free_guess;
	struct attempt_list open, lapsed;
	uint32_t open_count;
};

struct attempt_table *attempt_table_new(size_t most, const struct hash_key *key)
{
	struct attempt_table *table = calloc(1, sizeof(*table));
	size_t chains = hash_bucket_count(most);

	if (table == NULL)
		return NULL;
	CHECK(most > 0 && most < UINT32_MAX);
	table->key = *key;
	table->most = (uint32_t)most;
	table->chain_mask = chains - 1;
	table->slots = calloc(most + 1, sizeof(*table->slots));
	table->guesses = calloc(most + 1, sizeof(*table->guesses));
	table->chains = calloc(chains, sizeof(*table->chains));
	table->guess_chains = calloc(chains, sizeof(*table->guess_chains));
	if (!table->slots || !table->guesses || !table->chains ||
		!table->guess_chains)
		attempt_table_free(&table);
	return table;
}

void attempt_table_free(struct attempt_table **table)
{
	if (*table == NULL)
		return;
	free((*table)->slots);
	free((*table)->guesses);
	free((*table)->chains);
	free((*table)->guess_chains);
	free(*table);
	*table = NULL;
}

size_t attempt_table_count(const struct attempt_table *table)
{
	return table->open_count;
}

static uint32_t *chain_of(const struct attempt_table *table, uint64_t id)
{
	return &table->chains[hash_numbers(&table->key, id, 0, 0) &
			      table->chain_mask];
}

static uint32_t *guess_chain_of(const struct attempt_table *table,
	uint32_t source, uint64_t user, uint64_t tag)
{
	return &table->guess_chains[hash_numbers(
					    &table->key, source, user, tag) &
				    table->chain_mask];
}

static uint32_t index_of(
	const struct attempt_table *table, const struct attempt *attempt)
{
	return (uint32_t)(attempt - table->slots);
}

struct attempt *attempt_find(const struct attempt_table *table, uint64_t id)
{
	uint32_t index = *chain_of(table, id);

	while (index != 0 && table->slots[index].id != id)
		index = table->slots[index].next;
	return index != 0 ? &table->slots[index] : NULL;
}

struct attempt *attempt_oldest(const struct attempt_table *table)
{
	uint32_t index = table->open.oldest;

	return index != 0 ? &table->slots[index] : NULL;
}

bool attempt_lapsed(const struct attempt *attempt)
{
	return attempt->guess == 0;
}

struct guess *attempt_guess(
	const struct attempt_table *table, const struct attempt *attempt)
{
	CHECK(attempt->guess != 0);
	return &table->guesses[attempt->guess];
}

struct guess *guess_find(const struct attempt_table *table, uint32_t source,
	uint64_t user, uint64_t tag)
{
	uint32_t index;

	if (tag == 0)
		return NULL;
	index = *guess_chain_of(table, source, user, tag);
	while (index != 0) {
		struct guess *guess = &table->guesses[index];

		if (guess->source == source && guess->user == user &&
			guess->tag == tag)
			return guess;
		index = guess->next;
	}
	return NULL;
}

/* There are as many guesses as attempts, so one is always free here. */
static uint32_t guess_make(struct attempt_table *table, uint32_t source,
	uint64_t user, uint64_t tag)
{
	uint32_t index = table->free_guess;
	uint32_t *chain;
	struct guess *guess;

	if (index != 0)
		table->free_guess = table->guesses[index].next;
	else
		index = ++table->fresh_guess;
	CHECK(index <= table->most);
	guess = &table->guesses[index];
	memset(guess, 0, sizeof(*guess));
	guess->source = source;
	guess->user = user;
	guess->tag = tag;
	if (tag != 0) { /* an unknown secret is never looked for */
		chain = guess_chain_of(table, source, user, tag);
		guess->next = *chain;
		*chain = index;
	}
	return index;
}

static void guess_unchain(struct attempt_table *table, uint32_t index)
{
	struct guess *guess = &table->guesses[index];
	uint32_t *at;

	if (guess->tag == 0)
		return;
	at = guess_chain_of(table, guess->source, guess->user, guess->tag);
	while (*at != index)
		at = &table->guesses[*at].next;
	*at = guess->next;
}

/* Returns whether a place fell free. */
static bool guess_leave(struct attempt_table *table, uint32_t index)
{
	struct guess *guess = &table->guesses[index];

	CHECK(guess->attempt_count > 0);
	if (--guess->attempt_count > 0)
		return false;
	guess_unchain(table, index);
	guess->next = table->free_guess;
	table->free_guess = index;
	return guess->charged;
}

static void list_add(struct attempt_table *table, struct attempt_list *list,
	struct attempt *attempt)
{
	uint32_t index = index_of(table, attempt);

	attempt->newer = 0;
	attempt->older = list->newest;
	if (list->newest)
		table->slots[list->newest].newer = index;
	else
		list->oldest = index;
	list->newest = index;
}

static void list_remove(struct attempt_table *table, struct attempt_list *list,
	struct attempt *attempt)
{
	if (attempt->newer)
		table->slots[attempt->newer].older = attempt->older;
	else
		list->newest = attempt->older;
	if (attempt->older)
		table->slots[attempt->older].newer = attempt->newer;
	else
		list->oldest = attempt->newer;
}

static void slot_free(struct attempt_table *table, struct attempt *attempt)
{
	uint32_t index = index_of(table, attempt);
	uint32_t *at = chain_of(table, attempt->id);

	while (*at != index)
		at = &table->slots[*at].next;
	*at = attempt->next;
	attempt->next = table->free;
	table->free = index;
}

/* Free slots first, then unused ones, then those of lapsed attempts. */
static struct attempt *slot_take(struct attempt_table *table)
{
	uint32_t index;

	if (table->free == 0 && table->fresh < table->most)
		return &table->slots[++table->fresh];
	if (table->free == 0 && table->lapsed.oldest != 0)
		(void)attempt_close(table, /* lapsed: holds no place */
			&table->slots[table->lapsed.oldest]);
	index = table->free;
	if (index == 0)
		return NULL;
	table->free = table->slots[index].next;
	return &table->slots[index];
}

struct attempt *attempt_open(struct attempt_table *table, mono_ms_t now,
	uint64_t id, uint32_t source, uint64_t user, uint64_t tag)
{
	struct attempt *attempt = slot_take(table);
	struct guess *guess;
	uint32_t *chain = chain_of(table, id);

	if (attempt == NULL)
		return NULL;
	memset(attempt, 0, sizeof(*attempt));
	attempt->id = id;
	attempt->began = now;
	attempt->user = user;
	attempt->standing = ATTEMPT_COUNTED;
	attempt->next = *chain;
	*chain = index_of(table, attempt);
	list_add(table, &table->open, attempt);
	table->open_count++;
	guess = guess_find(table, source, user, tag);
	attempt->guess = guess != NULL ? (uint32_t)(guess - table->guesses)
				       : guess_make(table, source, user, tag);
	table->guesses[attempt->guess].attempt_count++;
	return attempt;
}

static bool attempt_unlink(struct attempt_table *table, struct attempt *attempt)
{
	uint32_t guess = attempt->guess;

	if (guess == 0) {
		list_remove(table, &table->lapsed, attempt);
		return false;
	}
	list_remove(table, &table->open, attempt);
	table->open_count--;
	attempt->guess = 0;
	return guess_leave(table, guess);
}

bool attempt_close(struct attempt_table *table, struct attempt *attempt)
{
	bool place_free = attempt_unlink(table, attempt);

	slot_free(table, attempt);
	return place_free;
}

bool attempt_lapse(struct attempt_table *table, struct attempt *attempt)
{
	bool place_free = attempt_unlink(table, attempt);

	list_add(table, &table->lapsed, attempt);
	return place_free;
}

const struct attempt *attempt_next(const struct attempt_table *table,
	const struct attempt *before, bool lapsed)
{
	const struct attempt_list *list =
		lapsed ? &table->lapsed : &table->open;
	uint32_t index = before != NULL ? before->newer : list->oldest;

	return index != 0 ? &table->slots[index] : NULL;
}
