/*
 * The dialogue: both directions of one SMTP session, octets in, decisions out.
 *
 * PURE. The caller owns sockets, timers and memory; it feeds what it has read
 * from either side and carries out the steps. A step's spans point into the
 * input, into the room that the caller lent, or to static text; nothing is
 * kept. Every octet may be the last one for now: what is not used comes again,
 * with more behind it.
 *
 *	do {
 *		dialog_feed(d, side, in, &room, &step);
 *		in = slice_skip(in, step.used);
 *		… carry out step …
 *	} while (step.act != DIALOG_MORE && step.act != DIALOG_WAIT);
 *
 * Changed octets (the whole list): the EHLO keywords, postern's own replies,
 * a replaced banner, a Received line, NORMALIZEd newlines.
 */
#ifndef PROTO_DIALOG_H
#define PROTO_DIALOG_H

#include "auth.h"
#include "command.h"
#include "own_reply.h"
#include "passthrough.h"
#include "payload.h"
#include "recipient.h"
#include "slice.h"
#include "xclient.h"

enum close_reason {
	CLOSE_NONE = 0,
#define CLOSE(id, name, text) CLOSE_##id,
#include "close_reasons.def"
#undef CLOSE
	CLOSE_COUNT,
};

const char *close_reason_name(enum close_reason reason);
const char *close_reason_text(enum close_reason reason);

enum dialog_side { DIALOG_CLIENT, DIALOG_SERVER };

enum dialog_auth { DIALOG_AUTH_OFFER, DIALOG_AUTH_TLS, DIALOG_AUTH_HIDE };
enum dialog_starttls {
	DIALOG_STARTTLS_OFF,
	DIALOG_STARTTLS_OPTIONAL,
	DIALOG_STARTTLS_REQUIRED,
	DIALOG_STARTTLS_PASSTHROUGH, /* the server's own; with the client */
};

/* What the listener and its backend are set to; borrowed for the dialog. */
struct dialog_conf {
	enum dialog_auth auth;
	enum dialog_starttls starttls;	      /* with the client */
	enum dialog_starttls server_starttls; /* with the server */
	enum payload_rule newline;
	bool pass_unknown_keywords;
	bool own_banner; /* the caller puts its own text for the banner */
	bool xclient;	 /* said to the server where it offers it */
	bool received;	 /* room.received goes on top of each message */
	uint32_t command_longest_bytes;
	uint32_t answer_longest_bytes;
	uint16_t bad_commands_most;
	uint32_t idle_commands_most;
	/* Without a login RCPT is for these only; none: for any. */
	struct recipient_domains local_domains;
};

enum {
	DIALOG_FIFO_MOST = 32,	   /* commands without a reply */
	DIALOG_REPLY_WHOLE = 8192, /* of an EHLO reply or a banner */
	DIALOG_REPLY_MOST = 32768, /* of any other reply, all its lines */
	DIALOG_REPLY_LINES = 200,  /* of any reply */
};

enum dialog_state {
#define STATE(id, name, client, past_354, text) DIALOG_STATE_##id,
#include "dialog_states.def"
#undef STATE
	DIALOG_STATE_COUNT,
};

/* A value of the session; fields are the dialog's own. */
struct dialog {
	const struct dialog_conf *conf;
	uint64_t chunk_left_bytes;
	uint32_t caps; /* EHLO_*: what the server offered last */
	uint32_t idle_count;
	uint16_t bad_count;
	uint8_t state;	      /* enum dialog_state */
	uint8_t close_reason; /* in CLOSING */
	uint8_t xclient;      /* XCLIENT_*: what our own EHLO was offered */
	uint8_t fifo_head, fifo_count;
	uint8_t fifo_written;  /* of these, known to have left the queue */
	uint32_t queued_bytes; /* for the server so far; may wrap */
	uint32_t fifo_start;   /* of its first entry, in queued_bytes */
	struct dialog_entry {
		uint8_t what;  /* enum verb or enum dialog_own */
		uint8_t reply; /* enum reply_id of a reply of ours */
	} fifo[DIALOG_FIFO_MOST];
	uint32_t fifo_end[DIALOG_FIFO_MOST]; /* in queued_bytes */
	struct payload payload;
	struct auth auth;
	struct passthrough passthrough; /* in PASSTHROUGH */
	bool client_tls : 1, greeted : 1, ehlo_needed : 1, authed : 1,
		in_transaction : 1, asked : 1, cancelled : 1, answering : 1,
		violated : 1, client_gone : 1, server_gone : 1,
		server_dropped : 1, received_due : 1, chunk_begun : 1,
		tls_due : 1, ehlo_due : 1, server_said_421 : 1, judged : 1,
		ehlo_fresh : 1, ehlo_kept : 1, again : 1, server_tls : 1,
		may_relay : 1, begun : 1, /* some of the first is out */
		refused : 1;		  /* in AUTH_ANSWERED: by 535 */
};

enum dialog_act {
	DIALOG_MORE,	   /* all decided; more octets of this side wanted */
	DIALOG_WAIT,	   /* the octets left wait for the other side */
	DIALOG_FORWARD,	   /* span goes to the other side */
	DIALOG_REPLY,	   /* `reply` goes to the client */
	DIALOG_BANNER,	   /* the caller's own banner goes to the client */
	DIALOG_SEND,	   /* span (ours) goes to the server */
	DIALOG_ASK,	   /* user and secret are known: dialog_verdict() */
	DIALOG_SETTLE,	   /* the attempt ended with `outcome`; deliver span to
			      the client when allowed, then dialog_settled() */
	DIALOG_TLS_CLIENT, /* handshake when all is flushed; dialog_tls_done()
			    */
	DIALOG_TLS_SERVER,
	DIALOG_RECONNECT,   /* close the server's connection and make a new one;
			       its banner is fed as ever */
	DIALOG_NEXT_SERVER, /* the same, with another server */
	DIALOG_PASSTHROUGH, /* span, the server's 220, goes to the client, if it
			       has sent nothing yet; then all octets pass
			       unread (d->passthrough): feed no more */
	DIALOG_DROP_SERVER, /* close the server's connection at once (RST) */
	DIALOG_CLOSE,	    /* flush the client, then end with `reason` */
};

/* To ASK. Of all but the first the server hears nothing. */
enum dialog_answer {
	DIALOG_PASS,	/* the line goes on */
	DIALOG_LATER,	/* the client gets 454 */
	DIALOG_REFUSED, /* the client gets 535, as if the server said it */
};

enum dialog_outcome {
	DIALOG_AUTH_OK,
	DIALOG_AUTH_FAILED,    /* 535 */
	DIALOG_AUTH_TEMPORARY, /* 4yz, server lost */
	DIALOG_AUTH_CANCELLED, /* "*" or 501 */
	DIALOG_AUTH_OTHER,     /* any other reply */
};

struct dialog_step {
	enum dialog_act act;
	size_t used; /* octets of the input that are done with */
	struct slice span;
	enum reply_id reply;
	enum close_reason reason;
	/* FORWARD of a command: what it is, for the log. */
	enum verb verb; /* VERB_UNKNOWN: not a command */
	struct slice args;
	/* FORWARD of a final reply, SETTLE: its code; else 0. */
	uint16_t code;
	bool message_accepted;	/* FORWARD: a 2yz to an end of data */
	bool auth_refused;	/* any act: AUTH where none is offered */
	bool recipient_refused; /* FORWARD: a 5yz to RCPT, without a login */
	bool xclient_refused;	/* any act: offered, and then a 5yz */
	/* ASK, SETTLE */
	enum auth_mech mech;
	struct auth_credential credential;
	enum dialog_outcome outcome;
};

/* Memory lent for one call. */
struct dialog_room {
	uint8_t *scratch; /* decoded secrets: the caller wipes it after ASK */
	size_t scratch_n; /* at least the longest answer */
	uint8_t *user;	  /* AUTH_USER_LONGEST octets, kept across calls of an
			     exchange */
	size_t *user_n;
	uint8_t *out; /* composed octets, DIALOG_REPLY_WHOLE + 64 at least */
	size_t out_n;
	const char *hostname;	      /* for our own EHLO */
	const struct xclient *client; /* for XCLIENT; NULL: not said */
	struct slice received;	      /* a whole header field with its CRLF */
	bool another_server; /* that may be asked, if this one does not greet */
	size_t server_unsent_bytes; /* that wait in a queue for the server;
				       SIZE_MAX: they are lost */
};

/* implicit_tls: the client's leg is inside TLS from the first octet. */
void dialog_init(struct dialog *dialog, const struct dialog_conf *conf,
	bool implicit_tls);

/*
 * One step. `in` is all that waits unread of that side, from its first
 * undecided octet; may be empty (to collect what is due).
 */
void dialog_feed(struct dialog *dialog, enum dialog_side side, struct slice in,
	const struct dialog_room *room, struct dialog_step *ret_step);

/* The answer to ASK; the caller has let pass what time a refusal takes. */
void dialog_verdict(struct dialog *dialog, enum dialog_answer answer);
/* The reply of SETTLE was delivered. */
void dialog_settled(struct dialog *dialog);
/* The handshake is done. */
void dialog_tls_done(struct dialog *dialog, enum dialog_side side);
/* The legs are TLS of the client's with the server from the first octet on. */
void dialog_pass_through(struct dialog *dialog);
/* Of this client RCPT is not looked at. */
void dialog_may_relay(struct dialog *dialog);
/* The peer closed, was lost or is not there; feed both sides afterwards. */
void dialog_gone(struct dialog *dialog, enum dialog_side side);

/* true: to feed nothing, on either side, would give MORE or WAIT and change
 * nothing. (false may be either.) */
bool dialog_quiet(const struct dialog *dialog);
/* Is it worth reading this side now? (false: back-pressure) */
bool dialog_reads(const struct dialog *dialog, enum dialog_side side);
/* Inside a message: large reads pay. */
bool dialog_in_payload(const struct dialog *dialog);
/*
 * Octets of a chunk that the client is in the midst of: they may go to the
 * server without being fed, and then are passed. 0: none may.
 */
uint64_t dialog_chunk_left(const struct dialog *dialog);
void dialog_chunk_passed(struct dialog *dialog, size_t n);
/* May the session be ended with 421 now (not past 354, D-10)? */
bool dialog_may_end(const struct dialog *dialog);
/* The server owes a reply (or its banner). */
bool dialog_server_owes(const struct dialog *dialog);
/* That reply is to an end of data. */
bool dialog_owes_verdict(const struct dialog *dialog);
/* Did the client see ENHANCEDSTATUSCODES? */
bool dialog_enhanced(const struct dialog *dialog);
const char *dialog_state_name(enum dialog_state state);

#endif
