/*
 * Events that wait for a hook.
 *
 * Pure but for memory: time is an argument.
 */
#ifndef HOOK_QUEUE_H
#define HOOK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "../base/units.h"
#include "../ipc/message.h"

/* One that waits, or is on its way. */
struct parcel {
	TAILQ_ENTRY(parcel) all;
	struct message_hook what;
	unsigned tries; /* that failed */
	mono_ms_t due;	/* not before */
};

TAILQ_HEAD(parcels, parcel);

struct queue {
	struct parcels all; /* the oldest first */
	size_t count, most;
};

void queue_init(struct queue *queue, size_t most);

struct parcel *parcel_new(
	const struct message_hook *what); /* NULL: no memory */
void parcel_free(struct parcel **parcel);

/* Takes it over. The oldest beyond `most` comes back, for the caller to free;
 * NULL: there was room. */
struct parcel *queue_put(struct queue *queue, struct parcel *parcel);
/* The first that is due, for the caller; NULL: none. */
struct parcel *queue_take(struct queue *queue, mono_ms_t now);
/* When there will be one; MONO_NEVER: it is empty. */
mono_ms_t queue_due(const struct queue *queue);
void queue_clear(struct queue *queue);

#endif
