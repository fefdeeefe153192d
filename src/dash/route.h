/*
 * What a request asks for, and whether it may be asked at all.
 *
 * Pure: text in, a decision out. Nothing of a path is decoded and no path
 * leads to a file, so there is nothing to escape from.
 */
#ifndef DASH_ROUTE_H
#define DASH_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../feed/feed.h"

enum {
	ROUTE_TARGET_LONGEST = 1024,
	ROUTE_WAIT_MOST_S = 300,
};

/* As they came; NULL: there was none. */
struct route_request {
	bool post;	 /* else GET */
	bool feeds_only; /* it came by the door of the feeds */
	const char *target, *host;
	const char *origin, *site; /* Origin, Sec-Fetch-Site */
	const char *content_type;
	const char *const *hosts; /* names of the page */
	size_t host_count;
};

enum route_kind {
	ROUTE_FILE,    /* `item`: of the page's files */
	ROUTE_METRICS, /* text for Prometheus */
	ROUTE_EVENTS,  /* server-sent events */
	ROUTE_READ,    /* `item`: of route_reads.def */
	ROUTE_EXPLAIN, /* POST: a subject */
	ROUTE_ORDER,   /* POST: `item` of route_orders.def; needs the token */
	ROUTE_FEED,
	/* What cannot be; the number is the status (RFC 9110 §15.5). */
	ROUTE_BAD_REQUEST = 400,
	ROUTE_FOREIGN = 403, /* of another site */
	ROUTE_NOT_FOUND = 404,
	ROUTE_BAD_METHOD = 405,
	ROUTE_BAD_TYPE = 415,
	ROUTE_MISDIRECTED = 421, /* not a name of ours */
};

struct route {
	enum route_kind kind;
	unsigned item;
	uint64_t cursor; /* READ of a list in pages */
	enum feed_format format;
	size_t chunk;
	unsigned wait_s; /* FEED: wait so long for another tag */
};

enum route_read {
#define READ(id, path, command) ROUTE_READ_##id,
#include "route_reads.def"
#undef READ
	ROUTE_READ_COUNT,
};

enum route_order {
#define ORDER(id, path, command) ROUTE_ORDER_##id,
#include "route_orders.def"
#undef ORDER
	ROUTE_ORDER_COUNT,
};

void route_find(const struct route_request *request, struct route *ret_route);
/* The command of the control protocol; "": the order only tries the token. */
const char *route_read_command(unsigned item);
const char *route_order_command(unsigned item);

#endif
