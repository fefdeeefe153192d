/*
 * A pipe through which octets go from one socket into another unread, without
 * being copied (splice(2)).
 *
 * One serves all sessions of a worker: it is empty between two calls, since
 * what a socket did not take goes to that stream's own queue. So a session
 * costs no descriptor, holds no memory of the pipe's, and no octets of one
 * can come to another.
 */
#ifndef WORKER_CONDUIT_H
#define WORKER_CONDUIT_H

#include "stream.h"

struct conduit {
	int ends[2]; /* -1: none; all is copied */
};

/* There may be none: no descriptor, no such call. */
void conduit_make(struct conduit *conduit);
void conduit_free(struct conduit *conduit);
bool conduit_open(const struct conduit *conduit);

/*
 * From one leg to the other, both without TLS; in `to` nothing waits. `room`
 * is lent for what it does not take: `n` octets, and no more are moved.
 * As stream_read; where octets were moved *ret_written is as stream_write's.
 * Where splice does not work the conduit closes, and it is AGAIN.
 * Behind AGAIN stream_read is due: splice(2) does not go past urgent data, and
 * the socket would wake us for ever.
 */
enum stream_result conduit_move(struct conduit *conduit, struct stream *from,
	struct stream *to, uint8_t *room, size_t n, size_t *ret_n,
	enum stream_result *ret_written);

#endif
