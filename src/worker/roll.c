/*
 * Which sessions this worker holds, for a question of the keeper's.
 *
 * A question walks the list of sessions: it stands at one, looks at a bounded
 * number of them in a loop turn, and goes on in the next. A session that dies
 * moves the question on (roll_leave). Who is in the tarpit is copied when the
 * question comes, since that ring turns meanwhile.
 *
 * Rows go out only when nothing else waits for the keeper, so they never take
 * the place of a login's question; what the keeper does not read waits here,
 * not in the queue.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "../base/text.h"

enum { LOOKS_A_TURN = 128, ROWS_A_TURN = 32, PAUSE_US = 20000 };

static void slice_event(evutil_socket_t fd, short what, void *arg);

void roll_make(struct worker *w)
{
	(void)evtimer_assign(&w->rolls.event, w->base, slice_event, w);
}

static void arm(struct worker *w, long us)
{
	const struct timeval soon = {.tv_usec = us};

	if (!w->rolls.armed)
		w->rolls.armed = evtimer_add(&w->rolls.event, &soon) == 0;
}

static void roll_end(struct roll *r)
{
	free(r->guests);
	*r = (struct roll){.next = NULL};
}

void roll_end_all(struct worker *w)
{
	for (size_t i = 0; i < MESSAGE_SESSIONS_MOST; i++)
		roll_end(&w->rolls.all[i]);
	if (w->rolls.armed)
		(void)event_del(&w->rolls.event);
	w->rolls.armed = false;
}

void roll_leave(struct worker *w, const struct session *s)
{
	for (size_t i = 0; i < MESSAGE_SESSIONS_MOST; i++)
		if (w->rolls.all[i].next == s) {
			w->rolls.all[i].next = TAILQ_NEXT(s, all);
			w->rolls.all[i].left--;
		}
}

/* ---- the question ---- */

static int by_age(const void *a, const void *b)
{
	const struct tarpit_guest *x = a, *y = b;

	return (x->since > y->since) - (x->since < y->since);
}

/* Without memory they are left out; the end still counts them. */
static void copy_guests(struct worker *w, struct roll *r)
{
	size_t n = tarpit_count(w->tarpit);

	r->guests = n > 0 ? calloc(n, sizeof *r->guests) : NULL;
	if (!r->guests)
		return;
	for (size_t i = 0; i < n; i++)
		r->guests[i] = *tarpit_guest(w->tarpit, i);
	qsort(r->guests, n, sizeof *r->guests, by_age);
	r->guest_count = n;
}

/* One that is free, or the oldest: a keeper that is new asks anew. */
static struct roll *place_of(struct worker *w)
{
	struct roll *oldest = &w->rolls.all[0];

	for (size_t i = 0; i < MESSAGE_SESSIONS_MOST; i++) {
		struct roll *r = &w->rolls.all[i];

		if (r->ask.question == 0)
			return r;
		if (r->ask.question < oldest->ask.question)
			oldest = r;
	}
	return oldest;
}

void roll_begin(struct worker *w, const struct message_sessions_ask *ask)
{
	struct roll *r = place_of(w);

	roll_end(r);
	r->ask = *ask;
	r->ask.listener[sizeof r->ask.listener - 1] = 0;
	r->next = TAILQ_FIRST(&w->sessions);
	r->left = w->stats.sessions_open;
	copy_guests(w, r);
	arm(w, 0);
}

/* ---- rows ---- */

static bool wanted(const struct roll *r, const struct addr *addr,
	const struct worker_listener *listener)
{
	const char *asked = r->ask.listener;

	if (r->ask.within.bits > 0 && !prefix_holds(&r->ask.within, addr))
		return false;
	/* It may be cut, as the title in a row is. */
	return !*asked || strncmp(listener->conf->title, asked,
				  sizeof r->ask.listener - 1) == 0;
}

static void put_server(const struct session *s, struct message_session *row)
{
	size_t backend = s->listener->backend;
	const struct pool_server *server =
		&s->worker->states[backend].pool.servers[s->server_place];

	if (!s->server_held)
		return;
	row->server = server->addr;
	row->server_port = server->port;
}

static bool tell_session(struct worker *w, struct roll *r, struct session *s)
{
	struct message_session row = {.question = r->ask.question,
		.session = s->id,
		.age_ms = w->now > s->begun_ms ? w->now - s->begun_ms : 0,
		.client_bytes = s->client_bytes,
		.server_bytes = s->server_bytes,
		.addr = s->addr,
		.port = s->port};

	text_put(row.listener, sizeof row.listener, s->listener->conf->title);
	text_put(row.phase, sizeof row.phase, session_phase_name(s));
	text_put(row.state, sizeof row.state,
		dialog_state_name((enum dialog_state)s->dialog.state));
	text_put(row.tls, sizeof row.tls, s->tls_version);
	put_server(s, &row);
	if (s->auth_ok && s->user) {
		row.user_n = s->user_n < sizeof row.user
				     ? s->user_n
				     : (uint16_t)sizeof row.user;
		memcpy(row.user, s->user, row.user_n);
	}
	return keeper_link_send(w, MESSAGE_SESSION, &row, sizeof row);
}

static bool tell_guest(
	struct worker *w, struct roll *r, const struct tarpit_guest *guest)
{
	struct message_session row = {.question = r->ask.question,
		.age_ms = w->now > guest->since ? w->now - guest->since : 0,
		.addr = guest->addr,
		.port = guest->port,
		.tarpit = 1};

	text_put(row.listener, sizeof row.listener,
		w->setup->listeners[guest->listener].conf->title);
	text_put(row.phase, sizeof row.phase, "tarpit");
	return keeper_link_send(w, MESSAGE_SESSION, &row, sizeof row);
}

/* ---- slices ---- */

struct slice_left {
	unsigned looks, rows;
};

/* false: not in this turn. */
static bool call_sessions(
	struct worker *w, struct roll *r, struct slice_left *left)
{
	while (r->next && r->left > 0) {
		struct session *s = r->next;

		if (left->looks == 0 || left->rows == 0)
			return false;
		left->looks--;
		if (wanted(r, &s->addr, s->listener)) {
			if (r->told < r->ask.limit) {
				if (!tell_session(w, r, s))
					return false;
				r->told++;
				left->rows--;
			}
			r->matched++;
		}
		r->next = TAILQ_NEXT(s, all);
		r->left--;
	}
	return true;
}

static bool call_guests(
	struct worker *w, struct roll *r, struct slice_left *left)
{
	for (; r->guest_next < r->guest_count; r->guest_next++) {
		const struct tarpit_guest *guest = &r->guests[r->guest_next];

		if (left->looks == 0 || left->rows == 0)
			return false;
		left->looks--;
		if (!wanted(r, &guest->addr,
			    &w->setup->listeners[guest->listener]))
			continue;
		if (r->guests_told < r->ask.limit) {
			if (!tell_guest(w, r, guest))
				return false;
			r->guests_told++;
			left->rows--;
		}
		r->matched++;
	}
	return true;
}

static bool tell_end(struct worker *w, const struct roll *r)
{
	const struct message_sessions_end end = {.question = r->ask.question,
		.sessions = (uint32_t)w->stats.sessions_open,
		.tarpit = (uint32_t)tarpit_count(w->tarpit),
		.matched = r->matched};

	return keeper_link_send(w, MESSAGE_SESSIONS_END, &end, sizeof end);
}

/* One slice of each; a line that does not take it waits a moment. */
static void slice_event(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	bool more = false;

	(void)fd;
	(void)what;
	worker_now(w);
	w->rolls.armed = false;
	keeper_link_flush(w);
	if (w->keeper && channel_waiting(w->keeper)) {
		arm(w, PAUSE_US);
		return;
	}
	for (size_t i = 0; i < MESSAGE_SESSIONS_MOST; i++) {
		struct roll *r = &w->rolls.all[i];
		struct slice_left left = {LOOKS_A_TURN, ROWS_A_TURN};

		if (r->ask.question == 0)
			continue;
		if (call_sessions(w, r, &left) && call_guests(w, r, &left) &&
			tell_end(w, r))
			roll_end(r);
		else
			more = true;
	}
	if (more)
		arm(w, 0);
}
