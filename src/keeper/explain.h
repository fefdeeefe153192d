/* The answer to `explain ADDRESS|USER|REFERENCE`. */
#ifndef KEEPER_EXPLAIN_H
#define KEEPER_EXPLAIN_H

#include <jansson.h>
#include <stdint.h>

#include "hub.h"
#include "store_find.h"

/* Asks the journal. 0: it cannot be asked now; answer without it. */
uint64_t explain_ask(struct hub *hub, const char *subject);
/* answer: the journal's; NULL: it could not be read. */
json_t *explain_answer(struct hub *hub, const char *subject,
	const struct store_answer *answer);

#endif
