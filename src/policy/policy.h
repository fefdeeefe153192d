/*
 * The policy core: who guesses, and what is done about it.
 *
 * PURE. No clock, log, socket, thread or global; time and randomness are
 * arguments. The same events give the same verdicts for ever: the core runs
 * in the keeper, in tests under virtual time, and in replays of old logs.
 * Memory is fixed at policy_new(); tables evict by a stated rule (see
 * source.c, ban.c) and an active ban is never evicted for a counter.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/addr.h"
#include "../base/units.h"
#include "policy_conf.h"

enum { POLICY_USER_LONGEST = 63, POLICY_DEVICE_LONGEST = 39 };

/* Rules by their stable names; a ban's or verdict's reason. */
enum policy_rule {
	RULE_NONE = 0,
#define RULE(id, name, text) RULE_##id,
#include "rules.def"
#undef RULE
	RULE_COUNT,
};

enum policy_event_kind {
	EVENT_AUTH_BEGINS,  /* asks; opens an attempt */
	EVENT_AUTH_SETTLED, /* asks (delay); closes the attempt */
	EVENT_AUTH_REFUSED, /* a client used AUTH where none is offered */
	EVENT_EARLY_TALK,
	EVENT_PROTOCOL_ERROR,
	EVENT_CONNECT,		 /* asks: PASS or TURN_AWAY */
	EVENT_HELO,		 /* text: the name */
	EVENT_RECIPIENT_REFUSED, /* by the server: nobody of that name */
	EVENT_RELAY_REFUSED,	 /* a recipient elsewhere, without a login */
	EVENT_TLS_FAILURE,
	EVENT_LIST_SCORE,     /* lists in the DNS say: score, for span_ms */
	EVENT_LOG_FAILURE,    /* read from the server's log: no attempt; user */
	EVENT_LOG_SUCCESS,    /* likewise */
	EVENT_OPERATOR_BAN,   /* prefix, span_ms (0: ban_ms) */
	EVENT_OPERATOR_UNBAN, /* prefix: bans inside, and that of its source;
				 forgets their failures and repeats */
	EVENT_OPERATOR_ALLOW, /* prefix; lifts and prevents bans */
	EVENT_OPERATOR_DISALLOW,
	EVENT_OPERATOR_FORGET,	/* user: all that is held against the name */
	EVENT_RESTORE_PASSPORT, /* from the store: user, prefix, span_ms */
	EVENT_RESTORE_DEVICE,	/* likewise: user, text, span_ms */
	EVENT_RESTORE_BAN, /* from the store, before anything else. No action,
			      but ACTION_UNBAN when it is not to be any more */
};

enum policy_outcome {
	OUTCOME_OK,	   /* 235 */
	OUTCOME_FAILED,	   /* final 535 */
	OUTCOME_TEMPORARY, /* 454, 421, server lost: never counted */
	OUTCOME_CANCELLED, /* "*", 501: not a login */
	OUTCOME_OTHER,	   /* 5yz other than 535 */
	OUTCOME_ABANDONED, /* client gone, server never answered: a failure */
};

/* What the store knows of a ban. */
enum policy_softness {
	SOFTNESS_UNKNOWN, /* an older postern's: by who is known there */
	SOFTNESS_HARD,
	SOFTNESS_SOFT,
};

struct policy_event {
	enum policy_event_kind kind;
	uint64_t attempt;     /* AUTH_*: id of the attempt, unique while open
				 among all workers; one that begins anew is
				 taken as lost before, a failure */
	mono_ms_t held_since; /* AUTH_BEGINS: first asked then; 0: first time */
	struct addr addr;     /* of all but OPERATOR_* and RESTORE_* */
	uint32_t asn;	      /* of addr; 0: unknown */
	uint16_t country; /* of addr: two letters, 'D' << 8 | 'E'; 0: unknown */
	uint16_t port;	  /* where it connected; 0: unknown */
	unsigned score;	  /* LIST_SCORE: sum of weights */
	struct slice user;	     /* as tried; n 0: unknown */
	struct slice text;	     /* HELO; AUTH_*: the name in it */
	uint64_t secret_tag;	     /* AUTH_BEGINS: 0: unknown */
	enum policy_outcome outcome; /* AUTH_SETTLED */
	struct prefix prefix;	     /* OPERATOR_*, RESTORE_BAN */
	uint64_t span_ms;      /* OPERATOR_BAN, LIST_SCORE; RESTORE_BAN: what is
				  left */
	enum policy_rule rule; /* RESTORE_BAN */
	unsigned repeat_count; /* RESTORE_BAN */
	uint64_t age_ms;       /* RESTORE_BAN: since it began */
	unsigned failure_count;	       /* RESTORE_BAN */
	enum policy_softness softness; /* RESTORE_BAN */
};

enum policy_verdict_kind {
	VERDICT_PASS,
	VERDICT_DELAY, /* AUTH_SETTLED: deliver the reply after wait_ms */
	VERDICT_HOLD,  /* AUTH_BEGINS: ask again after wait_ms */
	VERDICT_ANSWER_TEMPORARY, /* 454; the server hears nothing */
	VERDICT_ANSWER_REFUSED,	  /* 535 after wait_ms; likewise */
	VERDICT_TURN_AWAY, /* the source is banned: end the session (tarpit,
			      421 or close, as configured) */
};

struct policy_verdict {
	enum policy_verdict_kind kind;
	uint64_t wait_ms;
	enum policy_rule rule;	/* why; RULE_NONE for a plain pass */
	enum policy_mode mode;	/* OBSERVE: kind is PASS or DELAY 0, rule says
				   what would have been */
	unsigned failure_count; /* of the source in the window, after this */
};

enum policy_action_kind {
	ACTION_BAN,
	ACTION_UNBAN,
	ACTION_WOULD_BAN,     /* observe */
	ACTION_SPARED,	      /* would be banned but is allowed (never-ban) */
	ACTION_LIMIT,	      /* a table is full: `rule` says which */
	ACTION_ALARM,	      /* somebody should look: `rule` says at what */
	ACTION_NOTE,	      /* for the help desk: `rule`, prefix, user */
	ACTION_PASSPORT,      /* keep it: user, prefix, until */
	ACTION_PASSPORT_GONE, /* user, prefix */
	ACTION_DEVICE,	      /* keep it: user, device, until */
};

struct policy_action {
	enum policy_action_kind kind;
	struct prefix prefix;
	mono_ms_t until; /* MONO_NEVER: for ever (operator) */
	enum policy_rule rule;
	bool soft; /* BAN, UNBAN: not for the kernel nor the workers' list */
	unsigned repeat_count;
	unsigned failure_count;
	char user[POLICY_USER_LONGEST + 1];	/* folded, cut; "": none */
	char device[POLICY_DEVICE_LONGEST + 1]; /* DEVICE: as in EHLO */
};

struct policy_ban {
	struct prefix prefix;
	mono_ms_t since, until;
	enum policy_rule rule;
	bool soft; /* people log in from there: it acts at AUTH, on strangers */
	unsigned repeat_count; /* 0 for the first */
	unsigned failure_count;
};

/* For `explain`: what is known of one source. */
struct policy_source_info {
	bool known, allowed, banned;
	struct prefix source;	/* its key */
	struct policy_ban ban;	/* when banned */
	unsigned failure_count; /* in window_ms */
	unsigned slow_count;	/* in slow_window_ms */
	unsigned in_flight_count;
	uint64_t success_count, failure_total;
	mono_ms_t first_seen, last_failure, last_success; /* 0: never */
	uint64_t next_delay_ms;
};

/* For `explain`: what is known of one user name. */
struct policy_user_info {
	bool known;    /* somebody tried it of late */
	bool person;   /* and logged in: it is somebody's name */
	bool shielded; /* strangers are answered 454: the server's lock is near
			*/
	bool campaign; /* one is under way against the whole server */
	unsigned pair_count;	  /* of his that are answered 535 by the core */
	unsigned server_failures; /* since the last success, under way too */
	unsigned lockout;	  /* at so many the server locks; 0: never */
	mono_ms_t last_success, last_failure;  /* 0: never */
	mono_ms_t siege_until, released_until; /* 0: none */
};

/* What lists in the DNS said of a source. */
struct policy_list_info {
	unsigned score;
	mono_ms_t until;
};

struct policy_stats {
	size_t sources, bans, attempts;
	uint64_t evicted_sources; /* counters lost to fresh ones */
	uint64_t verdicts[6];	  /* by enum policy_verdict_kind */
	uint64_t outcomes[6];	  /* by enum policy_outcome */
	uint64_t rule_hits[RULE_COUNT];
};

struct policy;

/* seed: of the keyed hashes; the same seed gives the same run. NULL without
 * memory. Caller frees. */
struct policy *policy_new(const struct policy_conf *conf, uint64_t seed);
void policy_free(struct policy **policy);

/*
 * Takes new numbers over; bans, counters and attempts stay. Bans that the new
 * allow list covers are lifted, and those of the ladder when it no longer
 * enforces. Table sizes stay until the next start, and limits above those of
 * policy_new() are clamped to them. When `mode` changes, no action is said for
 * operators' bans: make the kernel equal to policy_ban_next().
 */
void policy_configure(
	struct policy *policy, mono_ms_t now, const struct policy_conf *conf);

/* One event, one verdict (PASS for events that are no question). */
void policy_step(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *ret_verdict);

/*
 * Lets time pass: expired bans and attempts. Call at policy_deadline(), which
 * lies in the past while there is more to tell than fits the queue of actions.
 */
void policy_tick(struct policy *policy, mono_ms_t now);
mono_ms_t policy_deadline(const struct policy *policy); /* MONO_NEVER: none */

/* Takes what step, tick and configure decided, oldest first. Call until it
 * returns false: the queue is fixed and must be emptied after each call. */
bool policy_next_action(
	struct policy *policy, struct policy_action *ret_action);

/* Is this address banned now? Allow wins. It is turned away unless the ban is
 * soft. */
bool policy_banned(const struct policy *policy, mono_ms_t now,
	const struct addr *addr, struct policy_ban *ret_ban);
/* Bans in force one by one, any order: *cursor starts at 0. */
bool policy_ban_next(const struct policy *policy, size_t *cursor,
	struct policy_ban *ret_ban);
/* What operators added by EVENT_OPERATOR_ALLOW, likewise. */
bool policy_allow_next(
	const struct policy *policy, size_t *cursor, struct prefix *ret_prefix);
void policy_explain(const struct policy *policy, mono_ms_t now,
	const struct addr *addr, struct policy_source_info *ret_info);
void policy_explain_user(const struct policy *policy, mono_ms_t now,
	struct slice user, struct policy_user_info *ret_info);
/* How naming a prefix went. */
enum policy_list_result {
	LIST_BAN_DONE,	  /* banned, for so long from now and an eighth */
	LIST_BAN_ALLOWED, /* the allow list covers it */
	LIST_BAN_OTHER,	  /* a ban of another rule is there, or mode is off */
	LIST_BAN_FULL,	  /* three quarters of the table are filled */
};

/* A list of others names a prefix; empty the queue of actions after each. */
enum policy_list_result policy_list_ban(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, uint64_t span_ms);
/* No list names it any more. false: there is no such ban of a list. */
bool policy_list_lift(
	struct policy *policy, mono_ms_t now, const struct prefix *prefix);
/* Should lists be asked about it? Not where their word would change nothing. */
bool policy_list_wanted(
	const struct policy *policy, mono_ms_t now, const struct addr *addr);
/* false: they said nothing, or not any more. */
bool policy_listed(const struct policy *policy, mono_ms_t now,
	const struct addr *addr, struct policy_list_info *ret_info);
void policy_stats(const struct policy *policy, struct policy_stats *ret_stats);

const char *policy_rule_name(enum policy_rule rule);	/* "source-limit" … */
const char *policy_rule_text(enum policy_rule rule);	/* a sentence */
enum policy_rule policy_rule_by_name(const char *name); /* RULE_NONE: no */

#endif
