/*
 * Notes: what a session did that the keeper should know, and no answer.
 *
 * A flood of them is shed, by kind and by source, and counted.
 */
#ifndef WORKER_NOTE_H
#define WORKER_NOTE_H

#include "../../proto/dialog.h"
#include "../base/addr.h"
#include "../base/units.h"
#include "../conf/conf.h"
#include "../ipc/message.h"

enum { NOTE_BUCKETS = 256, NOTE_TALLIES = 4096 };

/* What was noted in this second. */
struct note_budget {
	mono_ms_t since_ms;
	uint16_t kinds[NOTE_KIND_COUNT];
	uint16_t sources[NOTE_BUCKETS]; /* by a keyed hash */
};

/* Connections of one source that are not told yet. */
struct note_tally {
	uint64_t source; /* a keyed hash */
	mono_ms_t since_ms;
	uint32_t count;
};

/* The last source of its place that has arrived. */
struct note_arrived {
	uint64_t source; /* a keyed hash */
	mono_ms_t at_ms;
};

struct conf_listener;
struct worker;
struct session;

void note_session(struct session *session, enum note_kind kind);
/* A reply of ours with a reference went out. */
void note_refusal(struct session *session, enum reply_id reply);
/* Of who is no session, or not any more. */
void note_address(struct worker *worker, const struct addr *addr, uint64_t id,
	enum note_kind kind, enum reply_id reply);
/* Somebody who is not banned has connected. */
void note_connection(struct worker *worker, const struct addr *addr);
/* Is there a list that scores, so that note_arrival() has a reason? */
bool note_arrivals_matter(const struct conf *conf);
/* And here, where it may want to log in. */
void note_arrival(struct worker *worker, const struct conf_listener *listener,
	const struct addr *addr);
/* The client calls itself so; before session->helo has it. */
void note_name(struct session *session, struct slice name);
/* Was this end an odd one? */
void note_end(struct session *session, enum close_reason reason);
/* The server's code for a recipient, 5yz, without a login. */
void note_recipient(struct session *session, unsigned code);

#endif
