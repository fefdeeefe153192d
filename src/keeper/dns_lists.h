/*
 * Lists in the DNS: what they say of those who connect.
 *
 * Nobody waits for them. What they said becomes an event of the core; until
 * then, and whenever they do not answer, an address passes.
 */
#ifndef KEEPER_DNS_LISTS_H
#define KEEPER_DNS_LISTS_H

#include <jansson.h>

#include "../ipc/message.h"
#include "hub.h"

struct dns_lists;

struct dns_lists *dns_lists_new(struct hub *hub); /* NULL: no memory */
void dns_lists_free(struct dns_lists **lists);
/* hub->conf has changed from old_conf: if that concerns lists, all of them
 * begin anew. */
void dns_lists_configure(struct hub *hub, const struct conf *old_conf);

/* Somebody has connected, or tries to log in. */
void dns_lists_see(struct hub *hub, const struct addr *addr);
/* A socket to a name server, taken over, or -1 and why there is none. */
void dns_lists_socket(
	struct hub *hub, const struct message_resolver *message, int fd);

json_t *dns_lists_object(struct hub *hub); /* for `status` */
/* For `explain`: {"score", "left_s", "lists"}; null: they say nothing. */
json_t *dns_lists_about(struct hub *hub, const struct addr *addr);

#endif
