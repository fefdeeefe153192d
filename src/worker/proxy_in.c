/*
 * The PROXY header in front of a connection (see proxy_in.h).
 *
 * accept.c hands over who connects to a door with `proxy = required`, and gets
 * the connection back when the header is whole. The socket is only looked into
 * (MSG_PEEK) until it is known how much of it is header, so TLS and the
 * dialogue find theirs untouched.
 *
 * What can go wrong: whoever may send a header can be any client at will. So
 * the peer's own address is what is looked up in proxy_from, before an octet is
 * read. And a peer that says nothing: it has a deadline and a place among the
 * sessions that a worker may have.
 */
#include "proxy_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../proto/proxy_header.h"
#include "../base/check.h"
#include "../base/log.h"
#include "../base/secret.h"
#include "internal.h"

struct proxied {
	TAILQ_ENTRY(proxied) all;
	struct event readable, deadline;
	struct worker *worker;
	const struct worker_listener *listener;
	struct caller peer;  /* the balancer, and the client of a LOCAL one */
	struct buffer *head; /* of the header, taken from the socket */
	int fd;
};

static void refusal_log(const struct worker_listener *listener,
	const struct addr *addr, const char *why)
{
	log_begin(LOG_WARN, "proxy-refused");
	log_addr("src", addr);
	log_str("listener", listener->conf->title);
	log_str("why", why);
	log_end();
}

static void proxied_free(struct proxied *p)
{
	TAILQ_REMOVE(&p->worker->proxied, p, all);
	p->worker->proxied_count--;
	(void)event_del(&p->readable);
	(void)event_del(&p->deadline);
	buffer_free(&p->head);
	if (p->fd >= 0)
		(void)close(p->fd);
	free(p);
}

static void proxied_refuse(struct proxied *p, const char *why)
{
	limit_reached(p->worker, LIMIT_PROXY_HEADER);
	refusal_log(p->listener, &p->peer.addr, why);
	proxied_free(p);
}

/* The header is whole: its client stands at the door now. */
static void proxied_admit(struct proxied *p, const struct proxy_header *header)
{
	struct worker *w = p->worker;
	const struct worker_listener *listener = p->listener;
	struct caller caller = p->peer;
	int fd = p->fd;

	if (!header->unknown) {
		memcpy(caller.addr.octets, header->source, 16);
		memcpy(caller.target.octets, header->target, 16);
		caller.port = header->source_port;
		caller.target_port = header->target_port;
		caller.target_known = true;
	}
	p->fd = -1;
	proxied_free(p);
	admit(w, listener, fd, &caller);
}

/* Takes what was looked at and is header off the socket. */
static bool take(struct proxied *p, uint8_t *octets, size_t n)
{
	return recv(p->fd, octets, n, MSG_DONTWAIT) == (ssize_t)n;
}

/* `in`: the header so far, of which `old` octets are off the socket. */
static void proxied_look(struct proxied *p, struct slice in, size_t old)
{
	uint8_t *fresh = p->worker->scratch + old;
	struct proxy_header header;
	size_t used;

	switch (proxy_header_read(in, &header, &used)) {
	case PROXY_BAD: proxied_refuse(p, "not a PROXY header"); return;
	case PROXY_MORE:
		if (!take(p, fresh, in.n - old) ||
			!buffer_append(&p->head, slice_skip(in, old)))
			proxied_refuse(p, "cannot keep the header");
		return;
	case PROXY_OK:
		CHECK(used > old);
		if (take(p, fresh, used - old))
			proxied_admit(p, &header);
		else
			proxied_refuse(p, "cannot read the header");
		return;
	}
}

static void readable_event(evutil_socket_t fd, short what, void *arg)
{
	struct proxied *p = arg;
	struct worker *w = p->worker;
	struct slice head = buffer_peek(p->head);
	ssize_t n;

	(void)what;
	worker_now(w);
	n = recv(fd, w->scratch + head.n, PROXY_LONGEST - head.n,
		MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* Balancers look whether anybody is at home. */
		if (head.n == 0)
			proxied_free(p);
		else
			proxied_refuse(p, "closed within the header");
		return;
	}
	if (head.n > 0)
		memcpy(w->scratch, head.p, head.n);
	proxied_look(p, slice_of(w->scratch, head.n + (size_t)n), head.n);
	/* What stands behind the header may be a secret. */
	secret_wipe(w->scratch, head.n + (size_t)n);
}

static void deadline_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	proxied_refuse(arg, "no whole header in time");
}

static void proxied_begin(struct proxied *p)
{
	uint64_t ms = p->listener->conf->proxy_timeout_ms;
	struct timeval wait = {.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000};
	struct worker *w = p->worker;

	TAILQ_INSERT_TAIL(&w->proxied, p, all);
	w->proxied_count++;
	(void)event_assign(&p->readable, w->base, p->fd, EV_READ | EV_PERSIST,
		readable_event, p);
	(void)evtimer_assign(&p->deadline, w->base, deadline_event, p);
	(void)event_add(&p->readable, NULL);
	(void)evtimer_add(&p->deadline, &wait);
}

void proxy_in_begin(struct worker *w, const struct worker_listener *listener,
	int fd, const struct addr *addr, uint16_t port)
{
	struct proxied *p = NULL;

	if (!prefixes_hold(&listener->conf->proxy_from, addr)) {
		limit_reached(w, LIMIT_PROXY_HEADER);
		refusal_log(listener, addr, "not in proxy_from");
	} else if (w->stats.sessions_open + w->proxied_count >=
		   w->setup->conf->global.sessions_most_count) {
		limit_reached(w, LIMIT_SESSIONS);
	} else if (!(p = calloc(1, sizeof *p))) {
		limit_reached(w, LIMIT_MEMORY);
	}
	if (!p) {
		(void)close(fd);
		return;
	}
	*p = (struct proxied){.worker = w,
		.listener = listener,
		.peer = {.addr = *addr, .port = port},
		.fd = fd};
	proxied_begin(p);
}

void proxy_in_end_all(struct worker *w)
{
	struct proxied *p, *next;

	for (p = TAILQ_FIRST(&w->proxied); p; p = next) {
		next = TAILQ_NEXT(p, all);
		proxied_free(p);
	}
}
