/*
 * A caller of the dialogue, as the worker is one, but on two arrays.
 *
 * What is unread stays in a side's tail and comes again with more behind it;
 * both sides are fed until nothing moves. Each input ends at a page that may
 * not be touched, and so does each room that is lent. Whatever the scripts
 * expect, these hold at each step:
 *
 *	- it uses no more than there is, and it ends within a bound;
 *	- the server gets octets of the client, in order, or one of the few
 *	  lines that are postern's own, and nothing once it was dropped (S-01);
 *	- the client gets whole replies; none of ours is a 2yz but "220" (D-01);
 *	- no command that is refused, and AUTH only where it is offered;
 *	- an acceptance was not begun before its end of data was out (D-02);
 *	- there are never more replies than commands, but for the one that
 *	  announces the end; where nothing is awaited, there are as many (D-08);
 *	- an attempt is settled once, only one that was let through, and also
 *	  where the server is lost;
 *	- no octet that came in clear waits for TLS;
 *	- what is closing stays so.
 */
#ifndef TESTS_UNIT_DIALOG_WORLD_H
#define TESTS_UNIT_DIALOG_WORLD_H

#include "../../proto/dialog.h"
#include "../../proto/dialog_internal.h"
#include "../../proto/ehlo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

enum { TEXT_ROOM = 96 * 1024, ENDS_KEPT = 64, OUT_ROOM = 8192 + 64 };

#define WORLD_HOST "mx.example"
#define WORLD_XCLIENT                                                          \
	"XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=4711 "                 \
	"DESTADDR=192.0.2.25 DESTPORT=25\r\n"
#define WORLD_RECEIVED "Received: from x\r\n\tby y; z\r\n"

struct text {
	size_t n;
	uint8_t p[TEXT_ROOM];
};

struct world {
	const char *name; /* of what runs, for messages */
	struct dialog_conf conf;
	struct dialog dialog;
	struct text c_in, s_in; /* unread */
	struct text to_c, to_s; /* what came out, with {TOKENS} */
	struct text note, held; /* other steps; the span of SETTLE */
	uint8_t user[AUTH_USER_LONGEST];
	size_t user_n;
	bool unsent, dropped, gone_s, ended, tls, passed, moved;
	size_t unsent_n; /* octets in the queue to the server */
	/* For the properties. */
	unsigned commands, replies, accepted;
	enum auth_mech asked_mech;
	bool attempt; /* let through, and not settled */
	uint64_t s_given, s_used, reply_begun;
	bool in_reply;
	uint64_t ends[ENDS_KEPT]; /* s_given when an end of data was out */
	unsigned ends_in, ends_out, end_open;
};

static const struct xclient world_client = {
	.source = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 7},
	.target = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 25},
	.source_port = 4711,
	.target_port = 25,
};

static const char *const outcome_names[] = {
	[DIALOG_AUTH_OK] = "ok",
	[DIALOG_AUTH_FAILED] = "failed",
	[DIALOG_AUTH_TEMPORARY] = "temporary",
	[DIALOG_AUTH_CANCELLED] = "cancelled",
	[DIALOG_AUTH_OTHER] = "other",
};

static inline void text_add(struct text *t, const void *p, size_t n)
{
	assert_true(t->n + n <= sizeof t->p);
	if (n)
		memcpy(t->p + t->n, p, n);
	t->n += n;
}

static inline void text_str(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

static inline void text_drop(struct text *t, size_t n)
{
	t->n -= n;
	memmove(t->p, t->p + n, t->n);
}

static inline void text_note(struct text *t, const char *word, const char *more)
{
	if (t->n)
		text_str(t, " | ");
	text_str(t, word);
	if (*more) {
		text_str(t, " ");
		text_str(t, more);
	}
}

static inline bool inside(struct slice part, struct slice whole)
{
	return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static inline bool is_text(struct slice s, const char *text)
{
	return slice_eq(s, slice_str(text));
}

#define HOLDS(w, what)                                                         \
	do {                                                                   \
		if (!(what))                                                   \
			fail_msg("%s: does not hold: %s (state %s, line %d)",  \
				(w)->name, #what,                              \
				dialog_state_name(                             \
					(enum dialog_state)(w)->dialog.state), \
				__LINE__);                                     \
	} while (0)

static inline void world_begin(struct world *w, const char *name,
	const struct dialog_conf *conf, bool implicit_tls)
{
	memset(w, 0, offsetof(struct world, c_in));
	w->c_in.n = w->s_in.n = w->to_c.n = w->to_s.n = 0;
	w->note.n = w->held.n = 0;
	memset(w->user, 0, sizeof *w - offsetof(struct world, user));
	w->name = name;
	w->conf = *conf;
	dialog_init(&w->dialog, &w->conf, implicit_tls);
}

/* What NORMALIZE may insert, and REJECT and NORMALIZE withhold for a while. */
static inline bool is_newline_piece(struct slice s)
{
	return is_text(s, "\r\n") || is_text(s, ".\r\n") || is_text(s, ".") ||
	       is_text(s, "\r");
}

/* S-01: all that may go to the server as if it came from the client. */
static inline void hold_to_server(const struct world *w, unsigned before,
	struct slice in, const struct dialog_step *step, struct slice out)
{
	if (step->span.n == 0)
		return;
	HOLDS(w, !w->dropped && !w->gone_s);
	if (step->span.p == in.p) {
		/* An EHLO may stay, to be said again to a new server. */
		HOLDS(w, step->span.n == step->used || w->dialog.ehlo_kept);
		return;
	}
	if (inside(step->span, out)) {
		HOLDS(w, w->conf.received && step->verb == VERB_BDAT);
		HOLDS(w, memcmp(step->span.p, "BDAT ", 5) == 0);
		return;
	}
	HOLDS(w, before == DIALOG_STATE_DATA);
	HOLDS(w, w->conf.newline != PAYLOAD_PASS);
	HOLDS(w, is_newline_piece(step->span));
}

/* What the server may hear of (S-04, S-05); nothing it could misread. */
static inline void hold_allowed(
	const struct world *w, const struct command *cmd)
{
	bool clear = !w->dialog.client_tls;

	bool passed = w->conf.starttls == DIALOG_STARTTLS_PASSTHROUGH &&
		      cmd->verb == VERB_STARTTLS && cmd->args.n == 0 &&
		      (w->dialog.caps & EHLO_STARTTLS);

	HOLDS(w, !cmd->masked);
	HOLDS(w, passed || verb_class(cmd->verb) == VERB_CLASS_PASS);
	if (cmd->verb == VERB_AUTH) {
		HOLDS(w, w->conf.auth != DIALOG_AUTH_HIDE);
		HOLDS(w, w->conf.auth != DIALOG_AUTH_TLS || !clear);
	}
	if (w->conf.starttls == DIALOG_STARTTLS_REQUIRED && clear)
		HOLDS(w, cmd->verb == VERB_EHLO || cmd->verb == VERB_HELO ||
				 cmd->verb == VERB_NOOP ||
				 cmd->verb == VERB_QUIT);
	/* REL-01: an open server behind it relays for nobody. */
	if (w->conf.local_domains.count && !w->dialog.authed &&
		!w->dialog.may_relay && cmd->verb == VERB_RCPT)
		HOLDS(w, recipient_read(cmd->args, &w->conf.local_domains) ==
				 RECIPIENT_LOCAL);
}

/* For the log: which command it is, but never what an AUTH holds. */
static inline void hold_verb(const struct world *w, unsigned before,
	struct slice in, const struct dialog_step *step)
{
	bool answer = before == DIALOG_STATE_AUTH_PASSED && w->dialog.answering;
	struct command cmd;
	const uint8_t *end;

	if (step->span.n == 0 || answer) {
		HOLDS(w, step->verb == VERB_UNKNOWN);
		return;
	}
	end = memchr(in.p, '\r', in.n);
	command_parse(slice_of(in.p, (size_t)(end - in.p)), &cmd);
	HOLDS(w, step->verb == cmd.verb);
	hold_allowed(w, &cmd);
	if (cmd.verb == VERB_AUTH)
		HOLDS(w, step->args.n == 0);
	else
		HOLDS(w, slice_eq(step->args, cmd.args));
}

static inline void hold_own_send(
	const struct world *w, const struct dialog_step *step)
{
	if (step->span.n == 0)
		return;
	HOLDS(w, !w->dropped && !w->gone_s);
	if (slice_eq(slice_head(step->span, 8), slice_str("XCLIENT "))) {
		HOLDS(w, w->conf.xclient);
		HOLDS(w, memchr(step->span.p, '\n', step->span.n) ==
				 step->span.p + step->span.n - 1);
		return;
	}
	HOLDS(w, is_text(step->span, WORLD_RECEIVED) ||
			 is_text(step->span, "*\r\n") ||
			 is_text(step->span, "STARTTLS\r\n") ||
			 is_text(step->span, "EHLO " WORLD_HOST "\r\n"));
}

/*
 * One command for each line taken in a mode that reads lines. An EHLO that
 * stays counts when it goes out for the first time.
 */
static inline void count_command(struct world *w, unsigned before,
	bool kept_before, const struct dialog_step *step)
{
	if (!kept_before && w->dialog.ehlo_kept)
		w->commands++;
	if (step->used == 0 || kept_before)
		return;
	if (before == DIALOG_STATE_COMMAND ||
		before == DIALOG_STATE_AUTH_CLIENT ||
		before == DIALOG_STATE_AUTH_PASSED ||
		before == DIALOG_STATE_AUTH_ANSWERED)
		w->commands++;
	if ((before == DIALOG_STATE_DATA ||
		    before == DIALOG_STATE_DATA_DRAIN) &&
		w->dialog.state != before)
		w->commands++;
}

/* D-02: an end of data that was not forwarded, or is in the queue. */
#define END_OPEN   UINT64_MAX
#define END_QUEUED (UINT64_MAX - 1)

static inline uint64_t end_now(const struct world *w)
{
	return w->unsent ? END_QUEUED : w->s_given;
}

/* The queue to the server is empty from now on, or is not. */
static inline void world_queue(struct world *w, bool unsent)
{
	if (unsent && w->unsent)
		return; /* what is in it stays */
	w->unsent = unsent;
	w->unsent_n = 0;
	for (unsigned i = 0; i < ENDS_KEPT && !unsent; i++)
		if (w->ends[i] == END_QUEUED)
			w->ends[i] = w->s_given;
}

static inline void note_end(
	struct world *w, unsigned before_count, uint64_t before_left)
{
	const struct dialog *d = &w->dialog;
	unsigned last = (d->fifo_head + d->fifo_count - 1u) % DIALOG_FIFO_MOST;

	if (d->fifo_count > before_count &&
		(d->fifo[last].what == OWN_END_OF_DATA ||
			d->fifo[last].what == OWN_CHUNK_LAST)) {
		w->end_open = w->ends_in++ % ENDS_KEPT;
		w->ends[w->end_open] =
			d->chunk_left_bytes > 0 ? END_OPEN : end_now(w);
	} else if (before_left > 0 && d->chunk_left_bytes == 0 &&
		   w->ends[w->end_open] == END_OPEN) {
		w->ends[w->end_open] = end_now(w);
	}
}

static inline void hold_acceptance(struct world *w, unsigned what,
	uint64_t begun, const struct dialog_step *step)
{
	bool end = what == OWN_END_OF_DATA || what == OWN_CHUNK_LAST;

	HOLDS(w, !step->message_accepted || end);
	if (!end || step->code == 0 || step->act != DIALOG_FORWARD)
		return;
	HOLDS(w, step->message_accepted ==
			 (step->code >= 200 && step->code < 300));
	if (step->message_accepted) {
		HOLDS(w, w->ends_out < w->ends_in);
		HOLDS(w, w->ends[w->ends_out % ENDS_KEPT] <= begun);
		HOLDS(w, !w->dropped);
		w->accepted++;
	}
	w->ends_out++;
}

/* A step of the server's side: which reply is it, and where did it begin? */
static inline void count_reply(struct world *w, unsigned before, unsigned what,
	struct slice in, const struct dialog_step *step, struct slice out)
{
	uint64_t at = w->s_used;

	w->s_used += step->used;
	if (step->act != DIALOG_FORWARD || step->span.n == 0)
		return;
	HOLDS(w, (step->span.p == in.p && step->span.n == step->used) ||
			 (inside(step->span, out) && what == VERB_EHLO));
	if (!w->in_reply)
		w->reply_begun = at;
	w->in_reply = step->code == 0 && what != VERB_AUTH;
	if (w->in_reply)
		return;
	hold_acceptance(w, what, w->reply_begun, step);
	if (before != DIALOG_STATE_GREETING &&
		before != DIALOG_STATE_SERVER_EHLO &&
		before != DIALOG_STATE_SERVER_STARTTLS &&
		before != DIALOG_STATE_SERVER_XCLIENT)
		w->replies++;
}

static inline void carry_ask(struct world *w, const struct dialog_step *step)
{
	char line[512];

	(void)snprintf(line, sizeof line, "%s %.*s %.*s",
		auth_mech_name(step->mech), (int)step->credential.user.n,
		(const char *)step->credential.user.p,
		(int)step->credential.secret.n,
		(const char *)step->credential.secret.p);
	text_note(&w->note, "ASK", line);
	w->asked_mech = step->mech;
	w->attempt = false; /* one before it held no secret */
}

static inline void carry_settle(struct world *w, const struct dialog_step *step)
{
	char line[64];

	(void)snprintf(line, sizeof line, "%s %u", outcome_names[step->outcome],
		step->code);
	text_note(&w->note, "SETTLE", line);
	HOLDS(w, w->attempt && step->mech == w->asked_mech);
	w->attempt = false;
	w->held.n = 0;
	text_add(&w->held, step->span.p, step->span.n);
	if (step->span.n)
		w->replies++;
}

static inline void token(struct text *t, const char *word, const char *more)
{
	text_str(t, "{");
	text_str(t, word);
	text_str(t, more);
	text_str(t, "}");
}

static inline void carry_reply(struct world *w, const struct dialog_step *step)
{
	unsigned code = own_reply_code(step->reply);

	HOLDS(w, step->reply != REPLY_NONE && step->reply < REPLY_COUNT);
	HOLDS(w, code >= 400 || step->reply == REPLY_TLS_READY);
	HOLDS(w, !w->tls);
	token(&w->to_c, own_reply_name(step->reply), "");
	w->replies++;
}

static inline void carry_out(
	struct world *w, enum dialog_side side, const struct dialog_step *step)
{
	if (step->auth_refused)
		text_note(&w->note, "AUTH_REFUSED", "");
	if (step->xclient_refused)
		text_note(&w->note, "XCLIENT_REFUSED", "");
	if (step->message_accepted)
		text_note(&w->note, "ACCEPTED", "");
	switch (step->act) {
	case DIALOG_MORE:
	case DIALOG_WAIT: break;
	case DIALOG_FORWARD:
		text_add(side == DIALOG_CLIENT ? &w->to_s : &w->to_c,
			step->span.p, step->span.n);
		break;
	case DIALOG_REPLY: carry_reply(w, step); break;
	case DIALOG_BANNER: token(&w->to_c, "BANNER", ""); break;
	case DIALOG_SEND:
		hold_own_send(w, step);
		text_add(&w->to_s, step->span.p, step->span.n);
		break;
	case DIALOG_ASK: carry_ask(w, step); break;
	case DIALOG_SETTLE: carry_settle(w, step); break;
	case DIALOG_TLS_CLIENT:
		token(&w->to_c, "TLS", "");
		w->tls = true;
		break;
	case DIALOG_TLS_SERVER:
		token(&w->to_s, "TLS", "");
		w->tls = true;
		break;
	case DIALOG_NEXT_SERVER: token(&w->to_s, "NEXT", ""); break;
	case DIALOG_RECONNECT: token(&w->to_s, "RECONNECT", ""); break;
	case DIALOG_PASSTHROUGH:
		HOLDS(w, side == DIALOG_SERVER && step->code == 220);
		HOLDS(w, slice_eq(slice_head(step->span, 3), slice_str("220")));
		text_add(&w->to_c, step->span.p, step->span.n);
		token(&w->to_c, "PASSTHROUGH", "");
		w->replies++;
		w->passed = true;
		break;
	case DIALOG_DROP_SERVER:
		HOLDS(w, !w->dropped);
		w->dropped = true;
		token(&w->to_s, "DROP",
			step->reason ? close_reason_name(step->reason) : "");
		break;
	case DIALOG_CLOSE:
		HOLDS(w, step->reason != CLOSE_NONE);
		HOLDS(w, !w->attempt || step->reason != CLOSE_SERVER_CLOSED);
		token(&w->to_c, "CLOSE ", close_reason_name(step->reason));
		w->ended = true;
		break;
	}
}

/* The session's mode, and that its pairing of replies is right (D-08). */
static inline void hold_state(const struct world *w, unsigned before)
{
	const struct dialog *d = &w->dialog;
	bool closing = d->state == DIALOG_STATE_CLOSING ||
		       d->state == DIALOG_STATE_CLOSED;

	if (before == DIALOG_STATE_CLOSING || before == DIALOG_STATE_CLOSED)
		HOLDS(w, closing);
	HOLDS(w, d->state < DIALOG_STATE_COUNT);
	HOLDS(w, d->fifo_count <= DIALOG_FIFO_MOST);
	HOLDS(w, w->replies <=
			 w->commands +
				 (closing || d->server_said_421 ? 1u : 0u));
	if (d->state == DIALOG_STATE_COMMAND && d->fifo_count == 0 &&
		!d->server_gone && !d->ehlo_kept)
		HOLDS(w, w->replies == w->commands);
}

static inline struct dialog_room world_room(
	struct world *w, uint8_t **user, struct slice *ret_out)
{
	static struct guard scratch, keeps_user, out, received;
	struct dialog_room room = {
		.scratch_n = w->conf.answer_longest_bytes,
		.out_n = OUT_ROOM,
		.user_n = &w->user_n,
		.hostname = WORLD_HOST,
		.server_unsent_bytes = w->unsent_n,
		.client = &world_client,
	};

	room.scratch = guard_room(&scratch, room.scratch_n);
	*user = room.user = guard_copy(&keeps_user, w->user, sizeof w->user);
	room.out = guard_room(&out, OUT_ROOM);
	*ret_out = slice_of(room.out, OUT_ROOM);
	if (w->conf.received)
		room.received = slice_of(guard_copy(&received, WORLD_RECEIVED,
						 sizeof WORLD_RECEIVED - 1),
			sizeof WORLD_RECEIVED - 1);
	return room;
}

static inline bool world_alive(const struct world *w)
{
	return !w->ended && !w->tls && !w->passed;
}

/* What came in clear must not wait to be read inside TLS (RFC 3207 §6). */
static inline void hold_tls(const struct world *w, enum dialog_side side,
	struct slice in, const struct dialog_step *step)
{
	size_t rest = in.n - step->used;

	if (step->act == DIALOG_TLS_CLIENT)
		HOLDS(w, (side == DIALOG_CLIENT ? rest : w->c_in.n) == 0);
	if (step->act == DIALOG_TLS_SERVER)
		HOLDS(w, (side == DIALOG_SERVER ? rest : w->s_in.n) == 0);
	if (step->act == DIALOG_PASSTHROUGH) /* nor be read by anybody else */
		HOLDS(w, rest == 0 && w->c_in.n == 0);
}

/* The answer to ASK. */
static inline void world_verdict(struct world *w, enum dialog_answer answer)
{
	if (w->dialog.state == DIALOG_STATE_AUTH_ASKING)
		w->attempt = answer == DIALOG_PASS;
	dialog_verdict(&w->dialog, answer);
}

/* Of a quiet dialogue nothing comes; what is noted of the queue may change. */
static inline void hold_quiet(
	const struct world *w, const struct dialog_room *room)
{
	for (unsigned side = 0; side < 2 && dialog_quiet(&w->dialog); side++) {
		struct dialog fed = w->dialog;
		struct dialog_step step;

		dialog_feed(&fed, side ? DIALOG_SERVER : DIALOG_CLIENT,
			slice_of(NULL, 0), room, &step);
		HOLDS(w, step.act == DIALOG_MORE || step.act == DIALOG_WAIT);
		HOLDS(w, step.used == 0 && step.span.n == 0);
		HOLDS(w, !step.auth_refused && !step.recipient_refused &&
				 !step.xclient_refused);
		fed.begun = w->dialog.begun;
		fed.fifo_written = w->dialog.fifo_written;
		HOLDS(w, memcmp(&fed, &w->dialog, sizeof fed) == 0);
	}
}

static inline void world_step(struct world *w, enum dialog_side side,
	struct slice in, struct dialog_step *step)
{
	struct dialog *d = &w->dialog;
	unsigned state = d->state, count = d->fifo_count;
	unsigned what = count ? fifo_first(d) : VERB_COUNT + 99u;
	uint64_t left = d->chunk_left_bytes;
	bool kept = d->ehlo_kept;
	struct slice out;
	uint8_t *user;
	struct dialog_room room = world_room(w, &user, &out);

	dialog_feed(d, side, in, &room, step);
	memcpy(w->user, user, sizeof w->user);
	HOLDS(w, step->used <= in.n);
	hold_tls(w, side, in, step);
	if (side == DIALOG_CLIENT) {
		if (step->act == DIALOG_FORWARD)
			hold_to_server(w, state, in, step, out);
		if (step->act == DIALOG_FORWARD &&
			(state == DIALOG_STATE_COMMAND ||
				state == DIALOG_STATE_AUTH_PASSED))
			hold_verb(w, state, in, step);
		count_command(w, state, kept, step);
		note_end(w, count, left);
	} else {
		count_reply(w, state, what, in, step, out);
	}
	if (w->unsent &&
		(step->act == DIALOG_SEND ||
			(step->act == DIALOG_FORWARD && side == DIALOG_CLIENT)))
		w->unsent_n += step->span.n;
	carry_out(w, side, step);
	hold_quiet(w, &room);
	hold_state(w, state);
}

/* As in the worker: until the dialogue wants more or waits. */
static inline void world_feed(struct world *w, enum dialog_side side)
{
	static struct guard guards[2];
	struct text *tail = side == DIALOG_CLIENT ? &w->c_in : &w->s_in;
	size_t given = tail->n, steps = 0;
	struct slice in =
		slice_of(guard_copy(&guards[side], tail->p, given), given);
	struct dialog_step step;

	do {
		world_step(w, side, in, &step);
		in = slice_skip(in, step.used);
		if (step.used > 0 ||
			(step.act != DIALOG_MORE && step.act != DIALOG_WAIT))
			w->moved = true;
		HOLDS(w, ++steps <= 2 * given + 64);
	} while (world_alive(w) && step.act != DIALOG_MORE &&
		 step.act != DIALOG_WAIT && step.act != DIALOG_RECONNECT);
	if (step.act == DIALOG_RECONNECT) /* the old one's rest is nothing */
		in.n = 0;
	text_drop(tail, given - in.n);
}

static inline void world_pump(struct world *w)
{
	unsigned rounds = 0;

	do {
		w->moved = false;
		if (world_alive(w))
			world_feed(w, DIALOG_SERVER);
		if (world_alive(w))
			world_feed(w, DIALOG_CLIENT);
		HOLDS(w, ++rounds < 1000);
	} while (w->moved && world_alive(w));
}

static inline void world_give(
	struct world *w, enum dialog_side side, const void *p, size_t n)
{
	if (w->ended || (side == DIALOG_SERVER && (w->dropped || w->gone_s)))
		return;
	text_add(side == DIALOG_CLIENT ? &w->c_in : &w->s_in, p, n);
	if (side == DIALOG_SERVER)
		w->s_given += n;
	if (world_alive(w))
		world_feed(w, side);
	world_pump(w);
}

static inline void world_settled(struct world *w)
{
	text_add(&w->to_c, w->held.p, w->held.n);
	w->held.n = 0;
	dialog_settled(&w->dialog);
	world_pump(w);
}

static inline void world_gone(struct world *w, enum dialog_side side)
{
	if (side == DIALOG_SERVER)
		w->gone_s = true;
	dialog_gone(&w->dialog, side);
	world_pump(w);
}

static inline void world_tls_done(struct world *w, enum dialog_side side)
{
	w->tls = false;
	dialog_tls_done(&w->dialog, side);
	world_pump(w);
}

#endif
