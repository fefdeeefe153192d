/*
 * Which prefix lengths a table holds.
 *
 * Bans and allow entries have any length; a lookup hashes the address once
 * for each length that is in use, which in practice is one to four. A trie
 * would do the same with more memory and more code.
 *
 * Called by ban.c and allow.c. What can go wrong: an operator may use many
 * lengths; the cost is one hash for each, 129 at the very most.
 */
#include "lengths.h"

#include <string.h>

#include "../base/check.h"

void lengths_add(struct lengths *lengths, unsigned bits)
{
	lengths->counts[bits]++;
	lengths->used[bits / 64] |= UINT64_C(1) << (bits % 64);
}

void lengths_remove(struct lengths *lengths, unsigned bits)
{
	CHECK(lengths->counts[bits] > 0);
	if (--lengths->counts[bits] == 0)
		lengths->used[bits / 64] &= ~(UINT64_C(1) << (bits % 64));
}

unsigned lengths_first(const struct addr *addr)
{
	return addr_is_v4(addr) ? ADDR_V4_BITS : 0;
}

bool lengths_next(
	const struct lengths *lengths, unsigned from, unsigned *ret_bits)
{
	while (from < LENGTHS_COUNT) {
		uint64_t rest = lengths->used[from / 64] >> (from % 64);

		if (rest != 0) {
			*ret_bits = from + (unsigned)__builtin_ctzll(rest);
			return true;
		}
		from = (from / 64 + 1) * 64;
	}
	return false;
}

struct prefix lengths_cut(const struct addr *addr, unsigned bits)
{
	struct prefix cut;
	unsigned whole = bits / 8;

	memset(&cut, 0, sizeof(cut));
	memcpy(cut.addr.octets, addr->octets, whole);
	if (bits % 8 != 0)
		cut.addr.octets[whole] = (uint8_t)(addr->octets[whole] &
						   (0xff00u >> (bits % 8)));
	cut.bits = (uint8_t)bits;
	return cut;
}
