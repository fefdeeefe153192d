/*
 * OpenSSL's way to a connection's socket.
 *
 * In place of OpenSSL's own socket BIO, for four things that it does not do:
 * it writes with write(2), so that a peer that left would raise SIGPIPE; it
 * does not say whether a stream ended or broke; it cannot look at a
 * ClientHello's length before OpenSSL makes room for it (a few octets from a
 * stranger would cost 171 KiB, thousands of times); and it asks the kernel
 * twice for each record and once more in vain. OpenSSL's own read-ahead would
 * cost a large buffer for each connection: here one serves all, since nothing
 * stays in it from call to call.
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

#include "../src/base/check.h"

enum {
	RECORD_CHANGE_CIPHER = 20,
	RECORD_HANDSHAKE = 22,
	MESSAGE_CLIENT_HELLO = 1,
};

enum {
	STAGE_FIRST_BYTES = 512,
	STAGE_MOST_BYTES = 16 * 1024,
	AHEAD_MOST_BYTES = 128 * 1024,
};

/* What the call that is under way took from its socket; encrypted, so it need
 * not be wiped. One for the process: a worker is one thread. */
static struct {
	uint32_t taken, count;
	uint8_t octets[AHEAD_MOST_BYTES];
} ahead;

/* The room of what all connections keep. */
static size_t bytes_kept;

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

static void watch_message_header(struct socket *socket, uint8_t octet)
{
	struct socket_watch *watch = &socket->watch;

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

/* Octets of a record's inside; how many of n were looked at, at least one. */
static uint32_t watch_inside(
	struct socket *socket, const uint8_t *p, uint32_t n)
{
	struct socket_watch *watch = &socket->watch;

	if (n > watch->record_left)
		n = watch->record_left;
	if (watch->record_type != RECORD_HANDSHAKE)
		return n;
	if (watch->message_count < 4) {
		watch_message_header(socket, *p);
		return 1;
	}
	if (n > watch->message_left)
		n = watch->message_left;
	watch->message_left -= n;
	watch_message_end(socket);
	return n;
}

static bool hello_ended(const struct socket *socket)
{
	return socket->hello_whole && socket->watch.header_count == 0;
}

/* How many of n octets were looked at, at least one. */
static uint32_t watch_some(struct socket *socket, const uint8_t *p, uint32_t n)
{
	struct socket_watch *watch = &socket->watch;
	uint32_t done = 1;

	if (watch->header_count < 5) {
		watch_header(socket, *p);
	} else {
		done = watch_inside(socket, p, n);
		watch->record_left = (uint16_t)(watch->record_left - done);
	}
	if (watch->header_count == 5 && watch->record_left == 0)
		watch->header_count = 0;
	return done;
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

/* n octets, the end (0) or -1 with errno. */
static ssize_t take(struct socket *socket, void *out, size_t room)
{
	ssize_t n;

	do
		n = recv(socket->fd, out, room, 0);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		socket->eof = true;
	socket->drained = n > 0 && (size_t)n < room;
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
	bytes_kept += room - socket->stage_room;
	socket->stage = p;
	socket->stage_room = room;
	return true;
}

static bool stage_is_over(const struct socket *socket)
{
	const struct socket_watch *watch = &socket->watch;

	if (socket->hello_too_long || !socket->hello_watched)
		return true;
	if (hello_ended(socket))
		return true;
	return watch->header_count > 0 &&
	       watch->record_type != RECORD_HANDSHAKE;
}

/* As far as to the hello's end; what follows is looked at when its turn
 * comes. */
static void watch_stage(struct socket *socket)
{
	while (socket->stage_watched < socket->stage_count &&
		!stage_is_over(socket))
		socket->stage_watched += watch_some(socket,
			socket->stage + socket->stage_watched,
			socket->stage_count - socket->stage_watched);
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
			socket->stage_room - socket->stage_count);
		if (n < 0 && is_again(errno))
			return false;
		if (n <= 0)
			return true; /* OpenSSL will see it, too */
		socket->stage_count += (uint32_t)n;
		watch_stage(socket);
	}
	return true;
}

size_t socket_kept(const struct socket *socket)
{
	return socket->stage != NULL ? socket->stage_count - socket->stage_taken
				     : 0;
}

void socket_begin(struct socket *socket, size_t most)
{
	CHECK(ahead.count == ahead.taken);
	/* What is kept was all there was: the event tells of more. */
	if (socket_kept(socket) == 0)
		socket->drained = false;
	socket->ahead =
		(uint32_t)(most < sizeof(ahead.octets) ? most
						       : sizeof(ahead.octets));
}

bool socket_is_empty(const struct socket *socket)
{
	return (socket->drained || socket->ahead == 0) && !socket->eof &&
	       ahead.taken == ahead.count && socket_kept(socket) == 0;
}

bool socket_end(struct socket *socket)
{
	uint32_t n = ahead.count - ahead.taken;
	const uint8_t *rest = ahead.octets + ahead.taken;

	ahead.taken = ahead.count = 0;
	if (n == 0)
		return true;
	CHECK(socket->stage == NULL); /* it goes first */
	socket->stage = malloc(n);
	if (socket->stage == NULL)
		return false;
	memcpy(socket->stage, rest, n);
	socket->stage_taken = socket->stage_watched = 0;
	socket->stage_count = socket->stage_room = n;
	bytes_kept += n;
	return true;
}

void socket_done(struct socket *socket)
{
	if (socket->stage != NULL)
		bytes_kept -= socket->stage_room;
	free(socket->stage);
	socket->stage = NULL;
}

size_t socket_kept_by_all(void)
{
	return bytes_kept;
}

/* Behind every way to OpenSSL: the last moment to see that it is too much. */
static int hand_over(struct socket *socket, const void *p, uint32_t n)
{
	const uint8_t *at = p, *end = at + n;

	while (at < end && socket->hello_watched)
		at += watch_some(socket, at, (uint32_t)(end - at));
	return socket->hello_too_long ? -1 : (int)n;
}

static int read_stage(struct socket *socket, char *out, int room)
{
	uint32_t n = (uint32_t)socket_kept(socket), unseen = 0;

	if (n > (uint32_t)room)
		n = (uint32_t)room;
	memcpy(out, socket->stage + socket->stage_taken, n);
	socket->stage_taken += n;
	if (socket->stage_taken > socket->stage_watched) {
		unseen = socket->stage_taken - socket->stage_watched;
		socket->stage_watched = socket->stage_taken;
	}
	if (socket->stage_taken == socket->stage_count)
		socket_done(socket);
	return hand_over(socket, out + n - unseen, unseen) < 0 ? -1 : (int)n;
}

static int read_ahead(struct socket *socket, char *out, int room)
{
	uint32_t n = ahead.count - ahead.taken;

	if (n > (uint32_t)room)
		n = (uint32_t)room;
	memcpy(out, ahead.octets + ahead.taken, n);
	ahead.taken += n;
	return hand_over(socket, out, n);
}

/* From the socket; more than was asked for may come into `ahead`. */
static int read_socket(struct socket *socket, BIO *bio, char *out, int room)
{
	ssize_t n = take(socket, ahead.octets, socket->ahead);

	if (n < 0 && is_again(errno)) {
		socket->drained = true;
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n < 0)
		return socket_failed(socket);
	socket->ahead -= (uint32_t)n;
	ahead.taken = 0;
	ahead.count = (uint32_t)n;
	return n == 0 ? 0 : read_ahead(socket, out, room);
}

static int bio_read(BIO *bio, char *out, int room)
{
	struct socket *socket = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (socket->hello_too_long)
		return -1;
	if (socket_kept(socket) > 0)
		return read_stage(socket, out, room);
	if (ahead.taken < ahead.count)
		return read_ahead(socket, out, room);
	if (socket->eof)
		return 0;
	if (!socket->drained && socket->ahead > 0)
		return read_socket(socket, bio, out, room);
	BIO_set_retry_read(bio);
	return -1;
}

/*
 * Alone a ticket is worth no packet: the banner or the first reply takes it
 * along, and where none comes the kernel sends it after 200 ms. (In TLS 1.2 it
 * is a part of the last flight.)
 */
static bool is_ticket(const SSL *ssl)
{
	return SSL_get_state(ssl) == TLS_ST_SW_SESSION_TICKET &&
	       SSL_version(ssl) == TLS1_3_VERSION;
}

static int bio_write(BIO *bio, const char *p, int count)
{
	struct socket *socket = BIO_get_data(bio);
	int more = socket->more || is_ticket(socket->ssl) ? MSG_MORE : 0;
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do
		n = send(socket->fd, p, (size_t)count, MSG_NOSIGNAL | more);
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
