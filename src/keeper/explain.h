/* The answers to `explain ADDRESS|USER|REFERENCE` and `user NAME`. */
#ifndef KEEPER_EXPLAIN_H
#define KEEPER_EXPLAIN_H

#include <jansson.h>
#include <stdint.h>

#include "hub.h"
#include "store_find.h"

/* Asks the journal. by_name: the subject is a user, whatever it looks like. 0:
 * it cannot be asked now; answer without it. */
uint64_t explain_ask(struct hub *hub, const char *subject, bool by_name);
/* answer: the journal's; NULL: it could not be read. */
json_t *explain_answer(struct hub *hub, const char *subject, bool by_name,
	const struct store_answer *answer);

#endif
