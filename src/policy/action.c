/*
 * The queue of what the core decided, until the caller takes it.
 *
 * Fixed. A call that could decide more than fits (a tick after a long sleep,
 * an allow that lifts thousands of bans) stops while there is room and goes on
 * at the next tick; what it left is in force already, only the telling waits.
 *
 * Called by penalty.c, ladder.c and operator.c. What can go wrong: a caller
 * that does not empty the queue. That is a bug of ours and ends the process,
 * for a lost unban would lock somebody out of the kernel's sets for good.
 */
#include "action.h"

#include "../base/check.h"

void action_add(struct action_queue *queue, const struct policy_action *action)
{
	unsigned last = (queue->first + queue->count) % ACTION_QUEUE_MOST;

	CHECK(queue->count < ACTION_QUEUE_MOST);
	queue->items[last] = *action;
	queue->count++;
}

bool action_room(const struct action_queue *queue)
{
	return queue->count + 3 * ACTION_STEP_MOST <= ACTION_QUEUE_MOST;
}

bool action_take(struct action_queue *queue, struct policy_action *ret_action)
{
	if (queue->count == 0)
		return false;
	*ret_action = queue->items[queue->first];
	queue->first = (queue->first + 1) % ACTION_QUEUE_MOST;
	queue->count--;
	return true;
}
