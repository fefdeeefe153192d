/*
 * Memory that is kept for reading requests when there is no other.
 *
 * A stack of octets that is used only where malloc(3) has none, and is free
 * again as a whole when the last of it was given back: a request and its
 * answer live for one call. Called by the keeper's own thread only.
 *
 *   | taken | taken, given back | taken | free ... |
 *   0                                   used
 */
#include "spare.h"

#include <jansson.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Some forty times the longest request. */
enum { SPARE_BYTES = 160 * 1024, ALIGN = alignof(max_align_t) };

static struct {
	alignas(max_align_t) uint8_t octets[SPARE_BYTES];
	size_t used;
	size_t live_count;
} spare;

static void *spare_take(size_t n)
{
	void *p = malloc(n);
	size_t room = (n + ALIGN - 1) / ALIGN * ALIGN;

	if (p || n > SPARE_BYTES || room > SPARE_BYTES - spare.used)
		return p;
	p = spare.octets + spare.used;
	spare.used += room;
	spare.live_count++;
	return p;
}

static void spare_give(void *p)
{
	uintptr_t at = (uintptr_t)p - (uintptr_t)spare.octets;

	if (at >= SPARE_BYTES)
		free(p);
	else if (--spare.live_count == 0)
		spare.used = 0;
}

void spare_init(void)
{
	json_set_alloc_funcs(spare_take, spare_give);
}
