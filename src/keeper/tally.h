/*
 * Counts by what they are of, for metrics: logins by listener, mechanism and
 * result; verdicts by rule, kind and mode. Never by address or user.
 */
#ifndef KEEPER_TALLY_H
#define KEEPER_TALLY_H

#include <jansson.h>

#include "../base/octets.h"
#include "../ipc/message.h"
#include "../policy/policy.h"
#include "hub.h"

struct tally;

struct tally *tally_new(void); /* NULL: no memory */
void tally_free(struct tally **tally);

/* A worker's question was answered; ask: NULL where it is not known. */
void tally_verdict(struct hub *hub, const struct message_ask *ask,
	const struct policy_verdict *verdict);
/* The server answered. */
void tally_outcome(struct hub *hub, const struct message_ask *ask,
	enum policy_outcome outcome);

/* For the next keeper (memory.h). false: refused. */
void tally_save(const struct tally *tally, struct octets *out);
bool tally_load(struct tally *tally, struct octets *in);

/* The answer to `metrics`. Caller decrefs. */
json_t *tally_object(struct hub *hub);

#endif
