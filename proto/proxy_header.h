/*
 * The PROXY header, versions 1 and 2, read and written.
 *
 * What a balancer says in front of a connection's own octets: who the client
 * really is and whom it meant to reach. Reading is strict, since whoever may
 * forge one forges every ban: a header is exactly as the specification has it
 * or it is BAD, and no octet behind its end is touched.
 *
 * Must not know who may send one; the worker asks only for listed peers.
 */
#ifndef PROTO_PROXY_HEADER_H
#define PROTO_PROXY_HEADER_H

#include "slice.h"

enum proxy_result {
	PROXY_OK = 0,
	PROXY_MORE, /* whole so far, but not yet at its end */
	PROXY_BAD,  /* no header, or a wrong one: close */
};

enum {
	PROXY_V1_LONGEST = 107,	    /* with its CRLF */
	PROXY_V2_HEAD = 16,	    /* signature, version, family, length */
	PROXY_LONGEST = 4096,	    /* of a version 2 header with its TLVs */
	PROXY_WRITTEN_LONGEST = 108 /* of what is written here */
};

/* Addresses are 16 octets, an IPv4 address as ::ffff:a.b.c.d. */
struct proxy_header {
	bool unknown; /* LOCAL, UNKNOWN, UNSPEC: the socket's own are meant */
	uint8_t source[16], target[16];
	uint16_t source_port, target_port; /* host order */
};

/*
 * Reads the header at the start of `in`.
 * OK: *ret_header and the header's length in *ret_used; version 2's TLVs were
 * checked (lengths, CRC32C where there is one) and left out. MORE is said only
 * where octets may still make it right. Nothing is set but by OK.
 */
enum proxy_result proxy_header_read(
	struct slice in, struct proxy_header *ret_header, size_t *ret_used)
	__attribute__((warn_unused_result));

/* Version 1 as text, version 2 as octets; returns the octets written. */
size_t proxy_header_write_v1(
	const struct proxy_header *header, uint8_t out[PROXY_WRITTEN_LONGEST]);
size_t proxy_header_write_v2(
	const struct proxy_header *header, uint8_t out[PROXY_WRITTEN_LONGEST]);

#endif
