/* Sockets to name servers, for the keeper, which may make none. */
#ifndef SUPERVISOR_RESOLVER_H
#define SUPERVISOR_RESOLVER_H

#include "../ipc/message.h"

struct supervisor;

/* The keeper wants some: each goes out as a MESSAGE_RESOLVER. */
void resolver_answer(
	struct supervisor *s, const struct message_resolver_ask *ask);

#endif
