/*
 * What the parts of the keeper share: who the others are, and the time.
 *
 * A part gets the hub when it is made and finds its neighbours here; it keeps
 * no pointer of its own to them. The clock is read once a loop turn, by the
 * first who asks.
 */
#ifndef KEEPER_HUB_H
#define KEEPER_HUB_H

#include <stdbool.h>

#include "../base/stall.h"
#include "../base/units.h"
#include "../conf/conf.h"
#include "keeper.h"

struct event_base;
struct message_text;
struct judge;
struct peers;
struct store;
struct firewall;
struct history;
struct recorder;
struct refusals;
struct sums;
struct decisions;
struct notes;
struct control;
struct overseer;
struct backends;
struct ear;
struct geo;
struct watch;
struct trend;
struct tally;
struct roster;
struct tap;
struct dns_lists;
struct memory;
struct hooks;
struct listings;

struct hub {
	const struct keeper_setup *setup;
	const struct prefix *own; /* never banned, as last told */
	size_t own_count;
	const struct conf *conf; /* in force */
	struct conf *conf_own;	 /* the same when it came by a reload */
	struct event_base *base;
	struct judge *judge;
	struct peers *peers;
	struct store *store;
	struct firewall *firewall;
	struct history *history;
	struct refusals *refusals;
	struct recorder *recorder; /* the journal */
	struct sums *sums;	   /* of each day */
	struct decisions *decisions;
	struct notes *notes; /* operators' words on bans and allow entries */
	struct control *control;
	struct overseer *overseer;
	struct backends *backends;   /* servers, as workers find them */
	struct ear *ear;	     /* follows the server's log */
	struct geo *geo;	     /* where sources are */
	struct watch *watch;	     /* what happens, for who looks on */
	struct trend *trend;	     /* how it went */
	struct tally *tally;	     /* counts for metrics */
	struct roster *roster;	     /* workers' answers: sessions */
	struct tap *tap;	     /* lines of the log, for followers */
	struct dns_lists *dns_lists; /* what the DNS says of them */
	struct hooks *hooks;	     /* tells their process what happens */
	struct listings *listings;   /* lists of others */
	mono_ms_t started;
	mono_ms_t turn_now; /* 0: not read in this turn */
	int64_t turn_wall_ms;
	struct stall stall; /* its own loop's */
	bool stop;	    /* end after this turn */
	bool handing_over;  /* and give what is left to the next keeper */
	int memory_fd;	    /* then this too: what is in memory; -1: nowhere */
	struct memory *memory; /* of the keeper before, while this one starts */
	bool inherited;	       /* it was taken over */
	struct message_text *upgrade; /* how the last one went; NULL: none */
};

mono_ms_t hub_now(struct hub *hub);
wall_s_t hub_wall(struct hub *hub);
/* The wall time of a mono time; 0 for MONO_NEVER. */
wall_s_t hub_wall_of(struct hub *hub, mono_ms_t at);
/* Takes a new configuration over, in all parts. Takes ownership. */
void hub_configure(struct hub *hub, struct conf *conf);

#endif
