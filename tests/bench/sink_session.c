/*
 * One session of the sink: octets in, lines and messages out of them.
 *
 * Plain sockets are level-triggered, so a full buffer may wait for the next
 * turn; TLS is read until the library wants more, since it may hold octets
 * that epoll does not know of.
 */
#include "sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>

static char buffer[256 * 1024];

enum io_result { IO_DONE, IO_WAIT, IO_FAILED };

void sink_session_drop(struct sink_session *s)
{
	if (s->ssl) {
		SSL_set_shutdown(
			s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(s->ssl);
	}
	close(s->fd);
	free(s);
}

static void message_ends(struct sink_session *s)
{
	s->state = SINK_COMMAND;
	sink_counts.messages++;
	sink_say("250 Message accepted for delivery\r\n");
}

/* Behind a line's first octets: does it end the message? */
static enum sink_place after_dot(enum sink_place place, char octet)
{
	if (place == PLACE_BEGIN)
		return octet == '.' ? PLACE_DOT : PLACE_MIDDLE;
	return octet == '\r' ? PLACE_DOT_CR : PLACE_MIDDLE;
}

/* Eats a message's text; returns what follows it. */
static char *take_message(struct sink_session *s, char *p, char *end)
{
	while (p < end) {
		if (s->place == PLACE_MIDDLE) {
			char *newline = memchr(p, '\n', (size_t)(end - p));

			if (!newline)
				return end;
			p = newline + 1;
			s->place = PLACE_BEGIN;
		} else if (s->place == PLACE_DOT_CR && *p == '\n') {
			message_ends(s);
			return p + 1;
		} else if (s->place == PLACE_DOT_CR) {
			s->place = PLACE_MIDDLE;
		} else {
			s->place = after_dot(s->place, *p);
			if (s->place != PLACE_MIDDLE)
				p++;
		}
	}
	return p;
}

/* Eats a chunk's octets, whatever they are; returns what follows it. */
static char *take_chunk(struct sink_session *s, char *p, char *end)
{
	size_t n = (size_t)(end - p);

	if (n > s->chunk_left)
		n = (size_t)s->chunk_left;
	s->chunk_left -= n;
	sink_counts.bytes += n;
	if (s->chunk_left == 0)
		sink_chunk_ends(s);
	return p + n;
}

/* The octets of a PROXY header v1 or v2; 0: there is none. */
static size_t proxy_header_n(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	const char *newline;

	if (n >= 16 && memcmp(p, "\r\n\r\n\0\r\nQUIT\n", 12) == 0)
		return 16 + (size_t)(u[14] << 8 | u[15]);
	if (n > 6 && memcmp(p, "PROXY ", 6) == 0) {
		newline = memchr(p, '\n', n);
		if (newline)
			return (size_t)(newline - p) + 1;
	}
	return 0;
}

/* One line or a part of one. NULL: longer than a session may send. */
static char *take_line(struct sink_session *s, char *p, char *end)
{
	char *newline = memchr(p, '\n', (size_t)(end - p));
	size_t n = (size_t)((newline ? newline : end) - p);

	if (s->line_n + n >= sizeof s->line)
		return NULL;
	memcpy(s->line + s->line_n, p, n);
	s->line_n += n;
	if (!newline)
		return end;
	n = s->line_n;
	s->line_n = 0;
	sink_command(s, s->line, n);
	return newline + 1;
}

/* false: drop the session. */
static bool feed(struct sink_session *s, char *p, size_t n)
{
	char *end = p + n;

	if (s->proxy_header) {
		size_t header = proxy_header_n(p, n);

		if (header == 0 || header > n)
			return false;
		p += header;
		s->proxy_header = false;
	}
	while (p && p < end && !s->closing) {
		if (s->state == SINK_MESSAGE) {
			sink_counts.bytes += (size_t)(end - p);
			p = take_message(s, p, end);
		} else if (s->state == SINK_CHUNK) {
			p = take_chunk(s, p, end);
		} else {
			p = take_line(s, p, end);
		}
	}
	return p != NULL;
}

static bool tls_begin(struct sink_session *s)
{
	s->start_tls = false;
	s->ssl = SSL_new(sink_tls);
	if (!s->ssl)
		return false;
	SSL_set_fd(s->ssl, s->fd);
	SSL_set_accept_state(s->ssl);
	return true;
}

static enum io_result tls_result(struct sink_session *s, int result)
{
	int error = SSL_get_error(s->ssl, result);

	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return IO_WAIT;
	ERR_clear_error();
	return IO_FAILED;
}

static enum io_result handshake(struct sink_session *s)
{
	int result = SSL_do_handshake(s->ssl);

	if (result != 1)
		return tls_result(s, result);
	sink_counts.handshakes++;
	sink_counts.resumed += (unsigned long)SSL_session_reused(s->ssl);
	if (s->implicit_tls)
		sink_greet();
	return sink_flush(s) ? IO_DONE : IO_FAILED;
}

static enum io_result read_some(struct sink_session *s, size_t *ret_n)
{
	ssize_t did;

	if (s->ssl) {
		int result = SSL_read(s->ssl, buffer, sizeof buffer);

		if (result <= 0)
			return tls_result(s, result);
		*ret_n = (size_t)result;
		return IO_DONE;
	}
	did = recv(s->fd, buffer, sizeof buffer, 0);
	if (did <= 0)
		return did < 0 && errno == EAGAIN ? IO_WAIT : IO_FAILED;
	*ret_n = (size_t)did;
	return IO_DONE;
}

/* One read's worth. IO_DONE: there may be more at once. */
static enum io_result turn(struct sink_session *s)
{
	enum io_result result;
	size_t n = 0;

	if (s->ssl && !SSL_is_init_finished(s->ssl)) {
		result = handshake(s);
		if (result != IO_DONE)
			return result;
	}
	result = read_some(s, &n);
	if (result != IO_DONE)
		return result;
	if (!feed(s, buffer, n) || !sink_flush(s) || s->closing)
		return IO_FAILED;
	if (s->start_tls)
		return tls_begin(s) ? IO_DONE : IO_FAILED;
	return s->ssl || n == sizeof buffer ? IO_DONE : IO_WAIT;
}

void sink_session_event(struct sink_session *s)
{
	enum io_result result;

	sink_forget();
	do
		result = turn(s);
	while (result == IO_DONE);
	if (result == IO_FAILED)
		sink_session_drop(s);
}

void sink_session_begin(struct sink_session *s)
{
	sink_forget();
	sink_counts.sessions++;
	if (s->implicit_tls) {
		if (!tls_begin(s))
			sink_die("SSL_new");
		return;
	}
	sink_greet();
	(void)sink_flush(s); /* a reset shows at the first read */
}
