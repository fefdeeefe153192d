/*
 * One question to a list.
 *
 * Half of its time it waits on one lane, then it is asked on another one, to
 * another name server where there is one. Where there is no lane at the moment
 * it waits for one, as long as it has time. A name server that says that it
 * failed is no end while there is another try.
 *
 * A callback takes a query off the list under it, so the list is walked from
 * its head until nothing is due. Called by dns_lists and dns_test.
 */
#include "dns_query.h"

#include "../base/dnsxl.h"

enum { TRIES_MOST = 2 };

void dns_queries_init(struct dns_queries *queries, struct dns_pool *pool)
{
	*queries = (struct dns_queries){.pool = pool};
	TAILQ_INIT(&queries->busy);
}

static void end(struct dns_query *query, const struct dns_reply *reply)
{
	TAILQ_REMOVE(&query->all->busy, query, link);
	query->all->count--;
	query->busy = false;
	query->cb(query, reply);
}

static void answered(void *arg, const struct dns_reply *reply)
{
	struct dns_query *query = arg;
	bool good = reply->end == DNS_ADDRESSES || reply->end == DNS_NOTHING;

	query->flight = NULL;
	dns_pool_went(
		query->all->pool, &query->server, reply->end != DNS_SILENCE);
	if (good || query->tries >= TRIES_MOST)
		end(query, reply);
	else
		query->try_until = 0; /* the next tick asks again */
}

static void ask(struct dns_query *query, mono_ms_t now)
{
	const struct dns_server *avoid =
		query->tries > 0 ? &query->server : NULL;
	struct dns_lane *lane = dns_pool_pick(query->all->pool, avoid);
	char name[DNSXL_NAME_LONGEST];

	if (lane == NULL)
		return;
	query->server = *dns_lane_server(lane);
	query->tries++;
	query->try_until = now + query->timeout_ms / TRIES_MOST;
	if (query->nibbles)
		(void)dnsxl_nibbles(&query->addr, query->zone, name);
	else
		(void)dnsxl_name(&query->addr, query->zone, name);
	query->flight = dns_lane_ask(lane, name, answered, query);
	if (query->flight == NULL) /* that lane is broken: another one */
		query->try_until = 0;
}

void dns_query_begin(
	struct dns_queries *queries, struct dns_query *query, mono_ms_t now)
{
	query->busy = true;
	query->all = queries;
	query->until = now + query->timeout_ms;
	TAILQ_INSERT_TAIL(&queries->busy, query, link);
	queries->count++;
	ask(query, now);
}

void dns_query_stop(struct dns_query *query)
{
	if (!query->busy)
		return;
	if (query->flight != NULL)
		dns_flight_forget(query->flight);
	TAILQ_REMOVE(&query->all->busy, query, link);
	query->all->count--;
	query->busy = false;
}

static void give_up_flight(struct dns_query *query)
{
	if (query->flight == NULL)
		return;
	dns_flight_forget(query->flight);
	query->flight = NULL;
	dns_pool_went(query->all->pool, &query->server, false);
}

/* true: it is over. */
static bool tick(struct dns_query *query, mono_ms_t now)
{
	static const struct dns_reply silence = {.end = DNS_SILENCE};

	if (now >= query->until) {
		give_up_flight(query);
		end(query, &silence);
		return true;
	}
	if (now < query->try_until || query->tries >= TRIES_MOST)
		return false;
	give_up_flight(query);
	ask(query, now);
	return false;
}

void dns_queries_tick(struct dns_queries *queries, mono_ms_t now)
{
	struct dns_query *query, *next;

	for (query = TAILQ_FIRST(&queries->busy); query != NULL; query = next) {
		next = TAILQ_NEXT(query, link);
		/* What a callback begins stands at the end; what it stops may
		 * be the next one. */
		if (tick(query, now))
			next = TAILQ_FIRST(&queries->busy);
	}
}
