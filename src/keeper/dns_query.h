/* One question to a list, asked twice if need be, and over at its deadline. */
#ifndef KEEPER_DNS_QUERY_H
#define KEEPER_DNS_QUERY_H

#include <stdbool.h>
#include <sys/queue.h>

#include "dns_pool.h"

struct dns_query;

/* Once for each query, and never from inside of dns_query_begin(). */
typedef void dns_query_cb(struct dns_query *query, const struct dns_reply *r);

/* In the caller's memory, zero when it begins; only `busy` is for others. */
struct dns_query {
	bool busy;
	struct dns_queries *all;
	dns_query_cb *cb;
	void *owner;	  /* the caller's */
	const char *zone; /* borrowed until the end */
	struct addr addr;
	bool nibbles;		   /* ask about it as IPv6, whatever it is */
	struct dns_flight *flight; /* NULL: not asked now */
	struct dns_server server;  /* the last that it was asked at */
	unsigned tries;
	mono_ms_t try_until, until;
	uint64_t timeout_ms;
	TAILQ_ENTRY(dns_query) link;
};

struct dns_queries {
	struct dns_pool *pool;
	TAILQ_HEAD(dns_query_list, dns_query) busy;
	size_t count;
};

void dns_queries_init(struct dns_queries *queries, struct dns_pool *pool);
/* Asks for what stands in it: zone, addr, nibbles, timeout_ms (until the last
 * word), cb. All else is zero. */
void dns_query_begin(
	struct dns_queries *queries, struct dns_query *query, mono_ms_t now);
/* No callback comes any more. */
void dns_query_stop(struct dns_query *query);
/* Several times within the shortest timeout. */
void dns_queries_tick(struct dns_queries *queries, mono_ms_t now);

#endif
