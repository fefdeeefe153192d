/* What a worker counts for metrics besides its limits. */
#ifndef WORKER_COUNT_H
#define WORKER_COUNT_H

#include "internal.h"

void count_connection(
	struct worker *worker, const struct worker_listener *listener);
/* A handshake is over. */
void count_handshake(struct worker *worker, enum message_leg leg,
	const struct tls_connection *tls, bool failed);
/* A session waited so long for a reply of the server. */
void count_reply(struct worker *worker, uint64_t waited_ms);

#endif
