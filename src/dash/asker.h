/*
 * The line to the keeper: questions in, answers out, in order.
 */
#ifndef DASH_ASKER_H
#define DASH_ASKER_H

#include <jansson.h>

#include "inside.h"

enum { ASKER_MOST = 256, ASKER_WAIT_MS = 10000 };

/*
 * line: one JSON object, borrowed, without its newline; NULL: none came (the
 * keeper is away, or took too long).
 */
typedef void asker_cb(void *arg, const char *line, size_t n);

/* fd: taken over. NULL: no memory. */
struct asker *asker_new(struct dash *dash, int fd);
void asker_free(struct asker **asker); /* tells all that no answer comes */
/* A new line, since the keeper is new; taken over. */
void asker_attach(struct asker *asker, int fd);
/*
 * Steals the request. cb is called later, once in any case; never from within
 * this call. false: too many wait, or no memory: cb is not called.
 */
bool asker_ask(struct asker *asker, json_t *request, asker_cb *cb, void *arg)
	__attribute__((warn_unused_result));
/* Once a second: gives up what is overdue. */
void asker_tick(struct asker *asker);
bool asker_connected(const struct asker *asker);

#endif
