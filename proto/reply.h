/*
 * SMTP replies, one line at a time (RFC 5321 §4.2).
 *
 * A line is  code ["-" | SP [text]] CRLF, code 200-599. The bare "250" CRLF
 * is legal (§4.2: text may be missing). Anything else is REPLY_BAD: the
 * session ends, since a reply that can be read in two ways desynchronises.
 */
#ifndef PROTO_REPLY_H
#define PROTO_REPLY_H

#include "slice.h"

enum reply_result {
	REPLY_OK = 0,
	REPLY_MORE,
	REPLY_TOO_LONG,
	REPLY_BAD, /* no code, bare LF or CR, NUL, code outside 200-599 */
};

struct reply_line {
	uint16_t code; /* 200-599 */
	bool last;     /* false after "-": more lines follow */
	struct slice
		text; /* behind the separator, without CRLF; may be empty */
};

/*
 * Parses the first reply line of `in`. most: longest line in octets with its
 * CRLF, at least 5. REPLY_OK: *ret_line and *ret_used are set, else neither
 * is. REPLY_BAD is reported as soon as it is certain.
 */
enum reply_result reply_next(struct slice in, size_t most,
	struct reply_line *ret_line, size_t *ret_used)
	__attribute__((warn_unused_result));

#endif
