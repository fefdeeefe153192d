/*
 * A request that waits (see pending.h).
 */
#include "pending.h"

#include <stdlib.h>

void pending_lost(struct evhttp_request *request)
{
	if (!evhttp_request_get_connection(request))
		evhttp_request_free(request);
}

static void on_close(struct evhttp_connection *http, void *arg)
{
	struct pending *pending = arg;

	pending_lost(pending->request);
	pending->request = NULL;
}

struct pending *pending_new(struct dash *dash, struct evhttp_request *request)
{
	struct pending *pending = calloc(1, sizeof(*pending));

	if (!pending)
		return NULL;
	*pending = (struct pending){dash, request};
	evhttp_connection_set_closecb(
		evhttp_request_get_connection(request), on_close, pending);
	return pending;
}

struct evhttp_request *pending_done(struct pending *pending)
{
	struct evhttp_request *request = pending->request;

	if (request)
		evhttp_connection_set_closecb(
			evhttp_request_get_connection(request), NULL, NULL);
	free(pending);
	return request;
}
