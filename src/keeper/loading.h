/* What the store holds, brought back into force. */
#ifndef KEEPER_LOADING_H
#define KEEPER_LOADING_H

#include <stdbool.h>

#include "hub.h"

/* Opens hub->store and gives its rows to the judge, before anybody is served.
 * false: no memory or no thread. */
bool loading_run(struct hub *hub);

#endif
