/*
 * TLS settings made once and shared by many connections.
 *
 * A server context serves one listener: certificates (RSA and ECDSA side by
 * side, chosen by the client's offer and by SNI), own ticket keys, own
 * session-id context. A client context serves one backend. Both are made
 * before rights are dropped: keys are read here and nowhere else. Contexts are
 * counted (connections hold theirs), for one thread: after a reload free the
 * old one at once.
 */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_context;

enum tls_version { TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 };

struct tls_certificate {
	const char *name;  /* for messages */
	const char *chain; /* PEM file: leaf first */
	const char *key;   /* PEM file; may be the same file */
};

struct tls_server_conf {
	const char *name; /* the listener's: session-id context */
	const struct tls_certificate *certificates;
	/* The first one, and those of another kind that share a name with it,
	 * serve clients with no SNI or an unknown name. */
	size_t certificate_count;
	/* Usually TLS_1_2. Older: security level 0 and CBC ciphers as well. */
	enum tls_version version_least;
	const char *ciphers;  /* NULL, "": the built-in list (ECDHE + AEAD) */
	const char *protocol; /* ALPN; NULL: smtp */
};

enum tls_verify {
	TLS_VERIFY_OFF,
	TLS_VERIFY_CA,	 /* a chain to the CA file */
	TLS_VERIFY_NAME, /* and the name in the certificate */
};

struct tls_client_conf {
	const char *name; /* the backend's */
	enum tls_version version_least;
	/* OpenSSL security level 0-5; -1: the library's. TLS before 1.2 needs
	 * 0, which also takes servers without RFC 5746. */
	int level;
	enum tls_verify verify;
	const char *ca_file;	 /* NULL, "": the system's. Read whole, now */
	const char *verify_name; /* or address; a name is sent as SNI, too */
	/* Hex of the SHA-256 of the key's SPKI, colons allowed; NULL, "": no
	 * pin. Holds with any `verify`, also TLS_VERIFY_OFF. */
	const char *pin_sha256;
};

enum { TLS_ERROR_LONGEST = 512 };

/*
 * NULL: `error` says what is wrong with which file ("certificate mail: key
 * /etc/x.key does not fit chain /etc/x.pem"). Caller frees. Warnings stand in
 * `error` with the context made all the same (error[0] is 0 when all is
 * well): a key that others may read, a certificate out of its time, an old
 * TLS version with a level that forbids it.
 */
struct tls_context *tls_server_new(
	const struct tls_server_conf *conf, char error[TLS_ERROR_LONGEST]);
struct tls_context *tls_client_new(
	const struct tls_client_conf *conf, char error[TLS_ERROR_LONGEST]);
void tls_context_free(struct tls_context **context);

/*
 * Server: new ticket key, the one before is kept for opening (call each few
 * hours). Time is the caller's business. Which key comes next is settled when
 * the context is made: processes forked from it that rotate equally often
 * open each other's tickets. Rotate in the parent as well, so that a worker
 * forked later agrees. Tickets do not outlive a reload.
 */
void tls_context_rotate_tickets(struct tls_context *context);

/*
 * For a library that brings its own sockets (libevent): OpenSSL's object of one
 * connection to a server context, which it holds. NULL without memory. Who gets
 * it frees it with tls_ssl_free().
 */
struct ssl_st;
struct ssl_st *tls_ssl_new(struct tls_context *context);
void tls_ssl_free(struct ssl_st **ssl);

#endif
