/*
 * The door: accepting clients and the gates that stand before everything
 * else (ban, limit of sessions). No server is contacted here and no handshake
 * is spent on a client that is turned away.
 *
 * Without descriptors the door is shut for a moment instead of spinning; one
 * spare descriptor lets the client that waits in front be told to come later.
 */
#include "internal.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/census.h"
#include "../base/log.h"
#include "../base/reference.h"
#include "count.h"

enum { ACCEPT_BATCH = 32, PAUSE_MS = 500, DESCRIPTORS_SAY_MS = 1000 };

void acceptors_close(struct worker *w)
{
	for (size_t i = 0; i < w->acceptor_count; i++)
		if (w->acceptors[i].open) {
			(void)event_del(&w->acceptors[i].event);
			w->acceptors[i].open = false;
		}
}

void acceptors_open(struct worker *w)
{
	if (!w->synced || w->paused || w->drain_until != MONO_NEVER)
		return;
	for (size_t i = 0; i < w->acceptor_count; i++)
		if (!w->acceptors[i].open) {
			(void)event_add(&w->acceptors[i].event, NULL);
			w->acceptors[i].open = true;
		}
}

void refuse(int fd, enum reply_id reply, uint64_t id)
{
	char text[OWN_REPLY_LONGEST], reference[REFERENCE_TEXT_LONGEST];
	size_t n;

	reference_format(id, reference);
	n = own_reply_compose(reply, false, reference, text);
	(void)send(fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
}

static void turned_away_log(const struct addr *addr)
{
	if (!log_wants(LOG_DEBUG))
		return;
	log_begin(LOG_DEBUG, "turned-away");
	log_addr("src", addr);
	log_end();
}

void turn_away(struct worker *w, int fd, struct tls_connection *tls,
	const struct turned_away *who)
{
	const struct tarpit_guest guest = {.addr = who->addr,
		.port = who->port,
		.listener = (uint16_t)(who->listener - w->setup->listeners)};
	enum conf_answer answer = w->setup->conf->banned.answer;

	if (answer == CONF_ANSWER_TARPIT &&
		tarpit_take(w->tarpit, w->now, fd, tls, who->silent, &guest))
		return;
	if (answer == CONF_ANSWER_TARPIT)
		limit_reached(w, LIMIT_TARPIT);
	if (answer == CONF_ANSWER_REFUSE && !tls && !who->silent)
		refuse(fd, who->reply, who->id);
	tls_free(&tls);
	(void)close(fd);
}

static struct prefix source_of(const struct worker *w, const struct addr *addr)
{
	const struct conf_source_limit *limit = &w->setup->conf->source_limit;

	return prefix_of(addr, (unsigned)limit->prefix_v4_count,
		(unsigned)limit->prefix_v6_count);
}

/* false: the source has as many sessions as it may, in all workers. */
static bool census_source_enter(struct worker *w, const struct addr *addr)
{
	uint64_t most = w->setup->conf->global.sessions_per_source_count;
	struct prefix source = source_of(w, addr);
	uint32_t count =
		census_enter(w->setup->census, w->setup->census_row, &source);

	if (most == 0 || count <= most || banlist_allows(w->bans, addr))
		return true;
	census_source_leave(w, addr);
	return false;
}

void census_source_leave(struct worker *w, const struct addr *addr)
{
	struct prefix source = source_of(w, addr);

	census_leave(w->setup->census, w->setup->census_row, &source);
}

/* No handshake is spent: inside TLS from the first octet it is only a close. */
static void too_many(int fd, bool implicit, enum reply_id reply)
{
	if (!implicit)
		refuse(fd, reply, 0);
	(void)close(fd);
}

void admit(struct worker *w, const struct worker_listener *listener, int fd,
	const struct caller *caller)
{
	const struct addr *addr = &caller->addr;
	bool implicit = listener->conf->tls != CONF_LISTENER_TLS_OFF;
	uint64_t id;

	count_connection(w, listener);
	if (banlist_bans(w->bans, w->now, addr)) {
		id = worker_next_id(w);
		w->stats.turned_away_total++;
		turned_away_log(addr);
		if (w->setup->conf->banned.answer == CONF_ANSWER_REFUSE)
			note_address(w, addr, id, NOTE_REFUSAL, REPLY_BANNED);
		turn_away(w, fd, NULL,
			&(struct turned_away){.listener = listener,
				.addr = *addr,
				.port = caller->port,
				.silent = implicit,
				.reply = REPLY_BANNED,
				.id = id});
		return;
	}
	note_connection(w, addr);
	note_arrival(w, listener->conf, addr);
	if (w->stats.sessions_open >=
		w->setup->conf->global.sessions_most_count) {
		limit_reached(w, LIMIT_SESSIONS);
		too_many(fd, implicit, REPLY_TOO_MANY_SESSIONS);
		return;
	}
	if (!census_source_enter(w, addr)) {
		limit_reached(w, LIMIT_SOURCE_SESSIONS);
		too_many(fd, implicit, REPLY_TOO_MANY_OF_SOURCE);
		return;
	}
	session_begin(w, listener, fd, caller);
}

static void doors_shut(struct worker *w)
{
	struct timeval pause = {.tv_usec = PAUSE_MS * 1000L};

	if (w->paused)
		return;
	w->paused = true;
	acceptors_close(w);
	(void)evtimer_add(&w->accept_pause, &pause);
}

void acceptors_pause(struct worker *w)
{
	limit_reached(w, LIMIT_DESCRIPTORS);
	if (w->descriptors_said_ms == 0 ||
		w->now >= w->descriptors_said_ms + DESCRIPTORS_SAY_MS) {
		w->descriptors_said_ms = w->now;
		log_say(LOG_ERROR, "no-descriptors",
			"no file descriptor is left; raise the limit "
			"(LimitNOFILE=) or lower sessions_most");
	}
	doors_shut(w);
}

/* The client stays in front of the door and would wake us without end. */
static void accept_failed(struct worker *w, int error)
{
	if (!w->paused)
		log_say(LOG_ERROR, "accept-failed", "cannot accept: %s",
			strerror(error));
	doors_shut(w);
}

/* No descriptor left: tell one client with the spare one, then wait. */
static void out_of_descriptors(struct worker *w, struct acceptor *a)
{
	int fd;

	(void)close(w->spare_fd);
	fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		refuse(fd, REPLY_TOO_MANY_SESSIONS, 0);
		(void)close(fd);
	}
	w->spare_fd = eventfd(0, EFD_CLOEXEC);
	acceptors_pause(w);
}

static void accepted(struct worker *w, const struct worker_listener *listener,
	int fd, const struct sockaddr *sa)
{
	struct caller caller = {.target_known = false};

	if (!addr_from_sockaddr(sa, &caller.addr, &caller.port))
		(void)close(fd);
	else if (listener->conf->proxy == CONF_PROXY_REQUIRED)
		proxy_in_begin(w, listener, fd, &caller.addr, caller.port);
	else
		admit(w, listener, fd, &caller);
}

static void accept_event(evutil_socket_t listen_fd, short what, void *arg)
{
	struct acceptor *a = arg;
	struct worker *w = a->worker;

	(void)what;
	worker_now(w);
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage sa;
		socklen_t n = sizeof sa;
		int fd = accept4(listen_fd, (struct sockaddr *)&sa, &n,
			SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE ||
				errno == ENOBUFS || errno == ENOMEM)
				out_of_descriptors(w, a);
			/* Else nobody is there, or who was there is gone. */
			else if (errno != EAGAIN && errno != EINTR &&
				 errno != ECONNABORTED && errno != EPROTO)
				accept_failed(w, errno);
			return;
		}
		accepted(w, a->listener, fd, (struct sockaddr *)&sa);
	}
}

/* The last clients of a door that this worker leaves. The socket may be shared
 * with who comes next, or be the last of its kind: then nobody else would
 * answer those that wait in it. */
void acceptors_leave(struct worker *w)
{
	acceptors_close(w);
	for (size_t i = 0; i < w->acceptor_count; i++) {
		struct acceptor *a = &w->acceptors[i];

		if (a->fd < 0)
			continue;
		if (w->synced && !w->stopping)
			accept_event(a->fd, EV_READ, a);
		(void)close(a->fd);
		a->fd = -1;
	}
}

bool acceptors_make(struct worker *w)
{
	const struct worker_setup *setup = w->setup;
	size_t count = 0, k = 0;

	for (size_t i = 0; i < setup->listener_count; i++)
		count += setup->listeners[i].fd_count;
	w->acceptors = calloc(count ? count : 1, sizeof *w->acceptors);
	if (!w->acceptors)
		return false;
	for (size_t i = 0; i < setup->listener_count; i++)
		for (size_t j = 0; j < setup->listeners[i].fd_count; j++) {
			struct acceptor *a = &w->acceptors[k++];
			a->worker = w;
			a->listener = &setup->listeners[i];
			a->fd = setup->listeners[i].fds[j];
			(void)event_assign(&a->event, w->base, a->fd,
				EV_READ | EV_PERSIST, accept_event, a);
		}
	w->acceptor_count = count;
	return true;
}
