/*
 * A count-min sketch (Cormode, Muthukrishnan 2005) with conservative update
 * (Estan, Varghese 2002): only the least of an item's cells grow.
 *
 * For one question: on how many names was this secret tried? A table would be
 * pushed empty by whoever invents secrets; here they only blur each other. With
 * 8,192 columns and four rows it takes some 3,000 different secrets a day until
 * one in a hundred is taken for having been seen once more than it was, and
 * strangers are held to a few tries a day long before.
 *
 * Called by campaign.c.
 */
#include "sketch_count_min.h"

#include <string.h>

static void advance(struct count_min *sketch, uint64_t now_ms)
{
	uint64_t slice = now_ms / sketch->slice_ms;

	for (unsigned i = 0; i < COUNT_MIN_SLICES && sketch->slice < slice;
		i++) {
		sketch->slice++;
		memset(sketch->cells[sketch->slice % COUNT_MIN_SLICES], 0,
			sizeof(sketch->cells[0]));
	}
	if (sketch->slice < slice)
		sketch->slice = slice; /* all are empty now */
}

/* 13 bits of the hash for each row. */
static unsigned column(uint64_t hash, unsigned row)
{
	return (unsigned)(hash >> (row * 13)) % COUNT_MIN_COLUMNS;
}

static unsigned least(
	const struct count_min *sketch, uint64_t slice, uint64_t hash)
{
	unsigned least = UINT8_MAX;

	for (unsigned row = 0; row < COUNT_MIN_ROWS; row++) {
		unsigned cell = sketch->cells[slice % COUNT_MIN_SLICES][row]
					     [column(hash, row)];

		if (cell < least)
			least = cell;
	}
	return least;
}

void count_min_add(struct count_min *sketch, uint64_t now_ms, uint64_t hash)
{
	unsigned count;

	advance(sketch, now_ms);
	count = least(sketch, sketch->slice, hash);
	for (unsigned row = 0; row < COUNT_MIN_ROWS; row++) {
		uint8_t *cell = &sketch->cells[sketch->slice % COUNT_MIN_SLICES]
					      [row][column(hash, row)];

		if (*cell == count && count < UINT8_MAX)
			(*cell)++;
	}
}

unsigned count_min_count(
	struct count_min *sketch, uint64_t now_ms, uint64_t hash)
{
	unsigned count = 0;

	advance(sketch, now_ms);
	for (unsigned i = 0; i < COUNT_MIN_SLICES; i++)
		count += least(sketch, sketch->slice + i, hash);
	return count;
}

void count_min_save(const struct count_min *sketch, struct octets *out)
{
	octets_put_number(out, sketch->slice);
	octets_put(out, sketch->cells, sizeof(sketch->cells));
}

bool count_min_load(struct count_min *sketch, struct octets *in)
{
	sketch->slice = octets_take_number(in, UINT64_MAX);
	return octets_take(in, sketch->cells, sizeof(sketch->cells));
}
