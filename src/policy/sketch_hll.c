/*
 * HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007), with linear counting
 * for small numbers, over a sliding day.
 *
 * The campaign rules ask how many different sources or users failed: the answer
 * must cost the same memory whether eight came or a million, and nobody must be
 * able to push anybody out. 256 registers, 1,024 octets with four slices.
 *
 * A register holds the longest run of leading zeroes of its hashes; slices are
 * merged by their largest. Linear counting is m * ln(m / empty), here as the
 * sum of m / k that it is the limit of, so that no library decides a verdict.
 *
 * Called by campaign.c. What can go wrong: an estimate; the thresholds are
 * small, where linear counting is nearly exact.
 */
#include "sketch_hll.h"

#include <string.h>

enum { RANK_MOST = 57 };

static void advance(struct hll *hll, uint64_t now_ms)
{
	uint64_t slice = now_ms / hll->slice_ms;

	if (hll->slice < slice)
		hll->counted = false;
	for (unsigned i = 0; i < HLL_SLICES && hll->slice < slice; i++) {
		hll->slice++;
		memset(hll->registers[hll->slice % HLL_SLICES], 0,
			HLL_REGISTERS);
	}
	if (hll->slice < slice)
		hll->slice = slice; /* all are empty now */
}

void hll_add(struct hll *hll, uint64_t now_ms, uint64_t hash)
{
	unsigned at = (unsigned)(hash % HLL_REGISTERS);
	uint64_t rest = hash / HLL_REGISTERS | UINT64_C(1) << (RANK_MOST - 1);
	uint8_t rank = (uint8_t)(__builtin_ctzll(rest) + 1);
	uint8_t *reg;

	advance(hll, now_ms);
	reg = &hll->registers[hll->slice % HLL_SLICES][at];
	if (*reg >= rank)
		return;
	*reg = rank;
	hll->counted = false;
}

static uint8_t largest(const struct hll *hll, unsigned at)
{
	uint8_t most = 0;

	for (unsigned i = 0; i < HLL_SLICES; i++)
		if (hll->registers[i][at] > most)
			most = hll->registers[i][at];
	return most;
}

static unsigned estimate_of(const struct hll *hll)
{
	const double m = HLL_REGISTERS;
	const double alpha = 0.7213 / (1 + 1.079 / m);
	unsigned empty = 0;
	double sum = 0;
	double estimate;

	for (unsigned i = 0; i < HLL_REGISTERS; i++) {
		uint8_t rank = largest(hll, i);

		empty += rank == 0;
		sum += 1.0 / (double)(UINT64_C(1) << rank);
	}
	estimate = alpha * m * m / sum;
	if (estimate <= 2.5 * m && empty > 0)
		for (estimate = 0; empty < HLL_REGISTERS; empty++)
			estimate += m / (empty + 1);
	return (unsigned)(estimate + 0.5);
}

/* Registers change rarely once there are many, so it is worked out once. */
unsigned hll_count(struct hll *hll, uint64_t now_ms)
{
	advance(hll, now_ms);
	if (!hll->counted)
		hll->count = estimate_of(hll);
	hll->counted = true;
	return hll->count;
}

void hll_save(const struct hll *hll, struct octets *out)
{
	octets_put_number(out, hll->slice);
	octets_put(out, hll->registers, sizeof(hll->registers));
}

bool hll_load(struct hll *hll, struct octets *in)
{
	hll->counted = false;
	hll->slice = octets_take_number(in, UINT64_MAX);
	(void)octets_take(in, hll->registers, sizeof(hll->registers));
	for (unsigned at = 0; at < HLL_REGISTERS; at++)
		if (largest(hll, at) > RANK_MOST)
			octets_fail(in);
	return !in->failed;
}
