/*
 * The roll of one list of others (see listing.h).
 *
 * Memory: 17 octets an entry, twice while a new one is read. Called by
 * listings.c.
 */
#include "listing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLICE = 512 };

void listing_done(struct listing *roll)
{
	free(roll->items);
	memset(roll, 0, sizeof(*roll));
}

bool listing_begin(struct listing_reading *reading, int fd, size_t count)
{
	listing_stop(reading);
	reading->fd = fd;
	reading->wanted = count;
	reading->fresh.items = calloc(count + 1, sizeof(struct prefix));
	if (reading->fresh.items != NULL)
		return true;
	listing_stop(reading);
	return false;
}

void listing_stop(struct listing_reading *reading)
{
	if (reading->fd >= 0)
		(void)close(reading->fd);
	reading->fd = -1;
	listing_done(&reading->fresh);
}

/* Behind the one before it, and with no bits that it does not have. */
static bool is_sound(const struct listing *roll, const struct prefix *prefix)
{
	struct prefix clean;

	if (prefix->bits > 128)
		return false;
	clean = lengths_cut(&prefix->addr, prefix->bits);
	return prefix_eq(&clean, prefix) &&
	       (roll->count == 0 ||
		       prefix_order(&roll->items[roll->count - 1], prefix) < 0);
}

enum listing_result listing_read(struct listing_reading *reading)
{
	struct listing *fresh = &reading->fresh;
	size_t left = reading->wanted - fresh->count;
	size_t n = left < SLICE ? left : (size_t)SLICE;
	struct prefix *at = fresh->items + fresh->count;
	size_t octets = n * sizeof(*at);

	if (n > 0 &&
		pread(reading->fd, at, octets,
			(off_t)(fresh->count * sizeof(*at))) != (ssize_t)octets)
		return LISTING_BAD;
	for (size_t i = 0; i < n; i++) {
		if (!is_sound(fresh, &at[i]))
			return LISTING_BAD;
		lengths_add(&fresh->lengths, at[i].bits);
		fresh->count++;
	}
	return fresh->count == reading->wanted ? LISTING_DONE : LISTING_MORE;
}

static int by_order(const void *a, const void *b)
{
	return prefix_order(a, b);
}

bool listing_has(const struct listing *roll, const struct prefix *prefix)
{
	return roll->count > 0 &&
	       bsearch(prefix, roll->items, roll->count, sizeof(*roll->items),
		       by_order) != NULL;
}

bool listing_holds(const struct listing *roll, const struct addr *addr)
{
	unsigned bits = lengths_first(addr);

	for (; lengths_next(&roll->lengths, bits, &bits); bits++) {
		struct prefix prefix = lengths_cut(addr, bits);

		if (listing_has(roll, &prefix))
			return true;
	}
	return false;
}

bool listing_same(const struct listing *a, const struct listing *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (!prefix_eq(&a->items[i], &b->items[i]))
			return false;
	return a->count == b->count;
}
