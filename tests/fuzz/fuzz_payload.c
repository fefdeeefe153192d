/*
 * The text of a message. Input: two octets that say where to cut, one of a
 * place where a drain begins, then the text.
 *
 * Under each rule, whole and cut, payload_next must do what the automaton of
 * unit/payload_reference.h does; under REJECT and NORMALIZE no bare newline
 * passes, and a lax reader finds no other end (both in assert_safe). And:
 *	- what was normalized is legal: each rule passes it as it is;
 *	- a message that is drained ends where it ends.
 */
#include "../unit/payload_reference.h"

enum { TEXT_MOST = 1024 };

static bool cut_nowhere(size_t at, uint64_t arg)
{
	return false;
}

static void check_normalized(const uint8_t *p, size_t n, uint64_t cuts)
{
	static struct outcome made, again;

	run(PAYLOAD_NORMALIZE, p, n, cut_by_mask, cuts, &made);
	MUST(made.n <= 3 * n);
	MUST(made.piece != PAYLOAD_BARE);
	for (size_t r = 0; r < COUNT(rules); r++) {
		run(rules[r], made.out, made.n, cut_by_mask, ~cuts, &again);
		MUST(again.piece == made.piece && !again.bare_seen);
		MUST(again.n == made.n);
		MUST(memcmp(again.out, made.out, made.n) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	uint64_t cuts = fuzz_number(&in, 2) * 0x0001000100010001u;
	size_t drain = fuzz_octet(&in);

	if (in.n == 0 || in.n > TEXT_MOST)
		return 0;
	compare(in.p, in.n, cut_nowhere, 0);
	compare(in.p, in.n, cut_by_mask, cuts);
	check_normalized(in.p, in.n, cuts);
	if (drain > in.n)
		drain = in.n;
	check_drained(PAYLOAD_REJECT, in.p, in.n, drain);
	check_drained(PAYLOAD_NORMALIZE, in.p, in.n, drain);
	return 0;
}
