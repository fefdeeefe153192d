/*
 * The worker as its own files see it.
 */
#ifndef WORKER_INTERNAL_H
#define WORKER_INTERNAL_H

#include "../base/slab.h"
#include "../base/stall.h"
#include "../ipc/channel.h"
#include "banlist.h"
#include "conduit.h"
#include "note.h"
#include "pool.h"
#include "proxy_in.h"
#include "roll.h"
#include "room.h"
#include "session.h"
#include "tarpit.h"

enum {
	TAIL_MOST_BYTES = 96 * 1024, /* longest line + one read */
	SCRATCH_BYTES = TAIL_MOST_BYTES + READ_PAYLOAD_BYTES,
	SECRET_BYTES = 64 * 1024,
	ASK_HEADS = 4096,
};

struct acceptor {
	struct event event;
	struct worker *worker;
	const struct worker_listener *listener;
	int fd;
	bool open;
};

/* What this worker knows of a backend's servers, by their places. */
struct backend_state {
	struct pool pool;
	uint32_t counts_told[POOL_SERVERS_MOST]; /* sessions, to the keeper */
	uint64_t xclient_refused; /* and said so, a bit for each place */
	uint64_t suspects; /* a bit for each place that is to be looked at */
};

struct health;
TAILQ_HEAD(proxied_list, proxied);

struct worker {
	const struct worker_setup *setup;
	struct event_base *base;
	struct acceptor *acceptors;
	size_t acceptor_count;
	struct dialog_conf *dialog_confs; /* one for each listener */
	struct session_list sessions, dead, held_logins;
	struct proxied_list proxied; /* their PROXY header is awaited */
	size_t proxied_count;
	struct xclient xclient; /* of the session that is fed */
	struct conduit conduit; /* empty */
	struct slab *slab;
	struct banlist *bans;
	struct tarpit *tarpit;
	struct backend_state *states; /* one for each backend */
	struct note_budget notes;
	struct note_tally tallies[NOTE_TALLIES];
	struct note_arrived arrivals[NOTE_TALLIES];
	bool arrivals_matter;  /* note_arrivals_matter() */
	struct rolls rolls;    /* who wants to know which sessions there are */
	struct health *health; /* NULL: another worker's business */
	mono_ms_t counts_due_ms;
	struct channel *keeper; /* NULL: away */
	struct channel *supervisor;
	bool family_said; /* origin_warn() */
	struct event keeper_event, supervisor_event, tick, term, accept_pause;
	struct session *asks[ASK_HEADS]; /* attempts by id */
	struct message_stats stats, stats_told;
	mono_ms_t now;
	struct stall stall;
	mono_ms_t doors_until; /* then the doors are left, when draining */
	mono_ms_t drain_until; /* MONO_NEVER: not draining */
	mono_ms_t keeper_since, tickets_at_ms;
	uint64_t session_base, session_count;
	uint64_t attempt_count;
	uint8_t tag_key[16];
	bool synced;	/* the keeper told all bans */
	bool told_over; /* the last words of the grace are said */
	bool stopping;	/* SIGTERM: also sessions are to end */
	mono_ms_t descriptors_said_ms;
	bool paused;  /* accept found no descriptor */
	int spare_fd; /* given up to turn a client away when none is left */
	uint8_t scratch[SCRATCH_BYTES];
	uint8_t secret[SECRET_BYTES];
	uint8_t user[AUTH_USER_LONGEST + 1];
	uint8_t out[DIALOG_REPLY_WHOLE + 512];
};

/* worker.c */
uint64_t worker_next_id(struct worker *worker); /* of a session */
void worker_now(struct worker *worker); /* reads the clock, once an event */
void worker_ask_link(struct worker *worker, struct session *session);
void worker_ask_unlink(struct worker *worker, struct session *session);

/* One more of the counters that `status` shows. */
static inline void limit_reached(struct worker *worker, enum limit limit)
{
	worker->stats.limits[limit]++;
}

/* accept.c */
bool acceptors_make(struct worker *worker);
void acceptors_open(struct worker *worker); /* where nothing stands against */
void acceptors_close(struct worker *worker);
void acceptors_leave(struct worker *worker); /* for good */
/* A banned client is met as configured: takes fd and tls over. */
void turn_away(struct worker *worker, int fd, struct tls_connection *tls,
	const struct turned_away *who);

/* The gates, and the session behind them. Takes fd over. */
void admit(struct worker *worker, const struct worker_listener *listener,
	int fd, const struct caller *caller);
/* The last words to who was never a session. */
void refuse(int fd, enum reply_id reply, uint64_t id);
/* A session of this address is over. */
void census_source_leave(struct worker *worker, const struct addr *addr);
/* No descriptor is left: shut the doors for a moment, say so. */
void acceptors_pause(struct worker *worker);

/* servers.c */
bool servers_make(struct worker *worker);
/* The keeper is new, or the servers are: says which there are. */
void servers_tell(struct worker *worker);
void servers_hear(struct worker *worker, const struct message_server *message);
void servers_tick(struct worker *worker);
void servers_renew(
	struct worker *worker, const struct message_addresses *addresses);
/* What the health dialogue found. why NULL: the server is well. */
void servers_checked(
	struct worker *worker, size_t backend, int place, const char *why);

/* health.c: the health dialogue, in one worker */
bool health_make(struct worker *worker); /* where it is this one's */
void health_free(struct worker *worker);
void health_tick(struct worker *worker);
void health_soon(struct worker *worker, size_t backend, int place);

/* keeper_link.c: messages from and to the keeper */
bool keeper_link_open(struct worker *worker, int fd);
void keeper_link_tick(struct worker *worker);
void keeper_link_flush(struct worker *worker);
bool keeper_link_send(struct worker *worker, enum message_type type,
	const void *body, size_t n);

#endif
