/*
 * The dialogue, server side: replies, each matched to the command that it
 * answers (D-08).
 *
 * Reply lines pass as they come, but for three that must be whole before
 * anything is decided: EHLO (filtered), the final reply of AUTH (it settles
 * an attempt and may be delayed), and those to postern's own commands, which
 * no client sees. A reply that answers nothing, that comes before what it
 * answers was sent, or that can be read in two ways ends the session: a mode
 * is entered on the server's own reply to the command that asks for it, never
 * on a code alone.
 */
#include "dialog.h"
#include "dialog_internal.h"
#include "ehlo.h"
#include "reply.h"

static void server_fault(struct dialog *d, const struct dialog_room *room,
	struct dialog_step *step, size_t used, enum close_reason reason)
{
	/* What was awaited is answered by this one 421; a message whose end
	 * is out has an unknown fate (D-05). */
	bool unknown =
		fifo_holds(d, OWN_END_OF_DATA) || fifo_holds(d, OWN_CHUNK_LAST);
	bool in_payload =
		d->state == DIALOG_STATE_DATA || d->state == DIALOG_STATE_CHUNK;

	(void)room;
	step->reason = reason;
	(void)step_is(step, DIALOG_DROP_SERVER, used);
	d->server_dropped = true;
	if (in_payload) {
		dialog_gone(d, DIALOG_SERVER);
		return;
	}
	d->fifo_count = 0;
	dialog_end(d, unknown ? REPLY_MESSAGE_UNKNOWN : REPLY_SERVER_CONFUSED,
		reason);
	d->server_gone = true;
}

/*
 * A whole reply at the head of `in`: REPLY_OK with its octets and code. All
 * its lines must have the same code (RFC 5321 §4.2.1).
 */
static enum reply_result whole_reply(
	struct slice in, size_t most, size_t *ret_n, uint16_t *ret_code)
{
	struct reply_line line;
	size_t at = 0, used;
	uint16_t code = 0;

	for (unsigned lines = 0; lines < DIALOG_REPLY_LINES; lines++) {
		enum reply_result result =
			reply_next(slice_skip(in, at), most, &line, &used);
		if (result == REPLY_MORE && in.n >= most)
			return REPLY_TOO_LONG;
		if (result != REPLY_OK)
			return result;
		if (code != 0 && line.code != code)
			return REPLY_BAD;
		code = line.code;
		at += used;
		if (at > most)
			return REPLY_TOO_LONG;
		if (line.last) {
			*ret_n = at;
			*ret_code = code;
			return REPLY_OK;
		}
		if (at >= most)
			return REPLY_TOO_LONG;
	}
	return REPLY_TOO_LONG;
}

/*
 * The whole reply at the head of `in`. false: *step says what there is to do
 * instead, read on or give the server up.
 */
static bool take_whole(struct dialog *d, struct slice in, size_t most,
	const struct dialog_room *room, struct dialog_step *step, size_t *ret_n,
	uint16_t *ret_code)
{
	enum reply_result result = REPLY_MORE;

	if (in.n > 0)
		result = whole_reply(in, most, ret_n, ret_code);
	if (result == REPLY_OK)
		return true;
	if (result == REPLY_MORE)
		(void)step_is(step, DIALOG_MORE, 0);
	else
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
	return false;
}

/* Our own EHLO, once the banner is in and behind TLS. */
static bool send_own(struct dialog *d, const struct dialog_room *room,
	struct dialog_step *step)
{
	size_t n = strlen(room->hostname);

	if (d->state == DIALOG_STATE_SERVER_EHLO && d->ehlo_due &&
		n + 7 < room->out_n) {
		memcpy(room->out, "EHLO ", 5);
		memcpy(room->out + 5, room->hostname, n);
		memcpy(room->out + 5 + n, "\r\n", 2);
		d->ehlo_due = false;
		step->span = slice_of(room->out, n + 7);
		return step_is(step, DIALOG_SEND, 0);
	}
	return false;
}

/*
 * A banner that lets nobody in, and of another server nothing is known yet:
 * the client has heard nothing and is spared it. But a 5yz is this server's
 * judgement of the client, who shall not look for one that judges better.
 */
static bool goes_elsewhere(struct slice in, const struct dialog_room *room)
{
	enum reply_result result;
	uint16_t code = 0;
	size_t n = 0;

	if (!room->another_server || in.n == 0)
		return false;
	result = whole_reply(in, DIALOG_REPLY_WHOLE, &n, &code);
	if (result != REPLY_OK)
		return result != REPLY_MORE;
	return code < 500 && (code != 220 || in.n > n);
}

static void feed_greeting(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	uint16_t code;
	size_t n;

	if (goes_elsewhere(in, room)) {
		(void)step_is(step, DIALOG_NEXT_SERVER, in.n);
		return;
	}
	if (!take_whole(d, in, DIALOG_REPLY_WHOLE, room, step, &n, &code))
		return;
	step->code = code;
	step->span = slice_head(in, n);
	if (d->again && code != 220) {
		/* The client was greeted before: it has to hear a 421. */
		server_fault(d, room, step, in.n, CLOSE_SERVER_REFUSED);
		return;
	}
	if (code >= 400) {
		/* The server refuses this client by itself: its own words. */
		dialog_end(d, REPLY_NONE, CLOSE_SERVER_REFUSED);
		(void)step_is(step, DIALOG_FORWARD, n);
		return;
	}
	if (code != 220 || in.n > n) {
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	d->server_tls = false;
	d->ehlo_due = d->conf->server_starttls != DIALOG_STARTTLS_OFF ||
		      d->conf->xclient;
	dialog_move(d,
		d->ehlo_due ? DIALOG_STATE_SERVER_EHLO : DIALOG_STATE_COMMAND);
	if (d->again) /* the client has its banner */
		step->span = slice_of(NULL, 0);
	(void)step_is(step,
		d->conf->own_banner && !d->again ? DIALOG_BANNER
						 : DIALOG_FORWARD,
		n);
}

/* Nothing of our own is left to say but, where it is asked for, XCLIENT. */
static void own_done(struct dialog *d, const struct dialog_room *room,
	struct dialog_step *step, size_t used)
{
	size_t n = 0;

	if (d->conf->xclient && room->client && room->out_n >= XCLIENT_LONGEST)
		n = xclient_compose(room->client, d->xclient, room->out);
	if (n > 0) {
		dialog_move(d, DIALOG_STATE_SERVER_XCLIENT);
		step->span = slice_of(room->out, n);
		(void)step_is(step, DIALOG_SEND, used);
		return;
	}
	dialog_move(d, DIALOG_STATE_COMMAND);
	(void)step_is(step, DIALOG_FORWARD, used); /* nothing to send */
}

/* TLS was wanted and is not to be had. */
static void no_server_tls(struct dialog *d, const struct dialog_room *room,
	struct dialog_step *step, size_t used)
{
	if (d->conf->server_starttls == DIALOG_STARTTLS_REQUIRED) {
		d->fifo_count = 0;
		dialog_end(d, REPLY_SERVER_AWAY, CLOSE_SERVER_TLS);
		d->server_gone = d->server_dropped = true;
		(void)step_is(step, DIALOG_DROP_SERVER, used);
		return;
	}
	own_done(d, room, step, used);
}

static void feed_own_ehlo(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	uint16_t code;
	size_t n;

	if (!take_whole(d, in, DIALOG_REPLY_WHOLE, room, step, &n, &code))
		return;
	if (in.n > n) {
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	d->xclient = (uint8_t)xclient_offered(
		ehlo_args(slice_head(in, n), "XCLIENT"));
	if (d->conf->server_starttls == DIALOG_STARTTLS_OFF || d->server_tls) {
		own_done(d, room, step, n);
		return;
	}
	if (code != 250 || !(ehlo_caps(slice_head(in, n)) & EHLO_STARTTLS)) {
		no_server_tls(d, room, step, n);
		return;
	}
	step->span = slice_str("STARTTLS\r\n");
	dialog_move(d, DIALOG_STATE_SERVER_STARTTLS);
	(void)step_is(step, DIALOG_SEND, n);
}

/*
 * Taken (220, a banner that no client sees: it has had one), or not: a server
 * that offers it and then says 5yz serves everybody as postern's own.
 */
static void feed_own_xclient(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	uint16_t code;
	size_t n;

	if (!take_whole(d, in, DIALOG_REPLY_WHOLE, room, step, &n, &code))
		return;
	if (in.n > n || (code >= 300 && code < 500)) {
		server_fault(d, room, step, in.n,
			code == 421 ? CLOSE_SERVER_REFUSED
				    : CLOSE_SERVER_PROTOCOL);
		return;
	}
	step->xclient_refused = code >= 500;
	dialog_move(d, DIALOG_STATE_COMMAND);
	(void)step_is(step, DIALOG_FORWARD, n); /* nothing to send */
}

static void feed_own_starttls(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	uint16_t code;
	size_t n;

	if (!take_whole(d, in, DIALOG_REPLY_WHOLE, room, step, &n, &code))
		return;
	if (in.n > n) {
		/* CVE-2021-22947 and its kin: octets in clear behind the 220
		 * would be read as if they came from inside TLS. */
		server_fault(d, room, step, in.n, CLOSE_SERVER_INJECTION);
		return;
	}
	if (code != 220) {
		no_server_tls(d, room, step, n);
		return;
	}
	dialog_move(d, DIALOG_STATE_SERVER_HANDSHAKE);
	(void)step_is(step, DIALOG_TLS_SERVER, n);
}

static struct ehlo_rules ehlo_rules(const struct dialog *d)
{
	return (struct ehlo_rules){
		.hide_auth =
			d->conf->auth == DIALOG_AUTH_HIDE ||
			(d->conf->auth == DIALOG_AUTH_TLS && !d->client_tls),
		.pass_starttls =
			d->conf->starttls == DIALOG_STARTTLS_PASSTHROUGH,
		.offer_starttls =
			(d->conf->starttls == DIALOG_STARTTLS_OPTIONAL ||
				d->conf->starttls ==
					DIALOG_STARTTLS_REQUIRED) &&
			!d->client_tls && !d->authed,
		.pass_unknown = d->conf->pass_unknown_keywords,
	};
}

static void feed_ehlo(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	struct ehlo_rules rules = ehlo_rules(d);
	uint16_t code;
	size_t n, out_n;

	if (!take_whole(d, in, DIALOG_REPLY_WHOLE, room, step, &n, &code))
		return;
	step->span = slice_head(in, n);
	step->code = code;
	if (code < 400 && code != 250) {
		/* A client may take any 2yz for a list of offers. */
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	if (code >= 500 && d->ehlo_kept) {
		/* It takes no second EHLO: a new connection has to. */
		fifo_pop(d);
		d->again = true;
		step->span = slice_of(NULL, 0);
		dialog_move(d, DIALOG_STATE_GREETING);
		(void)step_is(step, DIALOG_RECONNECT, n);
		return;
	}
	if (code == 250) {
		if (ehlo_filter(step->span, &rules, room->out, room->out_n,
			    &out_n, &d->caps) != EHLO_OK) {
			server_fault(
				d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
			return;
		}
		step->span = slice_of(room->out, out_n);
		d->greeted = true;
		d->ehlo_needed = d->in_transaction = d->chunk_begun = false;
	}
	fifo_pop(d);
	(void)step_is(step, DIALOG_FORWARD, n);
	if (code == 421)
		dialog_end(d, REPLY_NONE, CLOSE_SERVER_CLOSED);
}

static enum dialog_outcome auth_outcome(const struct dialog *d, uint16_t code)
{
	if (code >= 200 && code < 300)
		return DIALOG_AUTH_OK;
	if (d->judged && code >= 500)
		return DIALOG_AUTH_FAILED;
	if (d->cancelled || code == 501)
		return DIALOG_AUTH_CANCELLED;
	if (code == 535)
		return DIALOG_AUTH_FAILED;
	if (code < 500)
		return DIALOG_AUTH_TEMPORARY;
	return DIALOG_AUTH_OTHER;
}

static void feed_auth_final(struct dialog *d, struct slice in, size_t n,
	uint16_t code, struct dialog_step *step)
{
	fifo_pop(d);
	step->span = slice_head(in, n);
	step->code = code;
	step->mech = (enum auth_mech)d->auth.mech;
	step->outcome = auth_outcome(d, code);
	if (step->outcome == DIALOG_AUTH_OK)
		d->authed = true;
	if (d->asked) {
		d->asked = false;
		dialog_move(d, DIALOG_STATE_AUTH_SETTLING);
		(void)step_is(step, DIALOG_SETTLE, n);
	} else {
		dialog_move(d, DIALOG_STATE_AUTH_SETTLING);
		dialog_settled(d);
		(void)step_is(step, DIALOG_FORWARD, n);
	}
	if (code == 421) {
		d->server_gone = d->server_said_421 = true;
		if (d->state == DIALOG_STATE_COMMAND)
			dialog_end(d, REPLY_NONE, CLOSE_SERVER_CLOSED);
	}
}

/*
 * A server that does not take LOGIN's initial response asks for the name
 * again: then the next answer is no secret.
 */
static void login_asked_again(struct dialog *d, struct slice reply)
{
	static const char user_prompt[] = "334 VXNlcm5hbWU6\r\n";

	if (d->auth.mech == AUTH_MECH_LOGIN && !d->auth.complete &&
		slice_eq(reply, slice_of(user_prompt, sizeof user_prompt - 1)))
		d->auth.answer_count = 0;
}

/*
 * A challenge in answer to the secret says that it is wrong (RFC 7628 §3.2.3,
 * and XOAUTH2 alike). Who was told so has made his guess, however he ends the
 * exchange then. Of a mechanism that is not known nobody can say.
 */
static bool judged_by_challenge(const struct dialog *d)
{
	return d->asked && d->auth.complete && d->auth.mech != AUTH_MECH_OPAQUE;
}

static void feed_auth(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	size_t most = d->conf->answer_longest_bytes;
	uint16_t code;
	size_t n;

	if (most < DIALOG_REPLY_WHOLE)
		most = DIALOG_REPLY_WHOLE;
	if (!take_whole(d, in, most, room, step, &n, &code))
		return;
	if (code != 334 && code >= 300 && code < 400) {
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	if (code != 334) {
		feed_auth_final(d, in, n, code, step);
		return;
	}
	fifo_pop(d);
	d->judged = judged_by_challenge(d);
	login_asked_again(d, slice_head(in, n));
	if (d->violated) {
		/* The client answered before it was asked. */
		d->asked = false;
		dialog_end(d, REPLY_PIPELINED_PAST, CLOSE_PIPELINING);
		(void)step_is(step, DIALOG_DROP_SERVER, n);
		return;
	}
	dialog_move(d, DIALOG_STATE_AUTH_CLIENT);
	step->span = slice_head(in, n);
	(void)step_is(step, DIALOG_FORWARD, n);
}

/* The end of data has its reply; the transaction is over either way. */
static void replied_message(
	struct dialog *d, uint16_t code, struct dialog_step *step)
{
	d->in_transaction = d->chunk_begun = false;
	if (code >= 200 && code < 300) {
		step->message_accepted = true;
		d->idle_count = 0;
	}
}

static void replied_data(
	struct dialog *d, uint16_t code, struct dialog_step *step)
{
	if (d->violated) {
		if (code == 354) {
			/* Octets that were sent before this 354 cannot be told
			 * from commands: the message does not begin. */
			step->span = slice_of(NULL, 0);
			(void)step_is(step, DIALOG_DROP_SERVER, step->used);
		}
		dialog_move(d, DIALOG_STATE_COMMAND);
		dialog_end(d, REPLY_PIPELINED_PAST, CLOSE_PIPELINING);
		return;
	}
	if (code != 354) {
		dialog_move(d, DIALOG_STATE_COMMAND);
		return;
	}
	payload_init(&d->payload);
	d->received_due = d->conf->received;
	dialog_move(d, DIALOG_STATE_DATA);
}

/* The server leaves; an attempt that it has heard of is settled before. */
static void server_said_421(struct dialog *d)
{
	d->server_gone = d->server_said_421 = true;
	if (!d->asked)
		dialog_end(d, REPLY_NONE, CLOSE_SERVER_CLOSED);
}

/* The last line of the reply to the FIFO's first entry is in. */
static void replied(struct dialog *d, unsigned what, uint16_t code,
	struct dialog_step *step)
{
	step->code = code;
	switch (what) {
	case VERB_MAIL:
		if (code >= 200 && code < 300) {
			d->in_transaction = true;
			d->chunk_begun = false;
		}
		break;
	case VERB_RSET:
		if (code >= 200 && code < 300)
			d->in_transaction = d->chunk_begun = false;
		break;
	case VERB_HELO:
		if (code == 250) {
			d->greeted = true;
			d->caps = 0;
			d->ehlo_needed = d->in_transaction = false;
			d->chunk_begun = false;
		}
		break;
	case VERB_BDAT:
		/* A refused one begins nothing that MAIL has not begun. */
		d->chunk_begun = d->chunk_begun || code < 300;
		break;
	case VERB_RCPT:
		step->recipient_refused = code >= 500 && !d->authed;
		break;
	case VERB_DATA: replied_data(d, code, step); break;
	case VERB_QUIT: dialog_end(d, REPLY_NONE, CLOSE_QUIT); break;
	case OWN_END_OF_DATA:
	case OWN_CHUNK_LAST: replied_message(d, code, step); break;
	default: break; /* other verbs change nothing here */
	}
	if (d->server_dropped) {
		/* The held refusal of a message was the last word. */
		d->server_gone = true;
		d->server_said_421 = code == 421;
	} else if (code == 421) {
		d->fifo_count = 0; /* RFC 5321 §3.8: nothing comes behind it */
		server_said_421(d);
	}
}

/*
 * A reply while the text of a message is still going out. An early refusal is
 * kept where it is (the caller keeps unread octets) until the client's end of
 * data; the server's mode is unknown from here on, so it is dropped.
 */
static void feed_early(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	uint16_t code;
	size_t n;

	if (in.n == 0) {
		(void)step_is(step, DIALOG_MORE, 0);
		return;
	}
	if (in.p[0] < '4') {
		/* D-02, at its first octet: its end may come too late. */
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	if (!take_whole(d, in, DIALOG_REPLY_WHOLE, room, step, &n, &code))
		return;
	if (in.n > n) {
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	d->server_dropped = true;
	dialog_move(d, DIALOG_STATE_DATA_DRAIN);
	(void)step_is(step, DIALOG_DROP_SERVER, 0);
}

/* As far as there are octets. */
static bool begins_with(struct slice in, const char *text)
{
	return slice_eq(slice_head(in, strlen(text)),
		slice_head(slice_str(text), in.n));
}

/*
 * An acceptance that was read before what it would answer was written, to the
 * last octet, answers something else: of a message (D-02) or of a command
 * (D-08). A refusal may come before the end, but of a command that has not
 * begun only a 421. (A message may be refused at its 354.)
 */
static bool comes_too_early(const struct dialog *d, struct slice in)
{
	if (d->server_dropped || d->fifo_written > 0)
		return false;
	if (in.p[0] < '4')
		return true;
	return !d->begun && fifo_first(d) != OWN_END_OF_DATA &&
	       !begins_with(in, "421");
}

/* Nothing is awaited: only a 421 may come unasked (RFC 5321 §3.8). */
static void feed_unasked(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	uint16_t code;
	size_t n;

	if (!begins_with(in, "421")) {
		/* Not whole yet, it could pass for the answer to a command
		 * that is still to come (D-08). */
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	if (!take_whole(d, in, DIALOG_REPLY_WHOLE, room, step, &n, &code))
		return;
	step->span = slice_head(in, n);
	step->code = code;
	server_said_421(d);
	(void)step_is(step, DIALOG_FORWARD, n);
}

/* The reply to our own "*": nobody else's business. */
static void feed_cancelled(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	uint16_t code;
	size_t n;

	if (!take_whole(d, in, DIALOG_REPLY_WHOLE, room, step, &n, &code))
		return;
	if (code < 400) {
		/* It took the "*" for an answer: whatever it waits for now, it
		 * is no command. */
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	fifo_pop(d);
	(void)step_is(step, DIALOG_FORWARD, n); /* nothing to send */
}

/*
 * A reply passes when it is whole: one that is cut short or changes its code
 * on the way would be answered twice.
 */
static void feed_whole(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	unsigned what = fifo_first(d);
	uint16_t code;
	size_t n;

	if (!take_whole(d, in, DIALOG_REPLY_MOST, room, step, &n, &code))
		return;
	if (code >= 300 && code < 400 && (what != VERB_DATA || code != 354)) {
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	step->span = slice_head(in, n);
	(void)step_is(step, DIALOG_FORWARD, n);
	fifo_pop(d);
	replied(d, what, code, step);
}

/*
 * The server's word on a STARTTLS that was passed on. With its 220, and with
 * nothing else, the stream is the two's own; refused, it is as it was.
 */
static void feed_starttls(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	uint16_t code;
	size_t n;

	if (!take_whole(d, in, DIALOG_REPLY_WHOLE, room, step, &n, &code))
		return;
	if (code < 400 && code != 220) {
		/* A client may take any 2yz for a 220. */
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	if (code == 220 && in.n > n) {
		/* A client might take them for what came inside TLS. */
		server_fault(d, room, step, in.n, CLOSE_SERVER_INJECTION);
		return;
	}
	fifo_pop(d);
	step->span = slice_head(in, n);
	step->code = code;
	if (code == 220) {
		dialog_pass_through(d);
		(void)step_is(step, DIALOG_PASSTHROUGH, n);
		return;
	}
	dialog_move(d, DIALOG_STATE_COMMAND);
	(void)step_is(step, DIALOG_FORWARD, n);
	if (code == 421)
		server_said_421(d);
}

static void feed_reply(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	if (in.n == 0) {
		(void)step_is(step, DIALOG_MORE, 0);
		return;
	}
	if (d->fifo_count == 0) {
		feed_unasked(d, in, room, step);
		return;
	}
	if (comes_too_early(d, in)) {
		/* At its first octet: its end may come too late. */
		server_fault(d, room, step, in.n, CLOSE_SERVER_PROTOCOL);
		return;
	}
	switch (fifo_first(d)) {
	case VERB_EHLO: feed_ehlo(d, in, room, step); return;
	case VERB_AUTH: feed_auth(d, in, room, step); return;
	case VERB_STARTTLS: feed_starttls(d, in, room, step); return;
	case OWN_CANCEL: feed_cancelled(d, in, room, step); return;
	default: feed_whole(d, in, room, step); return;
	}
}

void dialog_feed_server(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	switch ((enum dialog_state)d->state) {
	case DIALOG_STATE_GREETING: feed_greeting(d, in, room, step); return;
	case DIALOG_STATE_SERVER_EHLO:
		if (!send_own(d, room, step))
			feed_own_ehlo(d, in, room, step);
		return;
	case DIALOG_STATE_SERVER_STARTTLS:
		feed_own_starttls(d, in, room, step);
		return;
	case DIALOG_STATE_SERVER_XCLIENT:
		feed_own_xclient(d, in, room, step);
		return;
	case DIALOG_STATE_DATA: feed_early(d, in, room, step); return;
	case DIALOG_STATE_SERVER_HANDSHAKE:
	case DIALOG_STATE_CLIENT_HANDSHAKE:
	case DIALOG_STATE_PASSTHROUGH:
	case DIALOG_STATE_DATA_DRAIN:
	case DIALOG_STATE_AUTH_SETTLING:
	case DIALOG_STATE_CLOSED: (void)step_is(step, DIALOG_WAIT, 0); return;
	case DIALOG_STATE_COMMAND:
	case DIALOG_STATE_STARTTLS:
	case DIALOG_STATE_STARTTLS_PASSED:
	case DIALOG_STATE_AUTH_ASKING:
	case DIALOG_STATE_AUTH_PASSED:
	case DIALOG_STATE_AUTH_ANSWERED:
	case DIALOG_STATE_AUTH_SERVER:
	case DIALOG_STATE_AUTH_CLIENT:
	case DIALOG_STATE_DATA_WAIT:
	case DIALOG_STATE_CHUNK:
	case DIALOG_STATE_CHUNK_DRAIN:
	case DIALOG_STATE_QUITTING:
	case DIALOG_STATE_CLOSING: feed_reply(d, in, room, step); return;
	case DIALOG_STATE_COUNT: break;
	}
	(void)step_is(step, DIALOG_WAIT, 0);
}
