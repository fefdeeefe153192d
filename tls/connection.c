/*
 * One TLS connection over a non-blocking socket.
 *
 * Turns OpenSSL's return values, error queue and quirks into six results. How
 * a connection ended is remembered per direction: after the peer's
 * close_notify, a cut stream or a failure no octet is read again, whatever
 * may still lie in the socket. A failed write does not stop reading: the
 * peer's last reply may be there.
 *
 * Work per call is bounded: a call reads RECORDS_MOST records, and ends with
 * the first that carries no data although more may wait, so the caller must
 * watch the socket level-triggered and ask tls_pending(). Messages of the
 * handshake protocol after the handshake (KeyUpdate, new tickets) are counted,
 * and a renegotiation in TLS 1.2 is the end: OpenSSL would warn the client each
 * time and go on for ever.
 *
 * Must not know: libevent, logs, time. Called by the worker. What can go
 * wrong: memory; a retry of tls_write with fewer octets (a bug, CHECK).
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../src/base/check.h"
#include "inside.h"
#include "message.h"
#include "socket.h"
#include "verify.h"

enum {
	ERROR_LONGEST = 384,
	RECORD_LONGEST = 16384,
	/* A KeyUpdate is due every 2^24 records (RFC 8446 §5.5), tickets are
	 * a handful: in a mail session this many are nobody's need. */
	CHATTER_MOST = 64,
	/* Of one call: records may be as small as an octet. */
	RECORDS_MOST = 32,
	/* A record's header, its type and its tag, at most. */
	RECORD_MORE_BYTES = 5 + 256,
};

struct tls_connection {
	struct tls_context *context; /* held */
	SSL *ssl;
	char *error; /* NULL: none */
	struct socket socket;
	enum tls_result read_end;  /* TLS_OK while it lives */
	enum tls_result write_end; /* likewise */
	unsigned int chatter_count;
	unsigned int write_bytes_waiting; /* the record that is half out */
	bool established;
	bool verified;
	bool renegotiating;
	bool is_text; /* what is read is no secret */
	bool unwiped; /* but some was: OpenSSL's buffer has it */
	bool untold;  /* how a read ended that had brought octets first */
};

static void say(struct tls_connection *connection, const char *text)
{
	free(connection->error);
	connection->error = strdup(text);
}

const char *tls_error(const struct tls_connection *connection)
{
	return connection->error != NULL ? connection->error : "";
}

/* OpenSSL's callbacks get here by the BIO: an ex_data slot in each SSL would
 * cost memory. */
static struct tls_connection *connection_of(const SSL *ssl)
{
	struct socket *socket = BIO_get_data(SSL_get_rbio(ssl));

	return (struct tls_connection *)(void *)((char *)socket -
						 offsetof(struct tls_connection,
							 socket));
}

int tls_connection_on_verify(X509_STORE_CTX *store, void *context)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_connection *connection = connection_of(ssl);
	char why[ERROR_LONGEST] = "";

	connection->verified = verify_peer(context, store, why, sizeof(why));
	if (!connection->verified)
		say(connection, why);
	return connection->verified;
}

static void on_message(int written, int version, int type, const void *p,
	size_t n, SSL *ssl, void *arg)
{
	struct tls_connection *connection = arg;

	(void)p;
	(void)n;
	if (written || type != SSL3_RT_HANDSHAKE)
		return;
	connection->chatter_count++;
	if (version < TLS1_3_VERSION && SSL_is_server(ssl))
		connection->renegotiating = true;
}

static struct tls_connection *connection_new(
	struct tls_context *context, int fd)
{
	struct tls_connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return NULL;
	connection->context = tls_context_hold(context);
	connection->socket.fd = fd;
	return connection;
}

static bool start_openssl(struct tls_connection *connection)
{
	BIO *bio = socket_bio_new(&connection->socket);
	SSL *ssl = SSL_new(connection->context->ctx);

	if (ssl == NULL || bio == NULL) {
		SSL_free(ssl);
		BIO_free(bio);
		ERR_clear_error();
		return false;
	}
	SSL_set_bio(ssl, bio, bio);
	connection->ssl = ssl;
	connection->socket.ssl = ssl;
	return true;
}

struct tls_connection *tls_accept_new(struct tls_context *context, int fd)
{
	struct tls_connection *connection;

	CHECK(context->is_server);
	connection = connection_new(context, fd);
	if (connection != NULL)
		connection->socket.hello_watched = true;
	return connection; /* OpenSSL starts with the first ClientHello */
}

struct tls_connection *tls_connect_new(struct tls_context *context, int fd)
{
	struct tls_connection *connection;

	CHECK(!context->is_server);
	connection = connection_new(context, fd);
	if (connection == NULL)
		return NULL;
	if (!start_openssl(connection)) {
		tls_free(&connection);
		return NULL;
	}
	SSL_set_connect_state(connection->ssl);
	/* RFC 6066 §3: names only, no addresses */
	if (context->verify_name != NULL && !context->name_is_address &&
		SSL_set_tlsext_host_name(
			connection->ssl, context->verify_name) != 1) {
		ERR_clear_error();
		tls_free(&connection);
	}
	return connection;
}

void tls_free(struct tls_connection **connection)
{
	struct tls_connection *old = *connection;

	*connection = NULL;
	if (old == NULL)
		return;
	SSL_free(old->ssl); /* says nothing to the peer; the BIO goes too */
	socket_done(&old->socket);
	free(old->error);
	tls_context_free(&old->context);
	free(old);
}

static enum tls_result fail(struct tls_connection *connection, const char *text)
{
	connection->read_end = TLS_FAILED;
	connection->write_end = TLS_FAILED;
	if (text != NULL)
		say(connection, text);
	return TLS_FAILED;
}

/* OpenSSL gave up: by its own judgement or by the verification's. */
static enum tls_result fail_by_openssl(struct tls_connection *connection)
{
	char text[ERROR_LONGEST] = "";

	if (connection->error != NULL && !connection->verified &&
		!connection->established)
		return fail(connection, NULL); /* the verification said it */
	message_of_openssl(text, sizeof(text));
	return fail(connection, text);
}

/* The socket ended or broke. */
static enum tls_result cut(struct tls_connection *connection, bool writing)
{
	int error = connection->socket.error;

	if (connection->socket.eof)
		say(connection, connection->established
					? "the peer left without close_notify"
					: "the peer left during the handshake");
	else
		say(connection, strerror(error));
	connection->socket.error = 0;
	connection->write_end = TLS_TRUNCATED;
	if (!writing || !connection->established)
		connection->read_end = TLS_TRUNCATED;
	return TLS_TRUNCATED;
}

static enum tls_result result_of(
	struct tls_connection *connection, int ret, bool writing)
{
	switch (SSL_get_error(connection->ssl, ret)) { /* OpenSSL's numbers */
	case SSL_ERROR_WANT_READ: return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE: return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		connection->read_end = TLS_CLOSED;
		return TLS_CLOSED;
	case SSL_ERROR_SYSCALL:
		if (connection->socket.hello_too_long)
			return fail(connection, "the ClientHello is too long");
		if (connection->socket.eof || connection->socket.error != 0)
			return cut(connection, writing);
		return fail_by_openssl(connection);
	default: return fail_by_openssl(connection);
	}
}

static void establish(struct tls_connection *connection)
{
	connection->established = true;
	connection->socket.hello_watched = false;
	/* In the handshake nothing secret is read. */
	SSL_set_options(connection->ssl, SSL_OP_CLEANSE_PLAINTEXT);
	SSL_set_msg_callback(connection->ssl, on_message);
	SSL_set_msg_callback_arg(connection->ssl, connection);
}

/* OpenSSL's way to clear an empty queue is not a short one. */
static void clear_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

enum tls_result tls_handshake(struct tls_connection *connection)
{
	int ret;

	if (connection->read_end != TLS_OK)
		return connection->read_end;
	if (connection->established)
		return TLS_OK;
	if (connection->ssl == NULL) {
		if (!socket_stage_hello(&connection->socket))
			return TLS_WANT_READ;
		if (!start_openssl(connection))
			return fail(connection, "out of memory");
		SSL_set_accept_state(connection->ssl);
	}
	clear_errors();
	socket_begin(&connection->socket, RECORD_LONGEST);
	ret = SSL_do_handshake(connection->ssl);
	if (!socket_end(&connection->socket))
		return fail(connection, "out of memory");
	if (ret != 1)
		return result_of(connection, ret, false);
	/* OpenSSL called the verification; had it not, nobody was verified. */
	if (SSL_get_verify_mode(connection->ssl) != SSL_VERIFY_NONE &&
		!connection->verified)
		return fail(connection, "the peer was not verified");
	establish(connection);
	return TLS_OK;
}

/* After each read: did the peer talk about keys instead of sending data? */
static bool too_much_chatter(struct tls_connection *connection)
{
	if (connection->renegotiating)
		(void)fail(connection, "the peer asked for renegotiation");
	else if (connection->chatter_count > CHATTER_MOST)
		(void)fail(connection,
			"too many messages about keys after the handshake");
	else
		return false;
	clear_errors();
	return true;
}

static enum tls_result read_record(struct tls_connection *connection, void *out,
	size_t room, size_t *ret_n)
{
	int ret = SSL_read_ex(connection->ssl, out, room, ret_n);

	if (too_much_chatter(connection))
		return TLS_FAILED;
	return ret == 1 ? TLS_OK : result_of(connection, ret, false);
}

static bool nothing_waits(const struct tls_connection *connection)
{
	return socket_is_empty(&connection->socket) &&
	       !SSL_has_pending(connection->ssl);
}

/*
 * A read that will find nothing: OpenSSL gives its buffer back (all 17 KiB of
 * an idle session's, and for each record if it were let). Of what stood in it
 * each octet was wiped when it was handed out, unless it was text.
 */
static enum tls_result give_back(struct tls_connection *connection)
{
	enum tls_result result;
	uint8_t none;
	size_t n;

	SSL_set_mode(connection->ssl, SSL_MODE_RELEASE_BUFFERS);
	if (!connection->unwiped)
		SSL_clear_options(connection->ssl, SSL_OP_CLEANSE_PLAINTEXT);
	result = read_record(connection, &none, sizeof(none), &n);
	SSL_set_options(connection->ssl, SSL_OP_CLEANSE_PLAINTEXT);
	connection->unwiped = false;
	CHECK(result != TLS_OK);
	return result;
}

/* Nothing more comes in this call. */
static enum tls_result read_nothing(struct tls_connection *connection)
{
	return connection->is_text ? TLS_WANT_READ : give_back(connection);
}

void tls_text_begin(struct tls_connection *connection)
{
	connection->is_text = true;
	SSL_clear_options(connection->ssl, SSL_OP_CLEANSE_PLAINTEXT);
}

void tls_text_end(struct tls_connection *connection, bool was_all)
{
	if (!connection->is_text)
		return;
	connection->is_text = false;
	connection->unwiped |= !was_all;
	SSL_set_options(connection->ssl, SSL_OP_CLEANSE_PLAINTEXT);
	if (connection->read_end == TLS_OK && nothing_waits(connection))
		(void)give_back(connection);
}

static enum tls_result read_records(struct tls_connection *connection,
	uint8_t *out, size_t room, size_t *ret_n)
{
	SSL_clear_mode(connection->ssl, SSL_MODE_RELEASE_BUFFERS);
	for (unsigned int i = 0; i < RECORDS_MOST && *ret_n < room; i++) {
		enum tls_result result;
		size_t n = 0;

		if (*ret_n > 0 && nothing_waits(connection))
			return read_nothing(connection);
		result = read_record(
			connection, out + *ret_n, room - *ret_n, &n);
		if (result == TLS_WANT_READ && nothing_waits(connection))
			return read_nothing(connection);
		if (result != TLS_OK)
			return result;
		*ret_n += n;
	}
	return TLS_OK;
}

enum tls_result tls_read(struct tls_connection *connection, void *out,
	size_t room, size_t *ret_n)
{
	enum tls_result result;
	size_t n = 0;

	CHECK(connection->established && room > 0);
	connection->untold = false;
	if (connection->read_end != TLS_OK)
		return connection->read_end;
	clear_errors();
	socket_begin(&connection->socket, room + RECORD_MORE_BYTES);
	result = read_records(connection, out, room, &n);
	SSL_set_mode(connection->ssl, SSL_MODE_RELEASE_BUFFERS);
	if (!socket_end(&connection->socket))
		result = fail(connection, "out of memory");
	if (n == 0) {
		tls_text_end(connection, true);
		return result;
	}
	connection->untold = result != TLS_OK && result != TLS_WANT_READ;
	*ret_n = n;
	return TLS_OK;
}

enum tls_result tls_write(struct tls_connection *connection, const void *p,
	size_t n, size_t *ret_n)
{
	enum tls_result result;
	size_t taken;
	int ret;

	CHECK(connection->established && n > 0);
	CHECK(n >= connection->write_bytes_waiting);
	if (connection->write_end != TLS_OK)
		return connection->write_end;
	clear_errors();
	socket_begin(&connection->socket, RECORD_LONGEST);
	ret = SSL_write_ex(connection->ssl, p, n, &taken);
	if (!socket_end(&connection->socket))
		return fail(connection, "out of memory");
	if (ret == 1) {
		connection->write_bytes_waiting = 0;
		*ret_n = taken;
		return TLS_OK;
	}
	result = result_of(connection, ret, true);
	if (result == TLS_WANT_WRITE)
		connection->write_bytes_waiting =
			(unsigned int)(n < RECORD_LONGEST ? n : RECORD_LONGEST);
	return result;
}

size_t tls_pending(const struct tls_connection *connection)
{
	if (connection->untold)
		return 1;
	if (connection->read_end != TLS_OK || !connection->established)
		return 0;
	return (size_t)SSL_pending(connection->ssl) +
	       socket_kept(&connection->socket);
}

size_t tls_kept_by_all(void)
{
	return socket_kept_by_all();
}

void tls_last(struct tls_connection *connection)
{
	connection->socket.more = true;
}

void tls_shutdown(struct tls_connection *connection)
{
	connection->socket.more = false;
	if (!connection->established || connection->write_end != TLS_OK)
		return;
	connection->write_end = TLS_CLOSED;
	/* Behind half a record nothing can be said: the peer sees a cut. */
	if (connection->write_bytes_waiting > 0)
		return;
	clear_errors();
	(void)SSL_shutdown(connection->ssl); /* a full socket: not said */
	clear_errors();
}

const char *tls_version_name(const struct tls_connection *connection)
{
	return connection->established ? SSL_get_version(connection->ssl) : "";
}

const char *tls_cipher_name(const struct tls_connection *connection)
{
	return connection->established ? SSL_get_cipher_name(connection->ssl)
				       : "";
}

bool tls_resumed(const struct tls_connection *connection)
{
	return connection->established &&
	       SSL_session_reused(connection->ssl) == 1;
}

const char *tls_server_name(const struct tls_connection *connection)
{
	const char *name = NULL;

	if (connection->ssl != NULL) /* it helps to know in a failure, too */
		name = SSL_get_servername(
			connection->ssl, TLSEXT_NAMETYPE_host_name);
	return name != NULL ? name : "";
}
