/*
 * One command or answer line out of a stream of octets.
 *
 * CRLF alone ends a line (RFC 5321 §2.3.8). A bare LF, a bare CR or a NUL
 * inside is reported, never taken as an end: two programs that disagree on
 * where a line ends are the root of smuggling.
 */
#ifndef PROTO_LINE_H
#define PROTO_LINE_H

#include "slice.h"

enum line_result {
	LINE_OK = 0,
	LINE_MORE,     /* no CRLF yet and still below the limit */
	LINE_TOO_LONG, /* more than `most` octets, CRLF included, without end */
	LINE_BARE_LF,
	LINE_BARE_CR,
	LINE_NUL,
};

/*
 * Finds the first line of `in`.
 * most: longest line in octets with its CRLF, at least 2.
 * LINE_OK: *ret_line is the line without CRLF, *ret_used its octets with it.
 * LINE_BARE_*, LINE_NUL: *ret_used covers the octets up to and with the LF
 * (all of `in` where there is none). They are reported as soon as they are
 * certain: a CR that is the last octet of `in` is LINE_MORE. When a line has
 * several faults the first octet that is at fault decides.
 * LINE_TOO_LONG: nothing is set. LINE_MORE: nothing is set.
 */
enum line_result line_next(struct slice in, size_t most, struct slice *ret_line,
	size_t *ret_used) __attribute__((warn_unused_result));

#endif
