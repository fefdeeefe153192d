/*
 * What the processes say to each other: one table, fixed sizes, one version.
 *
 * Channels are SOCK_SEQPACKET pairs. A datagram holds one or more messages,
 * each a struct message_head followed by the fixed body of its type. Both
 * ends are the same binary, or after an upgrade of the same
 * channel_signature(), so structs cross as they lie; a datagram that does not
 * parse is a bug or a taken-over peer: the receiver drops it and counts.
 */
#ifndef IPC_MESSAGE_H
#define IPC_MESSAGE_H

#include <stdint.h>

#include "../base/addr.h"
#include "../base/units.h"

enum limit {
#define LIMIT(id, name) LIMIT_##id,
#include "limits.def"
#undef LIMIT
	LIMIT_COUNT,
};

enum {
	MESSAGE_VERSION = 2,
	MESSAGE_USER_LONGEST = 128,
	MESSAGE_HELO_LONGEST = 40,
	MESSAGE_BACKEND_LONGEST = 64,
	MESSAGE_SERVER_LONGEST = 128,
	MESSAGE_WHY_LONGEST = 96,
	MESSAGE_NAME_LONGEST = 252,
	MESSAGE_SESSION_USER_LONGEST = 64,
	MESSAGE_SESSION_LISTENER_LONGEST = 32, /* with NUL, as all below */
	MESSAGE_SESSION_WORD_LONGEST = 24,
	MESSAGE_SESSIONS_MOST = 4, /* questions to a worker at a time */
	MESSAGE_TIMES_MOST = 32,
	MESSAGE_LISTENERS_MOST = 32, /* that connections are counted of */
	MESSAGE_BUCKETS = 12,	     /* bounds: MESSAGE_BUCKETS_MS */
};

/* What a worker counts handshakes by. */
enum message_leg { LEG_CLIENT, LEG_SERVER, LEG_COUNT };
enum message_handshake {
	HANDSHAKE_NONE, /* it did not get so far */
	HANDSHAKE_1_0,
	HANDSHAKE_1_1,
	HANDSHAKE_1_2,
	HANDSHAKE_1_3,
	HANDSHAKE_COUNT,
};

enum message_type {
	MESSAGE_NONE = 0,
	/* worker -> keeper */
	MESSAGE_HELLO,	      /* struct message_hello: send me the bans */
	MESSAGE_ASK,	      /* struct message_ask -> MESSAGE_VERDICT */
	MESSAGE_SETTLE,	      /* struct message_settle -> MESSAGE_VERDICT */
	MESSAGE_NOTE,	      /* struct message_note, no answer */
	MESSAGE_STATS,	      /* struct message_stats, no answer */
	MESSAGE_SERVER,	      /* struct message_server, both ways, no answer */
	MESSAGE_SESSION,      /* struct message_session, of an answer */
	MESSAGE_SESSIONS_END, /* struct message_sessions_end: all is said */
	/* keeper -> worker */
	MESSAGE_VERDICT,      /* struct message_verdict */
	MESSAGE_BAN,	      /* struct message_ban */
	MESSAGE_UNBAN,	      /* struct message_ban (prefix only) */
	MESSAGE_ALLOW,	      /* struct message_ban (prefix only) */
	MESSAGE_DISALLOW,     /* struct message_ban (prefix only) */
	MESSAGE_SYNC_DONE,    /* no body: all bans are told, accept clients */
	MESSAGE_SESSIONS_ASK, /* struct message_sessions_ask */
	/* supervisor <-> keeper, worker */
	MESSAGE_CHANNEL,     /* struct message_channel + one descriptor */
	MESSAGE_RELOAD_ASK,  /* keeper -> supervisor: no body */
	MESSAGE_RELOAD_DONE, /* supervisor -> keeper: struct message_text */
	MESSAGE_CONF,	     /* supervisor -> keeper: + a memfd of the text */
	MESSAGE_OWN,	     /* before it: struct message_own */
	MESSAGE_DRAIN,	     /* supervisor -> worker: stop accepting, finish */
	MESSAGE_READY,	     /* child -> supervisor: serving now */
	MESSAGE_ADDRESSES, /* supervisor -> worker: struct message_addresses */
	MESSAGE_EAR,	   /* supervisor -> keeper: struct message_ear */
	MESSAGE_GEO,	   /* supervisor -> keeper: struct message_geo */
	MESSAGE_UPGRADE_ASK,  /* keeper -> supervisor: no body */
	MESSAGE_UPGRADE_DONE, /* supervisor -> keeper: struct message_text */
	MESSAGE_HAND_OVER,    /* supervisor -> keeper: + a memfd for what is in
				 memory; close the store, send each
				 MESSAGE_CHANNEL, end */
	MESSAGE_PING,	      /* supervisor -> all but the helper: no body */
	MESSAGE_PONG,	      /* its answer: struct message_pong */
	MESSAGE_RESOLVER_ASK, /* keeper -> supervisor: struct
				 message_resolver_ask */
	MESSAGE_RESOLVER,     /* its answers: struct message_resolver */
	MESSAGE_TAP_ASK,      /* keeper -> supervisor: I want to see the log */
	MESSAGE_TAP,	      /* its answer: + a socket of log lines, or none */
	MESSAGE_HOOK,	      /* keeper -> hook: struct message_hook */
	MESSAGE_HOOK_STATE,   /* hook -> keeper: struct message_hook_state */
	MESSAGE_LIST,	      /* fetch -> keeper: struct message_list */
	MESSAGE_COUNT,
};

struct message_head {
	uint16_t type;	     /* enum message_type */
	uint16_t size_bytes; /* of the body */
	uint32_t version;
};

struct message_hello {
	uint32_t slot; /* worker number */
	uint32_t pid;
};

struct message_ask {
	uint64_t attempt;     /* unique per worker process; echoed */
	mono_ms_t held_since; /* 0: first time */
	struct addr addr;
	uint64_t secret_tag;
	uint64_t session; /* id for the log and explain */
	uint16_t user_n;
	uint8_t mech;	  /* enum auth_mech */
	uint8_t listener; /* index in the configuration */
	uint32_t helo_n;
	char user[MESSAGE_USER_LONGEST]; /* cut; not NUL-terminated */
	char helo[MESSAGE_HELO_LONGEST]; /* likewise; the last one */
};

struct message_settle {
	uint64_t attempt;
	struct addr addr;
	uint64_t session;
	uint32_t outcome; /* enum policy_outcome */
	uint32_t code;	  /* of the final reply, 0: none */
};

struct message_verdict {
	uint64_t attempt;
	uint32_t kind; /* enum policy_verdict_kind */
	uint32_t wait_ms;
	uint32_t rule; /* enum policy_rule */
	uint32_t mode; /* enum policy_mode */
	uint32_t failure_count;
	uint32_t pad;
};

enum note_kind {
	NOTE_EARLY_TALK,
	NOTE_PROTOCOL_ERROR,
	NOTE_AUTH_REFUSED,	/* AUTH where none is offered */
	NOTE_REFUSAL,		/* a reply of ours with a reference went out */
	NOTE_RECIPIENT_REFUSED, /* by the server, without a login */
	NOTE_RELAY_REFUSED,	/* likewise, or by us: it is elsewhere */
	NOTE_TLS_FAILURE,
	NOTE_HELO,    /* a name that a rule knows: `name` */
	NOTE_CONNECT, /* so many connections: `times` */
	NOTE_SEEN,    /* lists in the DNS may be asked about it */
	NOTE_KIND_COUNT,
};

struct message_note {
	struct addr addr;
	uint64_t session;
	uint32_t kind;
	uint32_t reply; /* enum reply_id, NOTE_REFUSAL */
	uint16_t times; /* NOTE_CONNECT: 1 to MESSAGE_TIMES_MOST */
	uint16_t name_n;
	char name[MESSAGE_NAME_LONGEST]; /* NOTE_HELO: cut, as it came */
};

/* Bounds of times in milliseconds, of replies[] below. */
#define MESSAGE_BUCKETS_MS                                                     \
	{                                                                      \
		5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000   \
	}

/* A worker's counters since its start; sent once a second when changed. */
struct message_stats {
	uint64_t sessions_open;
	uint64_t buffers_open; /* octets wait in so many places */
	uint64_t sessions_total;
	uint64_t messages_total; /* 2yz to an end of data, read from the server
				  */
	uint64_t turned_away_total; /* at accept */
	uint64_t tarpit_open;
	uint64_t server_errors_total; /* could not be reached or lost */
	uint64_t log_dropped_total;
	uint64_t auth_ok_total;
	uint64_t auth_failed_total;
	uint64_t loop_stall_longest_ms; /* by the clock: base/stall.h */
	uint64_t loop_run_longest_ms;	/* of this, its own run time */
	uint64_t limits[LIMIT_COUNT];	/* times that each was reached */
	uint64_t connections[MESSAGE_LISTENERS_MOST]; /* by their index */
	/* By leg, version, and whether they failed. */
	uint64_t handshakes[LEG_COUNT][HANDSHAKE_COUNT][2];
	/* Waits for replies of the server: between the bound before and
	 * each, of all, and how long. */
	uint64_t replies[MESSAGE_BUCKETS], replies_total, replies_ms;
};

/* Of one server: what a worker found, or what all of them are to know. */
enum server_word {
	SERVER_LISTED,	/* worker 1: it is among those that there are */
	SERVER_LAST,	/* worker 1: that were all; no server in it */
	SERVER_UP,	/* both ways */
	SERVER_DOWN,	/* both ways, with `why` */
	SERVER_SUSPECT, /* both ways: the health dialogue is due now */
	SERVER_COUNT,	/* worker: `session_count` sessions at it */
	SERVER_DRAIN,	/* keeper: no new sessions */
	SERVER_UNDRAIN, /* keeper */
};

struct message_server {
	struct addr addr;
	uint16_t port;
	uint8_t word;	       /* enum server_word */
	uint8_t down, drained; /* SERVER_LISTED: as the worker knows it */
	uint8_t pad[3];
	uint32_t session_count;
	uint32_t pad2;
	/* Cut, and NUL-terminated in any case. */
	char backend[MESSAGE_BACKEND_LONGEST];
	char name[MESSAGE_SERVER_LONGEST]; /* as configured */
	char why[MESSAGE_WHY_LONGEST];
};

/* Which sessions does a worker hold? It answers in slices, a few rows in a
 * loop turn, the oldest sessions first, then the end. */
struct message_sessions_ask {
	uint64_t question;    /* echoed */
	uint32_t limit;	      /* rows, of sessions and in the tarpit each */
	struct prefix within; /* of the source; all 0: everybody */
	uint8_t pad[3];
	/* Cut, and NUL-terminated in any case; empty: all of them. */
	char listener[MESSAGE_SESSION_LISTENER_LONGEST];
};

/* Words are the worker's own, so that the keeper need not know them all. */
struct message_session {
	uint64_t question, session;
	uint64_t age_ms, client_bytes, server_bytes;
	struct addr addr;
	struct addr server; /* where server_port is not 0 */
	uint16_t port, server_port;
	uint16_t user_n;
	uint8_t tarpit;
	uint8_t pad;
	char listener[MESSAGE_SESSION_LISTENER_LONGEST];
	char phase[MESSAGE_SESSION_WORD_LONGEST];
	char state[MESSAGE_SESSION_WORD_LONGEST]; /* of the dialogue */
	char tls[MESSAGE_SESSION_WORD_LONGEST];	  /* with the client */
	char user[MESSAGE_SESSION_USER_LONGEST];  /* cut; not NUL-terminated */
};

struct message_sessions_end {
	uint64_t question;
	uint32_t sessions, tarpit; /* that it holds */
	uint32_t matched;	   /* of both, that the question is about */
	uint32_t pad;
};

struct message_ban {
	struct prefix prefix;
	uint8_t pad[7];
	mono_ms_t until;
	uint32_t rule;
	uint32_t pad2;
};

struct message_channel {
	uint32_t slot; /* worker number the channel leads to (to the keeper) */
	uint32_t pid;  /* it has greeted another keeper before; 0: it will */
};

enum { MESSAGE_OWN_MOST = 256 };

/* Addresses that are never banned: the machine's, as they are now. */
struct message_own {
	uint32_t count;
	uint32_t pad;
	struct prefix own[MESSAGE_OWN_MOST];
};

/* Of the server's log, which the keeper reads and cannot open. */
enum ear_word {
	EAR_OFF,      /* none is to be followed */
	EAR_PATTERNS, /* + a memfd of their text, checked */
	EAR_FILE,     /* + the file, where it is to be read on; the one before
			 it is read to its end first */
	EAR_TROUBLE,  /* the path leads to nothing: `error`; what is open stays
		       */
};

struct message_ear {
	uint32_t word;	/* enum ear_word */
	uint32_t error; /* errno */
};

/* A database of places: + a sealed copy of it, or none. */
enum geo_kind { GEO_COUNTRY, GEO_ASN, GEO_KIND_COUNT };

struct message_geo {
	uint32_t kind;	  /* enum geo_kind */
	uint32_t trouble; /* 1: one is wanted, and cannot be read */
};

/* "I turn my loop." Of the keeper also: the firewall helper, which has no line
 * of its own to the supervisor, has not answered it for so long. */
struct message_pong {
	uint32_t helper_silent_ms; /* 0: it has, or there is none */
	uint32_t pad;
};

/* Sockets to name servers, for lists in the DNS. */
struct message_resolver_ask {
	uint32_t count; /* so many answers */
	uint32_t pad;
};

/* + a connected socket, or none. */
struct message_resolver {
	struct addr addr;
	uint16_t port;
	uint16_t pad;
	uint32_t error; /* errno; 0 without a socket: there is no name server */
};

/* What hooks are told of; the names are those of `on`. */
enum hook_event {
#define EVENT(id, name) HOOK_##id,
#include "../base/hook_events.def"
#undef EVENT
	HOOK_KINDS,		/* of those above: the operator's choice */
	HOOK_TEST = HOOK_KINDS, /* for the hook of this name alone */
	HOOK_MORE,		/* so many were not told one by one */
	HOOK_EVENTS,
};

enum {
	HOOK_NAME_LONGEST = 64, /* with NUL, as all of these */
	HOOK_TEXT_LONGEST = 200,
	HOOK_PLACE_LONGEST = 56,
	HOOKS_MOST = 16,
};

/* Texts are ours, the configuration's, or escaped already. */
struct message_hook {
	uint64_t id;	   /* another for each event */
	int64_t at, until; /* wall seconds; 0: no end */
	uint32_t event;	   /* enum hook_event */
	uint32_t failure_count;
	uint64_t more[HOOK_KINDS]; /* HOOK_MORE */
	struct prefix prefix;
	uint8_t somewhere; /* 1: prefix means something */
	uint8_t pad[6];
	char hook[HOOK_NAME_LONGEST]; /* HOOK_TEST: which; else "" */
	char rule[32];
	char reason[HOOK_TEXT_LONGEST];
	char user[HOOK_NAME_LONGEST]; /* as the log may show it; "": none */
	char backend[MESSAGE_BACKEND_LONGEST];
	char server[MESSAGE_SERVER_LONGEST];
	char address[HOOK_PLACE_LONGEST];
};

/* What became of events. */
enum hook_result {
	HOOK_DELIVERED,
	HOOK_FAILED,  /* given up */
	HOOK_RETRIED, /* a try that failed, before another */
	HOOK_DROPPED, /* the queue was full */
	HOOK_MERGED,  /* beyond the limit, in a HOOK_MORE */
	HOOK_RESULTS,
};

struct message_hook_state {
	char hook[HOOK_NAME_LONGEST];
	uint64_t results[HOOK_RESULTS];
	int64_t last_at; /* wall seconds of the last end; 0: none yet */
	uint32_t last_ok, waiting, running, pad;
	char last[HOOK_TEXT_LONGEST]; /* how it ended */
};

/* Of a list of others. */
enum list_word {
	LIST_ENTRIES, /* + a memfd of `count` struct prefix, sorted */
	LIST_NONE,    /* nothing is known of it yet */
	LIST_TROUBLE, /* `why`; what was said last stays */
};

enum { MESSAGE_LIST_WHY_LONGEST = 192, MESSAGE_LIST_TITLE_LONGEST = 72 };

struct message_list {
	uint32_t word; /* enum list_word */
	uint32_t count;
	uint64_t age_s; /* since its source last said so */
	/* Cut, and NUL-terminated in any case. */
	char title[MESSAGE_LIST_TITLE_LONGEST];
	char why[MESSAGE_LIST_WHY_LONGEST];
};

enum { MESSAGE_ADDRESSES_MOST = 64 };

/* Of the servers of a backend, since names have others now. */
struct message_addresses {
	uint32_t backend; /* index in the configuration */
	uint32_t count;
	struct {
		struct addr addr;
		uint16_t port;
		uint16_t item; /* index in `servers` of the configuration */
		uint32_t pad;
	} all[MESSAGE_ADDRESSES_MOST];
};

struct message_text {
	uint32_t ok; /* 1: done, 0: refused */
	uint32_t n;
	char text[4000]; /* what changed, or the errors; cut */
};

#endif
