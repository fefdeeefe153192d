/*
 * TLS of the client with the server itself: octets pass both ways, unread.
 *
 * Must not know what is said; the little that shows from outside, how it begins
 * and whose turn it is, is proto/passthrough.h's. A leg is read only while the
 * other takes what comes, each way for itself: two programs inside TLS may both
 * write before they read. So each queue is bounded by one read. An end of one
 * side is passed on when all that it said is out, and the other way goes on.
 *
 * What can go wrong: nothing can be said to a client here, neither a 421 nor
 * anything else. Every end is a close; of the server's leg with a reset where
 * the client spoke last, so that no message is completed by it (D-03).
 */
#include "internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "../base/log.h"

static bool from_first_octet(const struct session *s)
{
	return s->listener->conf->tls == CONF_LISTENER_TLS_PASSTHROUGH;
}

bool passthrough_mute(const struct session *s)
{
	return s->phase == PHASE_PASSTHROUGH || from_first_octet(s);
}

bool passthrough_may_close(const struct session *s)
{
	/* What waits for the client is the server's word. */
	return dialog_may_end(&s->dialog) || stream_unsent(&s->client);
}

enum session_wait passthrough_wait(const struct session *s)
{
	const struct passthrough *p = &s->dialog.passthrough;
	bool unsent = stream_unsent(&s->client);

	if (p->server_ended && !unsent)
		return WAIT_FLUSH;
	if (p->stage != PASSTHROUGH_OPEN)
		return WAIT_HANDSHAKE;
	return (p->client_last || p->client_ended) && !unsent
		       ? WAIT_PASSED_SERVER
		       : WAIT_PASSED_CLIENT;
}

static bool alive(const struct session *s)
{
	return s->phase == PHASE_PASSTHROUGH;
}

/* The time for the handshake is not prolonged by its octets. */
static void moved(struct session *s)
{
	if (s->dialog.passthrough.stage == PASSTHROUGH_OPEN)
		s->progress = true;
}

/* ---- the beginning ---- */

/* MAY_CLOSE */
static void no_hello(struct session *s)
{
	log_begin(LOG_INFO, "tls-failed");
	log_addr("src", &s->addr);
	log_str("listener", s->listener->conf->title);
	log_str("why", "the client's first octets are no TLS");
	log_end();
	note_session(s, NOTE_TLS_FAILURE);
	session_kill(s, CLOSE_CLIENT_TLS);
}

void passthrough_hello(struct session *s)
{
	struct worker *w = s->worker;
	struct slice in;
	size_t n = 0;

	switch (stream_read(&s->client, w->scratch, READ_COMMAND_BYTES, &n)) {
	case STREAM_OK: break;
	case STREAM_AGAIN: return;
	case STREAM_CLOSED:
	case STREAM_TRUNCATED:
	case STREAM_FAILED:
	case STREAM_NO_MEMORY: session_kill(s, CLOSE_CLIENT_CLOSED); return;
	}
	in = slice_of(w->scratch, n);
	if (passthrough_client(&s->dialog.passthrough, in) != PASSTHROUGH_OK)
		no_hello(s);
	else if (!buffer_append(&s->client.tail, in))
		session_kill(s, CLOSE_NO_MEMORY);
	else if (s->dialog.passthrough.stage != PASSTHROUGH_HELLO)
		connect_server(s);
}

/* ---- ends ---- */

/* The server broke off, or was not what it should be. MAY_CLOSE */
static void server_ends(struct session *s, enum close_reason reason)
{
	s->worker->stats.server_errors_total++;
	session_end(s, REPLY_NONE, reason);
}

/* A reset is passed on as one. MAY_CLOSE */
static void client_lost(struct session *s)
{
	dialog_gone(&s->dialog, DIALOG_CLIENT);
	stream_close(&s->server, true);
	session_kill(s, CLOSE_CLIENT_LEFT);
}

static void ended(struct session *s, enum dialog_side side)
{
	struct passthrough *p = &s->dialog.passthrough;
	enum close_reason reason = CLOSE_SERVER_CLOSED;

	if (side == DIALOG_CLIENT) {
		p->client_ended = true;
		dialog_gone(&s->dialog, DIALOG_CLIENT);
		reason = dialog_may_end(&s->dialog) ? CLOSE_CLIENT_CLOSED
						    : CLOSE_CLIENT_LEFT;
	} else {
		p->server_ended = true;
	}
	moved(s);
	if (s->close_reason == CLOSE_NONE)
		s->close_reason = (uint8_t)reason;
}

/* Passes ends on behind what was said before. false: both are. */
static bool pass_ends(struct session *s)
{
	const struct passthrough *p = &s->dialog.passthrough;

	if (p->client_ended && !s->server_shut && !stream_unsent(&s->server)) {
		(void)shutdown(s->server.fd, SHUT_WR); /* or it is gone */
		s->server_shut = true;
	}
	if (p->server_ended && !s->client_shut && !stream_unsent(&s->client)) {
		(void)shutdown(s->client.fd, SHUT_WR);
		s->client_shut = true;
	}
	return !(s->server_shut && s->client_shut);
}

/* ---- both ways ---- */

static struct stream *leg(struct session *s, enum dialog_side side)
{
	return side == DIALOG_CLIENT ? &s->client : &s->server;
}

static bool wants_read(const struct session *s, enum dialog_side side)
{
	const struct passthrough *p = &s->dialog.passthrough;

	if (side == DIALOG_CLIENT)
		return !p->client_ended && !stream_unsent(&s->server);
	return !p->server_ended && !stream_unsent(&s->client);
}

/* A server's replies are short; a client's message is not. */
static size_t read_room(enum dialog_side side)
{
	return side == DIALOG_CLIENT ? payload_room() : READ_COMMAND_BYTES;
}

/* Octets of the server's. MAY_CLOSE */
static void pass_to_client(struct session *s, struct slice in)
{
	if (passthrough_server(&s->dialog.passthrough, in) != PASSTHROUGH_OK) {
		server_ends(s, from_first_octet(s) ? CLOSE_SERVER_PROTOCOL
						   : CLOSE_SERVER_INJECTION);
		return;
	}
	s->server_bytes += in.n;
	moved(s);
	if (s->server_awaited)
		servers_greeted(s);
	switch (stream_write(&s->client, in)) {
	case STREAM_OK:
	case STREAM_AGAIN: return;
	case STREAM_NO_MEMORY: session_kill(s, CLOSE_NO_MEMORY); return;
	case STREAM_CLOSED:
	case STREAM_TRUNCATED:
	case STREAM_FAILED: client_lost(s); return;
	}
}

/* It takes nothing any more; what it said before is still passed. MAY_CLOSE */
static void server_lost(struct session *s)
{
	struct worker *w = s->worker;
	unsigned turns = 0;
	size_t n = 0;

	while (alive(s) && wants_read(s, DIALOG_SERVER) &&
		turns++ < TURNS_MOST &&
		stream_read(&s->server, w->scratch, READ_COMMAND_BYTES, &n) ==
			STREAM_OK)
		pass_to_client(s, slice_of(w->scratch, n));
	if (alive(s))
		server_ends(s, CLOSE_SERVER_CLOSED);
}

static void leg_lost(struct session *s, enum dialog_side side)
{
	if (side == DIALOG_CLIENT)
		client_lost(s);
	else
		server_lost(s);
}

static void client_spoke(struct session *s, size_t n)
{
	s->client_bytes += n;
	if (!s->end_wanted) /* it is not to buy time by going on */
		moved(s);
}

/* MAY_CLOSE */
static void server_took(struct session *s, enum stream_result result)
{
	switch (result) {
	case STREAM_OK:
	case STREAM_AGAIN: return;
	case STREAM_NO_MEMORY: session_kill(s, CLOSE_NO_MEMORY); return;
	case STREAM_CLOSED:
	case STREAM_TRUNCATED:
	case STREAM_FAILED: server_lost(s); return;
	}
}

/* MAY_CLOSE */
static void put_server(struct session *s, struct slice in)
{
	client_spoke(s, in.n);
	server_took(s, stream_write(&s->server, in));
}

/* Octets of the client's. MAY_CLOSE */
static void pass_to_server(struct session *s, struct slice in)
{
	if (passthrough_client(&s->dialog.passthrough, in) == PASSTHROUGH_OK)
		put_server(s, in);
	else
		no_hello(s);
}

/* Does much of a client's come at once, and is no octet of it looked at? */
static bool passes(const struct session *s, enum dialog_side side)
{
	return side == DIALOG_CLIENT && s->bulk && !s->server.tls &&
	       s->dialog.passthrough.stage == PASSTHROUGH_OPEN &&
	       conduit_open(&s->worker->conduit);
}

/* As if read and written; STREAM_OK, but the session may be over. MAY_CLOSE */
static enum stream_result pass_unread(
	struct session *s, size_t room, size_t *ret_n)
{
	struct worker *w = s->worker;
	enum stream_result written;
	enum stream_result result = conduit_move(&w->conduit, &s->client,
		&s->server, w->scratch, room, ret_n, &written);

	if (result != STREAM_OK)
		return result;
	s->dialog.passthrough.client_last = true;
	s->bulk = *ret_n >= READ_COMMAND_BYTES;
	client_spoke(s, *ret_n);
	server_took(s, written);
	return STREAM_OK;
}

/* MAY_CLOSE */
static enum stream_result read_once(
	struct session *s, enum dialog_side side, size_t room, size_t *ret_n)
{
	struct worker *w = s->worker;
	enum stream_result result = STREAM_AGAIN;

	if (passes(s, side))
		result = pass_unread(s, room, ret_n);
	if (result != STREAM_AGAIN)
		return result; /* else perhaps urgent data: see conduit.h */
	result = stream_read(leg(s, side), w->scratch, room, ret_n);
	if (result != STREAM_OK)
		return result;
	if (side == DIALOG_SERVER) {
		pass_to_client(s, slice_of(w->scratch, *ret_n));
		return STREAM_OK;
	}
	s->bulk = *ret_n >= BULK_READ_BYTES;
	pass_to_server(s, slice_of(w->scratch, *ret_n));
	return STREAM_OK;
}

/* Reads a leg while it gives and the other takes. MAY_CLOSE */
static void carry(struct session *s, enum dialog_side side)
{
	size_t taken = 0, room = read_room(side);

	for (unsigned turns = 0; turns < TURNS_MOST && taken < TURN_MOST_BYTES;
		turns++) {
		enum stream_result result;
		size_t n = 0;

		if (!alive(s) || !wants_read(s, side))
			return;
		result = read_once(s, side, room, &n);
		if (result == STREAM_AGAIN)
			return;
		if (result == STREAM_CLOSED)
			ended(s, side);
		else if (result != STREAM_OK)
			leg_lost(s, side);
		taken += n;
		if (n < room)
			return; /* a short read has emptied the socket */
	}
}

/* MAY_CLOSE */
static void flush(struct session *s, enum dialog_side side)
{
	struct stream *stream = leg(s, side);
	size_t before = buffer_peek(stream->out).n;
	enum stream_result result = stream_flush(stream);

	if (buffer_peek(stream->out).n != before)
		moved(s);
	if (result != STREAM_OK && result != STREAM_AGAIN)
		leg_lost(s, side);
}

static short wanted(struct session *s, enum dialog_side side)
{
	return (short)((wants_read(s, side) ? EV_READ : 0) |
		       (stream_unsent(leg(s, side)) ? EV_WRITE : 0));
}

/* What follows from what was passed. MAY_CLOSE */
static void settle(struct session *s)
{
	if (!alive(s))
		return;
	if (!pass_ends(s)) {
		stream_close(&s->server, false); /* in order, both ways */
		session_kill(s, CLOSE_CLIENT_CLOSED);
		return;
	}
	if (s->end_wanted && passthrough_may_close(s)) {
		session_end(s, REPLY_NONE, (enum close_reason)s->end_reason);
		return;
	}
	stream_watch(&s->client, wanted(s, DIALOG_CLIENT));
	stream_watch(&s->server, wanted(s, DIALOG_SERVER));
	session_clock(s);
}

void passthrough_event(struct session *s, enum dialog_side side, short what)
{
	if (what & EV_WRITE)
		flush(s, side);
	carry(s, side);
	settle(s);
}

void passthrough_begin(struct session *s)
{
	struct slice hello = buffer_peek(s->client.tail);
	int one = 1;

	s->tls_version = "passthrough";
	if (s->client.fd < 0) { /* it did not hear the 220 */
		session_kill(s, CLOSE_CLIENT_LEFT);
		return;
	}
	if (hello.n > 0 && !from_first_octet(s)) {
		session_kill(s, CLOSE_STARTTLS_INJECTION);
		return;
	}
	/* Small records must not wait for the acknowledgement of others. */
	(void)setsockopt(
		s->client.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (hello.n > 0)
		put_server(s, hello);
	buffer_free(&s->client.tail);
	settle(s);
}

void passthrough_connected(struct session *s)
{
	dialog_pass_through(&s->dialog);
	session_move(s, PHASE_PASSTHROUGH);
	passthrough_begin(s);
}
