/* What the files of tls/ know of each other's structs; not for others. */
#ifndef TLS_INSIDE_H
#define TLS_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "certificate.h"
#include "context.h"
#include "ticket.h"

enum { PIN_BYTES = 32 };

struct tls_context {
	unsigned int holders_count; /* the owner and each connection */
	bool is_server;
	SSL_CTX *ctx;

	/* server */
	char protocol[16]; /* ALPN */
	struct certificate_set certificates;
	struct ticket_keys tickets;

	/* client */
	char *name;
	enum tls_verify verify;
	char *verify_name; /* or NULL */
	char *ca_file;	   /* for texts */
	bool name_is_address;
	bool has_pin;
	uint8_t pin[PIN_BYTES];
};

struct tls_context *tls_context_hold(struct tls_context *context);

/* connection.c's, for SSL_CTX_set_cert_verify_callback. */
int tls_connection_on_verify(X509_STORE_CTX *store, void *context);

#endif
