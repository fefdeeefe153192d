/* How often each was seen, in fixed memory: a count-min sketch. */
#ifndef POLICY_SKETCH_COUNT_MIN_H
#define POLICY_SKETCH_COUNT_MIN_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/octets.h"

enum { COUNT_MIN_ROWS = 4, COUNT_MIN_COLUMNS = 8192, COUNT_MIN_SLICES = 2 };

/* Counts of the last slice or two. Zero at first but for slice_ms. 64 KiB. */
struct count_min {
	uint64_t slice_ms;
	uint64_t slice;
	uint8_t cells[COUNT_MIN_SLICES][COUNT_MIN_ROWS][COUNT_MIN_COLUMNS];
};

/* hash: keyed, all bits good. */
void count_min_add(struct count_min *sketch, uint64_t now_ms, uint64_t hash);
/* Never less than what was added, up to 255 a slice; rarely more. */
unsigned count_min_count(
	struct count_min *sketch, uint64_t now_ms, uint64_t hash);

/* For the next core (image.h). false: refused. */
void count_min_save(const struct count_min *sketch, struct octets *out);
bool count_min_load(struct count_min *sketch, struct octets *in);

#endif
