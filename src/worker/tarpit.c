/*
 * The tarpit: a ring of clients in the order in which they are next due. Since
 * every client has the same pace, whoever was served goes to the end and the
 * order holds without sorting.
 *
 *	clients[first] .. first + count (mod most): `due` never falls
 */
#include "tarpit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../proto/slice.h"

struct tarpit_client {
	mono_ms_t due, until;
	struct tls_connection *tls;
	int fd;
	uint32_t at; /* octet of the text that comes next */
	bool silent;
	struct tarpit_guest guest;
};

struct tarpit {
	struct tarpit_client *clients;
	size_t most, room, first, count;
	uint64_t pace_ms, longest_ms;
};

/* A refusal that is never finished: every line says that another follows
 * (RFC 5321 §4.2.1). */
static const char stutter[] =
	"421-4.7.0 Access denied for now, come back another day\r\n";

struct tarpit *tarpit_new(size_t most, uint64_t pace_ms, uint64_t longest_ms)
{
	struct tarpit *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->most = most;
	t->pace_ms = pace_ms;
	t->longest_ms = longest_ms;
	return t;
}

static void client_close(struct tarpit_client *c)
{
	tls_free(&c->tls);
	(void)close(c->fd);
}

void tarpit_free(struct tarpit **tarpit)
{
	struct tarpit *t = *tarpit;

	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		client_close(&t->clients[(t->first + i) % t->room]);
	free(t->clients);
	free(t);
	*tarpit = NULL;
}

/* The ring doubles up to the budget; order is kept by unrolling it. */
static bool tarpit_grow(struct tarpit *t)
{
	size_t room = t->room ? t->room * 2 : 64;
	struct tarpit_client *grown;

	if (room > t->most)
		room = t->most;
	grown = malloc(room * sizeof *grown);
	if (!grown)
		return false;
	for (size_t i = 0; i < t->count; i++)
		grown[i] = t->clients[(t->first + i) % t->room];
	free(t->clients);
	t->clients = grown;
	t->room = room;
	t->first = 0;
	return true;
}

static void tarpit_append(struct tarpit *t, const struct tarpit_client *c)
{
	t->clients[(t->first + t->count++) % t->room] = *c;
}

bool tarpit_take(struct tarpit *t, mono_ms_t now, int fd,
	struct tls_connection *tls, bool silent,
	const struct tarpit_guest *guest)
{
	struct tarpit_client c = {.due = now + t->pace_ms,
		.until = now + t->longest_ms,
		.tls = tls,
		.fd = fd,
		.silent = silent,
		.guest = *guest};
	int least = 1;

	c.guest.since = now;
	if (t->count >= t->most)
		return false;
	if (t->count == t->room && !tarpit_grow(t))
		return false;
	/* Nobody reads what it sends: let the kernel keep little of it. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
	tarpit_append(t, &c);
	return true;
}

/* One octet. false: the client is gone. */
static bool client_serve(struct tarpit_client *c)
{
	const char *octet = &stutter[c->at % (sizeof stutter - 1)];
	size_t n;
	ssize_t sent;

	if (c->silent) { /* is it still there? */
		struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

		return poll(&p, 1, 0) == 0;
	}
	if (c->tls) {
		enum tls_result r = tls_write(c->tls, octet, 1, &n);
		if (r == TLS_OK)
			c->at++;
		return r == TLS_OK || r == TLS_WANT_WRITE;
	}
	sent = send(c->fd, octet, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent == 1)
		c->at++;
	return sent == 1 || (sent < 0 && errno == EAGAIN);
}

void tarpit_tick(struct tarpit *t, mono_ms_t now)
{
	for (size_t i = t->count; i > 0; i--) {
		struct tarpit_client c = t->clients[t->first];

		if (c.due > now)
			return;
		t->first = (t->first + 1) % t->room;
		t->count--;
		c.due = now + t->pace_ms;
		if (now >= c.until || !client_serve(&c))
			client_close(&c);
		else
			tarpit_append(t, &c);
	}
}

mono_ms_t tarpit_deadline(const struct tarpit *t)
{
	return t->count ? t->clients[t->first].due : MONO_NEVER;
}

size_t tarpit_count(const struct tarpit *t)
{
	return t->count;
}

const struct tarpit_guest *tarpit_guest(const struct tarpit *t, size_t i)
{
	return &t->clients[(t->first + i) % t->room].guest;
}
