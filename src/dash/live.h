/*
 * Who watches: server-sent events (WHATWG HTML §9.2), one state a second.
 */
#ifndef DASH_LIVE_H
#define DASH_LIVE_H

#include <event2/http.h>

#include "inside.h"

enum {
	LIVE_MOST = 16,
	LIVE_BEHIND_BYTES = 1 << 20, /* who does not read goes */
};

struct live *live_new(struct dash *dash); /* NULL: no memory */
void live_free(struct live **live);
/* Answers the request for as long as its client stays. */
void live_watch(struct live *live, struct evhttp_request *request);
/* Once a second: asks the keeper, if somebody watches. */
void live_tick(struct live *live);
unsigned live_count(const struct live *live);

#endif
