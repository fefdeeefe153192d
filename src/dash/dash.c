/*
 * The process that speaks HTTP: puts its parts together and turns the loop
 * (see dash.h).
 */
#include "dash.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../base/log.h"
#include "../ipc/channel.h"
#include "api.h"
#include "asker.h"
#include "doors.h"
#include "inside.h"
#include "lists.h"
#include "live.h"

enum {
	EXIT_OS = 71, /* sysexits.h: EX_OSERR */
	TICKS_A_SECOND = 4,
	US_PER_S = 1000000,
	QUEUE_MOST_BYTES = 4096,
	LOG_LINES_MOST = 20,
};

/* What only the loop needs. */
struct loop {
	struct dash dash;
	struct channel *supervisor;
	struct event *readable, *term, *tick;
	unsigned ticks;
};

static void pong(struct loop *loop)
{
	const struct message_pong body = {0};

	(void)channel_send(loop->supervisor, MESSAGE_PONG, &body, sizeof body);
	(void)channel_flush(loop->supervisor);
}

static bool on_message(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	struct loop *loop = arg;

	if (type == MESSAGE_PING)
		pong(loop);
	if (type == MESSAGE_CHANNEL && fd >= 0)
		asker_attach(loop->dash.asker, fd);
	else if (fd >= 0)
		(void)close(fd);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;
	enum channel_result result;

	do
		result = channel_receive(loop->supervisor, on_message, loop);
	while (result == CHANNEL_OK);
	if (result == CHANNEL_CLOSED)
		loop->dash.stop = true;
}

static void on_term(evutil_socket_t number, short what, void *arg)
{
	struct loop *loop = arg;

	loop->dash.stop = true;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	doors_tick(loop->dash.doors);
	if (++loop->ticks % TICKS_A_SECOND != 0)
		return;
	asker_tick(loop->dash.asker);
	live_tick(loop->dash.live);
	lists_tick(loop->dash.lists);
}

static bool arm(struct loop *loop)
{
	const struct timeval each = {.tv_usec = US_PER_S / TICKS_A_SECOND};
	struct event_base *base = loop->dash.base;

	loop->term = evsignal_new(base, SIGTERM, on_term, loop);
	loop->tick = event_new(base, -1, EV_PERSIST, on_tick, loop);
	if (loop->supervisor)
		loop->readable = event_new(base, channel_fd(loop->supervisor),
			EV_READ | EV_PERSIST, on_readable, loop);
	return loop->term && event_add(loop->term, NULL) == 0 && loop->tick &&
	       event_add(loop->tick, &each) == 0 && loop->readable &&
	       event_add(loop->readable, NULL) == 0;
}

static bool make_parts(struct loop *loop)
{
	struct dash *dash = &loop->dash;

	dash->base = event_base_new();
	if (!dash->base)
		return false;
	loop->supervisor =
		channel_new(dash->setup->supervisor_fd, QUEUE_MOST_BYTES);
	dash->asker = asker_new(dash, dash->setup->keeper_fd);
	dash->live = live_new(dash);
	dash->lists = lists_new(dash);
	dash->doors = doors_new(dash, api_request);
	return dash->asker && dash->live && dash->lists && dash->doors &&
	       arm(loop);
}

static void event_done(struct event *event)
{
	if (event)
		event_free(event);
}

static void free_parts(struct loop *loop)
{
	struct dash *dash = &loop->dash;

	dash->stop = true;
	asker_free(&dash->asker); /* whoever waits is told */
	lists_free(&dash->lists);
	live_free(&dash->live);
	doors_free(&dash->doors);
	event_done(loop->term);
	event_done(loop->tick);
	event_done(loop->readable);
	channel_free(&loop->supervisor);
	if (dash->base)
		event_base_free(dash->base);
}

/* libevent would write its own lines to standard error, past the log. */
static void say_libevent(int severity, const char *text)
{
	log_begin(
		severity >= EVENT_LOG_WARN ? LOG_WARN : LOG_DEBUG, "libevent");
	log_str("message", text);
	log_end();
}

int dash_run(const struct dash_setup *setup)
{
	struct loop loop = {.dash = {.setup = setup}};
	bool good;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	event_set_log_callback(say_libevent);
	log_limit(LOG_LINES_MOST); /* what peers do is the reason of many */
	good = make_parts(&loop);
	while (good && !loop.dash.stop &&
		event_base_loop(loop.dash.base, EVLOOP_ONCE) >= 0)
		log_flush();
	if (!good)
		log_say(LOG_ERROR, "dash-failed", "cannot start: no memory");
	free_parts(&loop);
	log_flush();
	return good ? EXIT_SUCCESS : EXIT_OS;
}
