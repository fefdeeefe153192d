/*
 * What the fuzz targets share. `./dev fuzz NOUN` builds fuzz_NOUN.c with
 * libFuzzer, both sanitizers and the folders that meson.build names.
 *
 * A target asserts with MUST: a run that does not crash says little. A find is
 * kept as a file with a telling name in corpus/NOUN/, which each run begins
 * with. Octets are read in place in front of a forbidden page (unit/guard.h).
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "../../proto/slice.h"
#include "../unit/guard.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define MUST(what)                                                             \
	do {                                                                   \
		if (!(what)) {                                                 \
			fprintf(stderr, "%s:%d: does not hold: %s\n",          \
				__FILE__, __LINE__, #what);                    \
			abort();                                               \
		}                                                              \
	} while (0)

/* The first octet of what is left; 0 behind the end. */
static inline uint8_t fuzz_octet(struct slice *in)
{
	uint8_t c = in->n ? in->p[0] : 0;

	*in = slice_skip(*in, 1);
	return c;
}

static inline uint64_t fuzz_number(struct slice *in, unsigned octets)
{
	uint64_t n = 0;

	while (octets-- > 0)
		n = n << 8 | fuzz_octet(in);
	return n;
}

/* Does `part` lie within `whole`, or is it empty? */
static inline bool fuzz_inside(struct slice part, struct slice whole)
{
	return part.n == 0 ||
	       (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* For memory that nobody may touch behind its `n` octets. */
static inline struct slice fuzz_guarded(struct guard *guard, struct slice in)
{
	return slice_of(guard_copy(guard, in.p, in.n), in.n);
}

#endif
