/*
 * The life of a session: begin, handshakes, the last words, the end.
 *
 * The gates stand in front (accept.c, keeper_link.c); what is said is the
 * dialogue's and relay.c's business. Every end has a reason, and all ends go
 * through session_kill.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/check.h"
#include "../base/log.h"
#include "../base/secret.h"
#include "count.h"

/* After the last words, what the client still sends is read and dropped for a
 * moment: a close with unread octets would reset the connection and take the
 * words along. */
enum { LINGER_MS = 2000, LINGER_READS = 16, LINGER_MOST_BYTES = 4 << 20 };

static void client_event(evutil_socket_t fd, short what, void *arg);

static const char *const names[PHASE_COUNT] = {
#define PHASE(id, name, text) [PHASE_##id] = (name),
#include "phases.def"
#undef PHASE
};

const char *session_phase_name(const struct session *s)
{
	return names[s->phase];
}

void session_move(struct session *s, enum session_phase phase)
{
	if (log_wants(LOG_DEBUG)) {
		log_begin(LOG_DEBUG, "phase");
		session_log_id(s);
		log_str("from", names[s->phase]);
		log_str("to", names[phase]);
		log_end();
	}
	s->phase = (uint8_t)phase;
	s->progress = true;
}

bool prefixes_hold(
	const struct conf_prefixes *prefixes, const struct addr *addr)
{
	for (size_t i = 0; i < prefixes->count; i++)
		if (prefix_holds(&prefixes->items[i], addr))
			return true;
	return false;
}

static struct session *session_new(struct worker *w,
	const struct worker_listener *listener, const struct caller *caller)
{
	struct session *s = slab_take(w->slab);

	if (!s)
		return NULL;
	s->magic = SESSION_MAGIC;
	s->worker = w;
	s->listener = listener;
	s->addr = caller->addr;
	s->port = caller->port;
	s->target = caller->target;
	s->target_port = caller->target_port;
	s->target_known = caller->target_known;
	s->id = worker_next_id(w);
	s->begun_ms = w->now;
	s->longest_ms = w->now + listener->conf->session_longest_ms;
	s->armed_ms = MONO_NEVER;
	s->deadline_ms = MONO_NEVER;
	stream_init(&s->client);
	stream_init(&s->server);
	(void)evtimer_assign(&s->timer, w->base, session_timer, s);
	dialog_init(&s->dialog,
		&w->dialog_confs[listener - w->setup->listeners],
		listener->conf->tls == CONF_LISTENER_TLS_IMPLICIT);
	if (prefixes_hold(&w->setup->conf->global.relay_from, &s->addr))
		dialog_may_relay(&s->dialog);
	TAILQ_INSERT_TAIL(&w->sessions, s, all);
	w->stats.sessions_open++;
	w->stats.sessions_total++;
	return s;
}

/* The banner may be waited for; then the server is connected to. MAY_CLOSE */
static void session_greet(struct session *s)
{
	if (s->listener->conf->greeting_delay_ms == 0) {
		connect_server(s);
		return;
	}
	session_move(s, PHASE_DELAY);
	stream_watch(&s->client, EV_READ);
	session_clock(s);
}

static bool session_tls(struct session *s)
{
	s->client.tls = tls_accept_new(s->listener->tls, s->client.fd);
	if (!s->client.tls)
		return false;
	session_move(s, PHASE_CLIENT_TLS);
	stream_watch(&s->client, EV_READ);
	session_clock(s);
	return true;
}

void session_begin(struct worker *w, const struct worker_listener *listener,
	int fd, const struct caller *caller)
{
	struct session *s = session_new(w, listener, caller);

	if (!s) {
		limit_reached(w, LIMIT_MEMORY);
		census_source_leave(w, &caller->addr);
		if (listener->conf->tls == CONF_LISTENER_TLS_OFF)
			refuse(fd, REPLY_TOO_MANY_SESSIONS, 0);
		(void)close(fd);
		return;
	}
	stream_attach(&s->client, w->base, fd, client_event, s);
	target_find(s);
	switch (listener->conf->tls) {
	case CONF_LISTENER_TLS_OFF: session_greet(s); break;
	case CONF_LISTENER_TLS_PASSTHROUGH:
		session_move(s, PHASE_HELLO);
		stream_watch(&s->client, EV_READ);
		session_clock(s);
		break;
	case CONF_LISTENER_TLS_IMPLICIT:
		if (!session_tls(s))
			session_kill(s, CLOSE_NO_MEMORY);
		break;
	}
}

void session_user(struct session *s, struct slice user)
{
	if (user.n > AUTH_USER_LONGEST)
		user.n = AUTH_USER_LONGEST;
	if (user.n == 0 ||
		slice_eq(user, slice_of(s->user, s->user ? s->user_n : 0)))
		return;
	free(s->user);
	s->user = malloc(user.n);
	s->user_n = s->user ? (uint8_t)user.n : 0;
	if (s->user)
		memcpy(s->user, user.p, user.n);
}

/* The handshake with the client moves on. MAY_CLOSE */
static void client_tls(struct session *s)
{
	bool implicit = s->dialog.client_tls; /* from the first octet */

	switch (tls_handshake(s->client.tls)) {
	case TLS_OK:
		s->tls_version = tls_version_name(s->client.tls);
		count_handshake(s->worker, LEG_CLIENT, s->client.tls, false);
		s->client.readable_maybe = tls_pending(s->client.tls) > 0;
		if (implicit) {
			session_greet(s);
			return;
		}
		dialog_tls_done(&s->dialog, DIALOG_CLIENT);
		session_dialog(s);
		return;
	case TLS_WANT_READ: stream_watch(&s->client, EV_READ); return;
	case TLS_WANT_WRITE:
		stream_watch(&s->client, EV_READ | EV_WRITE);
		return;
	case TLS_CLOSED:
	case TLS_TRUNCATED:
	case TLS_FAILED: break;
	}
	count_handshake(s->worker, LEG_CLIENT, s->client.tls, true);
	log_begin(LOG_INFO, "tls-failed");
	log_addr("src", &s->addr);
	log_str("listener", s->listener->conf->title);
	log_str("why", tls_error(s->client.tls));
	log_end();
	note_session(s, NOTE_TLS_FAILURE);
	session_kill(s, CLOSE_CLIENT_TLS);
}

/* The 220 to STARTTLS must be out in clear before the handshake. MAY_CLOSE */
void session_starttls(struct session *s)
{
	switch (stream_flush(&s->client)) {
	case STREAM_OK: break;
	case STREAM_AGAIN:
		stream_watch(&s->client, EV_WRITE);
		session_clock(s);
		return;
	case STREAM_CLOSED:
	case STREAM_TRUNCATED:
	case STREAM_FAILED:
	case STREAM_NO_MEMORY: session_kill(s, CLOSE_CLIENT_ERROR); return;
	}
	if (s->client.tail) { /* in clear, behind the command */
		session_kill(s, CLOSE_STARTTLS_INJECTION);
		return;
	}
	stream_watch(&s->server, 0);
	if (!session_tls(s))
		session_kill(s, CLOSE_NO_MEMORY);
}

/* Any octet, or the end, before the banner. MAY_CLOSE */
static void early(struct session *s)
{
	uint8_t octet[1];
	size_t n = 0;

	switch (stream_read(&s->client, octet, sizeof octet, &n)) {
	case STREAM_AGAIN: return;
	case STREAM_OK:
		note_session(s, NOTE_EARLY_TALK);
		session_end(s, REPLY_EARLY_TALK, CLOSE_EARLY_TALK);
		return;
	case STREAM_CLOSED:
	case STREAM_TRUNCATED:
	case STREAM_FAILED:
	case STREAM_NO_MEMORY: break;
	}
	session_kill(s, CLOSE_CLIENT_CLOSED);
}

short session_watches_end(const struct session *s)
{
	/* What the client says meanwhile waits in the socket. */
	return s->client_spoke || s->dialog.again ? 0 : EV_READ;
}

/*
 * Octets of a client whose turn has not come. Inside TLS they must be read, or
 * the end behind them is not seen. false: there were none.
 */
static bool spoke(struct session *s, enum stream_result *ret_result)
{
	size_t n = 0;
	uint8_t octet;

	if (!s->client.tls) {
		ssize_t got = recv(s->client.fd, &octet, sizeof octet,
			MSG_PEEK | MSG_DONTWAIT);

		*ret_result = got >= 0 ? STREAM_CLOSED
			      : errno == EAGAIN || errno == EINTR
				      ? STREAM_AGAIN
				      : STREAM_FAILED;
		return got > 0;
	}
	*ret_result = stream_read(
		&s->client, s->worker->scratch, READ_COMMAND_BYTES, &n);
	if (n > 0 && !buffer_append(
			     &s->client.tail, slice_of(s->worker->scratch, n)))
		*ret_result = STREAM_NO_MEMORY;
	secret_wipe(s->worker->scratch, n);
	return n > 0 && *ret_result == STREAM_OK;
}

/*
 * The client moves while the server is awaited. Gone without a word it wants
 * nothing any more, and the server's connection is free for others. One that
 * spoke and closed its side may still read: its turn comes. MAY_CLOSE
 */
static void look_for_end(struct session *s)
{
	enum stream_result result;

	if (s->client_spoke)
		return;
	if (s->client.tail || spoke(s, &result)) {
		s->client_spoke = true;
		stream_watch(&s->client, 0);
	} else if (result != STREAM_AGAIN) {
		s->server_awaited = false; /* no fault of the server's */
		session_kill(s, CLOSE_CLIENT_CLOSED);
	}
}

void session_dialog(struct session *s)
{
	session_move(s, PHASE_DIALOG);
	relay_pump(s);
}

/* The last words are out: wait a moment for the client to hear them. */
static void flush_step(struct session *s)
{
	enum stream_result result = stream_flush(&s->client);

	if (result == STREAM_AGAIN) {
		stream_watch(&s->client, EV_WRITE);
		return;
	}
	if (result != STREAM_OK || s->dialog.client_gone ||
		s->close_reason == CLOSE_QUIT) {
		session_kill(s, CLOSE_CLIENT_ERROR);
		return;
	}
	if (!s->half_closed) {
		if (s->client.tls)
			tls_shutdown(s->client.tls);
		(void)shutdown(s->client.fd, SHUT_WR);
		s->half_closed = true;
		stream_watch(&s->client, EV_READ);
		session_clock_at(s, WAIT_FLUSH, s->worker->now + LINGER_MS);
	}
}

/* Raw octets, whatever they are: only the end counts. MAY_CLOSE */
static void linger(struct session *s)
{
	ssize_t n = 1;

	for (unsigned i = 0; i < LINGER_READS && n > 0; i++) {
		n = recv(s->client.fd, s->worker->scratch, READ_COMMAND_BYTES,
			MSG_DONTWAIT);
		if (n > 0)
			s->lingered_bytes += (uint32_t)n;
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
		s->lingered_bytes > LINGER_MOST_BYTES)
		session_kill(s, CLOSE_CLIENT_CLOSED);
}

void session_end(
	struct session *s, enum reply_id reply, enum close_reason reason)
{
	bool mid_message = !dialog_may_end(&s->dialog);
	bool mute = passthrough_mute(s);

	if (s->phase == PHASE_DEAD || s->phase == PHASE_FLUSH)
		return;
	if (s->close_reason == CLOSE_NONE)
		s->close_reason = (uint8_t)reason;
	settle_lost(s);
	ask_unhold(s);
	/* D-03: a message is never completed by a close that looks orderly. */
	stream_close(&s->server, mid_message);
	servers_leave(s);
	if (s->phase == PHASE_CLIENT_TLS || s->phase == PHASE_STARTTLS ||
		s->client.fd < 0) {
		session_kill(s, reason);
		return;
	}
	if (reply != REPLY_NONE && !mute)
		(void)session_reply(s, reply);
	session_move(s, PHASE_FLUSH);
	session_clock(s);
	flush_step(s);
}

void session_end_soon(
	struct session *s, enum reply_id reply, enum close_reason reason)
{
	s->end_wanted = true;
	s->end_reply = (uint8_t)reply;
	s->end_reason = (uint8_t)reason;
	if (s->phase == PHASE_PASSTHROUGH && !passthrough_may_close(s))
		return; /* until the server has spoken */
	if (s->phase != PHASE_DIALOG) {
		session_end(s, s->phase == PHASE_CONNECT ? reply : REPLY_NONE,
			reason);
		return;
	}
	if (s->settling && s->settled_ok && s->asked_keeper)
		return; /* not before the keeper's word on it */
	if (s->settling) {
		settle_deliver(s); /* the 535 first, without delay */
		return;
	}
	if (dialog_may_end(&s->dialog))
		session_end(s, reply, reason);
}

/* Ends that are limits reached, by their counters. */
static void count_end(const struct session *s)
{
	static const uint8_t limits[CLOSE_COUNT] = {
		[CLOSE_SESSION_LONGEST] = LIMIT_SESSION_TIME + 1,
		[CLOSE_LINE_TOO_LONG] = LIMIT_LINE + 1,
		[CLOSE_TOO_MANY_ERRORS] = LIMIT_BAD_COMMANDS + 1,
		[CLOSE_TOO_MANY_COMMANDS] = LIMIT_IDLE_COMMANDS + 1,
		[CLOSE_CLIENT_TIMEOUT] = LIMIT_CLIENT_TIME + 1,
		[CLOSE_SERVER_TIMEOUT] = LIMIT_SERVER_TIME + 1,
		[CLOSE_SERVER_PROTOCOL] = LIMIT_SERVER_REPLY + 1,
		[CLOSE_NO_MEMORY] = LIMIT_MEMORY + 1,
	};
	unsigned limit = limits[s->close_reason];

	if (limit > 0)
		limit_reached(s->worker, limit - 1);
}

void session_kill(struct session *s, enum close_reason reason)
{
	struct worker *w = s->worker;
	bool mid_message = !dialog_may_end(&s->dialog);

	if (s->phase == PHASE_DEAD)
		return;
	if (s->close_reason == CLOSE_NONE)
		s->close_reason = (uint8_t)reason;
	settle_lost(s);
	session_log_end(s);
	worker_ask_unlink(w, s);
	ask_unhold(s);
	(void)event_del(&s->timer);
	stream_close(&s->server, mid_message); /* D-03 */
	servers_leave(s);
	stream_done(&s->server);
	stream_done(&s->client);
	buffer_free(&s->held);
	session_move(s, PHASE_DEAD);
	roll_leave(w, s);
	TAILQ_REMOVE(&w->sessions, s, all);
	TAILQ_INSERT_TAIL(&w->dead, s, all);
	w->stats.sessions_open--;
	census_source_leave(w, &s->addr);
	count_end(s);
}

/* Reading and writing belong to the phase. MAY_CLOSE */
static void client_event(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	(void)fd;
	CHECK(s->magic == SESSION_MAGIC);
	stream_woken(&s->client, what);
	worker_now(s->worker);
	switch ((enum session_phase)s->phase) {
	case PHASE_CLIENT_TLS: client_tls(s); break;
	case PHASE_HELLO: passthrough_hello(s); break;
	case PHASE_PASSTHROUGH:
		passthrough_event(s, DIALOG_CLIENT, what);
		break;
	case PHASE_DELAY: early(s); break;
	case PHASE_STARTTLS: session_starttls(s); break;
	case PHASE_DIALOG:
		if (s->dialog.state < DIALOG_STATE_COMMAND &&
			!(what & EV_WRITE)) {
			look_for_end(s);
			break;
		}
		if (what & EV_WRITE)
			relay_flushed(s, DIALOG_CLIENT);
		relay_client(s);
		break;
	case PHASE_FLUSH:
		if (s->half_closed)
			linger(s);
		else
			flush_step(s);
		break;
	case PHASE_CONNECT:
	case PHASE_SERVER_TLS: look_for_end(s); break;
	case PHASE_RECONNECT:
	case PHASE_DEAD:
	case PHASE_COUNT: break;
	}
}

void session_server_event(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	(void)fd;
	CHECK(s->magic == SESSION_MAGIC);
	stream_woken(&s->server, what);
	worker_now(s->worker);
	switch ((enum session_phase)s->phase) {
	case PHASE_CONNECT:
		connect_done(s);
		if (s->phase == PHASE_DIALOG && (what & EV_READ))
			relay_server(s); /* the banner is there */
		break;
	case PHASE_SERVER_TLS: connect_done(s); break;
	case PHASE_DIALOG:
		if (what & EV_WRITE)
			relay_flushed(s, DIALOG_SERVER);
		relay_server(s);
		break;
	case PHASE_PASSTHROUGH:
		passthrough_event(s, DIALOG_SERVER, what);
		break;
	case PHASE_CLIENT_TLS:
	case PHASE_HELLO:
	case PHASE_DELAY:
	case PHASE_STARTTLS:
	case PHASE_RECONNECT:
	case PHASE_FLUSH:
	case PHASE_DEAD:
	case PHASE_COUNT: break;
	}
}
