/*
 * Requests in, answers out: what is not a file, an event stream or a feed.
 */
#ifndef DASH_API_H
#define DASH_API_H

#include <event2/http.h>

#include "doors.h"

/* The one callback of all doors: finds the route, checks the token, answers. */
void api_request(
	struct dash *dash, struct evhttp_request *request, enum door door);

#endif
