/* OpenSSL's way to a connection's socket. */
#ifndef TLS_SOCKET_H
#define TLS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

/* The longest ClientHello; OpenSSL would make room for 131,396 octets as soon
 * as its first four have come. With post-quantum keys it has about 2,000. */
enum { SOCKET_HELLO_LONGEST = 16 * 1024 - 4 };

/* Where in the clear part of the peer's stream we are. */
struct socket_watch {
	uint8_t header_count; /* of the record's 5 octets */
	uint8_t record_type;
	uint16_t record_left;
	uint8_t message_count; /* of the message's 4 octets */
	uint8_t message_type;
	uint32_t message_left;
};

struct socket {
	int fd;	   /* borrowed */
	int error; /* errno that ended it, or 0 */
	bool eof;
	bool hello_watched; /* server, until the handshake is done */
	bool hello_whole;
	bool hello_too_long;
	bool more;	/* what is written now is followed at once */
	const SSL *ssl; /* for the watch; NULL before the first hello */
	struct socket_watch watch;
	bool drained;	/* the last recv got less than it might */
	uint32_t ahead; /* octets that this call may still take */
	/* 0 <= taken <= count <= room: what OpenSSL gets before the rest */
	uint8_t *stage;
	uint32_t stage_taken;
	uint32_t stage_watched;
	uint32_t stage_count;
	uint32_t stage_room;
};

/*
 * Server: collects the first ClientHello. true: go on with OpenSSL, which
 * judges what came (also nonsense, an end, an error). false: wait for more;
 * nothing but the octets themselves is held meanwhile.
 */
bool socket_stage_hello(struct socket *socket)
	__attribute__((warn_unused_result));
void socket_done(struct socket *socket);

/*
 * Around each call of OpenSSL. One recv takes what lies in the socket, `most`
 * octets in all, and OpenSSL gets its headers and records from that. What it
 * did not ask for is kept with the connection. false: no memory, octets are
 * lost.
 */
void socket_begin(struct socket *socket, size_t most);
bool socket_end(struct socket *socket) __attribute__((warn_unused_result));
/* Within a call: OpenSSL would get nothing. */
bool socket_is_empty(const struct socket *socket);
/* Octets that were taken and wait for OpenSSL. */
size_t socket_kept(const struct socket *socket);
/* Of the process: the room of it. */
size_t socket_kept_by_all(void);

/* `socket` must outlive the BIO. NULL without memory. */
BIO *socket_bio_new(struct socket *socket);

#endif
