/*
 * A connection to the control socket.
 *
 * client_ask() blocks, with a time-out that is longer than any answer takes (a
 * reload waits for certificates and new workers). Who has a screen to draw says
 * and hears instead, and never waits. Called by posternctl.
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
	size_t seen; /* of it, without a newline */
};

static int connect_path(const char *path, unsigned patience_s)
{
	const struct timeval patience = {.tv_sec = (time_t)patience_s};
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
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience)); /* of connect(2), too */
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

struct client *client_open_within(const char *path, unsigned patience_s)
{
	struct client *client;
	int fd = connect_path(path, patience_s);

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

struct client *client_open(const char *path)
{
	return client_open_within(path, ANSWER_WITHIN_S);
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

/* Octets of the first line that is there without its newline; -1: none is. */
static ssize_t find_line(struct client *client)
{
	const char *end = client->n > client->seen
				  ? memchr(client->in + client->seen, '\n',
					    client->n - client->seen)
				  : NULL;

	client->seen = end != NULL ? 0 : client->n;
	return end != NULL ? end - client->in : -1;
}

/* More of the answer; > 0: something came, else as of recv(2). */
static ssize_t receive(struct client *client, int flags)
{
	ssize_t got;

	if (!make_room(client))
		return 0;
	do {
		got = recv(client->fd, client->in + client->n,
			client->room - client->n, flags);
	} while (got < 0 && errno == EINTR);
	if (got > 0)
		client->n += (size_t)got;
	return got;
}

/* The first line, of n octets, as an object; NULL: it is nonsense. */
static json_t *take_line(struct client *client, size_t n)
{
	json_t *answer = json_loadb(client->in, n, 0, NULL);

	client->n -= n + 1;
	memmove(client->in, client->in + n + 1, client->n);
	if (json_is_object(answer))
		return answer;
	json_decref(answer);
	return NULL;
}

int client_fd(const struct client *client)
{
	return client->fd;
}

bool client_say(struct client *client, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	bool sent = text != NULL && send_all(client->fd, text, strlen(text)) &&
		    send_all(client->fd, "\n", 1);

	free(text);
	return sent;
}

enum client_news client_hear(struct client *client, json_t **ret_answer)
{
	for (;;) {
		ssize_t n = find_line(client);
		json_t *answer;

		if (n >= 0) {
			answer = take_line(client, (size_t)n);
			if (answer == NULL)
				return CLIENT_GONE;
			*ret_answer = answer;
			return CLIENT_ANSWER;
		}
		n = receive(client, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return CLIENT_NOTHING;
		if (n <= 0)
			return CLIENT_GONE;
	}
}

json_t *client_ask(struct client *client, const json_t *request)
{
	ssize_t n;

	/* Even when it did not take all: it may have said why. */
	(void)client_say(client, request);
	while ((n = find_line(client)) < 0)
		if (receive(client, 0) <= 0)
			return NULL;
	return take_line(client, (size_t)n);
}
