/*
 * The keeper's channel to the supervisor.
 *
 * Hands on what it brings: channels to workers, a new firewall helper, a new
 * configuration, the outcome of a reload. The configuration comes as text in a
 * memfd, for the keeper may not read the operator's files; the supervisor has
 * checked it already, so an error here is a bug and leaves the old one in
 * force. The end of the channel is the end of the keeper: nobody would start
 * the next one.
 */
#include "overseer.h"

#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/whole.h"
#include "../ipc/channel.h"
#include "control.h"
#include "dns_lists.h"
#include "ear.h"
#include "firewall.h"
#include "geo.h"
#include "hooks.h"
#include "listings.h"
#include "peers.h"
#include "tap.h"

enum {
	OVERSEER_MAGIC = 0x6f766572,
	QUEUE_MOST_BYTES = 262144,
	CONF_MOST_BYTES = 4 * 1024 * 1024,
	GIVE_TRIES = 50,
	GIVE_PAUSE_MS = 100,
};

struct overseer {
	unsigned magic;
	struct hub *hub;
	struct channel *channel; /* NULL: none */
	struct event *readable, *writable;
	struct message_own own; /* what the hub's list points to */
};

static void hear_conf(struct overseer *overseer, int fd)
{
	struct conf_errors errors = {0};
	struct conf *conf = NULL;
	char *text = fd < 0 ? NULL : whole_text(fd, CONF_MOST_BYTES, NULL);

	if (text != NULL)
		conf = conf_parse(text, "configuration", &errors);
	free(text);
	if (conf == NULL)
		log_say(LOG_ERROR, "configure-failed",
			"the new configuration cannot be read, the old one "
			"stays: %s",
			errors.text != NULL ? errors.text : "no text");
	conf_errors_done(&errors);
	if (conf == NULL)
		return;
	hub_configure(overseer->hub, conf);
	overseer_ready(overseer->hub);
}

/* The machine's addresses as they are now; the next MESSAGE_CONF counts
 * them in. */
static void hear_own(struct overseer *overseer, const struct message_own *own)
{
	if (own->count > MESSAGE_OWN_MOST)
		return;
	overseer->own = *own;
	overseer->hub->own = overseer->own.own;
	overseer->hub->own_count = own->count;
}

static void hear_channel(
	struct overseer *overseer, const struct message_channel *body, int fd)
{
	if (fd < 0)
		return;
	if (body->slot == KEEPER_SLOT_FIREWALL)
		firewall_attach(overseer->hub, fd);
	else if (body->slot == KEEPER_SLOT_DASH)
		control_adopt(overseer->hub, fd);
	else if (body->slot == KEEPER_SLOT_HOOK)
		hooks_attach(overseer->hub, fd);
	else if (body->slot == KEEPER_SLOT_FETCH)
		listings_attach(overseer->hub, fd);
	else
		peers_add(overseer->hub, fd, body->slot, body->pid);
}

/* true: the descriptor is the ear's. */
static bool hear_ear(
	struct overseer *overseer, const struct message_ear *body, int fd)
{
	char *text;

	switch ((enum ear_word)body->word) {
	case EAR_OFF: ear_off(overseer->hub); return false;
	case EAR_TROUBLE:
		ear_trouble(overseer->hub, (int)body->error);
		return false;
	case EAR_PATTERNS:
		text = fd < 0 ? NULL : whole_text(fd, CONF_MOST_BYTES, NULL);
		if (text != NULL)
			ear_patterns(overseer->hub, text);
		free(text);
		return false;
	case EAR_FILE:
		if (fd >= 0)
			ear_file(overseer->hub, fd);
		return true;
	}
	return false;
}

static void hear_geo(
	struct overseer *overseer, const struct message_geo *body, int fd)
{
	geo_take(overseer->hub, body->kind, fd, body->trouble != 0);
}

static void say_pong(struct hub *hub)
{
	const struct message_pong body = {
		.helper_silent_ms = firewall_silent_ms(hub)};

	firewall_ping(hub);
	(void)channel_send(
		hub->overseer->channel, MESSAGE_PONG, &body, sizeof(body));
}

static bool on_message(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	struct overseer *overseer = arg;

	switch (type) {
	case MESSAGE_CHANNEL:
		hear_channel(overseer, body, fd);
		return true; /* the descriptor is theirs */
	case MESSAGE_CONF: hear_conf(overseer, fd); break;
	case MESSAGE_OWN: hear_own(overseer, body); break;
	case MESSAGE_EAR:
		if (hear_ear(overseer, body, fd))
			return true;
		break;
	case MESSAGE_GEO:
		hear_geo(overseer, body, fd);
		return true; /* the descriptor is its */
	case MESSAGE_RESOLVER:
		dns_lists_socket(overseer->hub, body, fd);
		return true; /* the descriptor is theirs */
	case MESSAGE_TAP:
		tap_take(overseer->hub, fd);
		return true; /* the descriptor is its */
	case MESSAGE_RELOAD_DONE:
		control_reload_done(overseer->hub, body);
		break;
	case MESSAGE_UPGRADE_DONE:
		control_upgrade_done(overseer->hub, body);
		break;
	case MESSAGE_HAND_OVER:
		overseer->hub->handing_over = overseer->hub->stop = true;
		overseer->hub->memory_fd = fd;
		return true; /* kept for it */
	case MESSAGE_PING: say_pong(overseer->hub); break;
	case MESSAGE_NONE:
	case MESSAGE_PONG:
	case MESSAGE_HELLO:
	case MESSAGE_ASK:
	case MESSAGE_SETTLE:
	case MESSAGE_NOTE:
	case MESSAGE_STATS:
	case MESSAGE_SERVER:
	case MESSAGE_VERDICT:
	case MESSAGE_BAN:
	case MESSAGE_UNBAN:
	case MESSAGE_ALLOW:
	case MESSAGE_DISALLOW:
	case MESSAGE_SYNC_DONE:
	case MESSAGE_SESSION:
	case MESSAGE_SESSIONS_END:
	case MESSAGE_SESSIONS_ASK:
	case MESSAGE_RELOAD_ASK:
	case MESSAGE_RESOLVER_ASK:
	case MESSAGE_TAP_ASK:
	case MESSAGE_DRAIN:
	case MESSAGE_READY:
	case MESSAGE_UPGRADE_ASK:
	case MESSAGE_ADDRESSES:
	case MESSAGE_HOOK:
	case MESSAGE_HOOK_STATE:
	case MESSAGE_LIST:
	case MESSAGE_COUNT: break; /* not the supervisor's to say */
	}
	if (fd >= 0)
		(void)close(fd);
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct overseer *overseer = arg;
	enum channel_result result;

	if (overseer->magic != OVERSEER_MAGIC)
		return;
	do {
		result = channel_receive(
			overseer->channel, on_message, overseer);
	} while (result == CHANNEL_OK);
	if (result == CHANNEL_CLOSED)
		overseer->hub->stop = true;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	const struct overseer *overseer = arg;

	if (overseer->magic != OVERSEER_MAGIC)
		return;
	/* overseer_flush() at the end of this turn does it. */
}

static bool arm(struct overseer *overseer)
{
	struct event_base *base = overseer->hub->base;
	int fd = channel_fd(overseer->channel);

	overseer->readable = event_new(
		base, fd, EV_READ | EV_PERSIST, on_readable, overseer);
	overseer->writable =
		event_new(base, fd, EV_WRITE, on_writable, overseer);
	return overseer->readable != NULL && overseer->writable != NULL &&
	       event_add(overseer->readable, NULL) == 0;
}

struct overseer *overseer_new(struct hub *hub, int fd)
{
	struct overseer *overseer = calloc(1, sizeof(*overseer));

	if (overseer == NULL)
		return NULL;
	overseer->magic = OVERSEER_MAGIC;
	overseer->hub = hub;
	if (fd < 0)
		return overseer;
	overseer->channel = channel_new(fd, QUEUE_MOST_BYTES);
	if (overseer->channel == NULL || !arm(overseer))
		overseer_free(&overseer);
	return overseer;
}

void overseer_free(struct overseer **overseer)
{
	if (*overseer == NULL)
		return;
	if ((*overseer)->readable != NULL)
		event_free((*overseer)->readable);
	if ((*overseer)->writable != NULL)
		event_free((*overseer)->writable);
	channel_free(&(*overseer)->channel);
	(*overseer)->magic = 0;
	free(*overseer);
	*overseer = NULL;
}

static bool say(struct hub *hub, enum message_type type)
{
	struct channel *channel = hub->overseer->channel;

	return channel != NULL &&
	       channel_send(channel, type, NULL, 0) == CHANNEL_OK;
}

void overseer_ready(struct hub *hub)
{
	(void)say(hub, MESSAGE_READY); /* nobody to tell in a test */
}

bool overseer_ask_reload(struct hub *hub)
{
	return say(hub, MESSAGE_RELOAD_ASK);
}

bool overseer_ask_upgrade(struct hub *hub)
{
	return say(hub, MESSAGE_UPGRADE_ASK);
}

bool overseer_ask_tap(struct hub *hub)
{
	return say(hub, MESSAGE_TAP_ASK);
}

/* The loop has ended: this one waits for room in the line. */
bool overseer_give(struct hub *hub, enum message_type type, const void *body,
	size_t n, int fd)
{
	struct channel *channel = hub->overseer->channel;
	enum channel_result result = CHANNEL_CLOSED;

	for (unsigned i = 0; channel != NULL && i < GIVE_TRIES; i++) {
		struct pollfd p = {
			.fd = channel_fd(channel), .events = POLLOUT};

		result = channel_send_fd(channel, type, body, n, fd);
		if (result != CHANNEL_FULL)
			break;
		(void)poll(&p, 1, GIVE_PAUSE_MS);
	}
	return result == CHANNEL_OK;
}

bool overseer_ask_sockets(struct hub *hub, unsigned count)
{
	struct channel *channel = hub->overseer->channel;
	const struct message_resolver_ask body = {.count = count};

	return channel != NULL && channel_send(channel, MESSAGE_RESOLVER_ASK,
					  &body, sizeof(body)) == CHANNEL_OK;
}

void overseer_flush(struct hub *hub)
{
	struct overseer *overseer = hub->overseer;

	if (overseer->channel == NULL || !channel_waiting(overseer->channel))
		return;
	switch (channel_flush(overseer->channel)) {
	case CHANNEL_OK: break;
	case CHANNEL_AGAIN:
	case CHANNEL_FULL:
		(void)event_add(overseer->writable, NULL); /* else next turn */
		break;
	case CHANNEL_CLOSED: hub->stop = true; break;
	}
}
