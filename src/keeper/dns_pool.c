/*
 * The lanes to the name servers.
 *
 * A few are kept open, each with a port that the system chose at random, and a
 * question takes any of them. One that is a minute old, has asked often, or is
 * broken gets no more questions and is closed when its last one is over; the
 * supervisor sends another socket in its place. So whoever would forge an
 * answer has to guess port, id, moment and lane, and what he learnt of a port
 * is soon worth nothing.
 *
 * Which name servers there are the supervisor says with each socket. One that
 * does not answer is asked less often while another one does.
 *
 * Called by dns_lists, dns_query and overseer. What can go wrong: no name
 * server, or none that can be reached: asked for again every few seconds.
 */
#include "dns_pool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/secret.h"
#include "overseer.h"

enum {
	LANES = 8,
	LANES_MOST = 24, /* with those that wait for their last answer */
	LANE_ASKS_MOST = 64,
	LANE_LIFE_MS = 60000,
	LINGER_MS = 35000, /* longer than any timeout */
	AGAIN_MS = 5000,
	LOST_MS = 10000, /* the supervisor answers sooner */
	SERVERS_MOST = 8,
	SILENT = 3,  /* failures in a row: not asked while another is */
	ONE_IN = 16, /* but now and then */
};

struct server {
	struct dns_server at;
	uint64_t answers, failures;
	unsigned in_a_row; /* failures */
};

struct dns_pool {
	struct dns_lane *lanes[LANES_MOST];
	bool leaving[LANES_MOST];
	struct server servers[SERVERS_MOST];
	size_t server_count;
	unsigned wanted; /* sockets that were asked for */
	mono_ms_t wanted_at, again_at;
	int error; /* of the last socket; 0: none */
	bool error_told;
	uint64_t strays;
};

struct dns_pool *dns_pool_new(void)
{
	return calloc(1, sizeof(struct dns_pool));
}

void dns_pool_free(struct dns_pool **pool)
{
	if (*pool == NULL)
		return;
	for (size_t i = 0; i < LANES_MOST; i++)
		dns_lane_free(&(*pool)->lanes[i]);
	free(*pool);
	*pool = NULL;
}

static bool same(const struct dns_server *a, const struct dns_server *b)
{
	return a->port == b->port && addr_eq(&a->addr, &b->addr);
}

/* The one that was there first gives way: there are few, as configured. */
static struct server *server_of(
	struct dns_pool *pool, const struct dns_server *at)
{
	for (size_t i = 0; i < pool->server_count; i++)
		if (same(&pool->servers[i].at, at))
			return &pool->servers[i];
	if (pool->server_count == SERVERS_MOST) {
		pool->server_count--;
		memmove(pool->servers, pool->servers + 1,
			pool->server_count * sizeof(pool->servers[0]));
	}
	pool->servers[pool->server_count] = (struct server){.at = *at};
	return &pool->servers[pool->server_count++];
}

void dns_pool_went(
	struct dns_pool *pool, const struct dns_server *at, bool answered)
{
	struct server *server = server_of(pool, at);

	if (answered) {
		server->answers++;
		server->in_a_row = 0;
	} else {
		server->failures++;
		server->in_a_row++;
	}
}

/* ---- sockets ---- */

static void no_socket(struct dns_pool *pool, mono_ms_t now, int error)
{
	pool->error = error;
	pool->again_at = now + AGAIN_MS;
	if (!pool->error_told)
		log_say(LOG_WARN, "dns-lists",
			"no name server can be asked: %s; no login is refused "
			"for what lists say",
			error != 0 ? strerror(error) : "there is none");
	pool->error_told = true;
}

void dns_pool_take(struct dns_pool *pool, struct hub *hub,
	const struct message_resolver *message, int fd)
{
	const struct dns_server server = {message->addr, message->port};
	size_t place = 0;

	if (pool->wanted > 0)
		pool->wanted--;
	while (place < LANES_MOST && pool->lanes[place] != NULL)
		place++;
	if (fd < 0) {
		no_socket(pool, hub_now(hub), (int)message->error);
		return;
	}
	if (place == LANES_MOST) {
		(void)close(fd);
		return;
	}
	pool->error = 0;
	pool->error_told = false;
	pool->leaving[place] = false;
	pool->lanes[place] = dns_lane_new(hub->base, fd, &server, hub_now(hub));
	(void)server_of(pool, &server);
}

static void look_at(struct dns_pool *pool, size_t i, mono_ms_t now)
{
	struct dns_lane *lane = pool->lanes[i];
	uint64_t age_ms = now - dns_lane_born(lane);

	pool->strays += dns_lane_take_strays(lane);
	if (dns_lane_broken(lane) || age_ms >= LANE_LIFE_MS ||
		dns_lane_asked(lane) >= LANE_ASKS_MOST)
		pool->leaving[i] = true;
	if (pool->leaving[i] &&
		(dns_lane_broken(lane) || dns_lane_under_way(lane) == 0 ||
			age_ms >= LANE_LIFE_MS + LINGER_MS))
		dns_lane_free(&pool->lanes[i]);
}

void dns_pool_tick(struct dns_pool *pool, struct hub *hub)
{
	mono_ms_t now = hub_now(hub);
	unsigned have = 0;

	for (size_t i = 0; i < LANES_MOST; i++) {
		if (pool->lanes[i] != NULL)
			look_at(pool, i, now);
		have += pool->lanes[i] != NULL && !pool->leaving[i];
	}
	if (now - pool->wanted_at >= LOST_MS)
		pool->wanted = 0;
	if (have + pool->wanted >= LANES || now < pool->again_at ||
		!overseer_ask_sockets(hub, LANES - have - pool->wanted))
		return;
	pool->wanted = LANES - have;
	pool->wanted_at = now;
}

/* ---- choosing ---- */

static unsigned chance(unsigned below)
{
	uint32_t number;

	secret_random(&number, sizeof(number));
	return number % below;
}

/* How little it is to be asked on; the least is chosen among. */
static unsigned badness(struct dns_pool *pool, size_t i,
	const struct dns_server *avoid, bool forgive)
{
	const struct dns_server *at = dns_lane_server(pool->lanes[i]);
	bool silent = server_of(pool, at)->in_a_row >= SILENT && !forgive;

	return (avoid != NULL && same(at, avoid) ? 1u : 0u) +
	       (silent ? 2u : 0u);
}

struct dns_lane *dns_pool_pick(
	struct dns_pool *pool, const struct dns_server *avoid)
{
	bool forgive = chance(ONE_IN) == 0;
	struct dns_lane *chosen = NULL;
	unsigned least = 0, among = 0;

	for (size_t i = 0; i < LANES_MOST; i++) {
		unsigned bad;

		if (pool->lanes[i] == NULL || pool->leaving[i] ||
			dns_lane_broken(pool->lanes[i]) ||
			dns_lane_asked(pool->lanes[i]) >= LANE_ASKS_MOST)
			continue;
		bad = badness(pool, i, avoid, forgive);
		if (chosen == NULL || bad < least) {
			least = bad;
			among = 0;
		}
		if (bad == least && chance(++among) == 0)
			chosen = pool->lanes[i];
	}
	return chosen;
}

/* ---- for people ---- */

void dns_pool_show(const struct dns_pool *pool, json_t *object)
{
	json_t *servers = json_array();
	unsigned have = 0;

	for (size_t i = 0; i < LANES_MOST; i++)
		have += pool->lanes[i] != NULL && !pool->leaving[i];
	for (size_t i = 0; i < pool->server_count; i++) {
		const struct server *server = &pool->servers[i];
		char text[ADDR_TEXT_LONGEST];

		(void)json_array_append_new(servers,
			json_pack("{s:s, s:i, s:I, s:I, s:b}", "address",
				addr_format(&server->at.addr, text), "port",
				(int)server->at.port, "answers",
				(json_int_t)server->answers, "failures",
				(json_int_t)server->failures, "answers_now",
				server->answers > 0 &&
					server->in_a_row < SILENT));
	}
	(void)json_object_set_new(object, "resolvers", servers);
	(void)json_object_set_new(
		object, "sockets", json_integer((json_int_t)have));
	(void)json_object_set_new(
		object, "strays", json_integer((json_int_t)pool->strays));
	(void)json_object_set_new(object, "error",
		json_string(pool->error != 0 ? strerror(pool->error) : ""));
}
