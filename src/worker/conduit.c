/*
 * Pages are handed from socket to pipe to socket: for large pieces that nobody
 * reads this costs less than two copies.
 *
 * What can go wrong: octets stay in the pipe and come out in another session.
 * Whatever happens to the receiving socket, the rest is taken out of the pipe
 * before the call returns; if that should fail, the pipe goes away with it.
 */
#include "conduit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	PIPE_BYTES = 256 * 1024,
	HOW = SPLICE_F_MOVE | SPLICE_F_NONBLOCK,
};

void conduit_make(struct conduit *c)
{
	if (pipe2(c->ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		c->ends[0] = c->ends[1] = -1;
		return;
	}
	/* Without the right to it, as large as it is. */
	(void)fcntl(c->ends[1], F_SETPIPE_SZ, PIPE_BYTES);
}

void conduit_free(struct conduit *c)
{
	for (size_t i = 0; i < 2; i++) {
		if (c->ends[i] >= 0)
			(void)close(c->ends[i]);
		c->ends[i] = -1;
	}
}

bool conduit_open(const struct conduit *c)
{
	return c->ends[0] >= 0;
}

static ssize_t splice_some(int from, int to, size_t n)
{
	ssize_t moved;

	do
		moved = splice(from, NULL, to, NULL, n, HOW);
	while (moved < 0 && errno == EINTR);
	return moved;
}

/* Into the empty pipe. */
static enum stream_result fill(
	struct conduit *c, int from, size_t n, size_t *ret_n)
{
	ssize_t moved = splice_some(from, c->ends[1], n);

	if (moved > 0) {
		*ret_n = (size_t)moved;
		return STREAM_OK;
	}
	if (moved == 0)
		return STREAM_CLOSED;
	switch (errno) {
	case EAGAIN: return STREAM_AGAIN;
	case EINVAL:
	case ENOSYS:
	case EPERM:
	case ENOMEM: conduit_free(c); return STREAM_AGAIN;
	default: return STREAM_FAILED;
	}
}

/* The rest, that a socket did not take: by a copy, like any other octets. */
static enum stream_result write_rest(
	struct conduit *c, struct stream *to, uint8_t *room, size_t n)
{
	size_t at = 0;

	while (at < n) {
		ssize_t got = read(c->ends[0], room + at, n - at);

		if (got <= 0) {
			conduit_free(c);
			return STREAM_FAILED;
		}
		at += (size_t)got;
	}
	return stream_write(to, slice_of(room, n));
}

enum stream_result conduit_move(struct conduit *c, struct stream *from,
	struct stream *to, uint8_t *room, size_t n, size_t *ret_n,
	enum stream_result *ret_written)
{
	enum stream_result result = fill(c, from->fd, n, ret_n);
	size_t left = *ret_n;

	*ret_written = STREAM_OK;
	/* As behind stream_read. */
	from->knocks = result != STREAM_OK && result != STREAM_AGAIN;
	if (result != STREAM_OK)
		return result;
	while (left > 0) {
		ssize_t moved = splice_some(c->ends[0], to->fd, left);

		if (moved <= 0)
			break;
		left -= (size_t)moved;
	}
	if (left > 0)
		*ret_written = write_rest(c, to, room, left);
	return STREAM_OK;
}
