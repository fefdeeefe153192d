/*
 * The keeper's channel to the supervisor.
 */
#ifndef KEEPER_OVERSEER_H
#define KEEPER_OVERSEER_H

#include <stdbool.h>

#include "hub.h"

struct overseer;

/* fd: a channel, taken over; -1: none. NULL: no memory. */
struct overseer *overseer_new(struct hub *hub, int fd);
void overseer_free(struct overseer **overseer);

void overseer_ready(struct hub *hub);
/* false: there is no supervisor to ask. The answer goes to control. */
bool overseer_ask_reload(struct hub *hub);
/* At the end of a loop turn. */
void overseer_flush(struct hub *hub);

#endif
