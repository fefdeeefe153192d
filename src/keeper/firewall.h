/*
 * What the keeper tells the firewall helper, and what that answers.
 *
 * Each ban and unban at once, the whole table at start, after a new helper and
 * once a minute. The kernel is made equal to the table: a record that got lost
 * is put right by the next sync.
 */
#ifndef KEEPER_FIREWALL_H
#define KEEPER_FIREWALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../ipc/message.h"
#include "hub.h"

struct firewall;

/* For `status`. */
struct firewall_state {
	bool connected;
	bool syncing;		/* a sync was sent and is not answered yet */
	uint32_t entries_count; /* in force, as of the last answer */
	uint32_t drift_count;	/* at the last sync */
	uint64_t drift_total;
	uint64_t refused_total, failed_total;
	uint64_t sync_count, sync_ms_total; /* answered ones */
	/* Of them between the bound before and each, MESSAGE_BUCKETS_MS. */
	uint64_t syncs[MESSAGE_BUCKETS];
	wall_s_t synced_at; /* last answered sync; 0: none */
	wall_s_t failed_at; /* 0: none */
	char failure[160];  /* the last one; "" when none */
};

/* fd: SEQPACKET to the helper, taken over; -1: none. NULL: no memory. */
struct firewall *firewall_new(struct hub *hub, int fd);
void firewall_free(struct firewall **firewall);
/* A new helper; takes the descriptor over, closes the old one. */
void firewall_attach(struct hub *hub, int fd);

/* A ban that holds an allowed address stays with the workers alone. */
void firewall_add(
	struct hub *hub, const struct prefix *prefix, mono_ms_t until);
void firewall_delete(struct hub *hub, const struct prefix *prefix);
/* At the end of this turn. */
void firewall_sync(struct hub *hub);
/* Asks the helper whether it is there, if it has answered the last time. */
void firewall_ping(struct hub *hub);
/* Since that question, while it is open; else 0. */
uint32_t firewall_silent_ms(struct hub *hub);
/* An allow entry came or went: the kernel is told no ban that holds one. */
void firewall_allowed(struct hub *hub, const struct prefix *prefix);

/* At the end of a loop turn: a sync that is due, and what waits. */
void firewall_flush(struct hub *hub);
void firewall_state(
	const struct firewall *firewall, struct firewall_state *ret_state);

#endif
