/*
 * The keeper's channel to the supervisor.
 */
#ifndef KEEPER_OVERSEER_H
#define KEEPER_OVERSEER_H

#include <stdbool.h>

#include "../ipc/message.h"
#include "hub.h"

struct overseer;

/* fd: a channel, taken over; -1: none. NULL: no memory. */
struct overseer *overseer_new(struct hub *hub, int fd);
void overseer_free(struct overseer **overseer);

void overseer_ready(struct hub *hub);
/* false: there is no supervisor to ask. The answer goes to control. */
bool overseer_ask_reload(struct hub *hub);
bool overseer_ask_upgrade(struct hub *hub);
/* Lines of the log; the answer goes to tap_take(). */
bool overseer_ask_tap(struct hub *hub);
/* A descriptor for the keeper that comes after this one. */
bool overseer_give(struct hub *hub, enum message_type type, const void *body,
	size_t n, int fd);
/* So many sockets to name servers; each comes to dns_lists_socket(). */
bool overseer_ask_sockets(struct hub *hub, unsigned count);
/* At the end of a loop turn. */
void overseer_flush(struct hub *hub);

#endif
