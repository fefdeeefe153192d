/*
 * Which server a session gets, what it finds there, and who is told.
 *
 * The choice is pool.c's. A worker believes its own connections at once and
 * tells the keeper, which tells the others: nobody asks before a session. A
 * connection that could not be made speaks of the server; one that was made
 * and brought no good banner may be about this client alone (a list, a limit
 * for its address), or a client could shut a server for all: the session goes
 * to another one, and the health dialogue has a look, now. What goes wrong with
 * messages is put right by the next dialogue or trial.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/secret.h"

enum { COUNTS_EACH_MS = 1000 };

static struct backend_state *state_of(const struct session *s)
{
	return &s->worker->states[s->listener->backend];
}

static uint32_t random_number(void)
{
	uint32_t number;

	secret_random(&number, sizeof number);
	return number;
}

/* ---- telling ---- */

static void tell(struct worker *w, size_t backend, int place,
	enum server_word word, const char *why)
{
	const struct pool_server *server =
		&w->states[backend].pool.servers[place];
	struct message_server message = {
		.addr = server->addr,
		.port = server->port,
		.word = (uint8_t)word,
		.down = server->down,
		.drained = server->drained,
		.session_count = server->session_count,
	};

	(void)snprintf(message.backend, sizeof message.backend, "%s",
		w->setup->backends[backend].conf->title);
	(void)snprintf(message.name, sizeof message.name, "%s", server->name);
	(void)snprintf(message.why, sizeof message.why, "%s", why);
	(void)keeper_link_send(w, MESSAGE_SERVER, &message, sizeof message);
}

void servers_tell(struct worker *w)
{
	const struct message_server last = {.word = SERVER_LAST};

	for (size_t i = 0; i < w->setup->backend_count; i++)
		memset(w->states[i].counts_told, 0,
			sizeof w->states[i].counts_told);
	/* The servers of a configuration that is leaving are of no interest. */
	if (w->setup->slot != 1 || w->drain_until != MONO_NEVER)
		return;
	for (size_t i = 0; i < w->setup->backend_count; i++)
		for (size_t k = 0; k < w->states[i].pool.count; k++)
			if (w->states[i].pool.servers[k].used &&
				!w->states[i].pool.servers[k].gone)
				tell(w, i, (int)k, SERVER_LISTED, "");
	(void)keeper_link_send(w, MESSAGE_SERVER, &last, sizeof last);
}

static void tell_suspects(struct worker *w, size_t backend)
{
	uint64_t *suspects = &w->states[backend].suspects;

	for (int k = 0; k < POOL_SERVERS_MOST; k++)
		if (*suspects >> k & 1)
			tell(w, backend, k, SERVER_SUSPECT, "");
	*suspects = 0;
}

/* What has changed; how many sessions there are, now and then. */
void servers_tick(struct worker *w)
{
	for (size_t i = 0; i < w->setup->backend_count; i++)
		if (w->states[i].suspects != 0)
			tell_suspects(w, i);
	if (w->now < w->counts_due_ms || !w->keeper)
		return;
	w->counts_due_ms = w->now + COUNTS_EACH_MS;
	for (size_t i = 0; i < w->setup->backend_count; i++) {
		struct backend_state *state = &w->states[i];

		for (size_t k = 0; k < state->pool.count; k++) {
			uint32_t count = state->pool.servers[k].session_count;

			if (count == state->counts_told[k])
				continue;
			tell(w, i, (int)k, SERVER_COUNT, "");
			state->counts_told[k] = count;
		}
	}
}

/* ---- what sessions find ---- */

/* A bit for each server that this client's connection cannot go to. */
static uint64_t unsuited(const struct session *s)
{
	const struct pool *pool = &state_of(s)->pool;
	uint64_t places = 0;
	size_t others = 0;

	for (size_t i = 0; i < pool->count; i++) {
		const struct pool_server *server = &pool->servers[i];

		if (!server->used || server->gone)
			continue;
		if (origin_suits(s, &server->addr))
			others++;
		else
			places |= UINT64_C(1) << i;
	}
	if (others == 0 && places != 0)
		origin_warn(s);
	return places;
}

bool servers_another(const struct session *s)
{
	const struct conf_backend *conf =
		s->worker->setup->backends[s->listener->backend].conf;

	return s->worker->now <
		       s->servers_since_ms + conf->greeting_timeout_ms &&
	       pool_has_up(&state_of(s)->pool, s->servers_tried | unsuited(s));
}

bool servers_enter(struct session *s)
{
	bool trial;
	int place = pool_choose(&state_of(s)->pool, s->worker->now,
		s->servers_tried | unsuited(s), &trial);

	if (place == POOL_NOBODY)
		return false;
	s->server_place = (uint8_t)place;
	s->servers_tried |= UINT64_C(1) << place;
	s->server_held = true;
	s->server_awaited = false;
	s->server_trial = trial;
	return true;
}

static void suspect(struct worker *w, size_t backend, int place)
{
	if (w->setup->backends[backend].conf->health_interval_ms == 0)
		return;
	if (w->health)
		health_soon(w, backend, place);
	else /* a flood of clients is no flood of messages */
		w->states[backend].suspects |= UINT64_C(1) << place;
}

void servers_leave(struct session *s)
{
	if (!s->server_held)
		return;
	s->server_held = false;
	if (s->server_awaited && !s->dialog.client_gone)
		suspect(s->worker, s->listener->backend, s->server_place);
	s->server_awaited = false;
	pool_leave(&state_of(s)->pool, s->server_place, s->server_trial);
}

static void down(struct worker *w, size_t backend, int place, const char *why)
{
	if (pool_down(&w->states[backend].pool, place, w->now, random_number()))
		tell(w, backend, place, SERVER_DOWN, why);
}

static void up(struct worker *w, size_t backend, int place)
{
	if (pool_up(&w->states[backend].pool, place, w->now))
		tell(w, backend, place, SERVER_UP, "");
}

void servers_failed(struct session *s, const char *why)
{
	const struct conf_backend *conf =
		s->worker->setup->backends[s->listener->backend].conf;

	if (!s->server_held)
		return;
	s->server_awaited = false; /* what follows says it all */
	/* With the client's own address it depends on that, too. */
	if (conf->client_address != CONF_CLIENT_ADDRESS_TRANSPARENT ||
		conf->health_interval_ms == 0)
		down(s->worker, s->listener->backend, s->server_place, why);
	suspect(s->worker, s->listener->backend, s->server_place);
}

void servers_greeted(struct session *s)
{
	s->server_awaited = false;
	up(s->worker, s->listener->backend, s->server_place);
}

void servers_checked(
	struct worker *w, size_t backend, int place, const char *why)
{
	if (why)
		down(w, backend, place, why);
	else
		up(w, backend, place);
}

/* ---- hearing ---- */

static bool backend_named(
	const struct worker *w, const char *title, size_t *ret_backend)
{
	char cut[MESSAGE_BACKEND_LONGEST];

	for (size_t i = 0; i < w->setup->backend_count; i++) {
		(void)snprintf(cut, sizeof cut, "%s",
			w->setup->backends[i].conf->title);
		if (strncmp(cut, title, sizeof cut) != 0)
			continue;
		*ret_backend = i;
		return true;
	}
	return false;
}

void servers_hear(struct worker *w, const struct message_server *m)
{
	struct pool *pool;
	size_t backend;
	int place;

	if (!backend_named(w, m->backend, &backend))
		return; /* of another configuration */
	pool = &w->states[backend].pool;
	place = pool_find(pool, &m->addr, m->port);
	if (place == POOL_NOBODY)
		return;
	switch ((enum server_word)m->word) {
	case SERVER_DOWN:
		(void)pool_down(pool, place, w->now, random_number());
		health_soon(w, backend, place);
		return;
	case SERVER_UP: (void)pool_up(pool, place, w->now); return;
	case SERVER_SUSPECT: health_soon(w, backend, place); return;
	case SERVER_DRAIN: pool->servers[place].drained = true; return;
	case SERVER_UNDRAIN: pool->servers[place].drained = false; return;
	case SERVER_LISTED:
	case SERVER_LAST:
	case SERVER_COUNT: return; /* not the keeper's to say */
	}
}

/* The supervisor has looked names up again. */
void servers_renew(struct worker *w, const struct message_addresses *m)
{
	struct pool_server servers[POOL_SERVERS_MOST];
	const struct conf_list *items;

	if (m->backend >= w->setup->backend_count ||
		m->count > POOL_SERVERS_MOST)
		return;
	items = &w->setup->backends[m->backend].conf->servers;
	for (size_t i = 0; i < m->count; i++) {
		if (m->all[i].item >= items->count)
			return;
		servers[i] = (struct pool_server){.addr = m->all[i].addr,
			.port = m->all[i].port,
			.name = items->items[m->all[i].item]};
	}
	pool_renew(&w->states[m->backend].pool, servers, m->count);
	servers_tell(w);
}

/* ---- the start ---- */

static void state_fill(
	struct backend_state *state, const struct worker_backend *backend)
{
	const struct conf_backend *conf = backend->conf;
	struct pool_server servers[POOL_SERVERS_MOST];
	size_t count = 0;

	for (size_t i = 0;
		i < backend->server_count && count < POOL_SERVERS_MOST; i++)
		servers[count++] =
			(struct pool_server){.addr = backend->servers[i].addr,
				.port = backend->servers[i].port,
				.name = backend->servers[i].name};
	state->pool.least_connections =
		conf->balance == CONF_BALANCE_LEAST_CONNECTIONS;
	state->pool.checked = conf->health_interval_ms > 0;
	state->pool.slow_start_ms = conf->slow_start_ms;
	state->pool.trial_ms = conf->connect_timeout_ms;
	pool_renew(&state->pool, servers, count);
}

bool servers_make(struct worker *w)
{
	w->states = calloc(w->setup->backend_count + 1, sizeof *w->states);
	for (size_t i = 0; w->states && i < w->setup->backend_count; i++)
		state_fill(&w->states[i], &w->setup->backends[i]);
	return w->states != NULL;
}
