/*
 * What the last sources did, for `explain`: sixteen events each.
 *
 * Also says whether one more log line about a source may be written.
 */
#ifndef KEEPER_HISTORY_H
#define KEEPER_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/addr.h"
#include "../base/units.h"
#include "../policy/policy.h"

enum {
	HISTORY_SOURCES_MOST = 4096, /* the longest silent one goes */
	HISTORY_EVENTS_MOST = 16,    /* the oldest is overwritten */
	HISTORY_USER_LONGEST = 64,   /* with NUL; cut */
	HISTORY_LINES_MOST = 5,	     /* log lines of a source in a second */
};

enum history_kind {
	HISTORY_AUTH_OK,
	HISTORY_AUTH_FAILED,
	HISTORY_AUTH_TEMPORARY,
	HISTORY_AUTH_CANCELLED,
	HISTORY_AUTH_OTHER,
	HISTORY_AUTH_ABANDONED,
	HISTORY_HELD,
	HISTORY_ANSWERED, /* 454 of our own */
	HISTORY_REFUSED,  /* 535 of our own */
	HISTORY_WITHHELD, /* the server took it, the client heard 421 */
	HISTORY_TURNED_AWAY,
	HISTORY_BAN,
	HISTORY_UNBAN,
	HISTORY_WOULD_BAN,
	HISTORY_SPARED,
	HISTORY_EARLY_TALK,
	HISTORY_PROTOCOL_ERROR,
	HISTORY_AUTH_REFUSED,
	HISTORY_RECIPIENT_REFUSED,
	HISTORY_RELAY_REFUSED,
	HISTORY_TLS_FAILURE,
	HISTORY_HELO,
	HISTORY_ALARM,
	HISTORY_NOTE,
	HISTORY_LOG_FAILED, /* read from the server's log */
	HISTORY_LOG_OK,
};

/* Of a login that the server has settled. */
enum history_kind history_settled(enum policy_outcome outcome);

struct history_event {
	wall_s_t at;
	uint64_t session; /* 0: none */
	enum history_kind kind;
	uint32_t rule; /* enum policy_rule */
	uint32_t failure_count;
	uint32_t code;			 /* of the server's reply, 0: none */
	char user[HISTORY_USER_LONGEST]; /* as the log may show it */
};

struct history;

struct history *history_new(void); /* NULL: no memory */
void history_free(struct history **history);
void history_add(struct history *history, const struct prefix *source,
	const struct history_event *event);
/* Oldest first; returns how many of HISTORY_EVENTS_MOST. */
size_t history_find(const struct history *history, const struct prefix *source,
	struct history_event ret_events[HISTORY_EVENTS_MOST]);
/*
 * May a line about this source be logged now? When it may, *ret_suppressed is
 * how many were not since the last one.
 */
bool history_may_log(struct history *history, const struct prefix *source,
	wall_s_t now, uint64_t *ret_suppressed);

const char *history_kind_name(enum history_kind kind);

#endif
