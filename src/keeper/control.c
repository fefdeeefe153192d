/*
 * The control socket.
 *
 * Who may connect is root and the control group (mode 0660); they may order
 * all, but must not be able to hurt by accident: lines, clients and idle time
 * are limited, a client that does not read its answers is not read either.
 * What a request means is commands.c's; here are only lines.
 *
 * Death in two steps: a client that is gone is marked and reclaimed at the end
 * of the turn.
 */
#include "control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/log.h"
#include "commands.h"
#include "explain.h"
#include "roster.h"
#include "spare.h"
#include "store_find.h"
#include "tap.h"

enum {
	CONTROL_MAGIC = 0x636f6e74,
	CLIENT_MAGIC = 0x636c6965,
	BACKLOG = 32,
	OUT_MOST_BYTES = 262144,   /* not yet read by the client: wait */
	UNREAD_MOST_BYTES = 65536, /* of the log: dropped */
	ACCEPT_PAUSE_MS = 1000,	   /* without descriptors */
	QUESTION_WAIT_MS = 4000,   /* for the journal */
	MS_PER_S = 1000,
};

struct client {
	unsigned magic;
	struct hub *hub;
	struct client *next;
	struct bufferevent *stream;
	struct commands_caller caller;
	struct commands_later later; /* what its answer waits for */
	mono_ms_t later_by;	     /* then it waits no more */
	bool following;		     /* it has been told that lines come */
	bool closing;		     /* after its last answer */
	bool gone;
};

struct control {
	unsigned magic;
	struct hub *hub;
	int fd;
	struct event *acceptable;
	struct event *answered; /* by the store */
	bool opened_here;	/* the path is ours to remove */
	mono_ms_t paused_until; /* 0: accepting */
	struct client *first;
	unsigned client_count;
	uint64_t refused_count; /* were too many */
	uint64_t dropped_count; /* followers that did not read */
};

/* ---- one client ---- */

/*
 * The object as a line. NULL: no memory. Into memory of a known size, because
 * json_dumps() can leave a member's name out when its own buffer cannot grow.
 */
static char *text_of(const json_t *object, size_t *ret_n)
{
	const size_t flags = JSON_COMPACT | JSON_ENSURE_ASCII;
	size_t n = object == NULL ? 0 : json_dumpb(object, NULL, 0, flags);
	char *text = n == 0 ? NULL : malloc(n + 1);

	if (text == NULL)
		return NULL;
	if (json_dumpb(object, text, n, flags) != n) {
		free(text);
		return NULL;
	}
	text[n] = '\n';
	*ret_n = n + 1;
	return text;
}

/* Steals the object. */
static void say(struct client *client, json_t *object)
{
	struct evbuffer *out = bufferevent_get_output(client->stream);
	size_t n;
	char *text = text_of(object, &n);

	json_decref(object);
	/* No memory: half an answer is none. What was added is written although
	 * libevent may not have had the memory to be told of it. */
	if (text == NULL || evbuffer_add(out, text, n) != 0 ||
		bufferevent_enable(client->stream, EV_WRITE) != 0)
		client->gone = true;
	free(text);
}

static void follow(struct client *client)
{
	client->following = true;
	say(client, json_pack("{s:b}", "ok", 1));
}

static bool is_waiting(const struct client *client)
{
	return client->later.reload || client->later.upgrade ||
	       client->later.question != 0 || client->later.roster != 0 ||
	       client->later.follow != NULL;
}

static void start_waiting(struct client *client)
{
	uint64_t wait_ms = client->later.reload || client->later.upgrade
				   ? (uint64_t)CONTROL_RELOAD_S * MS_PER_S
				   : (uint64_t)QUESTION_WAIT_MS;

	client->later_by = hub_now(client->hub) + wait_ms;
}

/* It may be silent as long as it likes, but not deaf. */
static void start_following(struct client *client)
{
	const struct timeval idle = {.tv_sec = CONTROL_IDLE_S};

	/* Both fail only for what we do not use. */
	(void)bufferevent_set_timeouts(client->stream, NULL, &idle);
	(void)bufferevent_set_max_single_write(
		client->stream, UNREAD_MOST_BYTES);
	if (tap_is_open(client->hub))
		follow(client);
}

static void one_line(struct client *client, const char *line, size_t n)
{
	json_error_t error;
	json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);
	json_t *answer;

	if (!json_is_object(request)) {
		json_decref(request);
		say(client,
			commands_error(COMMANDS_USAGE,
				"the request is not a JSON object on one line",
				"send {\"command\":\"status\"}"));
		return;
	}
	answer = commands_run(
		client->hub, request, &client->caller, &client->later);
	json_decref(request);
	if (is_waiting(client))
		start_waiting(client);
	else
		say(client, answer);
	if (client->later.follow != NULL)
		start_following(client);
}

static bool may_serve(const struct client *client)
{
	return !client->gone && !client->closing && !is_waiting(client) &&
	       evbuffer_get_length(bufferevent_get_output(client->stream)) <
		       OUT_MOST_BYTES;
}

/* One line of what has come. false: there is none yet. */
static bool serve_one(struct client *client)
{
	struct evbuffer *in = bufferevent_get_input(client->stream);
	struct evbuffer_ptr end =
		evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
	char *line;
	size_t n;

	if (end.pos < 0 && evbuffer_get_length(in) < CONTROL_LINE_LONGEST)
		return false;
	if (end.pos < 0 || end.pos >= CONTROL_LINE_LONGEST) {
		say(client, commands_error(COMMANDS_USAGE,
				    "the request is longer than 4096 octets",
				    "send a shorter one"));
		client->closing = true;
		return true;
	}
	line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF);
	if (line == NULL) {
		client->gone = true; /* no memory */
		return true;
	}
	one_line(client, line, n);
	free(line);
	return true;
}

/* Only its end is of interest; what it says is not. */
static void hear_follower(struct client *client)
{
	struct evbuffer *in = bufferevent_get_input(client->stream);

	(void)evbuffer_drain(in, evbuffer_get_length(in));
	(void)bufferevent_enable(client->stream, EV_READ);
}

/*
 * Answers what has come, as long as the client reads the answers. Not reading
 * is what holds a client back: a high watermark of libevent's would call
 * on_read() for ever while the input is full.
 */
static void serve(struct client *client)
{
	while (may_serve(client) && serve_one(client))
		continue;
	if (client->later.follow != NULL && !client->closing) {
		hear_follower(client);
		return;
	}
	if (may_serve(client))
		(void)bufferevent_enable(client->stream, EV_READ);
	else
		(void)bufferevent_disable(client->stream, EV_READ);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct client *client = arg;

	if (client->magic == CLIENT_MAGIC && !client->gone)
		serve(client);
}

/* The answers have left. */
static void on_write(struct bufferevent *stream, void *arg)
{
	struct client *client = arg;

	if (client->magic != CLIENT_MAGIC || client->gone)
		return;
	if (client->closing)
		client->gone = true;
	else
		serve(client);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct client *client = arg;

	if (client->magic != CLIENT_MAGIC)
		return;
	/* `echo … | nc -N`: it has said all and still wants its answers. */
	if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_READING) != 0 &&
		evbuffer_get_length(bufferevent_get_output(stream)) > 0) {
		client->closing = true;
		return;
	}
	client->gone = true;
}

static void client_free(struct control *control, struct client *client)
{
	roster_drop(control->hub->roster, client->later.roster);
	log_filter_free(&client->later.follow);
	if (client->stream != NULL)
		bufferevent_free(client->stream);
	if (!client->caller.page)
		control->client_count--;
	client->magic = 0;
	free(client);
}

/* NULL: no memory; the descriptor is closed. */
static struct client *client_open(struct control *control, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL) {
		(void)close(fd);
		return NULL;
	}
	control->client_count++;
	client->magic = CLIENT_MAGIC;
	client->hub = control->hub;
	client->stream = bufferevent_socket_new(
		control->hub->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (client->stream == NULL) {
		(void)close(fd);
		client_free(control, client);
		return NULL;
	}
	client->next = control->first;
	control->first = client;
	bufferevent_setcb(client->stream, on_read, on_write, on_event, client);
	/* Fails only for sizes that we do not use. */
	(void)bufferevent_set_max_single_read(
		client->stream, CONTROL_LINE_LONGEST);
	return client;
}

static void client_new(struct control *control, int fd)
{
	struct client *client = client_open(control, fd);
	const struct timeval idle = {.tv_sec = CONTROL_IDLE_S};
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t n = sizeof(cred);

	if (client == NULL)
		return;
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n); /* else -1 */
	client->caller = (struct commands_caller){
		.uid = (int64_t)cred.uid,
		.pid = (int64_t)cred.pid,
	};
	/* Fails only for times that we do not use. */
	(void)bufferevent_set_timeouts(client->stream, &idle, &idle);
	if (control->client_count > CONTROL_CLIENTS_MOST) {
		control->refused_count++;
		say(client, commands_error(COMMANDS_UNAVAILABLE,
				    "too many control clients at once",
				    "try again in a moment"));
		client->closing = true;
	}
	if (bufferevent_enable(client->stream,
		    client->closing ? EV_WRITE : EV_READ | EV_WRITE) != 0)
		client->gone = true;
}

void control_adopt(struct hub *hub, int fd)
{
	struct client *client;

	for (client = hub->control->first; client; client = client->next)
		client->gone = client->gone || client->caller.page;
	(void)evutil_make_socket_nonblocking(fd);
	client = client_open(hub->control, fd);
	if (client == NULL)
		return;
	client->caller =
		(struct commands_caller){.uid = -1, .pid = -1, .page = true};
	hub->control->client_count--;
	if (bufferevent_enable(client->stream, EV_READ | EV_WRITE) != 0)
		client->gone = true;
}

/* ---- answers that took their time ---- */

/* answer: NULL: the journal was not read in time. */
static void explain(struct client *client, const struct store_answer *answer)
{
	client->later.question = 0;
	say(client, explain_answer(client->hub, client->later.subject,
			    client->later.by_name, answer));
	serve(client);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct control *control = arg;
	struct store_answer answer;

	if (control->magic != CONTROL_MAGIC)
		return;
	while (store_answer_take(control->hub->store, &answer)) {
		for (struct client *client = control->first; client != NULL;
			client = client->next)
			if (client->later.question == answer.id &&
				!client->gone)
				explain(client, &answer);
		store_answer_done(&answer);
	}
}

/* All workers have answered, or they had time enough. */
static void answer_roster(struct client *client)
{
	struct roster *roster = client->hub->roster;
	uint64_t question = client->later.roster;

	if (!roster_ready(roster, question, hub_now(client->hub)))
		return;
	client->later.roster = 0;
	say(client, roster_answer(roster, question));
	serve(client);
}

/* The last words to who follows the log. */
static void end_following(
	struct client *client, const char *error, const char *hint)
{
	say(client, commands_error(COMMANDS_UNAVAILABLE, error, hint));
	client->closing = true;
}

static bool is_late(const struct client *client)
{
	return is_waiting(client) && !client->gone && !client->closing &&
	       !client->following && hub_now(client->hub) >= client->later_by;
}

/* What was waited for does not come. */
static void give_up(struct client *client)
{
	if (client->later.follow != NULL)
		end_following(client,
			"the supervisor does not give the lines of the log",
			"try again in a moment");
	else if (client->later.question == 0)
		client->gone = true;
	else
		explain(client, NULL);
}

/* ---- the socket ---- */

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct control *control = arg;
	int taken;

	if (control->magic != CONTROL_MAGIC)
		return;
	taken = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (taken >= 0) {
		/* Those beyond the limit hear why, but not without end. */
		if (control->client_count < CONTROL_CLIENTS_MOST * 2) {
			client_new(control, taken);
			return;
		}
		control->refused_count++;
		(void)close(taken);
		return;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		errno == ENOBUFS) {
		/* Readable for ever: look away for a moment. */
		(void)event_del(control->acceptable);
		control->paused_until = hub_now(control->hub) + ACCEPT_PAUSE_MS;
	}
}

/* Is nobody behind it? Then it is left over from a crash. */
static bool path_is_stale(const struct sockaddr_un *name)
{
	struct stat st;
	bool stale;
	int fd;

	if (lstat(name->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, (const struct sockaddr *)name, sizeof(*name)) !=
			0 &&
		errno == ECONNREFUSED;
	(void)close(fd);
	return stale;
}

static int open_path(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	mode_t before;
	int fd, result;

	if (strlen(path) >= sizeof(name.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (path_is_stale(&name))
		(void)unlink(path); /* bind() says if it is still there */
	before = umask(0117);	    /* 0660 from birth */
	result = bind(fd, (const struct sockaddr *)&name, sizeof(name));
	(void)umask(before);
	if (result == 0)
		result = listen(fd, BACKLOG);
	if (result == 0)
		return fd;
	result = errno;
	(void)close(fd);
	errno = result;
	return -1;
}

struct control *control_new(struct hub *hub, int fd)
{
	struct control *control = calloc(1, sizeof(*control));
	const char *path = hub->conf->global.control;

	if (control == NULL)
		return NULL;
	spare_init();
	*control = (struct control){
		.magic = CONTROL_MAGIC,
		.hub = hub,
		.fd = fd >= 0 ? fd : open_path(path),
		.opened_here = fd < 0,
	};
	if (control->fd < 0) {
		control->opened_here = false;
		log_say(LOG_ERROR, "control-failed", "%s: %s", path,
			strerror(errno));
		control_free(&control);
		return NULL;
	}
	(void)evutil_make_socket_nonblocking(control->fd); /* or accept waits
					for a client that has just gone */
	control->acceptable = event_new(hub->base, control->fd,
		EV_READ | EV_PERSIST, on_acceptable, control);
	control->answered = event_new(hub->base, store_answer_fd(hub->store),
		EV_READ | EV_PERSIST, on_answer, control);
	if (control->acceptable == NULL ||
		event_add(control->acceptable, NULL) != 0 ||
		control->answered == NULL ||
		event_add(control->answered, NULL) != 0)
		control_free(&control);
	return control;
}

void control_free(struct control **control)
{
	if (*control == NULL)
		return;
	while ((*control)->first != NULL) {
		struct client *client = (*control)->first;

		(*control)->first = client->next;
		client_free(*control, client);
	}
	if ((*control)->acceptable != NULL)
		event_free((*control)->acceptable);
	if ((*control)->answered != NULL)
		event_free((*control)->answered);
	if ((*control)->opened_here)
		(void)unlink((*control)->hub->conf->global.control);
	if ((*control)->fd >= 0)
		(void)close((*control)->fd);
	(*control)->magic = 0;
	free(*control);
	*control = NULL;
}

uint64_t control_refused_count(const struct control *control)
{
	return control->refused_count;
}

void control_reload_done(struct hub *hub, const struct message_text *text)
{
	for (struct client *client = hub->control->first; client != NULL;
		client = client->next) {
		if (!client->later.reload || client->gone)
			continue;
		client->later.reload = false;
		say(client, commands_reload_answer(text));
		serve(client);
	}
}

void control_upgrade_done(struct hub *hub, const struct message_text *text)
{
	if (hub->upgrade == NULL)
		hub->upgrade = malloc(sizeof(*text));
	if (hub->upgrade != NULL)
		*hub->upgrade = *text;
	for (struct client *client = hub->control->first; client != NULL;
		client = client->next) {
		if (!client->later.upgrade || client->gone)
			continue;
		client->later.upgrade = false;
		say(client, commands_upgrade_answer(text));
		serve(client);
	}
}

/* ---- who follows the log ---- */

/* postern writes ASCII; what is no UTF-8 is none of its lines. */
static json_t *line_text(struct slice line)
{
	json_t *text = json_stringn((const char *)line.p, line.n);

	return text != NULL ? text : json_string("(no UTF-8)");
}

unsigned control_follower_count(const struct control *control)
{
	unsigned count = 0;

	for (const struct client *client = control->first; client != NULL;
		client = client->next)
		count += client->later.follow != NULL && !client->gone;
	return count;
}

uint64_t control_dropped_count(const struct control *control)
{
	return control->dropped_count;
}

void control_log_opened(struct hub *hub)
{
	for (struct client *client = hub->control->first; client != NULL;
		client = client->next)
		if (client->later.follow != NULL && !client->following &&
			!client->closing && !client->gone)
			follow(client);
}

static void tell_line(struct client *client, struct slice line)
{
	struct evbuffer *out = bufferevent_get_output(client->stream);

	if (!log_filter_wants(client->later.follow, line))
		return;
	if (evbuffer_get_length(out) <= UNREAD_MOST_BYTES) {
		say(client, json_pack("{s:o}", "line", line_text(line)));
		return;
	}
	client->hub->control->dropped_count++;
	end_following(client,
		"more than 64 KiB of the log were not read in time",
		"read faster, or follow less: --event, --from, --user, --rule");
}

void control_log_line(struct hub *hub, struct slice line)
{
	for (struct client *client = hub->control->first; client != NULL;
		client = client->next)
		if (client->following && !client->closing && !client->gone)
			tell_line(client, line);
}

void control_log_over(struct hub *hub)
{
	for (struct client *client = hub->control->first; client != NULL;
		client = client->next)
		if (client->later.follow != NULL && !client->closing &&
			!client->gone)
			end_following(client, "the lines of the log have ended",
				"try again in a moment");
}

void control_flush(struct hub *hub)
{
	struct control *control = hub->control;
	struct client **place = &control->first;

	while (*place != NULL) {
		struct client *client = *place;

		if (client->later.roster != 0 && !client->gone)
			answer_roster(client);
		if (is_late(client))
			give_up(client);
		if (!client->gone) {
			place = &client->next;
			continue;
		}
		*place = client->next;
		client_free(control, client);
	}
	if (control_follower_count(control) == 0)
		tap_close(hub);
	if (control->paused_until != 0 &&
		hub_now(hub) >= control->paused_until &&
		event_add(control->acceptable, NULL) == 0)
		control->paused_until = 0;
}
