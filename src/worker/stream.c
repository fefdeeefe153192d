/*
 * One leg of a session. The fast road is one recv and one send; a queue exists
 * only while the peer does not take what it should, and then the other leg is
 * not read.
 */
#include "stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

void stream_init(struct stream *s)
{
	memset(s, 0, sizeof *s);
	s->fd = -1;
}

void stream_attach(struct stream *s, struct event_base *base, int fd,
	event_callback_fn cb, void *arg)
{
	s->fd = fd;
	s->watched = 0;
	(void)event_assign(&s->event, base, fd, EV_PERSIST, cb, arg);
}

void stream_close(struct stream *s, bool reset)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (s->fd < 0)
		return;
	stream_watch(s, 0);
	if (s->tls && !reset)
		tls_shutdown(s->tls);
	/* The last words still wait for the end, and close(2) would throw them
	 * away if the peer has said something that nobody read. */
	else if (s->last && !reset)
		(void)shutdown(s->fd, SHUT_WR);
	tls_free(&s->tls);
	if (reset) /* fails only on a socket that is gone already */
		(void)setsockopt(
			s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	(void)close(s->fd);
	s->fd = -1;
	buffer_free(&s->out);
}

void stream_done(struct stream *s)
{
	stream_close(s, false);
	buffer_free(&s->tail);
}

static void watch_change(struct stream *s, short events)
{
	struct event_base *base = event_get_base(&s->event);
	event_callback_fn cb = event_get_callback(&s->event);
	void *arg = event_get_callback_arg(&s->event);

	if (s->watched)
		(void)event_del(&s->event);
	s->watched = events;
	if (!events)
		return;
	(void)event_assign(
		&s->event, base, s->fd, (short)(events | EV_PERSIST), cb, arg);
	(void)event_add(&s->event, NULL);
}

void stream_watch(struct stream *s, short events)
{
	static const struct timeval at_once = {0, 0};

	if (s->fd < 0)
		return;
	if (events != s->watched)
		watch_change(s, events);
	/* What TLS has read already wakes no socket: it wakes by time, in
	 * the next turn. Made active at once it would run again in this one, as
	 * long as its client sends, and all others would wait. */
	if ((events & EV_READ) && s->readable_maybe &&
		event_add(&s->event, &at_once) != 0)
		event_active(&s->event, EV_READ, 0); /* no memory */
}

/*
 * Most waits are short, and most peers say nothing out of their turn: to disarm
 * and to arm again would be two calls of the kernel for nothing.
 */
void stream_watch_lazily(struct stream *s, short events)
{
	if (!s->knocks && !s->readable_maybe)
		events |= (short)(s->watched & EV_READ);
	stream_watch(s, events);
}

void stream_woken(struct stream *s, short what)
{
	if (what & EV_READ)
		s->knocks = true;
	/* With its time libevent takes the whole event away. */
	if ((what & EV_TIMEOUT) && event_add(&s->event, NULL) != 0)
		s->watched = 0; /* stream_watch tries again */
}

static enum stream_result stream_of_tls(struct stream *s, enum tls_result r)
{
	switch (r) {
	case TLS_OK: return STREAM_OK;
	case TLS_WANT_READ: return STREAM_AGAIN;
	case TLS_WANT_WRITE: s->tls_wants_write = true; return STREAM_AGAIN;
	case TLS_CLOSED: return STREAM_CLOSED;
	case TLS_TRUNCATED: return STREAM_TRUNCATED;
	case TLS_FAILED: return STREAM_FAILED;
	}
	return STREAM_FAILED;
}

static enum stream_result tls_leg_read(
	struct stream *s, uint8_t *out, size_t room, size_t *ret_n)
{
	enum tls_result result;

	/* A record without data may have others behind it, of which no event
	 * tells. Of those TLS takes a few only. */
	do
		result = tls_read(s->tls, out, room, ret_n);
	while (result == TLS_WANT_READ && tls_pending(s->tls) > 0);
	s->readable_maybe = tls_pending(s->tls) > 0;
	return stream_of_tls(s, result);
}

static enum stream_result socket_read(
	struct stream *s, uint8_t *out, size_t room, size_t *ret_n)
{
	ssize_t n;

	do
		n = recv(s->fd, out, room, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		*ret_n = (size_t)n;
		return STREAM_OK;
	}
	if (n == 0)
		return STREAM_CLOSED;
	return errno == EAGAIN || errno == EWOULDBLOCK ? STREAM_AGAIN
						       : STREAM_FAILED;
}

enum stream_result stream_read(
	struct stream *s, uint8_t *out, size_t room, size_t *ret_n)
{
	enum stream_result result;

	s->tls_wants_write = false;
	result = s->tls ? tls_leg_read(s, out, room, ret_n)
			: socket_read(s, out, room, ret_n);
	/* An end stays in the socket, and would wake us for ever. */
	s->knocks = result != STREAM_OK && result != STREAM_AGAIN;
	return result;
}

/* One write; STREAM_OK with *ret_n >= 1, or STREAM_AGAIN. */
static enum stream_result write_some(
	struct stream *s, struct slice data, size_t *ret_n)
{
	ssize_t n;

	s->tls_wants_write = false;
	if (s->tls)
		return stream_of_tls(
			s, tls_write(s->tls, data.p, data.n, ret_n));
	do
		n = send(s->fd, data.p, data.n,
			MSG_NOSIGNAL | (s->last ? MSG_MORE : 0));
	while (n < 0 && errno == EINTR);
	if (n >= 0) {
		*ret_n = (size_t)n;
		return STREAM_OK;
	}
	return errno == EAGAIN || errno == EWOULDBLOCK ? STREAM_AGAIN
						       : STREAM_FAILED;
}

void stream_last(struct stream *s)
{
	s->last = true;
	if (s->tls)
		tls_last(s->tls);
}

enum stream_result stream_write(struct stream *s, struct slice data)
{
	enum stream_result result = STREAM_OK;
	size_t n;

	if (s->fd < 0)
		return STREAM_FAILED;
	while (!s->out && data.n > 0) {
		result = write_some(s, data, &n);
		if (result != STREAM_OK)
			break;
		data = slice_skip(data, n);
	}
	if (result != STREAM_OK && result != STREAM_AGAIN)
		return result;
	if (!buffer_append(&s->out, data))
		return STREAM_NO_MEMORY;
	return STREAM_OK;
}

enum stream_result stream_flush(struct stream *s)
{
	enum stream_result result;
	size_t n;

	while (s->out) {
		result = write_some(s, buffer_peek(s->out), &n);
		if (result != STREAM_OK)
			return result;
		buffer_drop(&s->out, n);
	}
	return STREAM_OK;
}

bool stream_unsent(const struct stream *s)
{
	return s->out != NULL;
}
