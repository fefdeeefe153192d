/*
 * The table of servers.
 *
 * A row is what was last said of a server. Worker 1 lists the servers when it
 * starts, when they change, and when the keeper is new; rows that it does not
 * list go. What an operator drained stays so until he takes it back or the
 * server is no longer configured: it is in the store, and the workers know it.
 *
 * Workers talk to the world: texts are cut, the table has an end, and a row
 * decides nothing in the keeper.
 */
#include "backends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/text.h"
#include "hooks.h"
#include "peers.h"

enum { PLACE_LONGEST = ADDR_TEXT_LONGEST + 8 };

struct row {
	bool used, listed;
	bool restored; /* from the store; no worker has spoken of it */
	bool down, drained;
	mono_ms_t since; /* it is up or down */
	struct message_server is;
};

struct backends {
	struct row rows[BACKENDS_ROWS_MOST];
	bool full_said;
};

struct backends *backends_new(void)
{
	return calloc(1, sizeof(struct backends));
}

void backends_free(struct backends **backends)
{
	free(*backends);
	*backends = NULL;
}

static int find(const struct backends *backends, const struct message_server *m)
{
	for (size_t i = 0; i < BACKENDS_ROWS_MOST; i++) {
		const struct row *row = &backends->rows[i];

		if (row->used && row->is.port == m->port &&
			addr_eq(&row->is.addr, &m->addr) &&
			strcmp(row->is.backend, m->backend) == 0)
			return (int)i;
	}
	return -1;
}

static const char *place(
	const struct message_server *m, char out[PLACE_LONGEST])
{
	char text[ADDR_TEXT_LONGEST];

	(void)addr_format(&m->addr, text);
	(void)snprintf(out, PLACE_LONGEST,
		strchr(text, ':') != NULL ? "[%s]:%u" : "%s:%u", text,
		(unsigned)m->port);
	return out;
}

/* ---- what the store keeps ---- */

static void keep(struct hub *hub, const struct row *row)
{
	const struct store_drain drain = {.backend = row->is.backend,
		.addr = row->is.addr,
		.port = row->is.port,
		.since = hub_wall(hub)};

	if (row->drained)
		store_put_drain(hub->store, &drain);
	else
		store_delete_drain(hub->store, &drain);
}

void backends_restore(struct hub *hub, const struct store_drain *drain)
{
	for (size_t i = 0; i < BACKENDS_ROWS_MOST; i++) {
		struct row *row = &hub->backends->rows[i];

		if (row->used)
			continue;
		*row = (struct row){.used = true,
			.restored = true,
			.drained = true,
			.since = hub_now(hub),
			.is = {.addr = drain->addr, .port = drain->port}};
		(void)snprintf(row->is.backend, sizeof(row->is.backend), "%s",
			drain->backend);
		text_tame(row->is.backend, sizeof(row->is.backend));
		return;
	}
}

void backends_store_all(struct hub *hub)
{
	for (size_t i = 0; i < BACKENDS_ROWS_MOST; i++)
		if (hub->backends->rows[i].used &&
			hub->backends->rows[i].drained)
			keep(hub, &hub->backends->rows[i]);
}

/* ---- what workers say ---- */

static void tell(struct hub *hub, const struct row *row, enum server_word word)
{
	struct message_server message = row->is;

	message.word = (uint8_t)word;
	peers_tell_server(hub, &message);
}

static int add(struct hub *hub, const struct message_server *m)
{
	struct backends *backends = hub->backends;

	for (size_t i = 0; i < BACKENDS_ROWS_MOST; i++) {
		struct row *row = &backends->rows[i];

		if (row->used)
			continue;
		*row = (struct row){.used = true,
			.down = m->down != 0,
			.drained = m->drained != 0,
			.since = hub_now(hub),
			.is = *m};
		row->is.why[0] = '\0';
		if (row->drained) /* the store has lost it */
			keep(hub, row);
		return (int)i;
	}
	if (!backends->full_said)
		log_say(LOG_WARN, "limit",
			"more than %d servers: posternctl backends shows not "
			"all",
			BACKENDS_ROWS_MOST);
	backends->full_said = true;
	return -1;
}

/* A row of the store is met by the worker that has the server. */
static void returned(struct row *row, const struct message_server *m)
{
	char text[PLACE_LONGEST];

	row->restored = false;
	row->down = m->down != 0;
	log_begin(LOG_WARN, "server-drained");
	log_str("backend", row->is.backend);
	log_str("server", m->name);
	log_str("address", place(&row->is, text));
	log_str("why", "it was drained before postern started; posternctl "
		       "backends undrain takes that back");
	log_end();
}

static int listed(struct hub *hub, const struct message_server *m)
{
	int at = find(hub->backends, m);

	if (at < 0)
		at = add(hub, m);
	if (at < 0)
		return at;
	if (hub->backends->rows[at].restored)
		returned(&hub->backends->rows[at], m);
	hub->backends->rows[at].listed = true;
	(void)snprintf(hub->backends->rows[at].is.name,
		sizeof(hub->backends->rows[at].is.name), "%s", m->name);
	return at;
}

static void last(struct hub *hub)
{
	for (size_t i = 0; i < BACKENDS_ROWS_MOST; i++) {
		struct row *row = &hub->backends->rows[i];

		if (row->used && !row->listed) {
			if (row->drained) {
				row->drained = false;
				keep(hub, row);
			}
			*row = (struct row){0};
			peers_forget_server(hub->peers, i);
		}
		row->listed = false;
	}
}

static void changed(struct hub *hub, struct row *row, bool down)
{
	char text[PLACE_LONGEST];

	log_begin(
		down ? LOG_WARN : LOG_INFO, down ? "server-down" : "server-up");
	log_str("backend", row->is.backend);
	log_str("server", row->is.name);
	log_str("address", place(&row->is, text));
	if (down)
		log_str("why", row->is.why);
	else
		log_int("down_ms", (int64_t)(hub_now(hub) - row->since));
	log_end();
	hooks_server(hub, down, &row->is, place(&row->is, text));
	row->down = down;
	row->since = hub_now(hub);
}

static void found(
	struct hub *hub, struct row *row, const struct message_server *m)
{
	bool down = m->word == SERVER_DOWN;

	(void)snprintf(
		row->is.why, sizeof(row->is.why), "%s", down ? m->why : "");
	if (row->down != down)
		changed(hub, row, down);
	/* Also what is no news here: some worker may not know it. */
	tell(hub, row, (enum server_word)m->word);
}

int backends_hear(
	struct hub *hub, bool first, const struct message_server *message)
{
	struct message_server m = *message;
	int at;

	text_tame(m.backend, sizeof(m.backend));
	text_tame(m.name, sizeof(m.name));
	text_tame(m.why, sizeof(m.why));
	if (m.word == SERVER_LISTED && first)
		return listed(hub, &m);
	if (m.word == SERVER_LAST && first)
		last(hub);
	at = find(hub->backends, &m);
	if (at < 0)
		return at;
	if (m.word == SERVER_UP || m.word == SERVER_DOWN)
		found(hub, &hub->backends->rows[at], &m);
	else if (m.word == SERVER_SUSPECT)
		tell(hub, &hub->backends->rows[at], SERVER_SUSPECT);
	return at;
}

/* ---- what workers are told ---- */

/* Two words a row: even numbers of the cursor are for drain. */
bool backends_next_word(const struct backends *backends, size_t *cursor,
	struct message_server *ret_message)
{
	while (*cursor < 2 * (size_t)BACKENDS_ROWS_MOST) {
		const struct row *row = &backends->rows[*cursor / 2];
		bool drain = *cursor % 2 == 0;

		(*cursor)++;
		if (!row->used || !(drain ? row->drained : row->down))
			continue;
		*ret_message = row->is;
		ret_message->word = drain ? SERVER_DRAIN : SERVER_DOWN;
		return true;
	}
	return false;
}

size_t backends_drain(struct hub *hub, const char *server, bool drained)
{
	char text[PLACE_LONGEST];
	size_t count = 0;

	for (size_t i = 0; i < BACKENDS_ROWS_MOST; i++) {
		struct row *row = &hub->backends->rows[i];

		if (!row->used ||
			(strcmp(row->is.name, server) != 0 &&
				strcmp(place(&row->is, text), server) != 0))
			continue;
		row->drained = drained;
		keep(hub, row);
		tell(hub, row, drained ? SERVER_DRAIN : SERVER_UNDRAIN);
		count++;
	}
	return count;
}

/* ---- what operators see ---- */

json_t *backends_array(struct hub *hub)
{
	json_t *array = json_array();
	char text[PLACE_LONGEST];

	for (size_t i = 0; i < BACKENDS_ROWS_MOST; i++) {
		const struct row *row = &hub->backends->rows[i];

		if (!row->used)
			continue;
		(void)json_array_append_new(array,
			json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:s}",
				"backend", row->is.backend, "server",
				row->is.name, "address", place(&row->is, text),
				"state", row->down ? "down" : "up", "drained",
				row->drained, "sessions",
				(json_int_t)peers_server_count(hub->peers, i),
				"since",
				(json_int_t)hub_wall_of(hub, row->since), "why",
				row->is.why));
	}
	return array;
}
