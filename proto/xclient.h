/*
 * XCLIENT: telling a server that asks for it who the client is.
 *
 * The command of Postfix, which names in its EHLO the attributes that it takes.
 * Only postern says it, never a client. Values are xtext (RFC 3461 §4), so none
 * can add an attribute, end the line, or be another's.
 */
#ifndef PROTO_XCLIENT_H
#define PROTO_XCLIENT_H

#include "slice.h"

enum {
	XCLIENT_NAME = 1u << 0,
	XCLIENT_ADDR = 1u << 1,
	XCLIENT_PORT = 1u << 2,
	XCLIENT_PROTO = 1u << 3,
	XCLIENT_HELO = 1u << 4,
	XCLIENT_LOGIN = 1u << 5,
	XCLIENT_DESTADDR = 1u << 6,
	XCLIENT_DESTPORT = 1u << 7,
	XCLIENT_LONGEST = 512, /* the command with its CRLF (RFC 5321) */
};

struct xclient {
	uint8_t source[16], target[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t source_port, target_port;
};

/* The attributes that an EHLO line "XCLIENT NAME ADDR …" offers; its text
 * behind the keyword. Unknown ones are passed over. */
uint32_t xclient_offered(struct slice args);

/*
 * The command for the attributes that are offered, NAME as [UNAVAILABLE]:
 * postern looks up no names. Returns the octets at `out`; 0: nothing that is
 * offered says who the client is (no ADDR), so it is not said at all.
 */
size_t xclient_compose(const struct xclient *client, uint32_t offered,
	uint8_t out[XCLIENT_LONGEST]);

/* xtext of `in`, at most `room` octets, no encoded octet cut; its length. */
size_t xclient_xtext(struct slice in, uint8_t *out, size_t room);

#endif
