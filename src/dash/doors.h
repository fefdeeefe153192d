/*
 * Connections: how many, for how long, and what libevent makes of them.
 */
#ifndef DASH_DOORS_H
#define DASH_DOORS_H

#include <event2/http.h>

#include "inside.h"

enum {
	DOORS_HEADERS_MOST_BYTES = 8192,
	DOORS_BODY_MOST_BYTES = 4096,
	DOORS_REQUEST_MS = 10000, /* a request is whole by then */
	DOORS_IDLE_MS = 60000,	  /* between two requests of a connection */
	DOORS_WRITE_S = 20,	  /* an answer that nobody takes */
};

enum door { DOOR_PAGE, DOOR_FEED };

/*
 * Called for each whole request. Who takes it answers it now or later, by
 * reply.h; `door` is whose socket it came by.
 */
typedef void doors_cb(
	struct dash *dash, struct evhttp_request *request, enum door door);

/* Takes the sockets of the setup over. NULL: no memory. */
struct doors *doors_new(struct dash *dash, doors_cb *cb);
void doors_free(struct doors **doors);
/* Several times a second: buries the dead, ends the slow. */
void doors_tick(struct doors *doors);
unsigned doors_count(const struct doors *doors);

#endif
