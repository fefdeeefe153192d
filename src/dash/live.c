/*
 * Who watches (see live.h).
 *
 * All see the same: the keeper is asked once, whoever watches. What it answers
 * is one line of JSON each and goes out as it is. A watcher who does not read
 * is ended; his browser comes again by itself.
 */
#include "live.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "asker.h"
#include "pending.h"
#include "reply.h"

struct watcher {
	struct live *live;
	struct evhttp_request *request; /* NULL: a free place */
};

/* One of the things that are asked each second. */
struct topic {
	struct live *live;
	const char *event, *command;
	bool asked; /* its answer is on the way */
};

enum { TOPICS = 3 };

struct live {
	struct dash *dash;
	struct watcher all[LIVE_MOST];
	struct topic topics[TOPICS];
	unsigned count;
};

struct live *live_new(struct dash *dash)
{
	static const char *const names[TOPICS][2] = {{"status", "status"},
		{"watch", "watch"}, {"backends", "backends.list"}};
	struct live *live = calloc(1, sizeof(*live));

	if (!live)
		return NULL;
	live->dash = dash;
	for (size_t i = 0; i < TOPICS; i++)
		live->topics[i] = (struct topic){.live = live,
			.event = names[i][0],
			.command = names[i][1]};
	return live;
}

unsigned live_count(const struct live *live)
{
	return live->count;
}

static void on_close(struct evhttp_connection *http, void *arg)
{
	struct watcher *watcher = arg;

	pending_lost(watcher->request);
	watcher->request = NULL;
	watcher->live->count--;
}

void live_watch(struct live *live, struct evhttp_request *request)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(request);
	struct watcher *watcher = NULL;

	for (size_t i = 0; i < LIVE_MOST && !watcher; i++)
		if (!live->all[i].request)
			watcher = &live->all[i];
	if (!watcher) {
		live->dash->refused_total++;
		reply_error(request, 503, "too many watch already");
		return;
	}
	reply_headers(request);
	reply_tag(request, NULL);
	(void)evhttp_add_header(out, "Content-Type", "text/event-stream");
	*watcher = (struct watcher){live, request};
	live->count++;
	evhttp_connection_set_closecb(
		evhttp_request_get_connection(request), on_close, watcher);
	evhttp_send_reply_start(request, HTTP_OK, "OK");
	live_tick(live);
}

/* ---- telling ---- */

/* true: he is so far behind that he is ended. */
static bool is_behind(const struct watcher *watcher)
{
	struct bufferevent *stream = evhttp_connection_get_bufferevent(
		evhttp_request_get_connection(watcher->request));
	size_t n = evbuffer_get_length(bufferevent_get_output(stream));

	if (n <= LIVE_BEHIND_BYTES)
		return false;
	(void)shutdown(bufferevent_getfd(stream), SHUT_RDWR);
	return true; /* on_close() forgets him */
}

static void tell(
	struct live *live, const char *event, const char *line, size_t n)
{
	struct evbuffer *text = evbuffer_new();

	for (size_t i = 0; text && i < LIVE_MOST; i++) {
		struct watcher *watcher = &live->all[i];

		if (!watcher->request || is_behind(watcher))
			continue;
		/* No memory: this state is lost, the next comes in a second. */
		(void)evbuffer_add_printf(text, "event: %s\ndata: ", event);
		(void)evbuffer_add(text, line, n);
		(void)evbuffer_add(text, "\n\n", 2);
		evhttp_send_reply_chunk(watcher->request, text); /* drains */
	}
	if (text)
		evbuffer_free(text);
}

static void on_answer(void *arg, const char *line, size_t n)
{
	struct topic *topic = arg;

	topic->asked = false;
	if (line)
		tell(topic->live, topic->event, line, n);
	else
		tell(topic->live, "away", "{}", 2);
}

void live_tick(struct live *live)
{
	for (size_t i = 0; i < TOPICS && live->count > 0; i++) {
		struct topic *topic = &live->topics[i];

		if (!topic->asked)
			topic->asked = asker_ask(live->dash->asker,
				json_pack("{s:s}", "command", topic->command),
				on_answer, topic);
	}
}

/* The connections end with their server. */
void live_free(struct live **live)
{
	for (size_t i = 0; *live && i < LIVE_MOST; i++)
		if ((*live)->all[i].request)
			evhttp_connection_set_closecb(
				evhttp_request_get_connection(
					(*live)->all[i].request),
				NULL, NULL);
	free(*live);
	*live = NULL;
}
