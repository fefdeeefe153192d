/*
 * The line to the keeper (see asker.h).
 *
 * Answers come in the order of the questions, so who waits stands in a ring.
 * A question that is overdue is given up at once and its place kept until its
 * answer, which nobody wants any more, has come. When the line ends all are
 * told; the supervisor sends a new one with a new keeper.
 */
#include "asker.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"

enum { ASKER_MAGIC = 0x61736b72, ANSWER_MOST_BYTES = 4 * 1024 * 1024 };

struct question {
	asker_cb *cb; /* NULL: given up */
	void *arg;
	mono_ms_t by;
};

struct asker {
	unsigned magic;
	struct dash *dash;
	struct bufferevent *stream; /* NULL: none */
	struct event *lost;	    /* tells those whom nobody will answer */
	struct question ring[ASKER_MOST];
	size_t first, count;
	size_t searched; /* octets of the input without a newline */
};

static void give_up(struct question *question)
{
	asker_cb *cb = question->cb;

	question->cb = NULL;
	if (cb)
		cb(question->arg, NULL, 0);
}

/* Those who are there now: who asks again from within goes behind them. */
static void give_up_all(struct asker *asker)
{
	for (size_t n = asker->count; n > 0; n--) {
		struct question *question = &asker->ring[asker->first];

		asker->first = (asker->first + 1) % ASKER_MOST;
		asker->count--;
		give_up(question);
	}
}

static void close_stream(struct asker *asker)
{
	if (asker->stream)
		bufferevent_free(asker->stream);
	asker->stream = NULL;
	asker->searched = 0;
}

static void answered(struct asker *asker, const char *line, size_t n)
{
	struct question *question = &asker->ring[asker->first];
	asker_cb *cb = question->cb;

	if (asker->count == 0)
		return; /* nobody asked */
	asker->first = (asker->first + 1) % ASKER_MOST;
	asker->count--;
	question->cb = NULL;
	if (cb)
		cb(question->arg, line, n);
}

/* false: there is no whole line yet. */
static bool one_line(struct asker *asker)
{
	struct evbuffer *in = bufferevent_get_input(asker->stream);
	struct evbuffer_ptr from, end;
	char *line;
	size_t n;

	if (evbuffer_ptr_set(in, &from, asker->searched, EVBUFFER_PTR_SET) != 0)
		return false;
	end = evbuffer_search(in, "\n", 1, &from);
	asker->searched = evbuffer_get_length(in);
	if (end.pos < 0)
		return false;
	asker->searched = 0;
	line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF);
	if (line)
		answered(asker, line, n);
	free(line);
	return line != NULL;
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct asker *asker = arg;

	if (asker->magic != ASKER_MAGIC)
		return;
	/* An answer may have come by a line that has been replaced since. */
	while (asker->stream == stream && one_line(asker))
		continue;
	if (asker->stream == stream &&
		evbuffer_get_length(bufferevent_get_input(stream)) >
			ANSWER_MOST_BYTES) {
		close_stream(asker);
		give_up_all(asker);
	}
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct asker *asker = arg;

	if (asker->magic != ASKER_MAGIC || asker->stream != stream)
		return;
	close_stream(asker);
	log_say(LOG_WARN, "keeper-away",
		"the keeper does not answer; the page waits for the next one");
	give_up_all(asker);
}

static void on_lost(evutil_socket_t fd, short what, void *arg)
{
	struct asker *asker = arg;

	if (asker->magic == ASKER_MAGIC && !asker->stream)
		give_up_all(asker);
}

void asker_attach(struct asker *asker, int fd)
{
	close_stream(asker);
	give_up_all(asker);
	(void)evutil_make_socket_nonblocking(fd);
	asker->stream = bufferevent_socket_new(
		asker->dash->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!asker->stream) {
		(void)close(fd);
		return;
	}
	bufferevent_setcb(asker->stream, on_read, NULL, on_event, asker);
	if (bufferevent_enable(asker->stream, EV_READ | EV_WRITE) != 0)
		close_stream(asker);
}

struct asker *asker_new(struct dash *dash, int fd)
{
	struct asker *asker = calloc(1, sizeof(*asker));

	if (!asker)
		return NULL;
	asker->magic = ASKER_MAGIC;
	asker->dash = dash;
	asker->lost = evtimer_new(dash->base, on_lost, asker);
	if (!asker->lost)
		asker_free(&asker);
	else if (fd >= 0)
		asker_attach(asker, fd);
	return asker;
}

void asker_free(struct asker **asker)
{
	if (!*asker)
		return;
	close_stream(*asker);
	give_up_all(*asker);
	if ((*asker)->lost)
		event_free((*asker)->lost);
	(*asker)->magic = 0;
	free(*asker);
	*asker = NULL;
}

/* Without a line the answer is that there is none, in the next turn. */
static bool send_line(struct asker *asker, const json_t *request)
{
	const struct timeval soon = {0};
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	bool sent = text != NULL;

	if (sent && asker->stream)
		sent = evbuffer_add_printf(
			       bufferevent_get_output(asker->stream), "%s\n",
			       text) >= 0;
	else if (sent)
		sent = event_add(asker->lost, &soon) == 0;
	free(text);
	return sent;
}

bool asker_ask(struct asker *asker, json_t *request, asker_cb *cb, void *arg)
{
	bool sent = !asker->dash->stop && asker->count < ASKER_MOST &&
		    send_line(asker, request);

	json_decref(request);
	if (!sent)
		return false;
	asker->ring[(asker->first + asker->count) % ASKER_MOST] =
		(struct question){cb, arg, clock_mono_ms() + ASKER_WAIT_MS};
	asker->count++;
	return true;
}

void asker_tick(struct asker *asker)
{
	for (size_t i = 0; i < asker->count; i++) {
		struct question *question =
			&asker->ring[(asker->first + i) % ASKER_MOST];

		if (question->cb && question->by <= clock_mono_ms())
			give_up(question);
	}
}

bool asker_connected(const struct asker *asker)
{
	return asker->stream != NULL;
}
