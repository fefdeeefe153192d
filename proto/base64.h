/* Base64 (RFC 4648 §4), strict: as SASL in SMTP wants it (RFC 4954 §4). */
#ifndef PROTO_BASE64_H
#define PROTO_BASE64_H

#include "slice.h"

/*
 * Decodes `in` into `out`. Strict: length a multiple of 4, padding only at
 * the end, no white space, unused bits zero. Returns false (and sets nothing
 * but scribbles in `out`) on bad input or when `room` is too small; in.n / 4
 * * 3 octets always suffice. `out` may not overlap `in`.
 */
bool base64_decode(struct slice in, uint8_t *out, size_t room, size_t *ret_n)
	__attribute__((warn_unused_result));

#endif
