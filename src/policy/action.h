/* The queue of what the core decided, until the caller takes it. */
#ifndef POLICY_ACTION_H
#define POLICY_ACTION_H

#include <stdbool.h>

#include "policy.h"

enum {
	ACTION_QUEUE_MOST = 256,
	ACTION_STEP_MOST = 8, /* one decision makes at most this many */
};

/* A ring: `count` items from `first` on. */
struct action_queue {
	struct policy_action items[ACTION_QUEUE_MOST];
	unsigned first, count;
};

void action_add(struct action_queue *queue, const struct policy_action *action);
/* Is there room for a decision made in passing, and still for the event's? */
bool action_room(const struct action_queue *queue);
bool action_take(struct action_queue *queue, struct policy_action *ret_action);

#endif
