/*
 * A worker: one process, one event_base, no lock, no rights.
 *
 * The loop turn is: events, then what they left to do (messages to the
 * keeper, log lines, the dead). It makes no blocking call: no DNS, no file.
 */
#include "internal.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/check.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/secret.h"

enum { TICK_MS = 200, LAST_WORDS_MS = 1000 };

void worker_now(struct worker *w)
{
	w->now = clock_mono_ms();
	stall_event(&w->stall, w->now);
}

uint64_t worker_next_id(struct worker *w)
{
	return w->session_base + (++w->session_count & 0x3ffffff);
}

/* The second step of a session's death. */
static void reap(struct worker *w)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&w->dead))) {
		TAILQ_REMOVE(&w->dead, s, all);
		free(s->user);
		s->magic = 0;
		slab_give(w->slab, s);
	}
}

/*
 * No new clients. At a stop, sessions between messages are told to come again
 * and the others get the grace; after a reload all take the time they need (the
 * supervisor bounds how many generations there are).
 */
static void drain(struct worker *w)
{
	struct session *s, *next;

	if (w->drain_until != MONO_NEVER)
		return;
	w->drain_until =
		w->stopping ? w->now + w->setup->conf->global.shutdown_grace_ms
			    : MONO_NEVER - 1;
	acceptors_close(w);
	/* The doors are shared with the supervisor: closed before the kernel
	 * was told not to watch them, they would be watched for ever. */
	w->doors_until = w->now + TICK_MS;
	tarpit_free(&w->tarpit);
	w->tarpit = tarpit_new(0, 1000, 1000);
	CHECK(w->tarpit);
	if (w->stopping)
		proxy_in_end_all(w);
	for (s = TAILQ_FIRST(&w->sessions); w->stopping && s; s = next) {
		next = TAILQ_NEXT(s, all);
		session_end_soon(s, REPLY_STOPPING, CLOSE_STOPPING);
	}
}

static void stop(struct worker *w)
{
	w->stopping = true;
	w->drain_until = MONO_NEVER; /* a reload may have begun to drain */
	drain(w);
}

/* The grace is over: who can hear it is told, and a second later all end. */
static void drain_over(struct worker *w)
{
	struct session *s, *next;

	proxy_in_end_all(w);
	for (s = TAILQ_FIRST(&w->sessions); s; s = next) {
		next = TAILQ_NEXT(s, all);
		if (w->told_over || !dialog_may_end(&s->dialog))
			session_kill(s, CLOSE_STOPPING);
		else
			session_end(s, REPLY_STOPPING, CLOSE_STOPPING);
	}
	w->told_over = true;
	w->drain_until = w->now + LAST_WORDS_MS;
}

static void pong(struct worker *w)
{
	const struct message_pong body = {0};

	(void)channel_send(w->supervisor, MESSAGE_PONG, &body, sizeof body);
	(void)channel_flush(w->supervisor);
}

static bool supervisor_message(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	struct worker *w = arg;

	(void)n;
	if (type == MESSAGE_CHANNEL && fd >= 0) {
		if (!keeper_link_open(w, fd))
			(void)close(fd);
		return true;
	}
	if (fd >= 0)
		(void)close(fd);
	if (type == MESSAGE_DRAIN) /* a reload: sessions go on */
		drain(w);
	else if (type == MESSAGE_ADDRESSES)
		servers_renew(w, body);
	else if (type == MESSAGE_PING)
		pong(w);
	return true;
}

static void supervisor_event(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	enum channel_result r;

	(void)fd;
	(void)what;
	worker_now(w);
	do
		r = channel_receive(w->supervisor, supervisor_message, w);
	while (r == CHANNEL_OK);
	if (r == CHANNEL_AGAIN)
		return;
	/* The supervisor is gone: nobody would restart or stop us. */
	(void)event_del(&w->supervisor_event);
	stop(w);
}

static void term_event(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	worker_now(w);
	stop(w);
}

static void rotate_tickets(struct worker *w)
{
	const struct worker_setup *setup = w->setup;

	for (; w->now >= w->tickets_at_ms; w->tickets_at_ms += TICKETS_EACH_MS)
		for (size_t i = 0; i < setup->listener_count; i++)
			if (setup->listeners[i].tls)
				tls_context_rotate_tickets(
					setup->listeners[i].tls);
}

static void tick_event(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	worker_now(w);
	tarpit_tick(w->tarpit, w->now);
	keeper_link_tick(w);
	servers_tick(w);
	health_tick(w);
	rotate_tickets(w);
	if (w->drain_until != MONO_NEVER && w->now >= w->doors_until)
		acceptors_leave(w);
	if (w->drain_until != MONO_NEVER && w->now >= w->drain_until)
		drain_over(w);
}

static void pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	w->paused = false;
	acceptors_open(w);
}

static enum dialog_starttls starttls_of(enum conf_starttls starttls)
{
	switch (starttls) {
	case CONF_STARTTLS_OFF: return DIALOG_STARTTLS_OFF;
	case CONF_STARTTLS_OPTIONAL: return DIALOG_STARTTLS_OPTIONAL;
	case CONF_STARTTLS_REQUIRED: return DIALOG_STARTTLS_REQUIRED;
	case CONF_STARTTLS_PASSTHROUGH: return DIALOG_STARTTLS_PASSTHROUGH;
	}
	return DIALOG_STARTTLS_OFF;
}

static enum dialog_starttls server_starttls_of(enum conf_backend_tls tls)
{
	switch (tls) {
	case CONF_BACKEND_TLS_STARTTLS: return DIALOG_STARTTLS_OPTIONAL;
	case CONF_BACKEND_TLS_REQUIRED: return DIALOG_STARTTLS_REQUIRED;
	case CONF_BACKEND_TLS_OFF:
	case CONF_BACKEND_TLS_IMPLICIT: break;
	}
	return DIALOG_STARTTLS_OFF;
}

static enum dialog_auth auth_of(enum conf_auth auth)
{
	switch (auth) {
	case CONF_AUTH_OFFER: return DIALOG_AUTH_OFFER;
	case CONF_AUTH_TLS: return DIALOG_AUTH_TLS;
	case CONF_AUTH_HIDE: return DIALOG_AUTH_HIDE;
	}
	return DIALOG_AUTH_HIDE;
}

static enum payload_rule newline_of(enum conf_newline newline)
{
	switch (newline) {
	case CONF_NEWLINE_REJECT: return PAYLOAD_REJECT;
	case CONF_NEWLINE_NORMALIZE: return PAYLOAD_NORMALIZE;
	case CONF_NEWLINE_PASS: return PAYLOAD_PASS;
	}
	return PAYLOAD_REJECT;
}

static bool dialog_confs_make(struct worker *w)
{
	const struct worker_setup *setup = w->setup;
	const struct conf_list *local = &setup->conf->global.local_domains;

	w->dialog_confs =
		calloc(setup->listener_count + 1, sizeof *w->dialog_confs);
	if (!w->dialog_confs)
		return false;
	for (size_t i = 0; i < setup->listener_count; i++) {
		const struct worker_listener *wl = &setup->listeners[i];
		const struct conf_listener *l = wl->conf;

		w->dialog_confs[i] = (struct dialog_conf){
			.auth = auth_of(l->auth),
			.starttls = starttls_of(l->starttls),
			.server_starttls = server_starttls_of(
				setup->backends[wl->backend].conf->tls),
			.newline = newline_of(l->bare_newline),
			.pass_unknown_keywords =
				l->unknown_keywords == CONF_KEYWORDS_PASS,
			.own_banner = l->banner[0] != 0,
			.received = l->received,
			.xclient = setup->backends[wl->backend]
					   .conf->client_address ==
				   CONF_CLIENT_ADDRESS_XCLIENT,
			.local_domains = {(const char *const *)local->items,
				local->count},
			.command_longest_bytes =
				(uint32_t)l->command_longest_bytes,
			.answer_longest_bytes =
				(uint32_t)l->answer_longest_bytes,
			.bad_commands_most = (uint16_t)l->bad_commands_count,
			.idle_commands_most = (uint32_t)l->idle_commands_count,
		};
	}
	return true;
}

static void worker_keys(struct worker *w)
{
	uint32_t random;

	memcpy(w->tag_key, w->setup->tag_key, sizeof w->tag_key);
	secret_random(&random, sizeof random);
	/* 50 bits, 10 characters as a reference: a start of a worker, and a
	 * session of that start. */
	w->session_base = (uint64_t)(random & 0xffffff) << 26;
	secret_random(&w->attempt_count, sizeof w->attempt_count);
	w->attempt_count >>= 16; /* a restart begins elsewhere */
}

/*
 * Changes of what is watched are gathered and told to the kernel once a turn:
 * what was armed and disarmed in one turn costs nothing. This mode asks that no
 * descriptor be closed in the turn of its last change while another process
 * shares it: only the doors are shared, see drain().
 */
static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (!config)
		return NULL;
	(void)event_config_set_flag(
		config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

/* libevent would write its own lines to standard error, past the log. */
static void say_libevent(int severity, const char *text)
{
	log_begin(
		severity >= EVENT_LOG_WARN ? LOG_WARN : LOG_DEBUG, "libevent");
	log_str("message", text);
	log_end();
}

static bool worker_make(struct worker *w)
{
	const struct conf *conf = w->setup->conf;

	TAILQ_INIT(&w->sessions);
	TAILQ_INIT(&w->dead);
	TAILQ_INIT(&w->proxied);
	TAILQ_INIT(&w->held_logins);
	w->drain_until = MONO_NEVER;
	w->tickets_at_ms = w->setup->tickets_at_ms;
	worker_now(w);
	worker_keys(w);
	w->arrivals_matter = note_arrivals_matter(conf);
	event_set_log_callback(say_libevent);
	w->base = base_new();
	w->slab = slab_new(sizeof(struct session),
		(size_t)conf->global.sessions_most_count + 64);
	w->bans = banlist_new();
	w->tarpit = tarpit_new((size_t)conf->banned.tarpit_most_count,
		conf->banned.tarpit_pace_ms, conf->banned.tarpit_longest_ms);
	w->supervisor = channel_new(w->setup->supervisor_fd, 1 << 16);
	w->spare_fd = eventfd(0, EFD_CLOEXEC);
	conduit_make(&w->conduit);
	return w->base && w->slab && w->bans && w->tarpit && w->supervisor &&
	       dialog_confs_make(w) && acceptors_make(w) && servers_make(w) &&
	       health_make(w);
}

static void worker_events(struct worker *w)
{
	struct timeval tick = {.tv_usec = TICK_MS * 1000L};

	(void)event_assign(&w->supervisor_event, w->base,
		w->setup->supervisor_fd, EV_READ | EV_PERSIST, supervisor_event,
		w);
	(void)event_add(&w->supervisor_event, NULL);
	(void)event_assign(&w->tick, w->base, -1, EV_PERSIST, tick_event, w);
	(void)event_add(&w->tick, &tick);
	(void)event_assign(&w->term, w->base, SIGTERM, EV_SIGNAL | EV_PERSIST,
		term_event, w);
	(void)event_add(&w->term, NULL);
	(void)evtimer_assign(&w->accept_pause, w->base, pause_over, w);
	roll_make(w);
}

static void worker_free(struct worker *w)
{
	w->told_over = true;
	drain_over(w);
	reap(w);
	health_free(w);
	tarpit_free(&w->tarpit);
	banlist_free(&w->bans);
	slab_free(&w->slab);
	roll_end_all(w);
	channel_free(&w->keeper);
	channel_free(&w->supervisor);
	free(w->acceptors);
	free(w->dialog_confs);
	free(w->states);
	if (w->base)
		event_base_free(w->base);
	conduit_free(&w->conduit);
	if (w->spare_fd >= 0)
		(void)close(w->spare_fd);
	free(w);
}

static void turn_over(struct worker *w)
{
	mono_ms_t now = clock_mono_ms();

	if (stall_turn_over(&w->stall, now))
		stall_run(&w->stall, now, clock_run_us());
	w->stats.loop_stall_longest_ms = w->stall.longest_ms;
	w->stats.loop_run_longest_ms = w->stall.run_longest_ms;
}

/* One turn: what is ready, then what that left to do. */
static bool worker_turn(struct worker *w)
{
	if (event_base_loop(w->base, EVLOOP_ONCE) < 0)
		return false;
	reap(w);
	keeper_link_flush(w);
	if (channel_waiting(w->supervisor))
		(void)channel_flush(w->supervisor);
	log_flush();
	turn_over(w);
	return !(w->drain_until != MONO_NEVER && TAILQ_EMPTY(&w->sessions) &&
		 TAILQ_EMPTY(&w->proxied));
}

int worker_run(const struct worker_setup *setup)
{
	struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return 70;
	w->setup = setup;
	if (!worker_make(w)) {
		log_say(LOG_ERROR, "no-memory", "a worker cannot start");
		worker_free(w);
		return 70;
	}
	worker_events(w);
	if (!keeper_link_open(w, setup->keeper_fd))
		log_say(LOG_ERROR, "keeper-away", "no line to the keeper");
	stall_start(&w->stall, clock_mono_ms(), clock_run_us());
	while (worker_turn(w)) {
	}
	worker_free(w);
	log_flush();
	return 0;
}
