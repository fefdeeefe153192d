/*
 * Internet addresses as text, without the library: the pure part has none.
 *
 * Strict forms only: dotted IPv4 without leading zeros, IPv6 by RFC 4291 §2.2
 * without scope, brackets or port.
 */
#ifndef PROTO_IP_TEXT_H
#define PROTO_IP_TEXT_H

#include "slice.h"

enum { IP_TEXT_LONGEST = 39 };

/* 16 octets, an IPv4 address as ::ffff:a.b.c.d. false: nothing is set. */
bool ip_text_read_v4(struct slice text, uint8_t ret_octets[16])
	__attribute__((warn_unused_result));
bool ip_text_read_v6(struct slice text, uint8_t ret_octets[16])
	__attribute__((warn_unused_result));
bool ip_text_is_v4(const uint8_t octets[16]); /* ::ffff:0:0/96 */
/* The octets written at `out`: dotted for IPv4, else eight groups. */
size_t ip_text_write(const uint8_t octets[16], uint8_t out[IP_TEXT_LONGEST]);

/* Decimal without leading zeros, at most `most`. */
bool ip_text_read_number(struct slice text, uint32_t most, uint32_t *ret_number)
	__attribute__((warn_unused_result));
size_t ip_text_write_number(uint32_t number, uint8_t out[10]);

#endif
