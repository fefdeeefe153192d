/*
 * What an operator who looks on wants to see: the last decisions, the people
 * they fell on, and who guesses just now. Memory only, of fixed size.
 */
#ifndef KEEPER_WATCH_H
#define KEEPER_WATCH_H

#include <jansson.h>

#include "../base/octets.h"
#include "../ipc/message.h"
#include "../policy/policy.h"
#include "hub.h"

enum {
	WATCH_NEWS_MOST = 64,		   /* the oldest is overwritten */
	WATCH_GUESSERS_MOST = 512,	   /* the longest silent one goes */
	WATCH_GUESSERS_SHOWN = 12,	   /* when nobody asks for more */
	WATCH_GUESSER_MS = 10 * 60 * 1000, /* silent for so long: gone */
};

enum watch_kind {
	WATCH_BAN,
	WATCH_UNBAN,
	WATCH_WOULD_BAN,
	WATCH_ALARM,
	WATCH_NOTE, /* for the help desk: an old password in a device */
	WATCH_HURT, /* refused, and then let in: it was a person */
};

struct watch;

struct watch *watch_new(void); /* NULL: no memory */
void watch_free(struct watch **watch);

/* A decision. user: as it may be shown, or "". text: a sentence. */
void watch_decision(struct hub *hub, enum watch_kind kind,
	const struct policy_action *action, const char *user, const char *text);
void watch_guess(struct hub *hub, const struct message_ask *ask);
void watch_hurt(struct hub *hub, const struct message_ask *ask);
/* All bans may be others: a new configuration. */
void watch_bans_changed(struct hub *hub);

/* Of the control protocol: watch, bans.serial, bans.recent. Caller decrefs.
 * most: how many of those who guess, the busiest first. */
json_t *watch_object(struct hub *hub, size_t most);
json_t *watch_serial_object(struct hub *hub);
json_t *watch_recent_object(struct hub *hub);
uint64_t watch_hurt_count(const struct hub *hub); /* since the start */

/* For the next keeper (memory.h). false: refused. */
void watch_save(const struct watch *watch, struct octets *out);
bool watch_load(struct watch *watch, struct octets *in);

#endif
