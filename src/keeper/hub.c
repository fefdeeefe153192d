/*
 * The time of the keeper's loop, read once a turn.
 */
#include "hub.h"

#include "../base/clock.h"

enum { MS_PER_S = 1000 };

mono_ms_t hub_now(struct hub *hub)
{
	if (hub->turn_now == 0) {
		hub->turn_now = clock_mono_ms();
		hub->turn_wall_ms = clock_wall_ms();
		stall_event(&hub->stall, hub->turn_now);
	}
	return hub->turn_now;
}

wall_s_t hub_wall(struct hub *hub)
{
	(void)hub_now(hub); /* both are read at once */
	return hub->turn_wall_ms / MS_PER_S;
}

/* In milliseconds until the end: what lasts six seconds is shown so. */
wall_s_t hub_wall_of(struct hub *hub, mono_ms_t at)
{
	mono_ms_t now = hub_now(hub);
	int64_t away_ms =
		at >= now ? (int64_t)(at - now) : -(int64_t)(now - at);

	if (at == MONO_NEVER)
		return 0;
	return (hub->turn_wall_ms + away_ms) / MS_PER_S;
}
