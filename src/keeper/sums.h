/* What each day brought, in numbers; for status and the report. */
#ifndef KEEPER_SUMS_H
#define KEEPER_SUMS_H

#include <jansson.h>

#include "../ipc/message.h"
#include "../policy/policy.h"
#include "hub.h"
#include "store.h"

struct sums;

struct sums *sums_new(void); /* NULL: no memory */
void sums_free(struct sums **sums);
/* Of the store, oldest first; today's goes on. */
void sums_restore(struct sums *sums, const struct store_day *day);

/* A login was asked for; verdict: the core's. */
void sums_asked(struct hub *hub, const struct message_ask *ask,
	const struct policy_verdict *verdict);
/* It ended at the server; withheld: the client hears another end. */
void sums_settled(struct hub *hub, const struct message_ask *ask,
	enum policy_outcome outcome, bool withheld);
void sums_banned(struct hub *hub, enum policy_rule rule);

/* Gives the store what has changed, once in a while; now: in any case. */
void sums_flush(struct hub *hub, bool now);

/* The last `most` days, newest first; see docs/control.md. */
json_t *sums_array(struct hub *hub, size_t most);

#endif
