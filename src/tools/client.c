/*
 * A connection to the control socket.
 *
 * Blocking, with a time-out that is longer than any answer takes (a reload
 * waits for certificates and new workers). Called by posternctl.
 */
#include "client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_WITHIN_S = 130, ANSWER_MOST_BYTES = 64 * 1024 * 1024 };

struct client {
	int fd;
	char *in; /* what has come and is not a whole line yet */
	size_t n, room;
};

static int connect_path(const char *path)
{
	const struct timeval patience = {.tv_sec = ANSWER_WITHIN_S};
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd, error;

	if (strlen(path) >= sizeof(name.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience)); /* else it waits for ever */
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

struct client *client_open(const char *path)
{
	struct client *client;
	int fd = connect_path(path);

	if (fd < 0)
		return NULL;
	client = calloc(1, sizeof(*client));
	if (client == NULL) {
		(void)close(fd);
		return NULL;
	}
	client->fd = fd;
	return client;
}

void client_close(struct client **client)
{
	if (*client == NULL)
		return;
	(void)close((*client)->fd);
	free((*client)->in);
	free(*client);
	*client = NULL;
}

static bool send_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		text += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool make_room(struct client *client)
{
	size_t room = client->room == 0 ? 16384 : client->room * 2;
	char *in;

	if (client->n < client->room)
		return true;
	if (room > ANSWER_MOST_BYTES)
		return false;
	in = realloc(client->in, room);
	if (in == NULL)
		return false;
	client->in = in;
	client->room = room;
	return true;
}

/* Octets of the first line without its newline; -1: none will come. */
static ssize_t read_line(struct client *client)
{
	size_t seen = 0;

	for (;;) {
		const char *end = client->n > seen
					  ? memchr(client->in + seen, '\n',
						    client->n - seen)
					  : NULL;
		ssize_t got;

		if (end != NULL)
			return end - client->in;
		seen = client->n;
		if (!make_room(client))
			return -1;
		got = recv(client->fd, client->in + client->n,
			client->room - client->n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		client->n += (size_t)got;
	}
}

json_t *client_ask(struct client *client, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	json_t *answer;
	ssize_t n;
	bool sent;

	if (text == NULL)
		return NULL;
	sent = send_all(client->fd, text, strlen(text)) &&
	       send_all(client->fd, "\n", 1);
	free(text);
	/* Even when it did not take all: it may have said why. */
	n = read_line(client);
	if (n < 0)
		return NULL;
	(void)sent;
	answer = json_loadb(client->in, (size_t)n, 0, NULL);
	client->n -= (size_t)n + 1;
	memmove(client->in, client->in + n + 1, client->n);
	if (!json_is_object(answer)) {
		json_decref(answer);
		return NULL;
	}
	return answer;
}
