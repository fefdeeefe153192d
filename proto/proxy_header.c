/*
 * The PROXY header (see proxy_header.h; "The PROXY protocol", versions 1 and
 * 2, by HAProxy Technologies).
 *
 * The worker reads one from listed peers before anything else of a connection,
 * and writes one as the first octets to a server that wants it.
 *
 * What can go wrong: a length that reaches past the header (HAProxy 488ee7fb,
 * CVE-2023-42117). So lengths are only ever compared with what is left, and a
 * TLV that does not end exactly at the header's end makes it BAD.
 */
#include "proxy_header.h"
#include "ip_text.h"

enum {
	COMMAND_LOCAL = 0x20,
	COMMAND_PROXY = 0x21,
	FAMILY_UNSPEC = 0x00,
	FAMILY_TCP4 = 0x11,
	FAMILY_TCP6 = 0x21,
	TLV_HEAD = 3,
	TLV_CRC32C = 0x03,
};

static const uint8_t signature[12] = {
	'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};
static const char v1_word[] = "PROXY ";

static unsigned number_of(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* --- version 1 ------------------------------------------------------------ */

/* The next field of a line; false where there is none. */
static bool field(struct slice *line, bool last, struct slice *ret_field)
{
	const uint8_t *space = line->n ? memchr(line->p, ' ', line->n) : NULL;
	size_t n = space ? (size_t)(space - line->p) : line->n;

	if ((space == NULL) != last || n == 0)
		return false;
	*ret_field = slice_head(*line, n);
	*line = slice_skip(*line, n + 1);
	return true;
}

static bool read_port(struct slice text, uint16_t *ret_port)
{
	uint32_t number;

	if (!ip_text_read_number(text, 65535, &number))
		return false;
	*ret_port = (uint16_t)number;
	return true;
}

/* Behind "PROXY TCP4 " or "PROXY TCP6 ". */
static bool read_v1_fields(
	struct slice line, bool v6, struct proxy_header *header)
{
	struct slice source, target, source_port, target_port;

	if (!field(&line, false, &source) || !field(&line, false, &target) ||
		!field(&line, false, &source_port) ||
		!field(&line, true, &target_port))
		return false;
	if (v6 ? !ip_text_read_v6(source, header->source) ||
				!ip_text_read_v6(target, header->target)
	       : !ip_text_read_v4(source, header->source) ||
				!ip_text_read_v4(target, header->target))
		return false;
	return read_port(source_port, &header->source_port) &&
	       read_port(target_port, &header->target_port);
}

static bool begins(struct slice line, const char *word)
{
	struct slice w = slice_str(word);

	return slice_eq(slice_head(line, w.n), w);
}

/* The line without its CRLF. */
static bool read_v1_line(struct slice line, struct proxy_header *header)
{
	line = slice_skip(line, sizeof v1_word - 1);
	if (begins(line, "TCP4 "))
		return read_v1_fields(slice_skip(line, 5), false, header);
	if (begins(line, "TCP6 "))
		return read_v1_fields(slice_skip(line, 5), true, header);
	/* Whatever stands behind UNKNOWN is to be ignored. */
	header->unknown = true;
	return slice_eq(line, slice_str("UNKNOWN")) || begins(line, "UNKNOWN ");
}

static enum proxy_result read_v1(
	struct slice in, struct proxy_header *header, size_t *ret_used)
{
	struct slice head = slice_head(in, PROXY_V1_LONGEST);
	const uint8_t *cr = memchr(head.p, '\r', head.n);
	size_t n = cr ? (size_t)(cr - head.p) : head.n;

	if (memchr(head.p, '\n', n) || memchr(head.p, 0, n))
		return PROXY_BAD;
	if (!cr || n + 1 == head.n)
		return head.n < PROXY_V1_LONGEST ? PROXY_MORE : PROXY_BAD;
	if (head.p[n + 1] != '\n')
		return PROXY_BAD;
	if (!read_v1_line(slice_head(head, n), header))
		return PROXY_BAD;
	*ret_used = n + 2;
	return PROXY_OK;
}

/* --- version 2 ------------------------------------------------------------ */

/* RFC 3720 §12.1, bit by bit: a header comes once a connection. */
static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

/* Over the whole header, its own four octets taken as zero. */
static bool crc_holds(struct slice whole, const uint8_t *value)
{
	static const uint8_t zero[4];
	size_t before = (size_t)(value - whole.p);
	uint32_t crc = crc32c(~0u, whole.p, before);

	crc = crc32c(crc, zero, sizeof zero);
	crc = ~crc32c(crc, value + 4, whole.n - before - 4);
	return crc == ((uint32_t)number_of(value) << 16 | number_of(value + 2));
}

static bool tlvs_hold(struct slice whole, struct slice rest)
{
	while (rest.n > 0) {
		size_t n;

		if (rest.n < TLV_HEAD)
			return false;
		n = number_of(rest.p + 1);
		if (n > rest.n - TLV_HEAD)
			return false;
		if (rest.p[0] == TLV_CRC32C &&
			(n != 4 || !crc_holds(whole, rest.p + TLV_HEAD)))
			return false;
		rest = slice_skip(rest, TLV_HEAD + n);
	}
	return true;
}

static void read_v4(const uint8_t *p, uint8_t out[16])
{
	memset(out, 0, 10);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, p, 4);
}

/* The address block; its length, 0 for a family that is not taken. */
static size_t read_block(
	unsigned family, struct slice block, struct proxy_header *header)
{
	size_t each = family == FAMILY_TCP4 ? 4 : 16;
	size_t n = 2 * each + 4;

	if ((family != FAMILY_TCP4 && family != FAMILY_TCP6) || block.n < n)
		return 0;
	if (family == FAMILY_TCP4) {
		read_v4(block.p, header->source);
		read_v4(block.p + 4, header->target);
	} else {
		memcpy(header->source, block.p, 16);
		memcpy(header->target, block.p + 16, 16);
	}
	header->source_port = (uint16_t)number_of(block.p + 2 * each);
	header->target_port = (uint16_t)number_of(block.p + 2 * each + 2);
	return n;
}

/* Known before the whole is there, so that nobody waits for what is BAD. */
static bool v2_head_holds(struct slice in)
{
	if (in.n > 12 && in.p[12] != COMMAND_LOCAL && in.p[12] != COMMAND_PROXY)
		return false;
	if (in.n > 13 && in.p[12] == COMMAND_PROXY &&
		in.p[13] != FAMILY_UNSPEC && in.p[13] != FAMILY_TCP4 &&
		in.p[13] != FAMILY_TCP6)
		return false;
	return in.n < PROXY_V2_HEAD ||
	       number_of(in.p + 14) <= PROXY_LONGEST - PROXY_V2_HEAD;
}

static enum proxy_result read_v2(
	struct slice in, struct proxy_header *header, size_t *ret_used)
{
	struct slice whole, block;
	size_t n;

	if (!v2_head_holds(in))
		return PROXY_BAD;
	if (in.n < PROXY_V2_HEAD)
		return PROXY_MORE;
	n = PROXY_V2_HEAD + number_of(in.p + 14);
	if (in.n < n)
		return PROXY_MORE;
	whole = slice_head(in, n);
	block = slice_skip(whole, PROXY_V2_HEAD);
	*ret_used = n;
	if (in.p[12] == COMMAND_LOCAL || in.p[13] == FAMILY_UNSPEC) {
		header->unknown = true; /* and the block is to be skipped */
		return PROXY_OK;
	}
	n = read_block(in.p[13], block, header);
	if (n == 0 || !tlvs_hold(whole, slice_skip(block, n)))
		return PROXY_BAD;
	return PROXY_OK;
}

static bool may_become(struct slice in, const void *start, size_t n)
{
	return memcmp(in.p, start, in.n < n ? in.n : n) == 0;
}

enum proxy_result proxy_header_read(
	struct slice in, struct proxy_header *ret_header, size_t *ret_used)
{
	struct proxy_header header = {0};
	enum proxy_result result = PROXY_BAD;
	size_t used = 0;

	if (in.n == 0)
		return PROXY_MORE;
	if (may_become(in, v1_word, sizeof v1_word - 1))
		result = in.n < sizeof v1_word - 1
				 ? PROXY_MORE
				 : read_v1(in, &header, &used);
	else if (may_become(in, signature, sizeof signature))
		result = in.n < sizeof signature ? PROXY_MORE
						 : read_v2(in, &header, &used);
	if (result != PROXY_OK)
		return result;
	if (header.unknown)
		header = (struct proxy_header){.unknown = true};
	*ret_header = header;
	*ret_used = used;
	return PROXY_OK;
}

/* --- writing -------------------------------------------------------------- */

static size_t put(uint8_t *out, const char *text)
{
	size_t n = strlen(text);

	memcpy(out, text, n);
	return n;
}

static bool both_v4(const struct proxy_header *header)
{
	return ip_text_is_v4(header->source) && ip_text_is_v4(header->target);
}

/* In a TCP6 line an IPv4 address is a mapped one. */
static size_t put_address(const uint8_t octets[16], bool v6, uint8_t *out)
{
	size_t n = 0;

	if (v6 && ip_text_is_v4(octets))
		n = put(out, "::ffff:");
	return n + ip_text_write(octets, out + n);
}

size_t proxy_header_write_v1(
	const struct proxy_header *header, uint8_t out[PROXY_WRITTEN_LONGEST])
{
	bool v6 = !both_v4(header);
	size_t n;

	if (header->unknown)
		return put(out, "PROXY UNKNOWN\r\n");
	n = put(out, v6 ? "PROXY TCP6 " : "PROXY TCP4 ");
	n += put_address(header->source, v6, out + n);
	out[n++] = ' ';
	n += put_address(header->target, v6, out + n);
	out[n++] = ' ';
	n += ip_text_write_number(header->source_port, out + n);
	out[n++] = ' ';
	n += ip_text_write_number(header->target_port, out + n);
	return n + put(out + n, "\r\n");
}

static size_t put_port(uint16_t port, uint8_t *out)
{
	out[0] = (uint8_t)(port >> 8);
	out[1] = (uint8_t)port;
	return 2;
}

size_t proxy_header_write_v2(
	const struct proxy_header *header, uint8_t out[PROXY_WRITTEN_LONGEST])
{
	bool v4 = both_v4(header);
	size_t from = v4 ? 12 : 0, each = 16 - from, n = PROXY_V2_HEAD;

	memcpy(out, signature, sizeof signature);
	out[12] = header->unknown ? COMMAND_LOCAL : COMMAND_PROXY;
	out[13] = header->unknown ? FAMILY_UNSPEC
				  : (v4 ? FAMILY_TCP4 : FAMILY_TCP6);
	if (!header->unknown) {
		memcpy(out + n, header->source + from, each);
		memcpy(out + n + each, header->target + from, each);
		n += 2 * each;
		n += put_port(header->source_port, out + n);
		n += put_port(header->target_port, out + n);
	}
	(void)put_port((uint16_t)(n - PROXY_V2_HEAD), out + 14);
	return n;
}
