/* How many different ones were seen, in fixed memory: HyperLogLog. */
#ifndef POLICY_SKETCH_HLL_H
#define POLICY_SKETCH_HLL_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/octets.h"

enum { HLL_REGISTERS = 256, HLL_SLICES = 4 };

/*
 * Counts what was seen in the last day or so: HLL_SLICES slices of slice_ms
 * each, the oldest emptied as time goes on. Zero at first but for slice_ms.
 */
struct hll {
	uint64_t slice_ms;
	uint64_t slice; /* number of the newest, since the clock's start */
	uint8_t registers[HLL_SLICES][HLL_REGISTERS];
	bool counted; /* count is what the registers say */
	unsigned count;
};

/* hash: keyed, all bits good. */
void hll_add(struct hll *hll, uint64_t now_ms, uint64_t hash);
/* Different hashes in the slices; exact to about one in twenty up to a hundred
 * and one in fifteen beyond. */
unsigned hll_count(struct hll *hll, uint64_t now_ms);

/* For the next core (image.h). false: refused. */
void hll_save(const struct hll *hll, struct octets *out);
bool hll_load(struct hll *hll, struct octets *in);

#endif
