/*
 * Base64, strict (RFC 4648 §4; RFC 4954 §4 refers to it).
 *
 * Used by auth.c to read along. Strict on purpose: two programs that decode
 * loosely may decode differently, and then the user that postern counts is
 * not the one that the server sees. What is not strict is "unknown" there.
 */
#include "base64.h"

enum { BAD = 0xff };

/* The six bits of one octet; BAD where it is not of the alphabet. */
static uint8_t sextet(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0' + 52);
	if (c == '+')
		return 62;
	return c == '/' ? 63 : BAD;
}

/* `n` (2 to 4) letters into the upper bits of 24; false on a bad letter. */
static bool letters_join(const uint8_t *p, size_t n, uint32_t *ret_bits)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		uint8_t six = i < n ? sextet(p[i]) : 0;

		if (six == BAD)
			return false;
		bits = bits << 6 | six;
	}
	*ret_bits = bits;
	return true;
}

static size_t padding_count(struct slice in)
{
	if (in.n == 0 || in.p[in.n - 1] != '=')
		return 0;
	return in.p[in.n - 2] == '=' ? 2 : 1;
}

bool base64_decode(struct slice in, uint8_t *out, size_t room, size_t *ret_n)
{
	size_t pad, n = 0;
	uint32_t bits;

	if (in.n % 4 != 0)
		return false;
	pad = padding_count(in);
	if (in.n / 4 * 3 - pad > room)
		return false;
	for (size_t i = 0; i < in.n; i += 4) {
		size_t skip = i + 4 == in.n ? pad : 0;

		if (!letters_join(in.p + i, 4 - skip, &bits))
			return false;
		if (bits & ((1u << 8 * skip) - 1))
			return false; /* RFC 4648 §3.5: unused bits are zero */
		for (size_t k = 0; k < 3 - skip; k++)
			out[n++] = (uint8_t)(bits >> (16 - 8 * k));
	}
	*ret_n = n;
	return true;
}
