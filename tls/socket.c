/*
 * OpenSSL's way to a connection's socket.
 *
 * In place of OpenSSL's own socket BIO, for three things that it does not do:
 * it writes with write(2), so that a peer that left would raise SIGPIPE; it
 * does not say whether a stream ended or broke; and it cannot look at a
 * ClientHello's length before OpenSSL makes room for it (a few octets from a
 * stranger would cost 171 KiB, thousands of times). This one costs the same
 * memory and reads no octet ahead.
 *
 * The watch follows records and messages in the clear part of the peer's
 * stream: a ClientHello may come one octet per record, and in TLS 1.3 a
 * second one may come. It understands no more than lengths; OpenSSL judges.
 *
 * The first ClientHello is collected here before OpenSSL is asked at all: a
 * client that stalls in it then costs its octets instead of 45 KiB.
 *
 * Called by connection.c. Must know nothing of certificates or mail.
 */
#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

enum {
	RECORD_CHANGE_CIPHER = 20,
	RECORD_HANDSHAKE = 22,
	MESSAGE_CLIENT_HELLO = 1,
};

enum { STAGE_FIRST_BYTES = 512, STAGE_MOST_BYTES = 16 * 1024 };

static void watch_header(struct socket *socket, uint8_t octet)
{
	struct socket_watch *watch = &socket->watch;

	/* RFC 8446 §5.1: type, two octets of version, two of length */
	if (watch->header_count == 0)
		watch->record_type = octet;
	if (watch->header_count >= 3)
		watch->record_left =
			(uint16_t)(watch->record_left << 8 | octet);
	if (++watch->header_count < 5)
		return;
	/* What follows is encrypted: behind a change of cipher in TLS 1.2,
	 * from the first record of another type on in 1.3 (§D.4: there the
	 * change of cipher says nothing). */
	if (watch->record_type == RECORD_HANDSHAKE)
		return;
	if (watch->record_type != RECORD_CHANGE_CIPHER || socket->ssl == NULL ||
		SSL_version(socket->ssl) != TLS1_3_VERSION)
		socket->hello_watched = false;
}

static void watch_message_end(struct socket *socket)
{
	struct socket_watch *watch = &socket->watch;

	if (watch->message_count < 4 || watch->message_left > 0)
		return;
	watch->message_count = 0;
	if (watch->message_type == MESSAGE_CLIENT_HELLO)
		socket->hello_whole = true;
}

static void watch_message(struct socket *socket, uint8_t octet)
{
	struct socket_watch *watch = &socket->watch;

	if (watch->message_count == 4) {
		watch->message_left--;
		watch_message_end(socket);
		return;
	}
	/* RFC 8446 §4: type, three octets of length */
	if (watch->message_count == 0) {
		watch->message_type = octet;
		watch->message_left = 0;
	} else {
		watch->message_left = watch->message_left << 8 | octet;
	}
	if (++watch->message_count < 4)
		return;
	if (watch->message_type == MESSAGE_CLIENT_HELLO &&
		watch->message_left > SOCKET_HELLO_LONGEST)
		socket->hello_too_long = true;
	watch_message_end(socket);
}

static void watch_octet(struct socket *socket, uint8_t octet)
{
	struct socket_watch *watch = &socket->watch;

	if (watch->header_count < 5) {
		watch_header(socket, octet);
	} else {
		watch->record_left--;
		if (watch->record_type == RECORD_HANDSHAKE)
			watch_message(socket, octet);
	}
	if (watch->header_count == 5 && watch->record_left == 0)
		watch->header_count = 0;
}

static int socket_failed(struct socket *socket)
{
	socket->error = errno;
	return -1;
}

static bool is_again(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS;
}

/* n octets, the end (0) or -1 with errno; never more than was asked for. */
static ssize_t take(struct socket *socket, void *out, size_t room)
{
	ssize_t n;

	do
		n = recv(socket->fd, out, room, 0);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		socket->eof = true;
	for (ssize_t i = 0; i < n && socket->hello_watched; i++)
		watch_octet(socket, ((const uint8_t *)out)[i]);
	return n;
}

static bool stage_grow(struct socket *socket)
{
	uint32_t room = socket->stage_room == 0 ? STAGE_FIRST_BYTES
						: socket->stage_room * 2;
	uint8_t *p;

	if (room > STAGE_MOST_BYTES)
		return false;
	p = realloc(socket->stage, room);
	if (p == NULL)
		return false;
	socket->stage = p;
	socket->stage_room = room;
	return true;
}

/* How much may be read now: up to the end of this header or record. */
static size_t stage_want(const struct socket *socket)
{
	const struct socket_watch *watch = &socket->watch;
	size_t room = socket->stage_room - socket->stage_count;
	size_t want = watch->header_count < 5 ? 5U - watch->header_count
					      : watch->record_left;

	return want < room ? want : room;
}

static bool stage_is_over(const struct socket *socket)
{
	const struct socket_watch *watch = &socket->watch;

	if (socket->hello_too_long || !socket->hello_watched)
		return true;
	if (socket->hello_whole && watch->header_count == 0)
		return true;
	return watch->header_count > 0 &&
	       watch->record_type != RECORD_HANDSHAKE;
}

bool socket_stage_hello(struct socket *socket)
{
	ssize_t n;

	while (!stage_is_over(socket)) {
		/* A hello in so many pieces, or no memory: OpenSSL's turn. */
		if (socket->stage_count == socket->stage_room &&
			!stage_grow(socket))
			return true;
		n = take(socket, socket->stage + socket->stage_count,
			stage_want(socket));
		if (n < 0 && is_again(errno))
			return false;
		if (n <= 0)
			return true; /* OpenSSL will see it, too */
		socket->stage_count += (uint32_t)n;
	}
	return true;
}

void socket_done(struct socket *socket)
{
	free(socket->stage);
	socket->stage = NULL;
}

static int read_stage(struct socket *socket, char *out, int room)
{
	uint32_t n = socket->stage_count - socket->stage_taken;

	if (n > (uint32_t)room)
		n = (uint32_t)room;
	memcpy(out, socket->stage + socket->stage_taken, n);
	socket->stage_taken += n;
	if (socket->stage_taken == socket->stage_count)
		socket_done(socket);
	return (int)n;
}

static int bio_read(BIO *bio, char *out, int room)
{
	struct socket *socket = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (socket->hello_too_long)
		return -1;
	if (socket->stage != NULL && socket->stage_count > 0)
		return read_stage(socket, out, room);
	if (socket->eof)
		return 0;
	n = take(socket, out, (size_t)room);
	if (n < 0 && is_again(errno)) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n < 0)
		return socket_failed(socket);
	return socket->hello_too_long ? -1 : (int)n;
}

static int bio_write(BIO *bio, const char *p, int count)
{
	struct socket *socket = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do
		n = send(socket->fd, p, (size_t)count, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && is_again(errno)) {
		BIO_set_retry_write(bio);
		return -1;
	}
	return n < 0 ? socket_failed(socket) : (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH ? 1 : 0; /* nothing is held back */
}

static BIO_METHOD *method_new(void)
{
	BIO_METHOD *method = BIO_meth_new(
		BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "postern socket");

	if (method != NULL && BIO_meth_set_read(method, bio_read) &&
		BIO_meth_set_write(method, bio_write) &&
		BIO_meth_set_ctrl(method, bio_ctrl))
		return method;
	BIO_meth_free(method);
	return NULL;
}

BIO *socket_bio_new(struct socket *socket)
{
	static BIO_METHOD *method; /* one for the process, never changed */
	BIO *bio;

	if (method == NULL)
		method = method_new();
	bio = method != NULL ? BIO_new(method) : NULL;
	if (bio == NULL)
		return NULL;
	BIO_set_data(bio, socket);
	BIO_set_init(bio, 1);
	return bio;
}
