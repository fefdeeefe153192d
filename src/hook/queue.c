/*
 * Events that wait for a hook (see queue.h).
 *
 * Of too many the oldest goes: what a server's state is now matters more than
 * what it was.
 */
#include "queue.h"

#include <stdlib.h>

struct parcel *parcel_new(const struct message_hook *what)
{
	struct parcel *parcel = calloc(1, sizeof(*parcel));

	if (parcel)
		parcel->what = *what;
	return parcel;
}

void parcel_free(struct parcel **parcel)
{
	free(*parcel);
	*parcel = NULL;
}

static struct parcel *take_out(struct queue *queue, struct parcel *parcel)
{
	TAILQ_REMOVE(&queue->all, parcel, all);
	queue->count--;
	return parcel;
}

void queue_init(struct queue *queue, size_t most)
{
	TAILQ_INIT(&queue->all);
	queue->count = 0;
	queue->most = most;
}

struct parcel *queue_put(struct queue *queue, struct parcel *parcel)
{
	TAILQ_INSERT_TAIL(&queue->all, parcel, all);
	queue->count++;
	return queue->count > queue->most
		       ? take_out(queue, TAILQ_FIRST(&queue->all))
		       : NULL;
}

struct parcel *queue_take(struct queue *queue, mono_ms_t now)
{
	for (struct parcel *parcel = TAILQ_FIRST(&queue->all); parcel;
		parcel = TAILQ_NEXT(parcel, all))
		if (parcel->due <= now)
			return take_out(queue, parcel);
	return NULL;
}

mono_ms_t queue_due(const struct queue *queue)
{
	mono_ms_t at = MONO_NEVER;

	for (const struct parcel *parcel = TAILQ_FIRST(&queue->all); parcel;
		parcel = TAILQ_NEXT(parcel, all))
		if (parcel->due < at)
			at = parcel->due;
	return at;
}

void queue_clear(struct queue *queue)
{
	struct parcel *next;

	for (struct parcel *parcel = TAILQ_FIRST(&queue->all); parcel;
		parcel = next) {
		next = TAILQ_NEXT(parcel, all);
		parcel_free(&parcel);
	}
	queue_init(queue, queue->most);
}
