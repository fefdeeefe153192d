/*
 * The servers behind postern, as the workers find them.
 *
 * The keeper holds the one table and tells all workers what one of them found;
 * it makes no connection itself. Which servers there are worker 1 says.
 */
#ifndef KEEPER_BACKENDS_H
#define KEEPER_BACKENDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "../ipc/message.h"
#include "hub.h"
#include "store.h"

enum { BACKENDS_ROWS_MOST = 256 };

struct backends *backends_new(void); /* NULL: no memory */
void backends_free(struct backends **backends);

/*
 * A worker's word. first: it is worker 1. Returns the server's row, -1: it has
 * none.
 */
int backends_hear(
	struct hub *hub, bool first, const struct message_server *message);
/*
 * What a new worker has to know, one by one: servers that are down or drained.
 * *cursor starts at 0.
 */
bool backends_next_word(const struct backends *backends, size_t *cursor,
	struct message_server *ret_message);
/*
 * No new sessions to a server, or again: by its name as configured or by
 * ADDRESS:PORT, in all backends. Returns how many there are of it.
 */
size_t backends_drain(struct hub *hub, const char *server, bool drained);
/* What was drained when postern stopped, before anybody is served. */
void backends_restore(struct hub *hub, const struct store_drain *drain);
void backends_store_all(struct hub *hub); /* puts it all anew */
/* For the control socket. Caller frees. */
json_t *backends_array(struct hub *hub);

#endif
