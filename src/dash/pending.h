/*
 * A request whose answer waits for something, and which may be gone by then.
 */
#ifndef DASH_PENDING_H
#define DASH_PENDING_H

#include <event2/http.h>

#include "inside.h"

struct pending {
	struct dash *dash;
	struct evhttp_request *request; /* NULL: its connection has ended */
};

/* NULL: no memory. */
struct pending *pending_new(struct dash *dash, struct evhttp_request *request);
/* Frees it. The request, if it is still there, is the caller's to answer. */
struct evhttp_request *pending_done(struct pending *pending);

/*
 * For a callback of a connection's end: a request that nobody has answered is
 * no longer evhttp's to free once it has lost its connection.
 */
void pending_lost(struct evhttp_request *request);

#endif
