/* A listener's certificates and which of them a client gets. */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "context.h"

/* Kinds that OpenSSL offers side by side: one of each. */
enum certificate_kind {
	CERTIFICATE_RSA,
	CERTIFICATE_RSA_PSS,
	CERTIFICATE_EC,
	CERTIFICATE_ED25519,
	CERTIFICATE_ED448,
	CERTIFICATE_KIND_COUNT,
};

struct certificate {
	X509 *leaf;
	EVP_PKEY *key;
	STACK_OF(X509) * chain; /* without the leaf */
	enum certificate_kind kind;
};

struct certificate_pick {
	const struct certificate *of[CERTIFICATE_KIND_COUNT]; /* or NULL */
};

struct certificate_set {
	struct certificate *items;
	size_t count;
	struct certificate_pick usual; /* no SNI, or a name of nobody */
};

/* false: `error` says why. Warnings are added to `error` as well. The set is
 * to be given to certificate_set_done in both cases. */
bool certificate_set_init(struct certificate_set *set,
	const struct tls_certificate *files, size_t count,
	char error[TLS_ERROR_LONGEST]) __attribute__((warn_unused_result));
void certificate_set_done(struct certificate_set *set);

/* Puts the usual ones into ctx. */
bool certificate_set_use(const struct certificate_set *set, SSL_CTX *ctx,
	const struct tls_certificate *files, char error[TLS_ERROR_LONGEST])
	__attribute__((warn_unused_result));

/* For SSL_CTX_set_cert_cb: `set` is a struct certificate_set. */
int certificate_on_hello(SSL *ssl, void *set);

#endif
