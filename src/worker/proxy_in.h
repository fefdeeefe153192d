/*
 * Connections of balancers, until their PROXY header has said whose they are.
 *
 * No session yet and no octet read beyond the header: what stands behind it in
 * the same segment is the session's own, be it a TLS hello or early talk.
 */
#ifndef WORKER_PROXY_IN_H
#define WORKER_PROXY_IN_H

#include "../base/addr.h"

struct worker;
struct worker_listener;

/* Takes fd over; admit() gets it with the client that the header names. A peer
 * that is not listed is closed at once. */
void proxy_in_begin(struct worker *worker,
	const struct worker_listener *listener, int fd, const struct addr *addr,
	uint16_t port);
/* Postern stops: closes all of them. */
void proxy_in_end_all(struct worker *worker);

#endif
