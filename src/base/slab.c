/*
 * Fixed-size objects from large blocks, with a cap.
 *
 * Blocks are mapped at a multiple of their size, so an object's block is found
 * by clearing the low bits of its address, and unmapping a block really gives
 * its memory back, which free(3) does not promise. A block with room is on the
 * list `open`, a full one on no list, and one empty block at most is kept
 * aside. Objects are wiped when they come back: a fresh object is always zero
 * and nothing of one client lies about for the next.
 *
 *   slab->open -> [block] <-> [block]      slab->spare -> [block] or NULL
 *   block: | header | slot | slot | ... | slot |
 *            free -> slot -> slot        `fresh` slots were never taken
 *
 * Under AddressSanitizer, slots that are not taken are poisoned.
 */
#include "slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check.h"
#include "secret.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN
#endif

#ifdef SLAB_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#define SLAB_POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define SLAB_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#define SLAB_ROOT(p, n)	    __lsan_register_root_region(p, n)
#define SLAB_UNROOT(p, n)   __lsan_unregister_root_region(p, n)
#else
#define SLAB_POISON(p, n)   ((void)(p), (void)(n))
#define SLAB_UNPOISON(p, n) ((void)(p), (void)(n))
#define SLAB_ROOT(p, n)	    ((void)(p), (void)(n))
#define SLAB_UNROOT(p, n)   ((void)(p), (void)(n))
#endif

enum {
	BLOCK_BYTES_LEAST = 64 * 1024,
	BLOCK_SLOTS_LEAST = 8,
	SLOT_ALIGN_BYTES = 16,
};

struct slot {
	struct slot *next;
};

struct block {
	struct slab *slab;
	struct block *next, *prev; /* on slab->open */
	struct slot *free;
	size_t taken_count;
	size_t fresh_count; /* slots at the end, never taken */
};

struct slab {
	size_t slot_bytes, block_bytes;
	size_t head_bytes;  /* of a block, before its first slot */
	size_t slots_count; /* of a block */
	size_t most, count;
	struct block *open;
	struct block *spare;
};

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

struct slab *slab_new(size_t object_bytes, size_t most)
{
	struct slab *slab = calloc(1, sizeof(*slab));

	if (!slab)
		return NULL;
	CHECK(object_bytes > 0 && object_bytes <= 16ul * 1024 * 1024);
	slab->most = most;
	slab->slot_bytes = round_up(object_bytes, SLOT_ALIGN_BYTES);
	slab->head_bytes = round_up(sizeof(struct block), SLOT_ALIGN_BYTES);
	slab->block_bytes = BLOCK_BYTES_LEAST;
	while (slab->block_bytes < BLOCK_SLOTS_LEAST * slab->slot_bytes)
		slab->block_bytes *= 2;
	slab->slots_count =
		(slab->block_bytes - slab->head_bytes) / slab->slot_bytes;
	return slab;
}

/* Twice the size is mapped and the ends that stick out are given back. */
static void *pages_take(size_t n)
{
	uint8_t *p = mmap(NULL, 2 * n, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		return NULL;
	before = (n - ((uintptr_t)p & (n - 1))) & (n - 1);
	/* Failing, they would only cost address space. */
	if (before)
		(void)munmap(p, before);
	(void)munmap(p + before + n, n - before);
	return p + before;
}

static struct block *block_new(struct slab *slab)
{
	struct block *block = pages_take(slab->block_bytes);

	if (!block)
		return NULL;
	block->slab = slab;
	block->fresh_count = slab->slots_count;
	SLAB_ROOT(block, slab->block_bytes);
	SLAB_POISON((uint8_t *)block + slab->head_bytes,
		slab->block_bytes - slab->head_bytes);
	return block;
}

static void block_free(struct slab *slab, struct block *block)
{
	if (!block)
		return;
	SLAB_UNROOT(block, slab->block_bytes);
	SLAB_UNPOISON(block, slab->block_bytes);
	CHECK(munmap(block, slab->block_bytes) == 0);
}

static void block_open(struct slab *slab, struct block *block)
{
	block->prev = NULL;
	block->next = slab->open;
	if (slab->open)
		slab->open->prev = block;
	slab->open = block;
}

static void block_shut(struct slab *slab, struct block *block)
{
	if (block->prev)
		block->prev->next = block->next;
	else
		slab->open = block->next;
	if (block->next)
		block->next->prev = block->prev;
	block->next = block->prev = NULL;
}

static bool block_full(const struct slab *slab, const struct block *block)
{
	return block->taken_count == slab->slots_count;
}

/* A block with room, at the head of the list. NULL without memory. */
static struct block *slab_block(struct slab *slab)
{
	struct block *block = slab->open;

	if (block)
		return block;
	block = slab->spare ? slab->spare : block_new(slab);
	slab->spare = NULL;
	if (block)
		block_open(slab, block);
	return block;
}

static struct slot *block_take(struct slab *slab, struct block *block)
{
	size_t index = slab->slots_count - block->fresh_count;
	struct slot *slot = block->free;

	if (!slot) {
		slot = (struct slot *)(void *)((uint8_t *)block +
					       slab->head_bytes +
					       index * slab->slot_bytes);
		block->fresh_count--;
	}
	SLAB_UNPOISON(slot, slab->slot_bytes);
	/* Zero already but for the link: wiped when given, or never used. */
	if (slot == block->free)
		block->free = slot->next;
	slot->next = NULL;
	block->taken_count++;
	return slot;
}

void *slab_take(struct slab *slab)
{
	struct block *block;
	struct slot *slot;

	if (slab->most && slab->count >= slab->most)
		return NULL;
	block = slab_block(slab);
	if (!block)
		return NULL;
	slot = block_take(slab, block);
	slab->count++;
	if (block_full(slab, block))
		block_shut(slab, block);
	return slot;
}

/* The block that the object lies in; checked, since a stray pointer here
 * would wreck somebody else's memory. */
static struct block *block_of(const struct slab *slab, void *object)
{
	uintptr_t low = (uintptr_t)object & (slab->block_bytes - 1);
	struct block *block = (void *)((uint8_t *)object - low);

	CHECK(low >= slab->head_bytes && block->slab == slab);
	CHECK((low - slab->head_bytes) % slab->slot_bytes == 0);
	CHECK(block->taken_count > 0 && slab->count > 0);
	return block;
}

void slab_give(struct slab *slab, void *object)
{
	struct slot *slot = object;
	struct block *block;

	if (!object)
		return;
	block = block_of(slab, object);
	secret_wipe(object, slab->slot_bytes);
	if (block_full(slab, block))
		block_open(slab, block);
	slot->next = block->free;
	block->free = slot;
	SLAB_POISON(slot, slab->slot_bytes);
	slab->count--;
	if (--block->taken_count > 0)
		return;
	block_shut(slab, block);
	block_free(slab, slab->spare);
	slab->spare = block;
}

size_t slab_count(const struct slab *slab)
{
	return slab->count;
}

void slab_free(struct slab **slab)
{
	if (!*slab)
		return;
	CHECK((*slab)->count == 0);
	block_free(*slab, (*slab)->spare);
	free(*slab);
	*slab = NULL;
}
