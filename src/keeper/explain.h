/* The answer to `explain ADDRESS|REFERENCE`. */
#ifndef KEEPER_EXPLAIN_H
#define KEEPER_EXPLAIN_H

#include <jansson.h>

#include "hub.h"

json_t *explain_object(struct hub *hub, const char *subject);

#endif
