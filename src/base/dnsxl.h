/*
 * Lists of addresses in the DNS (RFC 5782): what they are asked, and what they
 * mean by what they answer.
 */
#ifndef BASE_DNSXL_H
#define BASE_DNSXL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

enum {
	DNSXL_ZONE_LONGEST = 180, /* beside 64 octets of an IPv6 address */
	DNSXL_NAME_LONGEST = 256, /* with NUL */
};

/* A name that can be asked: letters, digits, "-", "_", labels of 1-63. */
bool dnsxl_zone_sound(const char *zone);

/* "7.2.0.192.bl.example.org" (RFC 5782 §2.1, §2.4), zone: a sound one. Returns
 * `out`. */
const char *dnsxl_name(const struct addr *addr, const char *zone,
	char out[DNSXL_NAME_LONGEST]);

/* The same in nibbles (RFC 5782 §2.4), also of an IPv4 address, as
 * ::ffff:0:0/96 has it: so are the test entries for IPv6. */
const char *dnsxl_nibbles(const struct addr *addr, const char *zone,
	char out[DNSXL_NAME_LONGEST]);

/* Answers that count: first to last, of which one of the bits must be set. */
struct dnsxl_code {
	uint32_t first, last; /* IPv4 addresses as numbers */
	uint8_t bits;	      /* of the last octet; 0: any */
};

/* "127.0.0.2", "127.0.0.4-127.0.0.7", "127.0.1.0/24", "&4". false: it is none,
 * or one that can never count. */
bool dnsxl_code_parse(const char *text, struct dnsxl_code *ret_code)
	__attribute__((warn_unused_result));

enum dnsxl_word {
	DNSXL_CLEAN = 0, /* no answer, or none that is an error */
	DNSXL_LISTED,	 /* in 127.0.0.0/8 */
	DNSXL_REFUSED, /* it does not answer us: 127.255.255.0/24, 127.0.0.1 */
	DNSXL_FOREIGN, /* outside of 127.0.0.0/8: it is no list (any more) */
};

/* Of all addresses of an answer: the worst word there is. */
enum dnsxl_word dnsxl_judge(const uint32_t *answers, size_t count);
/* Is one of them among the codes? Of no codes: any. */
bool dnsxl_counts(const struct dnsxl_code *codes, size_t code_count,
	const uint32_t *answers, size_t count);

#endif
