/*
 * Text that is well made: each CR and each LF is half of a CRLF.
 */
#ifndef PROTO_CRLF_H
#define PROTO_CRLF_H

#include <stdint.h>

/*
 * From `p` on, skips blocks of octets as long as nothing in them needs a
 * closer look: no bare CR or LF (RFC 5321 §2.3.8), no line that begins with a
 * dot (§4.5.2). Returns where it stopped, at or before `end`: the octets
 * between are well made, the one at the end of them may be a CR whose LF has
 * yet to come. What lies behind is not said to be wrong.
 *
 * p[-1] must be readable: it tells whether a line begins at p.
 */
const uint8_t *crlf_skip(const uint8_t *p, const uint8_t *end);

#endif
