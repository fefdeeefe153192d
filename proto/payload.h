/*
 * The text of a message between 354 and its end (RFC 5321 §4.1.1.4).
 *
 * The end is CRLF "." CRLF and nothing else; the text begins as if a CRLF
 * stood before it. Bare CR and LF are where servers disagree (SMTP
 * smuggling), so each is seen and met by one of three rules; and so is the
 * NUL of CRLF "." NUL, behind which some servers see nothing any more.
 */
#ifndef PROTO_PAYLOAD_H
#define PROTO_PAYLOAD_H

#include "slice.h"

enum payload_rule {
	PAYLOAD_REJECT,	   /* one of these ends the message with an error */
	PAYLOAD_NORMALIZE, /* a bare CR or LF becomes CRLF; a dot behind it is
			      stuffed once more, and so is CRLF "." in front
			      of it or of that NUL, so neither can ever be
			      an end */
	PAYLOAD_PASS,	   /* as is */
};

enum payload_piece {
	PAYLOAD_TAKE,	/* the first `used` octets pass as they are */
	PAYLOAD_INSERT, /* pass `insert` instead of the first `used` octets */
	PAYLOAD_END,	/* the first `used` octets pass and end the message */
	PAYLOAD_BARE,	/* REJECT: one of these met; nothing used */
	PAYLOAD_MORE,	/* all used up */
};

/* One octet of state: any octet may be the last one for now. */
struct payload {
	uint8_t state;
	bool bare_seen; /* any rule: one of these was in this message */
};

void payload_init(struct payload *payload); /* as if behind a CRLF */

/*
 * Scans `in` and returns the next piece; call again with the rest until
 * PAYLOAD_MORE, PAYLOAD_END or PAYLOAD_BARE. used is 0 only for MORE (in.n
 * == 0), BARE, and an INSERT in front of an octet. `insert` is static.
 * Works at memory speed: whole runs come as one TAKE. A TAKE may end in
 * "CR", "CRLF.", "CRLF.CR": all octets of the text pass in order as they
 * come, nothing is withheld except, under REJECT and NORMALIZE, a CR that is
 * the last octet of `in` (then the octets before it are taken, the CR is
 * consumed as INSERT with an empty `insert`, and it is inserted later with
 * its LF). So under REJECT no octet of a bare newline ever passes.
 * The rule stays the same from payload_init to the end, but may change to
 * PASS for a message that is drained: the end is still found where it is.
 * BARE comes again however often it is asked. Unless INSERT, *ret_insert is
 * empty.
 */
enum payload_piece payload_next(struct payload *payload, enum payload_rule rule,
	struct slice in, size_t *ret_used, struct slice *ret_insert);

#endif
