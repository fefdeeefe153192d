/*
 * Between the two legs: reads, lets the dialogue decide, carries it out.
 *
 * The fast road: one read into the worker's scratch, the dialogue's spans that
 * lie side by side gathered into one write, nothing kept. Only an undecided
 * tail is copied away. A leg is not read while the other does not take what it
 * should (back-pressure), so every queue is bounded by one read.
 */
#include "internal.h"

#include <sys/socket.h>

#include "../base/reference.h"
#include "../base/secret.h"

/* Octets that wait for the server, or are lost: no acceptance is for them. */
static size_t unsent_bytes(const struct session *s)
{
	return s->server_broken ? SIZE_MAX : buffer_peek(s->server.out).n;
}

/* What the dialogue borrows for one call. */
static void room_fill(
	struct session *s, struct dialog_room *room, size_t *user_n)
{
	struct worker *w = s->worker;

	memset(room, 0, sizeof *room);
	room->scratch = w->secret;
	room->scratch_n = sizeof w->secret;
	room->user = w->user;
	if (s->user)
		memcpy(w->user, s->user, s->user_n);
	*user_n = s->user_n;
	room->user_n = user_n;
	room->out = w->out;
	room->out_n = sizeof w->out;
	room->hostname = w->setup->hostname;
	room->another_server =
		s->dialog.state == DIALOG_STATE_GREETING && servers_another(s);
	room->server_unsent_bytes = unsent_bytes(s);
	room->client = identity_xclient(s);
	if (s->listener->conf->received)
		room->received = received_compose(s);
}

static void client_lost(struct session *s)
{
	stream_close(&s->client, true);
	dialog_gone(&s->dialog, DIALOG_CLIENT);
	if (s->close_reason == CLOSE_NONE)
		s->close_reason = CLOSE_CLIENT_LEFT;
}

static void server_lost(struct session *s)
{
	stream_close(&s->server, true);
	dialog_gone(&s->dialog, DIALOG_SERVER);
	s->worker->stats.server_errors_total++;
}

/* To the client; a client that is gone takes everything in silence. */
static void put_client(struct session *s, struct slice span)
{
	if (span.n == 0 || s->client.fd < 0)
		return;
	s->server_bytes += span.n;
	if (stream_write(&s->client, span) != STREAM_OK)
		client_lost(s);
}

static void put_server(struct session *s, struct slice span)
{
	if (span.n == 0 || s->server.fd < 0)
		return;
	s->client_bytes += span.n;
	if (s->server_broken)
		return; /* nothing reaches it any more */
	if (stream_write(&s->server, span) != STREAM_OK)
		s->server_broken = true; /* but what it said last may wait */
}

static void put(struct session *s, enum dialog_side from, struct slice *span)
{
	if (from == DIALOG_CLIENT)
		put_server(s, *span);
	else
		put_client(s, *span);
	*span = slice_of(NULL, 0);
}

static void keep_helo(struct session *s, struct slice name)
{
	note_name(s, name);
	name = slice_head(name, HELO_KEPT - 1);
	if (name.n > 0)
		memcpy(s->helo, name.p, name.n);
	s->helo[name.n] = 0;
}

/* For the line at the session's end. */
static void note_forward(struct session *s, const struct dialog_step *step)
{
	if (step->message_accepted) {
		s->message_count++;
		s->worker->stats.messages_total++;
	}
	if (step->verb == VERB_MAIL)
		s->mail_count++;
	else if (step->verb == VERB_RCPT)
		s->rcpt_count++;
	else if (step->verb == VERB_EHLO || step->verb == VERB_HELO)
		keep_helo(s, step->args);
	else if (step->verb == VERB_AUTH && !s->dialog.asked)
		s->user_n = 0; /* an AUTH before was another user's, maybe */
}

bool session_reply(struct session *s, enum reply_id reply)
{
	char text[OWN_REPLY_LONGEST];
	char reference[REFERENCE_TEXT_LONGEST];
	size_t n;

	reference_format(s->id, reference);
	n = own_reply_compose(
		reply, dialog_enhanced(&s->dialog), reference, text);
	if (own_reply_referenced(reply))
		note_refusal(s, reply);
	put_client(s, slice_of(text, n));
	return s->client.fd >= 0;
}

/* RFC 3207 §6: what lies in the socket already was sent in clear. */
static bool injected(const struct session *s)
{
	char octet;

	return recv(s->client.fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void do_reply(struct session *s, enum reply_id reply)
{
	if (reply == REPLY_TLS_READY && injected(s)) {
		note_session(s, NOTE_PROTOCOL_ERROR);
		session_end(s, REPLY_NONE, CLOSE_STARTTLS_INJECTION);
		return;
	}
	(void)session_reply(s, reply);
}

/*
 * The server's 220 to a STARTTLS that was passed on. Whatever the client has
 * sent by now was sent in clear (RFC 3207 §6).
 */
static void do_passthrough(struct session *s, struct slice ready)
{
	if (injected(s)) {
		note_session(s, NOTE_PROTOCOL_ERROR);
		session_end(s, REPLY_NONE, CLOSE_STARTTLS_INJECTION);
		return;
	}
	put_client(s, ready);
	session_move(s, PHASE_PASSTHROUGH);
}

static void do_banner(struct session *s)
{
	const char *text = s->listener->conf->banner;

	put_client(s, slice_str("220 "));
	put_client(s, slice_str(text));
	put_client(s, slice_str("\r\n"));
}

/* The dialogue's end: an attack is noted, then the last words go out. */
static void do_close(struct session *s, enum close_reason reason)
{
	note_end(s, reason);
	session_end(s, REPLY_NONE, reason);
}

/* Everything but FORWARD, MORE and WAIT. MAY_CLOSE */
static void carry_out(struct session *s, const struct dialog_step *step)
{
	switch (step->act) {
	case DIALOG_REPLY: do_reply(s, step->reply); break;
	case DIALOG_BANNER: do_banner(s); break;
	case DIALOG_SEND: put_server(s, step->span); break;
	case DIALOG_ASK: ask_begin(s, step); break;
	case DIALOG_SETTLE: settle_begin(s, step); break;
	case DIALOG_TLS_CLIENT: session_move(s, PHASE_STARTTLS); break;
	case DIALOG_TLS_SERVER: session_move(s, PHASE_SERVER_TLS); break;
	case DIALOG_NEXT_SERVER:
		s->server_rude = true;
		session_move(s, PHASE_RECONNECT);
		break;
	case DIALOG_RECONNECT: session_move(s, PHASE_RECONNECT); break;
	case DIALOG_PASSTHROUGH: do_passthrough(s, step->span); break;
	case DIALOG_DROP_SERVER:
		if (step->reason != CLOSE_NONE) {
			s->worker->stats.server_errors_total++;
			s->close_reason = (uint8_t)step->reason;
		}
		stream_close(&s->server, true);
		break;
	case DIALOG_CLOSE: do_close(s, step->reason); break;
	case DIALOG_FORWARD:
	case DIALOG_MORE:
	case DIALOG_WAIT: break;
	}
}

static bool composed(const struct session *s, struct slice span)
{
	return span.p >= s->worker->out &&
	       span.p < s->worker->out + sizeof s->worker->out;
}

static void gather(struct session *s, enum dialog_side side,
	const struct dialog_step *step, struct slice *gathered)
{
	note_forward(s, step);
	if (step->span.n == 0)
		return;
	if (gathered->n > 0 && gathered->p + gathered->n == step->span.p) {
		gathered->n += step->span.n;
		return;
	}
	put(s, side, gathered);
	*gathered = step->span;
	if (composed(s, step->span)) /* the room is used again next time */
		put(s, side, gathered);
}

static bool alive(const struct session *s)
{
	return s->phase == PHASE_DIALOG;
}

static void blocked(struct session *s, enum dialog_side side, bool is)
{
	if (side == DIALOG_CLIENT)
		s->client_blocked = is;
	else
		s->server_blocked = is;
}

/* All is fed, and of nothing would come nothing. */
static bool idle(const struct session *s, struct slice rest)
{
	return rest.n == 0 && dialog_quiet(&s->dialog);
}

/*
 * Feeds `in` until the dialogue wants more or waits; returns how many octets
 * it is done with. MAY_CLOSE
 */
static size_t feed(struct session *s, enum dialog_side side, struct slice in)
{
	struct slice rest = in, gathered = slice_of(NULL, 0);
	size_t user_n;
	struct dialog_room room;
	struct dialog_step step;

	room_fill(s, &room, &user_n);
	s->feeding = true;
	do {
		dialog_feed(&s->dialog, side, rest, &room, &step);
		rest = slice_skip(rest, step.used);
		if (step.auth_refused)
			note_session(s, NOTE_AUTH_REFUSED);
		if (step.recipient_refused)
			note_recipient(s, step.code);
		if (step.xclient_refused)
			connect_xclient_refused(s);
		if (step.used > 0 ||
			(step.act != DIALOG_MORE && step.act != DIALOG_WAIT))
			s->progress = true;
		if (step.act == DIALOG_FORWARD)
			gather(s, side, &step, &gathered);
		if (step.act == DIALOG_FORWARD && !idle(s, rest))
			continue;
		if (step.act == DIALOG_CLOSE)
			stream_last(&s->client);
		put(s, side, &gathered);
		session_user(s, slice_of(room.user, user_n));
		carry_out(s, &step);
		room.server_unsent_bytes = unsent_bytes(s);
	} while (alive(s) && step.act != DIALOG_MORE &&
		 step.act != DIALOG_WAIT && !idle(s, rest));
	s->feeding = false;
	if (side == DIALOG_CLIENT)
		s->taken_bytes += in.n - rest.n;
	else if (in.n > rest.n)
		s->server_moved = true;
	blocked(s, side, step.act == DIALOG_WAIT && rest.n > 0);
	return in.n - rest.n;
}

/* The tail that waits, or nothing: what is due by itself comes, too. */
static bool feed_tail(struct session *s, enum dialog_side side)
{
	struct stream *stream = side == DIALOG_CLIENT ? &s->client : &s->server;
	size_t used;

	s->progress = false;
	if (!stream->tail && dialog_quiet(&s->dialog)) {
		blocked(s, side, false);
		return false;
	}
	used = feed(s, side, buffer_peek(stream->tail));
	if (s->phase == PHASE_DEAD)
		return false;
	buffer_drop(&stream->tail, used);
	return s->progress;
}

/* Both sides until nothing moves: each may have freed the other. MAY_CLOSE */
static void pump(struct session *s)
{
	bool moved = true, progress = s->progress;

	while (moved && alive(s)) {
		moved = feed_tail(s, DIALOG_SERVER);
		if (alive(s))
			moved |= feed_tail(s, DIALOG_CLIENT);
		progress |= moved;
	}
	s->progress = progress;
}

/* New octets; what is left of them becomes the tail. MAY_CLOSE */
static void take(struct session *s, enum dialog_side side, struct slice in)
{
	struct stream *stream = side == DIALOG_CLIENT ? &s->client : &s->server;
	size_t used;

	if (stream->tail) {
		if (!buffer_append(&stream->tail, in))
			session_kill(s, CLOSE_NO_MEMORY);
		return; /* pump feeds the tail */
	}
	s->progress = false;
	used = feed(s, side, in);
	if (s->phase == PHASE_DEAD)
		return;
	if (!buffer_append(&stream->tail, slice_skip(in, used)))
		session_kill(s, CLOSE_NO_MEMORY);
}

/* May this leg be read? Only while the other takes what comes. */
static bool wants_read(const struct session *s, enum dialog_side side)
{
	if (side == DIALOG_CLIENT)
		return s->client.fd >= 0 && !s->client_blocked &&
		       !stream_unsent(&s->server) &&
		       !stream_unsent(&s->client) &&
		       dialog_reads(&s->dialog, DIALOG_CLIENT);
	return s->server.fd >= 0 && !s->server_blocked &&
	       !stream_unsent(&s->client) &&
	       dialog_reads(&s->dialog, DIALOG_SERVER);
}

static size_t read_room(const struct session *s, enum dialog_side side)
{
	if (side == DIALOG_CLIENT && dialog_in_payload(&s->dialog))
		return payload_room();
	return READ_COMMAND_BYTES;
}

static void read_ended(
	struct session *s, enum dialog_side side, enum stream_result result)
{
	if (side == DIALOG_SERVER && s->dialog.state == DIALOG_STATE_GREETING &&
		servers_another(s)) {
		s->server_closed = true;
		session_move(s, PHASE_RECONNECT);
		return;
	}
	if (side == DIALOG_SERVER) {
		stream_close(&s->server, result != STREAM_CLOSED);
		dialog_gone(&s->dialog, DIALOG_SERVER);
		return;
	}
	/* An orderly end may be half of one: replies still go out. */
	dialog_gone(&s->dialog, DIALOG_CLIENT);
	if (result != STREAM_CLOSED)
		client_lost(s);
}

/*
 * What a client says outside of messages does not stay in the scratch: any
 * piece of a line may be one of a secret, and nothing tells before the line is
 * whole. (The tail is wiped when it is given back.) MAY_CLOSE
 */
static void take_and_wipe(struct session *s, enum dialog_side side, size_t n)
{
	struct worker *w = s->worker;
	bool text = dialog_in_payload(&s->dialog);

	take(s, side, slice_of(w->scratch, n));
	if (side != DIALOG_CLIENT)
		return;
	text = text && dialog_in_payload(&s->dialog);
	if (!text)
		secret_wipe(w->scratch, n);
	if (s->client.tls)
		tls_text_end(s->client.tls, text);
}

/* Octets of a chunk are the server's alone (RFC 3030 §2). */
static bool chunk_passes(const struct session *s)
{
	return conduit_open(&s->worker->conduit) && !s->client.tls &&
	       !s->server.tls && !s->client.tail && s->server.fd >= 0 &&
	       !s->server_broken &&
	       dialog_chunk_left(&s->dialog) >= BULK_LEAST_BYTES;
}

/* As if read and fed, and nothing is due by it. */
static enum stream_result pass_chunk(
	struct session *s, size_t room, size_t *ret_n)
{
	struct worker *w = s->worker;
	uint64_t left = dialog_chunk_left(&s->dialog);
	enum stream_result written;
	enum stream_result result =
		conduit_move(&w->conduit, &s->client, &s->server, w->scratch,
			left < room ? (size_t)left : room, ret_n, &written);

	if (result != STREAM_OK)
		return result;
	dialog_chunk_passed(&s->dialog, *ret_n);
	s->client_bytes += *ret_n;
	s->taken_bytes += *ret_n;
	s->progress = true;
	if (written != STREAM_OK)
		s->server_broken = true; /* but what it said last may wait */
	return STREAM_OK;
}

/* MAY_CLOSE */
static enum stream_result read_once(
	struct session *s, enum dialog_side side, size_t room, size_t *ret_n)
{
	struct stream *stream = side == DIALOG_CLIENT ? &s->client : &s->server;
	enum stream_result result = STREAM_AGAIN;

	if (side == DIALOG_CLIENT && chunk_passes(s))
		result = pass_chunk(s, room, ret_n);
	if (result != STREAM_AGAIN)
		return result; /* else perhaps urgent data: see conduit.h */
	if (stream->tls && side == DIALOG_CLIENT &&
		dialog_in_payload(&s->dialog))
		tls_text_begin(stream->tls);
	result = stream_read(stream, s->worker->scratch, room, ret_n);
	if (result == STREAM_OK)
		take_and_wipe(s, side, *ret_n);
	return result;
}

/*
 * Reads a leg while it gives and the other takes, a few times at most so that
 * one session does not starve the rest. MAY_CLOSE
 */
static void relay_read(struct session *s, enum dialog_side side)
{
	struct stream *stream = side == DIALOG_CLIENT ? &s->client : &s->server;
	size_t taken = 0;

	if (stream->fd < 0) { /* lost in relay_flushed: what follows is due */
		pump(s);
		return;
	}
	for (unsigned turns = 0; alive(s) && wants_read(s, side); turns++) {
		size_t room = read_room(s, side), n = 0;
		enum stream_result result;

		if (taken >= TURN_MOST_BYTES || turns == TURNS_MOST)
			return;
		result = read_once(s, side, room, &n);
		if (result == STREAM_AGAIN)
			return;
		taken += n;
		if (result != STREAM_OK)
			read_ended(s, side, result);
		if (!alive(s))
			return;
		pump(s);
		if (result != STREAM_OK ||
			(n < room && !stream->readable_maybe))
			return; /* a short read has emptied the socket */
	}
}

/*
 * Between commands nobody is kept from speaking for long. A queue that does not
 * move is another matter: who fills it goes on, and would wake us at once.
 */
static void watch(struct session *s, struct stream *stream, short events)
{
	if (s->dialog.state < DIALOG_STATE_COMMAND ||
		stream_unsent(&s->client) || stream_unsent(&s->server))
		stream_watch(stream, events);
	else
		stream_watch_lazily(stream, events);
}

void relay_events(struct session *s)
{
	short client = 0, server = 0;

	if (!alive(s))
		return;
	if (wants_read(s, DIALOG_CLIENT))
		client |= EV_READ;
	if (wants_read(s, DIALOG_SERVER))
		server |= EV_READ;
	if (stream_unsent(&s->client) || s->client.tls_wants_write)
		client |= EV_WRITE;
	if (stream_unsent(&s->server) || s->server.tls_wants_write)
		server |= EV_WRITE;
	if (s->dialog.state < DIALOG_STATE_COMMAND && !client)
		client = session_watches_end(s);
	watch(s, &s->client, client);
	watch(s, &s->server, server);
	session_clock(s);
}

/*
 * The server takes nothing any more. What it said before, an early refusal or
 * a 421, may still lie in the socket and is the better answer. MAY_CLOSE
 */
static void server_last_words(struct session *s)
{
	struct worker *w = s->worker;
	unsigned turns = 0;
	size_t n = 0;

	while (alive(s) && s->server.fd >= 0 && turns++ < TURNS_MOST &&
		stream_read(&s->server, w->scratch, READ_COMMAND_BYTES, &n) ==
			STREAM_OK) {
		take(s, DIALOG_SERVER, slice_of(w->scratch, n));
		if (alive(s))
			pump(s);
	}
	if (alive(s) && s->server.fd >= 0)
		server_lost(s);
	if (alive(s))
		pump(s);
}

/* Is its banner in, a good one, and TLS made as far as it is needed? */
static bool greeted(const struct session *s)
{
	return s->server_awaited && alive(s) &&
	       s->dialog.state >= DIALOG_STATE_COMMAND &&
	       s->dialog.state != DIALOG_STATE_CLOSING &&
	       s->dialog.state != DIALOG_STATE_CLOSED;
}

static void relay_settle(struct session *s)
{
	if (greeted(s))
		servers_greeted(s);
	if (alive(s) && s->server_broken) {
		server_last_words(s);
		s->server_broken = false;
	}
	if (alive(s) && s->end_wanted && dialog_may_end(&s->dialog))
		session_end(s, (enum reply_id)s->end_reply,
			(enum close_reason)s->end_reason);
	relay_events(s);
	session_next_phase(s);
}

void relay_client(struct session *s)
{
	relay_read(s, DIALOG_CLIENT);
	relay_settle(s);
}

void relay_server(struct session *s)
{
	relay_read(s, DIALOG_SERVER);
	relay_settle(s);
}

void relay_pump(struct session *s)
{
	pump(s);
	relay_settle(s);
}

void relay_resume(struct session *s)
{
	if (!s->feeding)
		relay_pump(s);
}

void session_put_client(struct session *s, struct slice span)
{
	put_client(s, span);
}

void relay_flushed(struct session *s, enum dialog_side side)
{
	struct stream *stream = side == DIALOG_CLIENT ? &s->client : &s->server;
	size_t before = buffer_peek(stream->out).n;
	enum stream_result result = stream_flush(stream);

	s->progress = buffer_peek(stream->out).n != before;
	if (result != STREAM_OK && result != STREAM_AGAIN) {
		if (side == DIALOG_CLIENT)
			client_lost(s);
		else
			s->server_broken = true;
	}
}

void relay_server_lost(struct session *s)
{
	server_lost(s);
	relay_pump(s);
}
