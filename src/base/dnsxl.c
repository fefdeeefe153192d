/*
 * Lists of addresses in the DNS (RFC 5782).
 *
 * Pure: names and numbers, no question is asked here. The configuration, the
 * keeper and doctor must agree on what a hit is, so it is said here once. What
 * can go wrong: nothing; whatever is not sure to be a hit is none.
 */
#include "dnsxl.h"

#include <stdio.h>
#include <string.h>

static const uint32_t octet_mask = 0xff;
static const uint32_t listed = UINT32_C(127) << 24;	   /* 127.0.0.0/8 */
static const uint32_t refused = UINT32_C(0x7fffff00);	   /* /24 */
static const uint32_t never_listed = UINT32_C(0x7f000001); /* 127.0.0.1 */

enum { LABEL_LONGEST = 63, V4_AT = 12, V6_OCTETS = 16 };

/* ---- names ---- */

bool dnsxl_zone_sound(const char *zone)
{
	size_t n = strlen(zone), label = 0;

	if (n == 0 || n > DNSXL_ZONE_LONGEST ||
		strspn(zone, "abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != n)
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && zone[i] != '.') {
			label++;
			continue;
		}
		if (label == 0 || label > LABEL_LONGEST)
			return false;
		label = 0;
	}
	return true;
}

/* Both fit. */
static const char *put_zone(const char *zone, size_t n, char *out)
{
	(void)snprintf(out + n, DNSXL_NAME_LONGEST - n, "%s", zone);
	return out;
}

const char *dnsxl_nibbles(
	const struct addr *addr, const char *zone, char out[DNSXL_NAME_LONGEST])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = V6_OCTETS; i-- > 0;) {
		out[n++] = digits[addr->octets[i] & 0xf];
		out[n++] = '.';
		out[n++] = digits[addr->octets[i] >> 4];
		out[n++] = '.';
	}
	return put_zone(zone, n, out);
}

const char *dnsxl_name(
	const struct addr *addr, const char *zone, char out[DNSXL_NAME_LONGEST])
{
	const uint8_t *v4 = addr->octets + V4_AT;
	int n;

	if (!addr_is_v4(addr))
		return dnsxl_nibbles(addr, zone, out);
	n = snprintf(out, DNSXL_NAME_LONGEST, "%u.%u.%u.%u.", (unsigned)v4[3],
		(unsigned)v4[2], (unsigned)v4[1], (unsigned)v4[0]);
	return put_zone(zone, (size_t)n, out);
}

/* ---- answers ---- */

static uint32_t number_of(const struct addr *addr)
{
	const uint8_t *v4 = addr->octets + V4_AT;

	return (uint32_t)v4[0] << 24 | (uint32_t)v4[1] << 16 |
	       (uint32_t)v4[2] << 8 | v4[3];
}

static bool parse_bits(const char *text, struct dnsxl_code *code)
{
	unsigned bits = 0;

	for (; *text >= '0' && *text <= '9' && bits <= octet_mask; text++)
		bits = bits * 10 + (unsigned)(*text - '0');
	if (*text != '\0' || bits == 0 || bits > octet_mask)
		return false;
	*code = (struct dnsxl_code){
		.first = listed,
		.last = listed | 0x00ffffff,
		.bits = (uint8_t)bits,
	};
	return true;
}

static bool parse_range(
	const char *text, const char *dash, struct dnsxl_code *code)
{
	struct addr first, last;
	char head[ADDR_TEXT_LONGEST];
	size_t n = (size_t)(dash - text);

	if (n >= sizeof(head))
		return false;
	memcpy(head, text, n);
	head[n] = '\0';
	if (!addr_parse(head, &first) || !addr_parse(dash + 1, &last) ||
		!addr_is_v4(&first) || !addr_is_v4(&last))
		return false;
	*code = (struct dnsxl_code){
		.first = number_of(&first), .last = number_of(&last)};
	return true;
}

static bool parse_prefix(const char *text, struct dnsxl_code *code)
{
	struct prefix prefix;
	unsigned length;
	uint32_t hosts;

	if (!prefix_parse(text, &prefix) || !addr_is_v4(&prefix.addr))
		return false;
	length = prefix_length(&prefix);
	hosts = length == 0 ? UINT32_MAX : (UINT32_C(1) << (32 - length)) - 1;
	code->first = number_of(&prefix.addr);
	code->last = code->first | hosts;
	code->bits = 0;
	return true;
}

static enum dnsxl_word judge_one(uint32_t answer)
{
	if (answer >> 24 != listed >> 24)
		return DNSXL_FOREIGN;
	if (answer == never_listed || (answer & ~octet_mask) == refused)
		return DNSXL_REFUSED;
	return DNSXL_LISTED;
}

/* A range may reach over what never counts, but must not lie in it. */
static bool code_sound(const struct dnsxl_code *code)
{
	return code->first <= code->last && code->first >> 24 == listed >> 24 &&
	       code->last >> 24 == listed >> 24 &&
	       (judge_one(code->first) == DNSXL_LISTED ||
		       judge_one(code->last) == DNSXL_LISTED);
}

bool dnsxl_code_parse(const char *text, struct dnsxl_code *ret_code)
{
	struct dnsxl_code code;
	const char *dash = strchr(text, '-');
	bool good;

	if (text[0] == '&')
		good = parse_bits(text + 1, &code);
	else if (dash != NULL)
		good = parse_range(text, dash, &code);
	else
		good = parse_prefix(text, &code);
	if (!good || (code.bits == 0 && !code_sound(&code)))
		return false;
	*ret_code = code;
	return true;
}

enum dnsxl_word dnsxl_judge(const uint32_t *answers, size_t count)
{
	enum dnsxl_word worst = DNSXL_CLEAN;

	for (size_t i = 0; i < count; i++)
		if (judge_one(answers[i]) > worst)
			worst = judge_one(answers[i]);
	return worst;
}

static bool code_has(const struct dnsxl_code *code, uint32_t answer)
{
	return answer >= code->first && answer <= code->last &&
	       (code->bits == 0 || (answer & code->bits) != 0);
}

bool dnsxl_counts(const struct dnsxl_code *codes, size_t code_count,
	const uint32_t *answers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (judge_one(answers[i]) != DNSXL_LISTED)
			continue;
		if (code_count == 0)
			return true;
		for (size_t k = 0; k < code_count; k++)
			if (code_has(&codes[k], answers[i]))
				return true;
	}
	return false;
}
