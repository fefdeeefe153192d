/*
 * One session of the load generator: a client that sends the next command
 * when the reply to the last one is whole, or all of an envelope at once
 * where it pipelines (RFC 2920).
 *
 * Sockets are edge-triggered: each event writes what waits and reads until
 * nothing is left. A session that ends is freed at once; every function that
 * may end it says so by its result (false: gone).
 */
#include "load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/err.h>

struct load_session *load_sessions;

enum { QUIT_LINE = 6 }; /* the octets of "QUIT\r\n" */

enum io_result { IO_DONE, IO_WAIT, IO_FAILED };

void load_session_finish(struct load_session *s, enum load_error error)
{
	if (s->held) {
		load_counts.held_lost++;
		load_counts.held--;
	}
	if (error == LOAD_OK) {
		load_counts.ok++;
		load_sample(STEP_SESSION, load_now_s() - s->began_s);
	} else {
		load_counts.errors[error]++;
	}
	load_tls_free(s->ssl, error == LOAD_OK);
	close(s->fd);
	if (s->prev)
		s->prev->next = s->next;
	else
		load_sessions = s->next;
	if (s->next)
		s->next->prev = s->prev;
	free(s);
	load_counts.active--;
	load_counts.done++;
}

static void put(struct load_session *s, const char *text)
{
	size_t n = strlen(text);

	memcpy(s->out + s->out_n, text, n);
	s->out_n += n;
}

static ssize_t write_tls(struct load_session *s, const char *p, size_t n)
{
	int did = SSL_write(s->ssl, p, n > 1 << 20 ? 1 << 20 : (int)n);
	int error;

	if (did > 0)
		return did;
	error = SSL_get_error(s->ssl, did);
	return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ
		       ? 0
		       : -1;
}

/* Octets written; 0: it would block; -1: failed. */
static ssize_t write_some(struct load_session *s, const char *p, size_t n)
{
	ssize_t did;

	if (s->ssl)
		return write_tls(s, p, n);
	did = send(s->fd, p, n, MSG_NOSIGNAL);
	if (did < 0 && errno == EAGAIN)
		return 0;
	return did;
}

static enum io_result write_all(
	struct load_session *s, const char *p, size_t *off, size_t n)
{
	while (*off < n) {
		ssize_t did = write_some(s, p + *off, n - *off);

		if (did <= 0)
			return did < 0 ? IO_FAILED : IO_WAIT;
		*off += (size_t)did;
	}
	return IO_DONE;
}

static enum io_result flush(struct load_session *s)
{
	enum io_result result = write_all(s, s->out, &s->out_off, s->out_n);

	if (result != IO_DONE)
		return result;
	s->out_n = s->out_off = 0;
	result = write_all(s, load_body, &s->body_off, s->body_n);
	if (result == IO_DONE)
		s->body_n = s->body_off = 0;
	return result;
}

static enum load_step first_of_mail(void)
{
	return load_options.message_count > 0 ? STEP_MAIL : STEP_QUIT;
}

static enum load_step first_of_login(void)
{
	return load_options.auth == LOAD_AUTH_NONE ? first_of_mail()
						   : STEP_AUTH;
}

static enum load_step next_message(struct load_session *s)
{
	load_counts.messages++;
	return ++s->messages < load_options.message_count ? STEP_MAIL
							  : STEP_QUIT;
}

/* What follows the step that has just been answered. */
static enum load_step next_step(struct load_session *s)
{
	enum load_tls tls = load_options.tls;

	switch (s->step) {
	case STEP_CONNECT:
		return tls == LOAD_TLS_IMPLICIT ? STEP_HANDSHAKE : STEP_GREET;
	case STEP_HANDSHAKE:
		return tls == LOAD_TLS_IMPLICIT ? STEP_GREET : STEP_EHLO_AGAIN;
	case STEP_GREET: return STEP_EHLO;
	case STEP_EHLO:
		return tls == LOAD_TLS_STARTTLS ? STEP_STARTTLS
						: first_of_login();
	case STEP_STARTTLS: return STEP_HANDSHAKE;
	case STEP_EHLO_AGAIN: return first_of_login();
	case STEP_AUTH:
		if (load_options.auth == LOAD_AUTH_GOOD)
			return first_of_mail();
		return ++s->tries < load_options.try_count ? STEP_AUTH
							   : STEP_QUIT;
	case STEP_MAIL: return load_options.noop ? next_message(s) : STEP_RCPT;
	case STEP_RCPT: return load_options.chunking ? STEP_BODY : STEP_DATA;
	case STEP_DATA: return STEP_BODY;
	case STEP_BODY: return next_message(s);
	case STEP_QUIT:
	case STEP_SESSION:
	case STEP_COUNT: break;
	}
	return STEP_QUIT;
}

/* A pipelined command was sent, and its clock started, with an earlier one. */
static bool sent_before(enum load_step step, enum load_step was)
{
	return load_options.pipelining &&
	       (step == STEP_RCPT || step == STEP_DATA ||
		       (step == STEP_QUIT && was == STEP_BODY));
}

static void put_body(struct load_session *s)
{
	bool last = s->messages + 1 >= load_options.message_count;

	if (load_options.chunking)
		put(s, load_bdat_line);
	s->body_n = load_body_n;
	s->body_off = 0;
	if (load_options.pipelining && last)
		s->body_n += QUIT_LINE;
}

static void put_mail(struct load_session *s)
{
	if (load_options.noop) {
		put(s, "NOOP\r\n");
		return;
	}
	put(s, "MAIL FROM:<sender@example.org>\r\n");
	if (load_options.pipelining)
		put(s, "RCPT TO:<user@example.com>\r\nDATA\r\n");
}

static void put_command(struct load_session *s)
{
	switch (s->step) {
	case STEP_EHLO:
	case STEP_EHLO_AGAIN: put(s, "EHLO load.example.org\r\n"); break;
	case STEP_STARTTLS: put(s, "STARTTLS\r\n"); break;
	case STEP_HANDSHAKE: s->ssl = load_tls_new(s->fd); break;
	case STEP_AUTH: put(s, load_auth_line); break;
	case STEP_MAIL: put_mail(s); break;
	case STEP_RCPT: put(s, "RCPT TO:<user@example.com>\r\n"); break;
	case STEP_DATA: put(s, "DATA\r\n"); break;
	case STEP_BODY: put_body(s); break;
	case STEP_QUIT: put(s, "QUIT\r\n"); break;
	case STEP_CONNECT:
	case STEP_GREET:
	case STEP_SESSION:
	case STEP_COUNT: break;
	}
}

/* Where -H keeps a session: past the last EHLO or AUTH, or before it all. */
static bool is_holding_place(enum load_step step)
{
	if (load_options.hold_s < 0)
		return false;
	if (load_options.hold_at_greeting)
		return step == STEP_GREET;
	return step == STEP_MAIL || step == STEP_QUIT;
}

/* Starts the next step. false: the session is gone. */
static bool enter_next(struct load_session *s)
{
	enum load_step was = s->step;

	s->step = next_step(s);
	if (is_holding_place(s->step)) {
		s->held = true;
		load_counts.held++;
		return true;
	}
	if (!sent_before(s->step, was)) {
		s->step_began_s = load_now_s();
		put_command(s);
	}
	if (s->step == STEP_HANDSHAKE || flush(s) != IO_FAILED)
		return true;
	load_session_finish(s, LOAD_OTHER);
	return false;
}

static int wanted_code(enum load_step step)
{
	static const short codes[STEP_COUNT] = {
		0, 220, 250, 220, 0, 250, 235, 250, 250, 354, 250, 221};

	if (step == STEP_AUTH && load_options.auth == LOAD_AUTH_BAD)
		return 535;
	return codes[step];
}

/* A reply is whole. false: the session is gone. */
static bool take_reply(struct load_session *s, int code)
{
	if (code >= 0 && code < LOAD_CODES)
		load_counts.codes[s->step][code]++;
	load_sample(s->step, load_now_s() - s->step_began_s);
	if (s->held || code != wanted_code(s->step)) {
		load_session_finish(s, LOAD_BAD_REPLY);
		return false;
	}
	if (s->step == STEP_QUIT) {
		load_session_finish(s, LOAD_OK);
		return false;
	}
	return enter_next(s);
}

static bool take_lines(struct load_session *s)
{
	char *p = s->in, *end = s->in + s->in_n;
	char *newline;

	while ((newline = memchr(p, '\n', (size_t)(end - p)))) {
		bool last = newline - p >= 3 && p[3] != '-';
		int code = atoi(p);

		p = newline + 1;
		if (last && !take_reply(s, code))
			return false;
	}
	s->in_n = (size_t)(end - p);
	if (s->in_n == sizeof s->in) {
		load_session_finish(s, LOAD_OTHER);
		return false;
	}
	memmove(s->in, p, s->in_n);
	return true;
}

/* IO_FAILED: the session is gone. */
static enum io_result handshake(struct load_session *s)
{
	int result = SSL_do_handshake(s->ssl);

	if (result == 1) {
		load_sample(STEP_HANDSHAKE, load_now_s() - s->step_began_s);
		load_counts.resumed += SSL_session_reused(s->ssl);
		return enter_next(s) ? IO_DONE : IO_FAILED;
	}
	result = SSL_get_error(s->ssl, result);
	if (result == SSL_ERROR_WANT_READ || result == SSL_ERROR_WANT_WRITE)
		return IO_WAIT;
	load_session_finish(
		s, result == SSL_ERROR_SYSCALL ? LOAD_EOF : LOAD_TLS_FAILED);
	ERR_clear_error();
	return IO_FAILED;
}

static enum io_result read_tls(
	struct load_session *s, char *p, size_t room, size_t *ret_n)
{
	int did = SSL_read(s->ssl, p, (int)room);

	if (did > 0) {
		*ret_n = (size_t)did;
		return IO_DONE;
	}
	did = SSL_get_error(s->ssl, did);
	if (did == SSL_ERROR_WANT_READ || did == SSL_ERROR_WANT_WRITE)
		return IO_WAIT;
	ERR_clear_error();
	load_session_finish(
		s, did == SSL_ERROR_SSL ? LOAD_TLS_FAILED : LOAD_EOF);
	return IO_FAILED;
}

static enum io_result read_plain(
	struct load_session *s, char *p, size_t room, size_t *ret_n)
{
	ssize_t did = recv(s->fd, p, room, 0);

	if (did > 0) {
		*ret_n = (size_t)did;
		return IO_DONE;
	}
	if (did < 0 && errno == EAGAIN)
		return IO_WAIT;
	if (did == 0)
		load_session_finish(s, LOAD_EOF);
	else
		load_session_finish(
			s, errno == ECONNRESET ? LOAD_RESET : LOAD_OTHER);
	return IO_FAILED;
}

static void read_all(struct load_session *s, uint32_t events)
{
	bool ending = events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR);

	for (;;) {
		size_t room = sizeof s->in - s->in_n, n = 0;
		char *p = s->in + s->in_n;
		enum io_result result = s->ssl ? read_tls(s, p, room, &n)
					       : read_plain(s, p, room, &n);

		if (result != IO_DONE)
			return;
		s->in_n += n;
		if (!take_lines(s))
			return;
		if (s->step == STEP_HANDSHAKE) {
			if (handshake(s) != IO_DONE)
				return;
		} else if (!s->ssl && n < room && !ending) {
			return; /* a short read: nothing is left */
		}
	}
}

/* false: not connected yet, or gone. */
static bool connected(struct load_session *s, uint32_t events)
{
	int error = 0;
	socklen_t n = sizeof error;

	if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return false;
	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n);
	if (error) {
		load_session_finish(s, error == ECONNREFUSED ? LOAD_REFUSED
				       : error == ECONNRESET ? LOAD_RESET
							     : LOAD_OTHER);
		return false;
	}
	s->connected = true;
	load_sample(STEP_CONNECT, load_now_s() - s->step_began_s);
	return enter_next(s);
}

void load_session_event(struct load_session *s, uint32_t events)
{
	if (!s->connected && !connected(s, events))
		return;
	if (s->step == STEP_HANDSHAKE && handshake(s) != IO_DONE)
		return;
	if ((s->out_n || s->body_n) && flush(s) == IO_FAILED) {
		load_session_finish(s, LOAD_RESET);
		return;
	}
	if (s->ssl || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		read_all(s, events);
}

static void bind_source(int fd)
{
	struct sockaddr_in source = {.sin_family = AF_INET};
	long turn = load_counts.started % load_options.source_count;
	int one = 1;

	source.sin_addr.s_addr =
		htonl(load_options.source_base + (uint32_t)turn);
	/* Otherwise the port is taken for all destinations. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0)
		load_die("bind");
}

static void link_new(struct load_session *s)
{
	s->next = load_sessions;
	if (load_sessions)
		load_sessions->prev = s;
	load_sessions = s;
	load_counts.started++;
	load_counts.active++;
	if (load_counts.active > load_counts.active_most)
		load_counts.active_most = load_counts.active;
}

void load_session_start(int epoll_fd)
{
	struct load_session *s = calloc(1, sizeof *s);
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = s,
	};
	int one = 1;

	if (!s)
		load_die("calloc");
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		load_die("socket");
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (load_options.source_base)
		bind_source(s->fd);
	s->step = STEP_CONNECT;
	s->began_s = s->step_began_s = load_now_s();
	link_new(s);
	if (connect(s->fd, (struct sockaddr *)&load_options.server,
		    sizeof load_options.server) < 0 &&
		errno != EINPROGRESS) {
		load_session_finish(
			s, errno == ECONNREFUSED ? LOAD_REFUSED : LOAD_OTHER);
		return;
	}
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &event) < 0)
		load_die("epoll_ctl");
}
