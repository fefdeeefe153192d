/*
 * Which sessions this worker holds, for a question of the keeper's.
 *
 * Told in slices, a few in each loop turn, so that no session waits because
 * somebody wants to see thousands.
 */
#ifndef WORKER_ROLL_H
#define WORKER_ROLL_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../ipc/message.h"

struct session;
struct tarpit_guest;
struct worker;

/* One question; question 0: none. */
struct roll {
	struct message_sessions_ask ask;
	struct session *next;	     /* NULL: all were looked at */
	uint64_t left;		     /* to look at: later ones came after it */
	struct tarpit_guest *guests; /* as they were then, the oldest first */
	size_t guest_count, guest_next;
	uint32_t told, guests_told, matched;
};

struct rolls {
	struct roll all[MESSAGE_SESSIONS_MOST];
	struct event event; /* the next slice */
	bool armed;
};

void roll_make(struct worker *worker);
/* Never sends at once. */
void roll_begin(struct worker *worker, const struct message_sessions_ask *ask);
/* The session dies: no question stands at it any more. */
void roll_leave(struct worker *worker, const struct session *session);
/* Nobody waits for the answers. */
void roll_end_all(struct worker *worker);

#endif
