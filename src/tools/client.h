/* A connection to the control socket: an object out, an object in. */
#ifndef TOOLS_CLIENT_H
#define TOOLS_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

struct client;

/* NULL: errno says why there is no daemon. Caller frees. */
struct client *client_open(const char *path);
/* The same of who does not wait for an answer, nor to be let in, for longer. */
struct client *client_open_within(const char *path, unsigned patience_s);
void client_close(struct client **client);
/* The answer; caller decrefs. NULL: the daemon went away or talks nonsense. */
json_t *client_ask(struct client *client, const json_t *request);

enum client_news { CLIENT_NOTHING, CLIENT_ANSWER, CLIENT_GONE };

/* The same in two parts, for who waits for other things, too: by poll(2). */
int client_fd(const struct client *client);
/* false: it did not go out; client_hear() may tell why. */
bool client_say(struct client *client, const json_t *request);
/* Never waits. CLIENT_ANSWER: *ret_answer is the next; caller decrefs. */
enum client_news client_hear(struct client *client, json_t **ret_answer);

#endif
