/*
 * The health dialogue: connect, 220, EHLO, 250, [STARTTLS, EHLO, 250,] QUIT, of
 * each server at intervals, in one worker only.
 *
 * More than a connection, since a server that hangs or is told to quiesce
 * still accepts some; less than a message. As far as sessions need TLS it is
 * made here as they make it: a server whose certificate has run out serves
 * nobody. Of what the server says only codes and offers count, and nothing
 * of it gets into the log. The clock is the worker's tick: a fifth of a second
 * is fine enough. What can go wrong: no descriptor and no memory say nothing of
 * the server; that turn is left out.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../proto/ehlo.h"
#include "../../proto/proxy_header.h"
#include "../../proto/reply.h"
#include "../base/secret.h"

enum {
	SOON_MS = 1000,	   /* not more often, whatever happens */
	REPLY_MOST = 4096, /* octets of a whole reply */
	WHY_LONGEST = 64,
	JITTER_PARTS = 10,
};

enum check_step {
	CHECK_CONNECT,
	CHECK_TLS,
	CHECK_GREETING,
	CHECK_EHLO,
	CHECK_STARTTLS,
	CHECK_QUIT,
};

struct check {
	struct health *health;
	size_t backend;
	int place;
	struct stream stream; /* fd -1: not under way */
	enum check_step step;
	mono_ms_t due_ms, begun_ms, deadline_ms;
	size_t n;
	uint8_t in[REPLY_MOST];
};

struct health {
	struct worker *worker;
	struct check *checks[]; /* POOL_SERVERS_MOST for each backend */
};

static const struct conf_backend *conf_of(const struct check *c)
{
	return c->health->worker->setup->backends[c->backend].conf;
}

/* A tenth sooner or later, so that servers are not all asked at once. */
static uint64_t varied_ms(uint64_t ms)
{
	uint32_t random;

	secret_random(&random, sizeof random);
	return ms - ms / JITTER_PARTS + random % (ms / JITTER_PARTS * 2 + 1);
}

static void check_close(struct check *c)
{
	stream_done(&c->stream);
	stream_init(&c->stream);
	c->n = 0;
	c->due_ms = c->health->worker->now +
		    varied_ms(conf_of(c)->health_interval_ms);
}

static void check_failed(struct check *c, const char *why)
{
	/* First this: the words may be the stream's. */
	servers_checked(c->health->worker, c->backend, c->place, why);
	check_close(c);
}

static void say(struct check *c, const char *words)
{
	/* What it does not take now waits; the next reply will not come. */
	if (stream_write(&c->stream, slice_str(words)) != STREAM_OK)
		check_failed(c, "the connection was lost");
}

static void say_ehlo(struct check *c)
{
	char line[300];

	(void)snprintf(line, sizeof line, "EHLO %s\r\n",
		c->health->worker->setup->hostname);
	c->step = CHECK_EHLO;
	say(c, line);
}

/* TLS is up: its banner is next, or EHLO again (RFC 3207 §4.2). */
static void secured(struct check *c)
{
	stream_watch(&c->stream, EV_READ);
	if (conf_of(c)->tls == CONF_BACKEND_TLS_IMPLICIT)
		c->step = CHECK_GREETING;
	else
		say_ehlo(c);
}

static void handshake(struct check *c)
{
	switch (tls_handshake(c->stream.tls)) {
	case TLS_OK: secured(c); return;
	case TLS_WANT_READ: stream_watch(&c->stream, EV_READ); return;
	case TLS_WANT_WRITE:
		stream_watch(&c->stream, EV_READ | EV_WRITE);
		return;
	case TLS_CLOSED:
	case TLS_TRUNCATED:
	case TLS_FAILED: check_failed(c, tls_error(c->stream.tls)); return;
	}
}

static void tls_begin(struct check *c)
{
	c->stream.tls = tls_connect_new(
		c->health->worker->setup->backends[c->backend].tls,
		c->stream.fd);
	if (!c->stream.tls) {
		check_close(c);
		return;
	}
	c->step = CHECK_TLS;
	handshake(c);
}

static void say_quit(struct check *c)
{
	c->step = CHECK_QUIT;
	say(c, "QUIT\r\n");
	if (c->stream.fd >= 0)
		servers_checked(c->health->worker, c->backend, c->place, NULL);
}

/* TLS is not to be had: sessions go on in clear, where they may. */
static void no_tls(struct check *c, const char *why)
{
	if (conf_of(c)->tls == CONF_BACKEND_TLS_REQUIRED)
		check_failed(c, why);
	else
		say_quit(c);
}

static void got_ehlo(struct check *c, struct slice reply)
{
	enum conf_backend_tls tls = conf_of(c)->tls;

	if (c->stream.tls || tls == CONF_BACKEND_TLS_OFF) {
		say_quit(c);
	} else if (ehlo_caps(reply) & EHLO_STARTTLS) {
		c->step = CHECK_STARTTLS;
		say(c, "STARTTLS\r\n");
	} else {
		no_tls(c, "it offers no STARTTLS");
	}
}

/* A whole reply. */
static void got(struct check *c, unsigned code, struct slice reply)
{
	char why[WHY_LONGEST];
	unsigned wanted = c->step == CHECK_EHLO ? 250 : 220;

	(void)snprintf(why, sizeof why, "%s was answered with %u",
		c->step == CHECK_GREETING ? "a connection"
		: c->step == CHECK_EHLO	  ? "EHLO"
					  : "STARTTLS",
		code);
	if (c->step == CHECK_QUIT)
		check_close(c);
	else if (code != wanted && c->step == CHECK_STARTTLS)
		no_tls(c, why);
	else if (code != wanted)
		check_failed(c, why);
	else if (c->step == CHECK_GREETING)
		say_ehlo(c);
	else if (c->step == CHECK_STARTTLS)
		tls_begin(c);
	else
		got_ehlo(c, reply);
}

/* What lies there, line by line; more than one reply is never due. */
static void parse(struct check *c)
{
	struct slice all = slice_of(c->in, c->n), rest = all;
	struct reply_line line;
	size_t used;

	do {
		enum reply_result result =
			reply_next(rest, REPLY_MOST, &line, &used);

		if (result == REPLY_MORE && c->n < REPLY_MOST)
			return;
		if (result != REPLY_OK) {
			check_failed(c, "what it says is no SMTP");
			return;
		}
		rest = slice_skip(rest, used);
	} while (!line.last);
	/* Behind a 220 to STARTTLS they could pass for what TLS brought. */
	if (rest.n > 0 && c->step != CHECK_QUIT) {
		check_failed(c, "it says more than it was asked");
		return;
	}
	c->n = 0;
	got(c, line.code, all);
}

static void hear(struct check *c)
{
	enum stream_result result;
	size_t n = 0;

	do {
		result = stream_read(
			&c->stream, c->in + c->n, REPLY_MOST - c->n, &n);
		if (result == STREAM_AGAIN)
			return;
		if (result != STREAM_OK && c->step == CHECK_QUIT) {
			check_close(c);
			return;
		}
		if (result != STREAM_OK) {
			check_failed(c, c->step == CHECK_GREETING
						? "closed without a banner"
					: c->step == CHECK_EHLO
						? "closed at EHLO"
						: "closed at STARTTLS");
			return;
		}
		c->n += n;
		parse(c);
	} while (c->stream.fd >= 0 && c->step != CHECK_TLS);
}

static void connected(struct check *c)
{
	uint8_t header[PROXY_WRITTEN_LONGEST];
	socklen_t n = sizeof(int);
	size_t header_n;
	int error = 0;

	if (getsockopt(c->stream.fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	if (error) {
		check_failed(c, strerror(error));
		return;
	}
	c->step = CHECK_GREETING;
	stream_watch(&c->stream, EV_READ);
	header_n = identity_own(conf_of(c), header);
	if (header_n > 0 && stream_write(&c->stream,
				    slice_of(header, header_n)) != STREAM_OK) {
		check_failed(c, "it took no PROXY header");
		return;
	}
	if (conf_of(c)->tls == CONF_BACKEND_TLS_IMPLICIT)
		tls_begin(c);
}

static void check_event(evutil_socket_t fd, short what, void *arg)
{
	struct check *c = arg;

	(void)fd;
	(void)what;
	worker_now(c->health->worker);
	if (c->step == CHECK_CONNECT)
		connected(c);
	else if (c->step == CHECK_TLS)
		handshake(c);
	/* Behind the last of the handshake the banner may be in hand. */
	if (c->stream.fd >= 0 && c->step != CHECK_CONNECT &&
		c->step != CHECK_TLS)
		hear(c);
}

static void check_begin(struct check *c)
{
	struct worker *w = c->health->worker;
	const struct pool_server *server =
		&w->states[c->backend].pool.servers[c->place];
	struct sockaddr_storage sa;
	socklen_t n = addr_to_sockaddr(
		&server->addr, server->port, (struct sockaddr *)&sa);
	int fd = socket(
		sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	c->begun_ms = w->now;
	c->deadline_ms = w->now + conf_of(c)->health_timeout_ms;
	c->step = CHECK_CONNECT;
	if (fd < 0) {
		check_close(c);
		return;
	}
	stream_attach(&c->stream, w->base, fd, check_event, c);
	error = origin_bind_own(
		&w->setup->backends[c->backend], fd, &server->addr);
	if (!error && connect(fd, (struct sockaddr *)&sa, n) < 0 &&
		errno != EINPROGRESS)
		check_failed(c, strerror(errno));
	else
		stream_watch(&c->stream, EV_WRITE);
}

static void check_tick(struct check *c)
{
	struct worker *w = c->health->worker;

	if (c->stream.fd < 0) {
		if (w->now >= c->due_ms)
			check_begin(c);
	} else if (w->now >= c->deadline_ms && c->step == CHECK_QUIT) {
		check_close(c);
	} else if (w->now >= c->deadline_ms) {
		check_failed(c, c->step == CHECK_CONNECT
					? "no connection in time"
					: "no answer in time");
	}
}

static struct check *check_new(struct health *h, size_t backend, int place)
{
	struct check *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->health = h;
	c->backend = backend;
	c->place = place;
	stream_init(&c->stream);
	/* The first ones soon, but not all at once. */
	c->due_ms =
		h->worker->now + varied_ms(conf_of(c)->health_interval_ms) / 2;
	return c;
}

static void check_free(struct check **c)
{
	if (!*c)
		return;
	stream_done(&(*c)->stream);
	free(*c);
	*c = NULL;
}

/* A server that is gone is asked no more, a new one from now on. */
static void place_tick(struct health *h, size_t backend, int place)
{
	struct check **c =
		&h->checks[backend * POOL_SERVERS_MOST + (size_t)place];
	const struct pool_server *server =
		&h->worker->states[backend].pool.servers[place];

	if (!server->used || server->gone)
		check_free(c);
	else if (!*c)
		*c = check_new(h, backend, place);
	else
		check_tick(*c);
}

void health_tick(struct worker *w)
{
	if (w->health && w->drain_until != MONO_NEVER)
		health_free(w);
	for (size_t i = 0; w->health && i < w->setup->backend_count; i++)
		if (w->setup->backends[i].conf->health_interval_ms > 0)
			for (int k = 0; k < POOL_SERVERS_MOST; k++)
				place_tick(w->health, i, k);
}

void health_soon(struct worker *w, size_t backend, int place)
{
	struct check *c;

	if (!w->health)
		return;
	c = w->health->checks[backend * POOL_SERVERS_MOST + (size_t)place];
	if (!c || c->stream.fd >= 0)
		return;
	if (c->due_ms > w->now && c->due_ms > c->begun_ms + SOON_MS)
		c->due_ms = c->begun_ms + SOON_MS;
}

bool health_make(struct worker *w)
{
	size_t count = w->setup->backend_count * POOL_SERVERS_MOST;

	if (w->setup->slot != 1)
		return true;
	w->health =
		calloc(1, sizeof *w->health + count * sizeof(struct check *));
	if (!w->health)
		return false;
	w->health->worker = w;
	health_tick(w); /* makes them */
	return true;
}

void health_free(struct worker *w)
{
	size_t count = w->setup->backend_count * POOL_SERVERS_MOST;

	for (size_t i = 0; w->health && i < count; i++)
		check_free(&w->health->checks[i]);
	free(w->health);
	w->health = NULL;
}
