/*
 * Feeds: the list of bans, kept here, for whoever fetches it or waits for it.
 */
#ifndef DASH_LISTS_H
#define DASH_LISTS_H

#include <event2/http.h>

#include "inside.h"
#include "route.h"

enum { LISTS_WAITERS_MOST = 32 };

struct lists *lists_new(struct dash *dash); /* NULL: no memory */
void lists_free(struct lists **lists);
/* Answers at once, or when the list is another than the client has. */
void lists_answer(struct lists *lists, struct evhttp_request *request,
	const struct route *route);
/* Once a second: looks for those who wait. */
void lists_tick(struct lists *lists);

#endif
