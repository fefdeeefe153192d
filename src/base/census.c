/*
 * How many sessions each source has open, over all workers.
 *
 *   rows: | places by the first hash | places by the second |   one a process
 *
 * A place is written by one process only, so an increment needs no atomic
 * read-modify-write; the fence between an increment and the reading of the
 * others' rows makes that of two who enter at once the later one sees both.
 *
 * Its sizes are not in the shared part: what a worker that was taken over can
 * change there are counts. Two programs that give a row back or take it at once
 * agree by its owner.
 */
#include "census.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "secret.h"
#include "siphash.h"

enum {
	HASHES = 2,
	PLACES = 16384,
	FREE = 0,
	EMPTIED = -1, /* by somebody, just now */
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW,
};

struct row {
	_Atomic int32_t owner; /* a process; or FREE, EMPTIED */
	_Atomic uint32_t counts[HASHES][PLACES];
};

struct shared {
	uint64_t layout;
	uint8_t key[16];	    /* places cannot be aimed at */
	_Atomic unsigned rows_used; /* those behind were never written */
	struct row row[];
};

struct census {
	struct shared *shared;
	size_t bytes;
	unsigned rows;
	int fd;
};

static const uint64_t layout = 1 << 24 | sizeof(struct row);

static size_t bytes_of(unsigned rows)
{
	return sizeof(struct shared) + rows * sizeof(struct row);
}

/* Takes the descriptor over. */
static struct census *mapped(int fd, unsigned rows)
{
	struct census *c = calloc(1, sizeof *c);

	if (!c) {
		(void)close(fd);
		return NULL;
	}
	c->rows = rows;
	c->fd = fd;
	c->bytes = bytes_of(rows);
	c->shared = mmap(NULL, c->bytes, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (c->shared != MAP_FAILED)
		return c;
	c->shared = NULL;
	census_free(&c);
	return NULL;
}

struct census *census_new(unsigned rows)
{
	int fd = memfd_create("census", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct census *c;

	if (fd < 0)
		return NULL;
	if (ftruncate(fd, (off_t)bytes_of(rows)) < 0 ||
		fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
		(void)close(fd);
		return NULL;
	}
	c = mapped(fd, rows);
	if (!c)
		return NULL;
	c->shared->layout = layout;
	secret_random(c->shared->key, sizeof c->shared->key);
	return c;
}

/* Without its seals somebody could cut it, and each look at it would kill. */
struct census *census_adopt(int fd, unsigned rows)
{
	struct census *c;
	struct stat st;

	if (fstat(fd, &st) < 0 || (size_t)st.st_size != bytes_of(rows) ||
		(fcntl(fd, F_GET_SEALS) & SEALS) != SEALS) {
		(void)close(fd);
		return NULL;
	}
	c = mapped(fd, rows);
	if (c && c->shared->layout != layout)
		census_free(&c);
	return c;
}

void census_free(struct census **census)
{
	struct census *c = *census;

	if (!c)
		return;
	if (c->shared)
		(void)munmap(c->shared, c->bytes);
	(void)close(c->fd);
	free(c);
	*census = NULL;
}

int census_fd(const struct census *c)
{
	return c->fd;
}

static unsigned rows_used(const struct census *c)
{
	unsigned used = atomic_load_explicit(
		&c->shared->rows_used, memory_order_relaxed);

	return used < c->rows ? used : c->rows;
}

void census_clear(struct census *c, unsigned row)
{
	unsigned used = atomic_load(&c->shared->rows_used);
	bool fresh = row >= used;

	CHECK(row < c->rows);
	while (row >= used && !atomic_compare_exchange_weak(
				      &c->shared->rows_used, &used, row + 1))
		continue;
	if (!fresh) /* else never written */
		memset(c->shared->row[row].counts, 0,
			sizeof c->shared->row[row].counts);
}

bool census_take_row(struct census *c, unsigned *ret_row)
{
	for (unsigned row = 0; row < c->rows; row++) {
		int32_t owner = FREE;

		if (!atomic_compare_exchange_strong(&c->shared->row[row].owner,
			    &owner, (int32_t)getpid()))
			continue;
		census_clear(c, row);
		*ret_row = row;
		return true;
	}
	return false;
}

void census_set_owner(struct census *c, unsigned row, pid_t pid)
{
	CHECK(row < c->rows);
	atomic_store(&c->shared->row[row].owner, (int32_t)pid);
}

void census_give_row(struct census *c, unsigned row, pid_t pid)
{
	int32_t owner = (int32_t)pid;

	CHECK(row < c->rows);
	if (!atomic_compare_exchange_strong(
		    &c->shared->row[row].owner, &owner, EMPTIED))
		return;
	census_clear(c, row);
	atomic_store(&c->shared->row[row].owner, FREE);
}

void census_bury(struct census *c)
{
	unsigned rows = rows_used(c);

	for (unsigned row = 0; row < rows; row++) {
		int32_t owner = atomic_load(&c->shared->row[row].owner);

		if (owner > 0 && kill(owner, 0) < 0 && errno == ESRCH)
			census_give_row(c, row, owner);
	}
}

static void places_of(const struct census *c, const struct prefix *source,
	size_t ret_places[HASHES])
{
	uint8_t bytes[17];
	uint64_t hash;

	memcpy(bytes, source->addr.octets, 16);
	bytes[16] = source->bits;
	hash = siphash(c->shared->key, bytes, sizeof bytes);
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
		_Atomic uint32_t *count =
			&c->shared->row[row].counts[i][places[i]];
		uint32_t now =
			atomic_load_explicit(count, memory_order_relaxed);

		atomic_store_explicit(count, now + by, memory_order_relaxed);
	}
}

uint32_t census_count(const struct census *c, const struct prefix *source)
{
	unsigned rows = rows_used(c);
	size_t places[HASHES];
	uint32_t least = UINT32_MAX;

	places_of(c, source, places);
	for (unsigned i = 0; i < HASHES; i++) {
		uint32_t sum = 0;

		for (unsigned row = 0; row < rows; row++)
			sum += atomic_load_explicit(
				&c->shared->row[row].counts[i][places[i]],
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
