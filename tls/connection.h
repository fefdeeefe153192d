/*
 * One TLS connection over a non-blocking socket.
 *
 * TLS 1.2 and 1.3, no renegotiation, no early data, no compression. Buffers
 * go back between records. The caller owns the socket.
 */
#ifndef TLS_CONNECTION_H
#define TLS_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "context.h"

struct tls_connection;

enum tls_result {
	TLS_OK = 0,
	TLS_WANT_READ,
	TLS_WANT_WRITE,
	TLS_CLOSED,    /* close_notify: an orderly end */
	TLS_TRUNCATED, /* the socket ended without one: never a whole input */
	TLS_FAILED,    /* tls_error() says why */
};

/* fd is borrowed until tls_free. NULL without memory. Caller frees. */
struct tls_connection *tls_accept_new(struct tls_context *context, int fd);
struct tls_connection *tls_connect_new(struct tls_context *context, int fd);
void tls_free(struct tls_connection **connection); /* no network traffic */

/* TLS_OK: done and, for a client, verified. */
enum tls_result tls_handshake(struct tls_connection *connection)
	__attribute__((warn_unused_result));
/* TLS_OK: *ret_n >= 1. */
enum tls_result tls_read(struct tls_connection *connection, void *out,
	size_t room, size_t *ret_n) __attribute__((warn_unused_result));
/* TLS_OK: *ret_n of n octets were taken (>= 1). A retry may come from other
 * memory but must begin with the same octets. */
enum tls_result tls_write(struct tls_connection *connection, const void *p,
	size_t n, size_t *ret_n) __attribute__((warn_unused_result));
/* Decrypted octets that wait inside the library. */
size_t tls_pending(const struct tls_connection *connection);
/* Sends close_notify once, does not wait for the peer's. */
void tls_shutdown(struct tls_connection *connection);

const char *tls_version_name(const struct tls_connection *connection);
const char *tls_cipher_name(const struct tls_connection *connection);
bool tls_resumed(const struct tls_connection *connection);
/* Server: the SNI name asked for, or "". Borrowed until tls_free. */
const char *tls_server_name(const struct tls_connection *connection);
/* Why the last call failed, for the log; borrowed until the next call. */
const char *tls_error(const struct tls_connection *connection);

#endif
