/* The lanes to the name servers, renewed all the time. */
#ifndef KEEPER_DNS_POOL_H
#define KEEPER_DNS_POOL_H

#include <jansson.h>

#include "../ipc/message.h"
#include "dns_lane.h"
#include "hub.h"

struct dns_pool;

struct dns_pool *dns_pool_new(void); /* NULL: no memory */
void dns_pool_free(struct dns_pool **pool);

/* What the supervisor sends: a connected socket, taken over, or -1 and why. */
void dns_pool_take(struct dns_pool *pool, struct hub *hub,
	const struct message_resolver *message, int fd);
/* Now and then: gives old lanes up and wants new ones. */
void dns_pool_tick(struct dns_pool *pool, struct hub *hub);
/* One to ask on; not to `avoid` where there is another (NULL: none to avoid).
 * NULL: there is none now. */
struct dns_lane *dns_pool_pick(
	struct dns_pool *pool, const struct dns_server *avoid);
/* How a question to this server went. */
void dns_pool_went(
	struct dns_pool *pool, const struct dns_server *server, bool answered);
/* Adds "resolvers", "sockets", "strays" and "error" to the status. */
void dns_pool_show(const struct dns_pool *pool, json_t *object);

#endif
