/*
 * What dialog.c, dialog_client.c and dialog_server.c share. Nobody else
 * includes this.
 */
#ifndef PROTO_DIALOG_INTERNAL_H
#define PROTO_DIALOG_INTERNAL_H

#include "dialog.h"

/* FIFO entries that are not a client's verb. */
enum dialog_own {
	OWN_END_OF_DATA = VERB_COUNT, /* CRLF.CRLF went out */
	OWN_CHUNK_LAST,		      /* BDAT … LAST */
	OWN_REPLY,		      /* a reply of ours, in its turn */
	OWN_CANCEL,		      /* our "*": its reply is swallowed */
};

/* The one function that changes the state. */
void dialog_move(struct dialog *d, enum dialog_state state);

void fifo_push(struct dialog *d, unsigned what, enum reply_id reply);
unsigned fifo_first(const struct dialog *d); /* FIFO must not be empty */
void fifo_pop(struct dialog *d);
bool fifo_holds(const struct dialog *d, unsigned what);

/* Queues a reply of ours in its turn. */
void dialog_refuse(struct dialog *d, enum reply_id reply);
/* And the end of the session behind it; REPLY_NONE: no reply. */
void dialog_end(
	struct dialog *d, enum reply_id reply, enum close_reason reason);

bool step_is(struct dialog_step *step, enum dialog_act act, size_t used);

/* n octets of the chunk, at most what is left of it, are over. */
void chunk_take(struct dialog *d, size_t n);

/* Each returns true when *step is one to carry out. */
bool dialog_due(struct dialog *d, const struct dialog_room *room,
	struct dialog_step *step);
void dialog_feed_client(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step);
void dialog_feed_server(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step);

#endif
