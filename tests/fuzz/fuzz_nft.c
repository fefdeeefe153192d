/*
 * What nftables lists, our own table and others' writing in it. Input: an
 * octet that says which set, then the listing.
 *
 *	- each element that is told is one of that set: its family, its length,
 *	  no host bits, a time that is not negative;
 *	- a duration that is read is not negative.
 */
#include "../../src/fw/nft_text.h"
#include "fuzz.h"

enum { INPUT_MOST = 4096 };

static void listed(void *arg, const struct prefix *prefix, int64_t left_ms)
{
	unsigned slot = *(const unsigned *)arg;
	struct prefix again;

	MUST(addr_is_v4(&prefix->addr) == nft_slot_is_v4(slot));
	MUST(prefix_length(prefix) == nft_slot_length(slot));
	MUST(nft_slot_of(prefix) == slot);
	again = prefix_of(
		&prefix->addr, prefix_length(prefix), prefix_length(prefix));
	MUST(prefix_eq(&again, prefix));
	MUST(left_ms >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	static char text[INPUT_MOST + 1];
	bool known[NFT_SLOTS] = {false};
	unsigned slot = fuzz_octet(&in) % (unsigned)NFT_SLOTS;
	const char *end;

	if (in.n > INPUT_MOST || n == 0)
		return 0;
	if (in.n)
		memcpy(text, in.p, in.n);
	text[in.n] = 0;
	nft_read_chains(text, "postern", known);
	nft_read_set(text, slot, listed, &slot);
	if (nft_read_duration(text, &end) >= 0)
		MUST(end > text && end <= text + in.n);
	return 0;
}
