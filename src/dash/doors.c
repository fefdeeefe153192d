/*
 * Connections (see doors.h).
 *
 * evhttp limits the octets of a request and silence, not the time that a
 * request may take nor how many connections there are. So each connection's
 * bufferevent is held here as well: one that takes too long, or the longest
 * silent one when there are too many, has its socket shut down, whereupon
 * evhttp ends it as if the client had left. evhttp clears the callbacks of what
 * it frees; that is how the dead are known.
 */
#include "doors.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/clock.h"

struct entrance {
	struct doors *doors;
	struct evhttp *http;
	enum door door;
	struct tls_context *tls;
};

struct connection {
	struct bufferevent *stream; /* NULL: a free place */
	struct ssl_st *ssl;	    /* NULL: plain */
	mono_ms_t since;	    /* it waits for a request */
	bool asked;		    /* at least once */
	bool busy;		    /* a request is being answered */
	bool ended;		    /* shut down by us */
};

struct doors {
	struct dash *dash;
	doors_cb *cb;
	struct entrance entrances[DASH_DOORS];
	struct connection *all;
	size_t most;
	unsigned count;
};

unsigned doors_count(const struct doors *doors)
{
	return doors->count;
}

/* ---- one connection ---- */

static bool is_dead(const struct connection *c)
{
	bufferevent_data_cb on_read, on_write;
	bufferevent_event_cb on_event;
	void *arg;

	bufferevent_getcb(c->stream, &on_read, &on_write, &on_event, &arg);
	return !on_read && !on_write && !on_event;
}

static void bury(struct doors *doors, struct connection *c)
{
	bufferevent_decref(c->stream);
	if (c->ssl)
		tls_ssl_free(&c->ssl);
	*c = (struct connection){0};
	doors->count--;
}

/*
 * As if the client had left: evhttp frees it at once. (A shutdown alone would
 * be seen in the next turn, and a flood would find no place until then.)
 */
static void end(struct doors *doors, struct connection *c)
{
	evutil_socket_t fd = bufferevent_getfd(c->stream);

	if (fd >= 0)
		(void)shutdown(fd, SHUT_RDWR);
	c->ended = true;
	bufferevent_trigger_event(
		c->stream, BEV_EVENT_EOF | BEV_EVENT_READING, 0);
	if (is_dead(c))
		bury(doors, c);
}

static bool is_late(const struct connection *c, mono_ms_t now)
{
	mono_ms_t most = c->asked ? DOORS_IDLE_MS : DOORS_REQUEST_MS;

	return !c->busy && !c->ended && now - c->since > most;
}

void doors_tick(struct doors *doors)
{
	mono_ms_t now = clock_mono_ms();

	for (size_t i = 0; i < doors->most; i++) {
		struct connection *c = &doors->all[i];

		if (!c->stream)
			continue;
		if (is_dead(c))
			bury(doors, c);
		else if (is_late(c, now))
			end(doors, c);
	}
}

/* A place for one more: who was silent for longest makes room. */
static struct connection *place_free(struct doors *doors)
{
	struct connection *oldest = NULL;

	if (doors->count >= doors->dash->setup->connections_most)
		doors_tick(doors);
	for (size_t i = 0; i < doors->most; i++) {
		struct connection *c = &doors->all[i];

		if (c->stream && !c->busy && !c->ended &&
			(!oldest || c->since < oldest->since))
			oldest = c;
	}
	if (doors->count >= doors->dash->setup->connections_most && oldest) {
		doors->dash->refused_total++;
		end(doors, oldest);
	}
	for (size_t i = 0; i < doors->most; i++)
		if (!doors->all[i].stream)
			return &doors->all[i];
	return NULL;
}

/* ---- what evhttp asks ---- */

static struct bufferevent *stream_new(
	struct entrance *entrance, struct ssl_st **ret_ssl)
{
	struct event_base *base = entrance->doors->dash->base;

	*ret_ssl = entrance->tls ? tls_ssl_new(entrance->tls) : NULL;
	if (!entrance->tls)
		return bufferevent_socket_new(base, -1, 0);
	if (!*ret_ssl)
		return NULL;
	return bufferevent_openssl_socket_new(
		base, -1, *ret_ssl, BUFFEREVENT_SSL_ACCEPTING, 0);
}

/*
 * For a connection that evhttp has accepted. Without a place it gets one that
 * nobody knows and that ends at once: NULL would be a connection without any
 * limit, and in clear.
 */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct entrance *entrance = arg;
	struct connection *c = place_free(entrance->doors);
	struct ssl_st *ssl = NULL;
	struct bufferevent *stream = c ? stream_new(entrance, &ssl) : NULL;

	if (!stream) {
		struct bufferevent *pair[2];

		if (ssl)
			tls_ssl_free(&ssl);
		entrance->doors->dash->refused_total++;
		if (bufferevent_pair_new(base, 0, pair) != 0)
			abort(); /* no memory for that: start anew */
		bufferevent_free(pair[1]);
		return pair[0];
	}
	bufferevent_incref(stream);
	*c = (struct connection){
		.stream = stream, .ssl = ssl, .since = clock_mono_ms()};
	entrance->doors->count++;
	return stream;
}

static struct connection *connection_of(
	struct doors *doors, struct evhttp_request *request)
{
	struct evhttp_connection *http = evhttp_request_get_connection(request);
	const struct bufferevent *stream =
		http ? evhttp_connection_get_bufferevent(http) : NULL;

	for (size_t i = 0; stream && i < doors->most; i++)
		if (doors->all[i].stream == stream)
			return &doors->all[i];
	return NULL;
}

static void on_complete(struct evhttp_request *request, void *arg)
{
	struct connection *c = connection_of(arg, request);

	if (c) {
		c->busy = false;
		c->since = clock_mono_ms();
	}
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct entrance *entrance = arg;
	struct doors *doors = entrance->doors;
	struct connection *c = connection_of(doors, request);

	if (c) {
		c->busy = true;
		c->asked = true;
	}
	doors->dash->request_total++;
	evhttp_request_set_on_complete_cb(request, on_complete, doors);
	doors->cb(doors->dash, request, entrance->door);
}

/* ---- the sockets ---- */

static bool entrance_open(
	struct entrance *entrance, const struct dash_door *door)
{
	struct evhttp *http = evhttp_new(entrance->doors->dash->base);

	entrance->http = http;
	if (!http)
		return false;
	evhttp_set_max_headers_size(http, DOORS_HEADERS_MOST_BYTES);
	evhttp_set_max_body_size(http, DOORS_BODY_MOST_BYTES);
	evhttp_set_timeout(http, DOORS_WRITE_S);
	evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
	evhttp_set_default_content_type(http, NULL);
	evhttp_set_bevcb(http, on_connection, entrance);
	evhttp_set_gencb(http, on_request, entrance);
	for (size_t i = 0; i < door->fd_count; i++)
		if (evhttp_accept_socket(http, door->fds[i]) != 0)
			return false;
	return true;
}

struct doors *doors_new(struct dash *dash, doors_cb *cb)
{
	struct doors *doors = calloc(1, sizeof(*doors));

	if (!doors)
		return NULL;
	doors->dash = dash;
	doors->cb = cb;
	/* Those that are being ended still have their places. */
	doors->most = 2 * (size_t)dash->setup->connections_most;
	doors->all = calloc(doors->most, sizeof(*doors->all));
	for (unsigned i = 0; doors->all && i < DASH_DOORS; i++) {
		doors->entrances[i] = (struct entrance){.doors = doors,
			.door = (enum door)i,
			.tls = dash->setup->doors[i].tls};
		if (!entrance_open(
			    &doors->entrances[i], &dash->setup->doors[i])) {
			doors_free(&doors);
			return NULL;
		}
	}
	if (!doors->all)
		doors_free(&doors);
	return doors;
}

void doors_free(struct doors **doors)
{
	struct doors *d = *doors;

	if (!d)
		return;
	for (unsigned i = 0; i < DASH_DOORS; i++)
		if (d->entrances[i].http)
			evhttp_free(d->entrances[i].http);
	for (size_t i = 0; d->all && i < d->most; i++)
		if (d->all[i].stream)
			bury(d, &d->all[i]);
	free(d->all);
	free(d);
	*doors = NULL;
}
