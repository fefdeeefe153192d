/* posternctl log: the lines of the log as they are written. */
#ifndef TOOLS_FOLLOW_H
#define TOOLS_FOLLOW_H

#include <stdbool.h>

#include <jansson.h>

#include "client.h"

/* Prints what comes until `count` lines (0: for ever) or the daemon's end;
 * json: an object a line. Returns the exit code. */
int follow_run(
	struct client *client, const json_t *request, long count, bool json);

#endif
