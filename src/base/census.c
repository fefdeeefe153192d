/*
 * How many sessions each source has open, over all workers.
 *
 *   rows: | places by the first hash | places by the second |   one a process
 *
 * A place is written by one process only, so an increment needs no atomic
 * read-modify-write; the fence between an increment and the reading of the
 * others' rows makes that of two who enter at once the later one sees both.
 */
#include "census.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "secret.h"
#include "siphash.h"

enum { HASHES = 2, PLACES = 16384 };

struct row {
	_Atomic uint32_t counts[HASHES][PLACES];
};

struct census {
	uint8_t key[16]; /* places cannot be aimed at */
	size_t bytes;
	unsigned rows;
	_Atomic unsigned rows_used; /* those behind were never written */
	struct row row[];
};

struct census *census_new(unsigned rows)
{
	size_t bytes = sizeof(struct census) + rows * sizeof(struct row);
	struct census *c = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (c == MAP_FAILED)
		return NULL;
	c->bytes = bytes;
	c->rows = rows;
	secret_random(c->key, sizeof c->key);
	return c;
}

void census_free(struct census **census)
{
	if (*census)
		(void)munmap(*census, (*census)->bytes);
	*census = NULL;
}

void census_clear(struct census *c, unsigned row)
{
	CHECK(row < c->rows);
	if (row >= atomic_load(&c->rows_used)) {
		atomic_store(&c->rows_used, row + 1);
		return; /* never written */
	}
	memset(&c->row[row], 0, sizeof c->row[row]);
}

static void places_of(const struct census *c, const struct prefix *source,
	size_t ret_places[HASHES])
{
	uint8_t bytes[17];
	uint64_t hash;

	memcpy(bytes, source->addr.octets, 16);
	bytes[16] = source->bits;
	hash = siphash(c->key, bytes, sizeof bytes);
	ret_places[0] = hash % PLACES;
	ret_places[1] = (hash >> 32) % PLACES;
}

static void change(struct census *c, unsigned row, const struct prefix *source,
	uint32_t by)
{
	size_t places[HASHES];

	CHECK(row < c->rows);
	places_of(c, source, places);
	for (unsigned i = 0; i < HASHES; i++) {
		_Atomic uint32_t *count = &c->row[row].counts[i][places[i]];
		uint32_t now =
			atomic_load_explicit(count, memory_order_relaxed);

		atomic_store_explicit(count, now + by, memory_order_relaxed);
	}
}

uint32_t census_count(const struct census *c, const struct prefix *source)
{
	unsigned rows =
		atomic_load_explicit(&c->rows_used, memory_order_relaxed);
	size_t places[HASHES];
	uint32_t least = UINT32_MAX;

	places_of(c, source, places);
	for (unsigned i = 0; i < HASHES; i++) {
		uint32_t sum = 0;

		for (unsigned row = 0; row < rows; row++)
			sum += atomic_load_explicit(
				&c->row[row].counts[i][places[i]],
				memory_order_relaxed);
		if (sum < least)
			least = sum;
	}
	return least;
}

uint32_t census_enter(
	struct census *c, unsigned row, const struct prefix *source)
{
	change(c, row, source, 1);
	atomic_thread_fence(memory_order_seq_cst);
	return census_count(c, source);
}

void census_leave(struct census *c, unsigned row, const struct prefix *source)
{
	change(c, row, source, (uint32_t)-1);
}
