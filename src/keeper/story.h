/* Rows of the journal, and what memory has in their place, for people. */
#ifndef KEEPER_STORY_H
#define KEEPER_STORY_H

#include <jansson.h>

#include "hub.h"
#include "store_find.h"

enum { STORY_EVENTS_MOST = 50 };

/*
 * Events, oldest first, at most STORY_EVENTS_MOST of the newest; of `session`
 * only, unless it is 0. See docs/control.md for the members.
 */
json_t *story_of_rows(const struct store_answer *answer, uint64_t session);
/* The same of a source's last events in memory. */
json_t *story_of_memory(
	struct hub *hub, const struct prefix *source, uint64_t session);
/*
 * What became of a user's logins, place by place, the last first: "source",
 * "failures", "successes", "refused", "last_failure", "last_success".
 */
json_t *story_of_places(struct hub *hub, const struct store_answer *answer);

#endif
