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

static struct parcel *unlink_after(struct queue *queue, struct parcel *before)
{
	struct parcel **place = before ? &before->next : &queue->first;
	struct parcel *parcel = *place;

	*place = parcel->next;
	if (queue->last == parcel)
		queue->last = before;
	parcel->next = NULL;
	queue->count--;
	return parcel;
}

struct parcel *queue_put(struct queue *queue, struct parcel *parcel)
{
	parcel->next = NULL;
	if (queue->last)
		queue->last->next = parcel;
	else
		queue->first = parcel;
	queue->last = parcel;
	queue->count++;
	return queue->count > queue->most ? unlink_after(queue, NULL) : NULL;
}

struct parcel *queue_take(struct queue *queue, mono_ms_t now)
{
	struct parcel *before = NULL;

	for (struct parcel *at = queue->first; at; before = at, at = at->next)
		if (at->due <= now)
			return unlink_after(queue, before);
	return NULL;
}

mono_ms_t queue_due(const struct queue *queue)
{
	mono_ms_t at = MONO_NEVER;

	for (const struct parcel *n = queue->first; n; n = n->next)
		if (n->due < at)
			at = n->due;
	return at;
}

void queue_clear(struct queue *queue)
{
	while (queue->first) {
		struct parcel *parcel = unlink_after(queue, NULL);

		parcel_free(&parcel);
	}
}
