/*
 * A copy of all log lines for the keeper, while somebody follows them.
 *
 * The keeper ends it by closing its end. One at a time: a keeper that asks
 * again has lost the one before.
 */
#include "tap.h"

#include <unistd.h>

#include "internal.h"

void tap_answer(struct supervisor *s)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	int fds[2];

	if (!keeper || !keeper->channel)
		return;
	if (!channel_pair(fds)) {
		(void)channel_send(keeper->channel, MESSAGE_TAP, NULL, 0);
		(void)channel_flush(keeper->channel);
		return;
	}
	/* Not taken: who waits for it gives up, and may ask again. */
	if (channel_send_fd(keeper->channel, MESSAGE_TAP, NULL, 0, fds[0]) ==
		CHANNEL_OK)
		sink_tap(s->sink, fds[1]);
	else
		(void)close(fds[1]);
	(void)close(fds[0]);
}
