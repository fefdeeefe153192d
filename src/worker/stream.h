/*
 * One leg of a session: a socket, perhaps with TLS, and what waits on it.
 *
 * Knows nothing of SMTP. Never blocks. The caller says which events it wants
 * (stream_watch) and is called back with them.
 */
#ifndef WORKER_STREAM_H
#define WORKER_STREAM_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "../../proto/slice.h"
#include "../../tls/connection.h"
#include "buffer.h"

enum stream_result {
	STREAM_OK = 0,
	STREAM_AGAIN,	  /* nothing now; the event will tell */
	STREAM_CLOSED,	  /* an orderly end from the peer */
	STREAM_TRUNCATED, /* TLS: the socket ended without a close_notify */
	STREAM_FAILED,	  /* reset, TLS error */
	STREAM_NO_MEMORY,
};

struct stream {
	struct event event;
	struct tls_connection *tls; /* NULL: plain */
	struct buffer *tail;	    /* read, not yet decided on */
	struct buffer *out;	    /* to be written */
	int fd;			    /* -1: none */
	short watched;		    /* EV_READ | EV_WRITE that are armed */
	bool readable_maybe : 1;    /* TLS: there may be more inside */
	bool tls_wants_write : 1;   /* a read needs the socket writable */
	bool knocks : 1;	    /* woke us, and was not read since */
	bool last : 1;		    /* with what is written comes the end */
};

void stream_init(struct stream *stream);
/* Takes the descriptor over; cb gets `arg`. */
void stream_attach(struct stream *stream, struct event_base *base, int fd,
	event_callback_fn cb, void *arg);
/* Closes; reset: with a RST, so that nothing half-sent is completed. What was
 * read and not decided on (tail) stays. */
void stream_close(struct stream *stream, bool reset);
/* Closes and frees all. */
void stream_done(struct stream *stream);

/* Arms exactly these events. */
void stream_watch(struct stream *stream, short events);
/* Arms these. What is armed for reading may stay so while nobody is to be
 * read: it is disarmed once somebody knocks. */
void stream_watch_lazily(struct stream *stream, short events);
/* First in the callback: what woke it. */
void stream_woken(struct stream *stream, short what);

/* Up to `room` octets into `out`. STREAM_OK: *ret_n >= 1. */
enum stream_result stream_read(
	struct stream *stream, uint8_t *out, size_t room, size_t *ret_n);
/* What is written from now on goes with the end, which follows at once. */
void stream_last(struct stream *stream);
/* Sends what it can now and queues the rest. */
enum stream_result stream_write(struct stream *stream, struct slice data);
/* Goes on with what is queued. STREAM_OK: all is out. */
enum stream_result stream_flush(struct stream *stream);
bool stream_unsent(const struct stream *stream);

#endif
