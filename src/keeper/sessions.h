/* The command `sessions`: what the workers are asked for it. */
#ifndef KEEPER_SESSIONS_H
#define KEEPER_SESSIONS_H

#include <jansson.h>
#include <stdint.h>

#include "hub.h"

/* Asks them. NULL: the answer will be roster_answer(*ret_question); else an
 * error, which the caller decrefs. */
json_t *sessions_ask(
	struct hub *hub, const json_t *request, uint64_t *ret_question);

#endif
