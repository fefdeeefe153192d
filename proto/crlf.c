/*
 * Many octets at once, without a branch for each line.
 *
 * A text is well made when the octets behind a CR are just the LFs; so each
 * octet is held against the one before it, sixteen pairs at a time, in the
 * vectors of the compiler (SSE2 or NEON: no machine is named here). A message
 * has a line every 70 octets or so, and a call of memchr for each costs more
 * than the octets do.
 */
#include "crlf.h"

#include <string.h>

enum { LANE = 16, BLOCK = 4 * LANE };

typedef uint8_t octets __attribute__((vector_size(LANE)));

static inline octets load(const uint8_t *p)
{
	octets v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* Not zero where an octet wants a closer look. */
static inline octets odd(const uint8_t *p)
{
	octets here = load(p), before = load(p - 1);
	octets bare = (octets)((before == '\r') ^ (here == '\n'));
	octets dot = (octets)((before == '\n') & (here == '.'));

	return bare | dot;
}

static inline uint64_t any(octets v)
{
	uint64_t half[2];

	memcpy(half, &v, sizeof half);
	return half[0] | half[1];
}

const uint8_t *crlf_skip(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= BLOCK &&
		!any(odd(p) | odd(p + LANE) | odd(p + LANE + LANE) |
			odd(p + BLOCK - LANE)))
		p += BLOCK;
	return p;
}
