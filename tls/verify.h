/* Is the backend who it should be? */
#ifndef TLS_VERIFY_H
#define TLS_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509_vfy.h>

#include "inside.h"

/* Hex, colons allowed. false: not 64 digits; ret_pin as it was. */
bool verify_pin_parse(const char *text, uint8_t ret_pin[PIN_BYTES])
	__attribute__((warn_unused_result));

/* Judges the chain in `store`. false: `why` says it to an administrator, and
 * store's error is set so that the peer gets the right alert. */
bool verify_peer(const struct tls_context *context, X509_STORE_CTX *store,
	char *why, size_t room) __attribute__((warn_unused_result));

#endif
