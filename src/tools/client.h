/* A connection to the control socket: an object out, an object in. */
#ifndef TOOLS_CLIENT_H
#define TOOLS_CLIENT_H

#include <jansson.h>

struct client;

/* NULL: errno says why there is no daemon. Caller frees. */
struct client *client_open(const char *path);
void client_close(struct client **client);
/* The answer; caller decrefs. NULL: the daemon went away or talks nonsense. */
json_t *client_ask(struct client *client, const json_t *request);

#endif
