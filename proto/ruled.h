/*
 * Lines that are all of one length, as those of base64 are (RFC 2045 §6.8).
 */
#ifndef PROTO_RULED_H
#define PROTO_RULED_H

#include <stdint.h>

/*
 * From `p`, where a line begins, skips whole lines as long as each is as long
 * as the first, ends with CRLF, does not begin with a dot (RFC 5321 §4.5.2)
 * and has no other octet below SP in it. Returns where a line begins that is
 * not so, or that is not all here: what lies there is not said to be wrong.
 */
const uint8_t *ruled_skip(const uint8_t *p, const uint8_t *end);

#endif
