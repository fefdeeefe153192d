/*
 * The text of large messages is base64, and nearly all of its lines have one
 * length. So where a line should end is known before it is looked at: there is
 * nothing to search, only to confirm, and a processor confirms many lines at
 * once. What cannot be confirmed at a glance, also a tab or an octet of UTF-8
 * that would do no harm, is left for a closer look (crlf.h).
 */
#include "ruled.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* RFC 5321 §4.5.3.1.6: the longest text of a line, without its CRLF. */
enum { LANE = 16, TEXT_LONGEST = 998 };

typedef uint8_t octets __attribute__((vector_size(LANE)));

/* The upper bit is set in each octet below SP, and in some beyond ASCII. */
static inline octets low(const uint8_t *p)
{
	octets v;

	memcpy(&v, p, sizeof v);
	return v - ' ';
}

static inline bool upper_bits(octets v)
{
	uint64_t half[2];

	memcpy(half, &v, sizeof half);
	return ((half[0] | half[1]) & 0x8080808080808080) != 0;
}

/* `n` octets at `p`, at least a lane; the last lane overlaps. */
static inline bool is_text(const uint8_t *p, size_t n)
{
	octets any = low(p + n - LANE);

	for (size_t at = 0; at + LANE < n; at += LANE)
		any |= low(p + at);
	return !upper_bits(any) && *p != '.';
}

/* The length of the text of the line at `p`; 0: none that pays. */
static size_t text_length(const uint8_t *p, const uint8_t *end)
{
	size_t left = (size_t)(end - p), most = TEXT_LONGEST + 1;
	const uint8_t *cr = memchr(p, '\r', left < most ? left : most);

	return cr && cr - p >= LANE ? (size_t)(cr - p) : 0;
}

const uint8_t *ruled_skip(const uint8_t *p, const uint8_t *end)
{
	size_t n = p < end ? text_length(p, end) : 0;

	if (n == 0)
		return p;
	while ((size_t)(end - p) >= n + 2 && is_text(p, n) && p[n] == '\r' &&
		p[n + 1] == '\n')
		p += n + 2;
	return p;
}
