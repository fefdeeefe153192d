/* HMAC-SHA256 (RFC 2104, RFC 6234), as hex. */
#ifndef TLS_HMAC_H
#define TLS_HMAC_H

#include <stdbool.h>
#include <stddef.h>

enum { HMAC_HEX_LONGEST = 65 }; /* with NUL */

/* false: the library has no memory. */
bool hmac_sha256_hex(const void *key, size_t key_n, const void *text,
	size_t text_n, char ret_hex[HMAC_HEX_LONGEST])
	__attribute__((warn_unused_result));

#endif
