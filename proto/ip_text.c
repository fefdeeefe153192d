/*
 * Internet addresses as text (see ip_text.h).
 *
 * proxy_header and xclient call it. What can go wrong: a form that another
 * program reads differently (010.0.0.1 is octal to some), so those are refused.
 */
#include "ip_text.h"

enum { GROUPS = 8 };

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_text_read_number(struct slice text, uint32_t most, uint32_t *ret_number)
{
	uint32_t number = 0;

	if (text.n == 0 || text.n > 9 || (text.n > 1 && text.p[0] == '0'))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		number = number * 10 + (uint32_t)(text.p[i] - '0');
	}
	if (number > most)
		return false;
	*ret_number = number;
	return true;
}

size_t ip_text_write_number(uint32_t number, uint8_t out[10])
{
	uint8_t digits[10];
	size_t k = 0, at = 0;

	do
		digits[k++] = (uint8_t)('0' + number % 10);
	while (number /= 10);
	while (k > 0)
		out[at++] = digits[--k];
	return at;
}

/* The text in front of the next `c`; *text is what stands behind it. */
static struct slice cut(struct slice *text, uint8_t c, bool *ret_found)
{
	const uint8_t *at = text->n ? memchr(text->p, c, text->n) : NULL;
	struct slice head =
		slice_head(*text, at ? (size_t)(at - text->p) : text->n);

	*ret_found = at != NULL;
	*text = slice_skip(*text, head.n + (at ? 1 : 0));
	return head;
}

static bool read_dotted(struct slice text, uint8_t out[4])
{
	for (unsigned i = 0; i < 4; i++) {
		uint32_t number;
		bool more;

		if (!ip_text_read_number(cut(&text, '.', &more), 255, &number))
			return false;
		if (more != (i < 3))
			return false;
		out[i] = (uint8_t)number;
	}
	return true;
}

bool ip_text_read_v4(struct slice text, uint8_t ret_octets[16])
{
	uint8_t dotted[4];

	if (!read_dotted(text, dotted))
		return false;
	memcpy(ret_octets, mapped, sizeof mapped);
	memcpy(ret_octets + sizeof mapped, dotted, sizeof dotted);
	return true;
}

static bool read_group(struct slice text, uint8_t out[2])
{
	unsigned value = 0;

	if (text.n == 0 || text.n > 4)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = slice_lower(text.p[i]);

		if (c >= '0' && c <= '9')
			value = value << 4 | (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (unsigned)(c - 'a' + 10);
		else
			return false;
	}
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return true;
}

/*
 * Groups of one side of "::", as octets at `out`; false: malformed or more
 * than `room` octets. The last group may be dotted IPv4.
 */
static bool read_groups(
	struct slice text, bool last, uint8_t *out, size_t room, size_t *ret_n)
{
	size_t n = 0;
	bool more = text.n > 0;

	while (more) {
		struct slice group = cut(&text, ':', &more);

		if (!more && last && memchr(group.p, '.', group.n)) {
			if (n + 4 > room || !read_dotted(group, out + n))
				return false;
			n += 4;
			break;
		}
		if (n + 2 > room || !read_group(group, out + n))
			return false;
		n += 2;
	}
	*ret_n = n;
	return true;
}

/* Where "::" stands; text.n: nowhere. */
static size_t find_gap(struct slice text)
{
	for (size_t i = 0; i + 1 < text.n; i++)
		if (text.p[i] == ':' && text.p[i + 1] == ':')
			return i;
	return text.n;
}

bool ip_text_read_v6(struct slice text, uint8_t ret_octets[16])
{
	uint8_t head[16], tail[16];
	size_t head_n, tail_n = 0, gap = find_gap(text);
	bool gapped = gap < text.n;

	if (text.n < 2)
		return false;
	if (!read_groups(
		    slice_head(text, gap), !gapped, head, sizeof head, &head_n))
		return false;
	if (gapped && !read_groups(slice_skip(text, gap + 2), true, tail,
			      sizeof tail, &tail_n))
		return false;
	/* RFC 4291 §2.2: "::" stands for one group or more. */
	if (gapped ? head_n + tail_n > 14 : head_n != 16)
		return false;
	memset(ret_octets, 0, 16);
	memcpy(ret_octets, head, head_n);
	memcpy(ret_octets + 16 - tail_n, tail, tail_n);
	return true;
}

bool ip_text_is_v4(const uint8_t octets[16])
{
	return memcmp(octets, mapped, sizeof mapped) == 0;
}

static size_t write_group(unsigned value, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (int shift = 12; shift >= 0; shift -= 4)
		if (n > 0 || shift == 0 || value >> shift)
			out[n++] = (uint8_t)digits[value >> shift & 15];
	return n;
}

size_t ip_text_write(const uint8_t octets[16], uint8_t out[IP_TEXT_LONGEST])
{
	size_t n = 0;

	if (ip_text_is_v4(octets)) {
		for (unsigned i = 12; i < 16; i++) {
			if (i > 12)
				out[n++] = '.';
			n += ip_text_write_number(octets[i], out + n);
		}
		return n;
	}
	for (size_t i = 0; i < GROUPS; i++) {
		if (i > 0)
			out[n++] = ':';
		n += write_group(
			(unsigned)octets[2 * i] << 8 | octets[2 * i + 1],
			out + n);
	}
	return n;
}
