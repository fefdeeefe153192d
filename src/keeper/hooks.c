/*
 * The line to the process of the hooks (see hooks.h).
 *
 * While there is no line (that process is new, or not there yet) some events
 * wait; what is beyond those, or beyond the line's queue, is a number. Nothing
 * here waits for anybody: a flood of bans is a flood of small writes to a
 * socket that takes them or not.
 */
#include "hooks.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/text.h"
#include "../ipc/channel.h"

enum {
	HOOKS_MAGIC = 0x686f6f6b,
	QUEUE_MOST_BYTES = 512 * 1024,
	EARLY_MOST = 64, /* events that wait for a line */
};

/* A hook as its process last said; counts of processes before it in `base`. */
struct row {
	struct message_hook_state state;
	uint64_t base[HOOK_RESULTS];
};

struct hooks {
	unsigned magic;
	struct hub *hub;
	struct channel *channel; /* NULL: none */
	struct event *readable, *writable;
	struct message_hook early[EARLY_MOST];
	size_t early_count;
	uint64_t last_id;
	uint64_t lost[HOOK_KINDS]; /* not told yet, in no way */
	uint64_t lost_total;
	struct row rows[HOOKS_MOST];
	size_t row_count;
};

static const char *const event_names[HOOK_KINDS] = {
#define EVENT(id, name) [HOOK_##id] = (name),
#include "../base/hook_events.def"
#undef EVENT
};

static const char *const result_names[HOOK_RESULTS] = {
	"delivered", "failed", "retried", "dropped", "merged"};

struct hooks *hooks_new(struct hub *hub)
{
	struct hooks *hooks = calloc(1, sizeof(*hooks));

	if (hooks == NULL)
		return NULL;
	hooks->magic = HOOKS_MAGIC;
	hooks->hub = hub;
	/* Ids of a keeper before this one are lower. */
	hooks->last_id = (uint64_t)hub_wall(hub) << 24;
	return hooks;
}

static void disconnect(struct hooks *hooks)
{
	if (hooks->readable != NULL)
		event_free(hooks->readable);
	if (hooks->writable != NULL)
		event_free(hooks->writable);
	hooks->readable = hooks->writable = NULL;
	channel_free(&hooks->channel);
}

void hooks_free(struct hooks **hooks)
{
	if (*hooks == NULL)
		return;
	disconnect(*hooks);
	(*hooks)->magic = 0;
	free(*hooks);
	*hooks = NULL;
}

/* ---- what they say ---- */

static struct row *row_find(struct hooks *hooks, const char *name)
{
	for (size_t i = 0; i < hooks->row_count; i++)
		if (strcmp(hooks->rows[i].state.hook, name) == 0)
			return &hooks->rows[i];
	return NULL;
}

/* NULL: there are too many. */
static struct row *row_of(struct hooks *hooks, const char *name)
{
	struct row *row = row_find(hooks, name);

	if (row == NULL && hooks->row_count < HOOKS_MOST)
		row = &hooks->rows[hooks->row_count++];
	return row;
}

static bool on_message(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	struct hooks *hooks = arg;
	struct message_hook_state state;
	struct row *row;

	if (fd >= 0)
		(void)close(fd);
	if (type != MESSAGE_HOOK_STATE)
		return true;
	memcpy(&state, body, sizeof(state));
	/* It runs programs of others' making: its texts are looked at. */
	text_tame(state.hook, sizeof(state.hook));
	text_tame(state.last, sizeof(state.last));
	row = row_of(hooks, state.hook);
	if (row != NULL)
		row->state = state;
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct hooks *hooks = arg;
	enum channel_result result;

	if (hooks->magic != HOOKS_MAGIC)
		return;
	do
		result = channel_receive(hooks->channel, on_message, hooks);
	while (result == CHANNEL_OK);
	if (result == CHANNEL_CLOSED)
		disconnect(hooks);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	/* Only wakes the loop: hooks_flush() at the end of the turn. */
}

/* ---- telling ---- */

/* At once, so that one for whom nobody is there any more waits for the next. */
static bool said(struct hooks *hooks, const struct message_hook *what)
{
	if (hooks->channel == NULL ||
		channel_send(hooks->channel, MESSAGE_HOOK, what,
			sizeof(*what)) != CHANNEL_OK)
		return false;
	if (channel_flush(hooks->channel) != CHANNEL_CLOSED)
		return true;
	disconnect(hooks);
	return false;
}

static void lose(struct hooks *hooks, const struct message_hook *what)
{
	hooks->lost_total++;
	if (what->event < HOOK_KINDS)
		hooks->lost[what->event]++;
}

static void tell(struct hooks *hooks, struct message_hook *what)
{
	what->id = ++hooks->last_id;
	what->at = hub_wall(hooks->hub);
	if (said(hooks, what))
		return;
	if (hooks->channel == NULL && hooks->early_count < EARLY_MOST)
		hooks->early[hooks->early_count++] = *what;
	else
		lose(hooks, what);
}

static void tell_early(struct hooks *hooks)
{
	for (size_t i = 0; i < hooks->early_count; i++)
		if (!said(hooks, &hooks->early[i]))
			lose(hooks, &hooks->early[i]);
	hooks->early_count = 0;
}

void hooks_attach(struct hub *hub, int fd)
{
	struct hooks *hooks = hub->hooks;

	disconnect(hooks);
	hooks->channel = channel_new(fd, QUEUE_MOST_BYTES);
	if (hooks->channel == NULL) {
		(void)close(fd);
		return;
	}
	hooks->readable = event_new(
		hub->base, fd, EV_READ | EV_PERSIST, on_readable, hooks);
	hooks->writable =
		event_new(hub->base, fd, EV_WRITE, on_writable, hooks);
	if (hooks->readable == NULL || hooks->writable == NULL ||
		event_add(hooks->readable, NULL) != 0) {
		disconnect(hooks);
		return;
	}
	for (size_t i = 0; i < hooks->row_count; i++) {
		struct row *row = &hooks->rows[i];

		for (unsigned r = 0; r < HOOK_RESULTS; r++)
			row->base[r] += row->state.results[r];
		memset(row->state.results, 0, sizeof(row->state.results));
		row->state.waiting = row->state.running = 0;
	}
	tell_early(hooks);
}

static const struct conf_hook *hook_find(
	const struct hub *hub, const char *name)
{
	for (size_t i = 0; i < hub->conf->hook_count; i++)
		if (strcmp(hub->conf->hooks[i].title, name) == 0)
			return &hub->conf->hooks[i];
	return NULL;
}

static bool wanted(const struct hub *hub, enum hook_event event)
{
	for (size_t i = 0; i < hub->conf->hook_count; i++)
		if (conf_hook_wants(&hub->conf->hooks[i], event_names[event]))
			return true;
	return false;
}

void hooks_decision(struct hub *hub, enum hook_event event,
	const struct policy_action *action, const char *user,
	const char *reason)
{
	struct message_hook what = {.event = event,
		.until = hub_wall_of(hub, action->until),
		.failure_count = action->failure_count,
		.somewhere = action->prefix.bits > 0};

	if (!wanted(hub, event))
		return;
	what.prefix = action->prefix;
	text_put(what.rule, sizeof(what.rule), policy_rule_name(action->rule));
	text_put(what.user, sizeof(what.user), user);
	text_put(what.reason, sizeof(what.reason), reason);
	tell(hub->hooks, &what);
}

void hooks_server(struct hub *hub, bool down,
	const struct message_server *server, const char *place)
{
	struct message_hook what = {
		.event = down ? HOOK_BACKEND_DOWN : HOOK_BACKEND_UP};

	if (!wanted(hub, (enum hook_event)what.event))
		return;
	text_put(what.backend, sizeof(what.backend), server->backend);
	text_put(what.server, sizeof(what.server), server->name);
	text_put(what.address, sizeof(what.address), place);
	text_put(what.reason, sizeof(what.reason), down ? server->why : "");
	tell(hub->hooks, &what);
}

bool hooks_test(struct hub *hub, const char *name)
{
	struct message_hook what = {.event = HOOK_TEST};

	if (hook_find(hub, name) == NULL || hub->hooks->channel == NULL)
		return false;
	text_put(what.hook, sizeof(what.hook), name);
	text_put(what.reason, sizeof(what.reason), "posternctl hook test");
	tell(hub->hooks, &what);
	return true;
}

/* What was lost is told as a number, when there is room for that. */
static void tell_lost(struct hooks *hooks)
{
	struct message_hook what = {.event = HOOK_MORE,
		.id = hooks->last_id + 1,
		.at = hub_wall(hooks->hub)};
	uint64_t sum = 0;

	for (unsigned i = 0; i < HOOK_KINDS; i++) {
		what.more[i] = hooks->lost[i];
		sum += hooks->lost[i];
	}
	if (sum == 0 || !said(hooks, &what))
		return;
	hooks->last_id++;
	memset(hooks->lost, 0, sizeof(hooks->lost));
}

void hooks_flush(struct hub *hub)
{
	struct hooks *hooks = hub->hooks;

	if (hooks->channel == NULL)
		return;
	tell_lost(hooks);
	if (hooks->channel == NULL || !channel_waiting(hooks->channel))
		return;
	switch (channel_flush(hooks->channel)) {
	case CHANNEL_OK: break;
	case CHANNEL_AGAIN:
	case CHANNEL_FULL: (void)event_add(hooks->writable, NULL); break;
	case CHANNEL_CLOSED: disconnect(hooks); break;
	}
}

/* ---- shown ---- */

static const struct row *row_shown(const struct hub *hub, const char *name)
{
	static const struct row none;
	const struct row *row = row_find(hub->hooks, name);

	return row != NULL ? row : &none;
}

static uint64_t count_of(const struct row *row, enum hook_result result)
{
	return row->base[result] + row->state.results[result];
}

static json_t *hook_object(const struct hub *hub, const struct conf_hook *hook)
{
	const struct row *row = row_shown(hub, hook->title);
	json_t *object = json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:b, s:s}",
		"hook", hook->title, "kind",
		hook->exec.count > 0 ? "exec" : "url", "connected",
		hub->hooks->channel != NULL, "waiting",
		(json_int_t)row->state.waiting, "running",
		(json_int_t)row->state.running, "last_at",
		(json_int_t)row->state.last_at, "last_ok",
		(int)row->state.last_ok, "last", row->state.last);

	for (unsigned r = 0; r < HOOK_RESULTS; r++)
		(void)json_object_set_new(object, result_names[r],
			json_integer((json_int_t)count_of(
				row, (enum hook_result)r)));
	(void)json_object_set_new(object, "lost",
		json_integer((json_int_t)hub->hooks->lost_total));
	return object;
}

json_t *hooks_array(const struct hub *hub)
{
	json_t *array = json_array();

	for (size_t i = 0; i < hub->conf->hook_count; i++)
		(void)json_array_append_new(
			array, hook_object(hub, &hub->conf->hooks[i]));
	return array;
}

json_t *hooks_results(const struct hub *hub)
{
	json_t *array = json_array();

	for (size_t i = 0; i < hub->conf->hook_count; i++) {
		const char *name = hub->conf->hooks[i].title;
		const struct row *row = row_shown(hub, name);

		for (unsigned r = 0; r < HOOK_RESULTS; r++)
			(void)json_array_append_new(array,
				json_pack("{s:s, s:s, s:I}", "hook", name,
					"result", result_names[r], "count",
					(json_int_t)count_of(
						row, (enum hook_result)r)));
	}
	return array;
}
