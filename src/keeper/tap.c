/*
 * The log as it is written, by all processes, for those who follow it.
 *
 * A datagram holds whole lines (base/log.c). Little is read in a turn: logins
 * go first, and a follower's socket must get rid of what it was given before
 * it gets more. What this process does with a line must make no line itself.
 */
#include "tap.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "overseer.h"

enum {
	TAP_MAGIC = 0x746170,
	DATAGRAM_LONGEST = 65536,
	DATAGRAMS_A_TURN = 2,
};

struct tap {
	unsigned magic;
	struct hub *hub;
	int fd; /* -1: closed */
	struct event *readable;
	bool asked;
	char text[DATAGRAM_LONGEST];
};

struct tap *tap_new(void)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (tap != NULL)
		*tap = (struct tap){.magic = TAP_MAGIC, .fd = -1};
	return tap;
}

static void shut(struct tap *tap)
{
	if (tap->readable != NULL)
		event_free(tap->readable);
	tap->readable = NULL;
	if (tap->fd >= 0)
		(void)close(tap->fd);
	tap->fd = -1;
}

void tap_free(struct tap **tap)
{
	if (*tap == NULL)
		return;
	shut(*tap);
	(*tap)->magic = 0;
	free(*tap);
	*tap = NULL;
}

bool tap_is_open(const struct hub *hub)
{
	return hub->tap->fd >= 0;
}

bool tap_want(struct hub *hub)
{
	struct tap *tap = hub->tap;

	if (tap->fd < 0 && !tap->asked)
		tap->asked = overseer_ask_tap(hub);
	return tap->fd >= 0 || tap->asked;
}

void tap_close(struct hub *hub)
{
	hub->tap->asked = false; /* an answer that was lost is asked for anew */
	shut(hub->tap);
}

static void hand_on(struct hub *hub, const char *text, size_t n)
{
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t line_n = end != NULL ? (size_t)(end - text) : n;

		if (line_n > 0)
			control_log_line(hub, slice_of(text, line_n));
		if (end == NULL)
			return;
		n -= line_n + 1;
		text = end + 1;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tap *tap = arg;

	if (tap->magic != TAP_MAGIC)
		return;
	for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
		ssize_t n = read(fd, tap->text, sizeof(tap->text));

		if (n < 0)
			return; /* nothing now */
		if (n == 0) {
			shut(tap);
			control_log_over(tap->hub);
			return;
		}
		hand_on(tap->hub, tap->text, (size_t)n);
	}
}

void tap_take(struct hub *hub, int fd)
{
	struct tap *tap = hub->tap;

	tap->asked = false;
	shut(tap);
	tap->hub = hub;
	tap->fd = fd;
	if (fd >= 0)
		tap->readable = event_new(
			hub->base, fd, EV_READ | EV_PERSIST, on_readable, tap);
	if (tap->readable != NULL && event_add(tap->readable, NULL) == 0) {
		control_log_opened(hub);
		return;
	}
	shut(tap);
	control_log_over(hub);
}
