/* Which prefix lengths a table holds, so that a lookup probes only those. */
#ifndef POLICY_LENGTHS_H
#define POLICY_LENGTHS_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/addr.h"

enum { LENGTHS_COUNT = 129 }; /* /0 to /128 of 16 octets */

struct lengths {
	uint32_t counts[LENGTHS_COUNT]; /* entries of each length */
	uint64_t used[3];		/* bit set: counts[bit] > 0 */
};

void lengths_add(struct lengths *lengths, unsigned bits);
void lengths_remove(struct lengths *lengths, unsigned bits);
/* Where a lookup of this address starts: ::/0 does not hold 192.0.2.1. */
unsigned lengths_first(const struct addr *addr);
/* The least used length >= from; false: none. */
bool lengths_next(
	const struct lengths *lengths, unsigned from, unsigned *ret_bits);
/* `addr` with all but its first `bits` zero, family or not. */
struct prefix lengths_cut(const struct addr *addr, unsigned bits);

#endif
