/*
 * One TLS connection over a non-blocking socket.
 *
 * TLS 1.2 and 1.3, no renegotiation, no early data, no compression. Buffers
 * go back between records. The caller owns the socket, and must watch it
 * level-triggered: one call handles one record without data (KeyUpdate, a
 * ticket) and says TLS_WANT_READ although more may wait. Octets are read
 * ahead: while tls_pending() > 0 the socket may stay silent, so remember to
 * come back.
 *
 * Each direction ends for itself and its end is final: reading after
 * TLS_CLOSED or TLS_TRUNCATED touches the socket no more; a write that finds
 * the peer gone (TLS_TRUNCATED) leaves its last words readable; TLS_FAILED
 * ends both.
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

/* fd is borrowed until tls_free; the context is held until then, so its owner
 * may free it before. NULL without memory. Caller frees. */
struct tls_connection *tls_accept_new(struct tls_context *context, int fd);
struct tls_connection *tls_connect_new(struct tls_context *context, int fd);
void tls_free(struct tls_connection **connection); /* no network traffic */

/* TLS_OK: done and, for a client, verified. TLS_TRUNCATED: the peer left. A
 * server takes up OpenSSL's memory only when a ClientHello is whole. */
enum tls_result tls_handshake(struct tls_connection *connection)
	__attribute__((warn_unused_result));
/* After tls_handshake said TLS_OK; room > 0. TLS_OK: *ret_n >= 1, of one record
 * or of many; when tls_pending() is 0 then, the socket was emptied. May also
 * say TLS_WANT_WRITE (an answer to a KeyUpdate). */
enum tls_result tls_read(struct tls_connection *connection, void *out,
	size_t room, size_t *ret_n) __attribute__((warn_unused_result));
/*
 * Around a tls_read of a message's text, which need not be wiped: OpenSSL's
 * buffer stays as it is until tls_text_end, due after TLS_OK. was_all: what was
 * read was text and nothing else; if not the buffer is wiped before it goes
 * back.
 */
void tls_text_begin(struct tls_connection *connection);
void tls_text_end(struct tls_connection *connection, bool was_all);
/* n > 0. TLS_OK: *ret_n of n octets were taken (>= 1). After TLS_WANT_WRITE a
 * retry may come from other memory but must begin with the same octets, and
 * with as many of them (or 16 KiB): they may be encrypted already. */
enum tls_result tls_write(struct tls_connection *connection, const void *p,
	size_t n, size_t *ret_n) __attribute__((warn_unused_result));
/* What waits inside, decrypted or not, or an end that was not told yet; 0:
 * nothing but what the socket may bring. */
size_t tls_pending(const struct tls_connection *connection);
/* Octets that were read ahead and wait, of all connections of the process. */
size_t tls_kept_by_all(void);
/* What is written from now on may wait for tls_shutdown(), which follows. */
void tls_last(struct tls_connection *connection);
/* Sends close_notify once, does not wait for the peer's; nothing is sent when
 * the socket is full or a record is half out. Ends writing, not reading. */
void tls_shutdown(struct tls_connection *connection);

/* "" before the handshake is done. */
/* Static text; "" before the handshake is done. */
const char *tls_version_name(const struct tls_connection *connection);
const char *tls_cipher_name(const struct tls_connection *connection);
bool tls_resumed(const struct tls_connection *connection);
/* Server: the SNI name asked for, or "": a stranger's octets (no NUL, 255 at
 * most), escape them for a log. Borrowed until tls_free. */
const char *tls_server_name(const struct tls_connection *connection);
/* Why the last call failed, for the log; borrowed until the next call. */
const char *tls_error(const struct tls_connection *connection);

#endif
