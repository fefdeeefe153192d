/*
 * The servers of one backend as one worker sees them, and which is next.
 *
 * Pure: time and randomness are arguments. A server is down when a connection
 * to it failed or somebody said so; then no session waits for it again until it
 * is known to be up, but for one at a time that tries (a trial): where nobody
 * else looks after it (not `checked`) one after each back-off, and where no
 * server is up, since a try is better than a refusal. So a dead server costs
 * its time-out once, and one that returns is met by one session first.
 */
#ifndef WORKER_POOL_H
#define WORKER_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/addr.h"
#include "../base/units.h"

enum {
	POOL_SERVERS_MOST = 64, /* bits of a uint64_t */
	POOL_BACKOFF_FIRST_MS = 1000,
	POOL_BACKOFF_LONGEST_MS = 30000,
	POOL_NOBODY = -1,
};

struct pool_server {
	struct addr addr;
	uint16_t port;
	const char *name; /* as configured; borrowed */
	bool used;	  /* the place is taken */
	bool gone;	  /* the name has this address no more */
	bool down, drained;
	uint8_t rank;	       /* of preference, 0 the first */
	uint8_t failure_count; /* trials in a row */
	mono_ms_t down_since;
	mono_ms_t retry_at;    /* of one that is down: not before */
	mono_ms_t trial_until; /* 0: nobody tries */
	mono_ms_t up_since;    /* 0: it was never down */
	uint32_t session_count;
};

struct pool {
	struct pool_server servers[POOL_SERVERS_MOST];
	size_t count;		/* places that were ever taken */
	bool least_connections; /* else the first that is up */
	bool checked;		/* a health dialogue finds out who is back */
	uint64_t slow_start_ms; /* a server's share grows for this long */
	uint64_t trial_ms;	/* a trial holds others off for this long */
	unsigned turn;		/* where a tie is broken next */
};

/*
 * The server for a session, which enters it (pool_leave). tried: a bit for each
 * that it had already. POOL_NOBODY: there is none, or another session tries.
 * *ret_trial: this session tries, and others wait for what it finds.
 */
int pool_choose(
	struct pool *pool, mono_ms_t now, uint64_t tried, bool *ret_trial);
/* Is one up that takes sessions and was not tried? */
bool pool_has_up(const struct pool *pool, uint64_t tried);
void pool_leave(struct pool *pool, int server, bool trial);
/* What is known now. true: that is new. random: any number, for the jitter. */
bool pool_down(struct pool *pool, int server, mono_ms_t now, uint32_t random);
bool pool_up(struct pool *pool, int server, mono_ms_t now);
/* POOL_NOBODY: it is not there. */
int pool_find(const struct pool *pool, const struct addr *addr, uint16_t port);
/*
 * What a name has now, in the order of preference: `name` is taken from
 * `servers`, all else that is known of a server stays. Places of those that
 * are gone are kept until their sessions are over.
 */
void pool_renew(
	struct pool *pool, const struct pool_server *servers, size_t count);

#endif
