/*
 * Connecting to the server that servers.c chooses.
 *
 * One attempt for each that is up, then 421: senders queue, nobody is bounced.
 * Who finds none, or one that another session tries, gets its 421 at once. The
 * leg's own TLS, where it is implicit, is done before the dialogue begins; the
 * STARTTLS of this leg is asked for by the dialogue itself.
 */
#include "internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/log.h"
#include "count.h"

static const struct worker_backend *backend_of(const struct session *s)
{
	return &s->worker->setup->backends[s->listener->backend];
}

static const struct pool_server *server_of(const struct session *s)
{
	const struct worker *w = s->worker;

	return &w->states[s->listener->backend].pool.servers[s->server_place];
}

/*
 * 0: *ret_fd is bound as it should be; else errno. A port that it must not have
 * is held while another is chosen, so that it is another one.
 */
static int socket_open(const struct session *s, int family, int *ret_fd)
{
	int held = -1, error;

	for (;;) {
		int fd = socket(
			family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		error = fd < 0 ? errno
			       : origin_bind(s, fd, &server_of(s)->addr);
		*ret_fd = fd;
		if (error != EADDRINUSE || held >= 0)
			break;
		held = fd;
	}
	if (held >= 0)
		(void)close(held);
	if (error && *ret_fd >= 0)
		(void)close(*ret_fd);
	return error;
}

/* 0: connected or under way; else errno. */
static int connect_begin(struct session *s)
{
	const struct pool_server *server = server_of(s);
	struct sockaddr_storage sa;
	int one = 1, fd, error;
	socklen_t n;

	n = addr_to_sockaddr(
		&server->addr, server->port, (struct sockaddr *)&sa);
	error = socket_open(s, sa.ss_family, &fd);
	if (error)
		return error;
	/* Small commands must not wait for the acknowledgement of others. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (struct sockaddr *)&sa, n) < 0 &&
		errno != EINPROGRESS) {
		error = errno;
		(void)close(fd);
		return error;
	}
	stream_attach(&s->server, s->worker->base, fd, session_server_event, s);
	return 0;
}

/*
 * Nothing is said to it before its banner: then that the connection stands
 * need not be heard of, and the banner is the first event.
 */
static bool server_speaks_first(const struct session *s)
{
	const struct conf_backend *conf = backend_of(s)->conf;

	return s->listener->conf->tls != CONF_LISTENER_TLS_PASSTHROUGH &&
	       conf->tls != CONF_BACKEND_TLS_IMPLICIT &&
	       conf->client_address != CONF_CLIENT_ADDRESS_PROXY_V1 &&
	       conf->client_address != CONF_CLIENT_ADDRESS_PROXY_V2;
}

/* reason: of the end if there is no server (any more). MAY_CLOSE */
static void connect_next(struct session *s, enum close_reason reason)
{
	int error;

	session_move(s, PHASE_CONNECT);
	stream_watch(&s->client, session_watches_end(s));
	if (!servers_enter(s)) {
		session_end(s, REPLY_SERVER_AWAY, reason);
		return;
	}
	error = connect_begin(s);
	if (error == EMFILE || error == ENFILE || error == ENOBUFS ||
		error == ENOMEM) {
		/* Not the server's fault, and the next one has no other. */
		acceptors_pause(s->worker);
		session_end(
			s, REPLY_TOO_MANY_SESSIONS, CLOSE_TOO_MANY_SESSIONS);
		return;
	}
	if (error) {
		connect_failed(s, origin_why(s, error));
		return;
	}
	stream_watch(&s->server, server_speaks_first(s) ? EV_READ : EV_WRITE);
	session_clock(s);
}

void connect_server(struct session *s)
{
	s->servers_since_ms = s->worker->now;
	connect_next(s, CLOSE_SERVER_AWAY);
}

/* A server that takes no second EHLO gets a second connection. */
static void connect_again(struct session *s)
{
	stream_close(&s->server, false);
	buffer_free(&s->server.tail);
	servers_leave(s);
	s->servers_tried = 0;
	connect_server(s);
}

static void connect_log(const struct session *s, const char *why)
{
	log_begin(LOG_WARN, "server-failed");
	session_log_id(s);
	log_str("backend", backend_of(s)->conf->title);
	log_str("server", server_of(s)->name);
	log_addr("address", &server_of(s)->addr);
	log_str("why", why);
	log_end();
}

void connect_xclient_refused(const struct session *s)
{
	uint64_t *said =
		&s->worker->states[s->listener->backend].xclient_refused;
	uint64_t bit = UINT64_C(1) << s->server_place;

	if (*said & bit)
		return;
	*said |= bit;
	log_begin(LOG_WARN, "xclient-refused");
	session_log_id(s);
	log_str("backend", backend_of(s)->conf->title);
	log_str("server", server_of(s)->name);
	log_str("why", "it offers XCLIENT and then refuses it: it sees "
		       "postern's address for every client");
	log_end();
}

/* The server does not greet, another one may. MAY_CLOSE */
static void connect_unwilling(struct session *s, const char *why)
{
	s->server_rude = s->server_closed = false;
	s->worker->stats.server_errors_total++;
	connect_log(s, why);
	stream_close(&s->server, true);
	buffer_free(&s->server.tail);
	s->server_broken = s->server_blocked = false;
	servers_leave(s);
	connect_next(s, CLOSE_SERVER_AWAY);
}

/*
 * Where nobody else is there a server has greeting_timeout: it may look up
 * names first. Where somebody is, the client does not wait that long.
 */
void connect_greeting_late(struct session *s)
{
	const struct conf_backend *conf = backend_of(s)->conf;
	mono_ms_t now = s->worker->now;
	mono_ms_t last = s->servers_since_ms + conf->greeting_timeout_ms;

	if (servers_another(s)) {
		connect_unwilling(s, "no banner in time");
		return;
	}
	if (now < last) {
		if (last - now > conf->connect_timeout_ms)
			last = now + conf->connect_timeout_ms;
		session_clock_at(s, WAIT_GREETING, last);
		return;
	}
	if (s->close_reason == CLOSE_NONE)
		s->close_reason = CLOSE_SERVER_TIMEOUT;
	relay_server_lost(s);
}

void connect_failed(struct session *s, const char *why)
{
	enum close_reason reason = s->phase == PHASE_SERVER_TLS
					   ? CLOSE_SERVER_TLS
					   : CLOSE_SERVER_AWAY;

	s->worker->stats.server_errors_total++;
	connect_log(s, why);
	if (s->dialog.state < DIALOG_STATE_COMMAND)
		servers_failed(s, why);
	stream_close(&s->server, true);
	buffer_free(&s->server.tail);
	if (s->dialog.state != DIALOG_STATE_GREETING) {
		session_end(s, REPLY_SERVER_AWAY, reason);
		return;
	}
	servers_leave(s);
	connect_next(s, reason);
}

/* The handshake on the server's leg moves on. MAY_CLOSE */
static void server_tls(struct session *s)
{
	switch (tls_handshake(s->server.tls)) {
	case TLS_OK:
		count_handshake(s->worker, LEG_SERVER, s->server.tls, false);
		if (s->dialog.state == DIALOG_STATE_SERVER_HANDSHAKE)
			dialog_tls_done(&s->dialog, DIALOG_SERVER);
		s->server.readable_maybe = tls_pending(s->server.tls) > 0;
		session_dialog(s);
		return;
	case TLS_WANT_READ:
		stream_watch(&s->server, EV_READ);
		session_clock(s);
		return;
	case TLS_WANT_WRITE:
		stream_watch(&s->server, EV_READ | EV_WRITE);
		session_clock(s);
		return;
	case TLS_CLOSED:
	case TLS_TRUNCATED:
	case TLS_FAILED: break;
	}
	count_handshake(s->worker, LEG_SERVER, s->server.tls, true);
	connect_failed(s, tls_error(s->server.tls));
}

static void server_tls_begin(struct session *s)
{
	if (s->phase != PHASE_SERVER_TLS)
		session_move(s, PHASE_SERVER_TLS);
	stream_watch(&s->client, session_watches_end(s));
	if (s->server.tail) {
		connect_failed(s, "octets in clear before TLS");
		return;
	}
	s->server.tls = tls_connect_new(backend_of(s)->tls, s->server.fd);
	if (!s->server.tls) {
		session_end(s, REPLY_SERVER_AWAY, CLOSE_NO_MEMORY);
		return;
	}
	server_tls(s);
}

void connect_done(struct session *s)
{
	socklen_t n = sizeof(int);
	int error = 0;

	if (s->phase == PHASE_SERVER_TLS) {
		if (s->server.tls)
			server_tls(s);
		else
			server_tls_begin(s);
		return;
	}
	if (getsockopt(s->server.fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	if (error) {
		connect_failed(s, origin_why(s, error));
		return;
	}
	if (!identity_tell(s)) {
		connect_failed(s, "it took no PROXY header");
		return;
	}
	s->server_awaited = true;
	if (s->listener->conf->tls == CONF_LISTENER_TLS_PASSTHROUGH)
		passthrough_connected(s);
	else if (backend_of(s)->conf->tls == CONF_BACKEND_TLS_IMPLICIT)
		server_tls_begin(s);
	else
		session_dialog(s);
}

void connect_late(struct session *s)
{
	struct pollfd server = {.fd = s->server.fd, .events = POLLOUT};

	/* It stands, and what is late is the banner. */
	if (server_speaks_first(s) && poll(&server, 1, 0) == 1 &&
		!(server.revents & (POLLERR | POLLHUP)))
		connect_done(s);
	else
		connect_failed(s, origin_why(s, ETIMEDOUT));
}

void session_next_phase(struct session *s)
{
	if (s->phase == PHASE_STARTTLS)
		session_starttls(s);
	else if (s->phase == PHASE_SERVER_TLS && !s->server.tls)
		connect_done(s);
	else if (s->phase == PHASE_RECONNECT && s->server_closed)
		connect_unwilling(s, "closed without a banner");
	else if (s->phase == PHASE_RECONNECT && s->server_rude)
		connect_unwilling(s, "its banner is no 220");
	else if (s->phase == PHASE_RECONNECT)
		connect_again(s);
	else if (s->phase == PHASE_PASSTHROUGH)
		passthrough_begin(s);
}
