/*
 * Internet addresses and prefixes, in one canonical binary form.
 *
 * 16 octets; an IPv4 address is kept as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), so
 * the mapped form and the plain form are one and the same key. No scope, no
 * port, never text: text is made for people only.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addr {
	uint8_t octets[16];
};

/* Host bits are zero. bits: 0-128 of the 16 octets (IPv4 /24 is 120). */
struct prefix {
	struct addr addr;
	uint8_t bits;
};

enum {
	ADDR_TEXT_LONGEST = 46,	  /* with NUL */
	PREFIX_TEXT_LONGEST = 50, /* with NUL */
	ADDR_V4_BITS = 96,	  /* what an IPv4 prefix length is offset by */
};

struct sockaddr;

bool addr_is_v4(const struct addr *addr);
bool addr_eq(const struct addr *a, const struct addr *b);
bool addr_is_loopback(const struct addr *addr); /* 127/8, ::1 */
/* Loopback, and what means something in one network only: RFC 1918, RFC 4193,
 * link-local. */
bool addr_is_private(const struct addr *addr);

/* Accepts dotted IPv4 and IPv6, no brackets, no scope, no port. */
bool addr_parse(const char *text, struct addr *ret_addr)
	__attribute__((warn_unused_result));
/* As people write it; returns `out`. */
const char *addr_format(const struct addr *addr, char out[ADDR_TEXT_LONGEST]);

/* AF_INET and AF_INET6 only; *ret_port in host order, may be NULL. */
bool addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret_addr,
	uint16_t *ret_port) __attribute__((warn_unused_result));
/*
 * Fills a sockaddr_in (IPv4) or sockaddr_in6; `out` is a sockaddr_storage.
 * Returns its length.
 */
unsigned addr_to_sockaddr(
	const struct addr *addr, uint16_t port, struct sockaddr *out);
/* "192.0.2.1:25", "[2001:db8::1]:25". IP literals only. */
bool addr_parse_port(const char *text, struct addr *ret_addr,
	uint16_t *ret_port) __attribute__((warn_unused_result));

/* The prefix of `addr`: v4_bits 0-32 or v6_bits 0-128 by its family. */
struct prefix prefix_of(
	const struct addr *addr, unsigned v4_bits, unsigned v6_bits);
/*
 * "192.0.2.0/24", "2001:db8::/48", or an address alone (/32, /128). Host bits
 * are cleared: "192.0.2.7/24" is "192.0.2.0/24".
 */
bool prefix_parse(const char *text, struct prefix *ret_prefix)
	__attribute__((warn_unused_result));
/* Without "/32" and "/128". Returns `out`. */
const char *prefix_format(
	const struct prefix *prefix, char out[PREFIX_TEXT_LONGEST]);
/* The length as people count it: 0-32 for IPv4, 0-128 for IPv6. */
unsigned prefix_length(const struct prefix *prefix);
bool prefix_eq(const struct prefix *a, const struct prefix *b);
/* By their octets, then the wider one first; < 0, 0, > 0. */
int prefix_order(const struct prefix *a, const struct prefix *b);
/* The families stay apart: "::/0" holds no IPv4 address. */
bool prefix_holds(const struct prefix *prefix, const struct addr *addr);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

#endif
