/*
 * The dialogue, client side: commands, AUTH answers, the text of messages.
 *
 * A command goes on to the server as it came. What postern answers itself is
 * queued in its turn behind the replies that are still awaited. A client that
 * sends on past AUTH, DATA or STARTTLS is out of step, and two programs that
 * disagree on the step are what smuggling is made of: it gets 503 and the end
 * (RFC 2920 §3.1, RFC 4954 §4, RFC 3207 §4).
 */
#include "dialog.h"
#include "dialog_internal.h"
#include "ehlo.h"
#include "line.h"

/* RFC 3030 §2: "BDAT SP 20 digits SP LAST CRLF" is the longest of ours. */
enum { CHUNK_COMMAND_LONGEST = 64 };

static bool forward_command(struct dialog_step *step, struct slice in,
	size_t used, const struct command *cmd)
{
	step->span = slice_head(in, used);
	step->verb = cmd->verb;
	step->args = cmd->args;
	return step_is(step, DIALOG_FORWARD, used);
}

/* Consumed, and a reply of ours stands in the FIFO: collect what is due. */
static void refuse(struct dialog *d, const struct dialog_room *room,
	struct dialog_step *step, size_t used, enum reply_id reply)
{
	dialog_refuse(d, reply);
	if (!dialog_due(d, room, step))
		(void)step_is(step, DIALOG_FORWARD, 0); /* nothing to send */
	step->used = used;
}

static void end(struct dialog *d, const struct dialog_room *room,
	struct dialog_step *step, size_t used, enum reply_id reply,
	enum close_reason reason)
{
	dialog_end(d, reply, reason);
	if (!dialog_due(d, room, step))
		(void)step_is(step, DIALOG_WAIT, 0);
	step->used = used;
}

/* A refused or unknown command: counted, and too many are the end. */
static void refuse_bad(struct dialog *d, const struct dialog_room *room,
	struct dialog_step *step, size_t used, enum reply_id reply)
{
	if (++d->bad_count >= d->conf->bad_commands_most)
		end(d, room, step, used, REPLY_TOO_MANY_ERRORS,
			CLOSE_TOO_MANY_ERRORS);
	else
		refuse(d, room, step, used, reply);
}

/* Everything that a listener with starttls = required takes in clear. */
static bool clear_allowed(enum verb verb)
{
	return verb == VERB_EHLO || verb == VERB_HELO || verb == VERB_NOOP ||
	       verb == VERB_QUIT || verb == VERB_STARTTLS;
}

static bool needs_ehlo(enum verb verb)
{
	return verb == VERB_MAIL || verb == VERB_RCPT || verb == VERB_DATA ||
	       verb == VERB_BDAT || verb == VERB_AUTH;
}

/* Commands that carry a message forward are not idle ones. */
static bool idle_too_long(struct dialog *d, enum verb verb)
{
	if (verb == VERB_RCPT || verb == VERB_DATA || verb == VERB_BDAT ||
		verb == VERB_QUIT)
		return false;
	return ++d->idle_count > d->conf->idle_commands_most;
}

/* The server's TLS: the server's word, where it has offered that. */
static void pass_starttls(struct dialog *d, struct slice in, size_t used,
	const struct command *cmd, const struct dialog_room *room,
	struct dialog_step *step)
{
	if (!(d->caps & EHLO_STARTTLS)) {
		refuse_bad(d, room, step, used, REPLY_NO_STARTTLS);
		return;
	}
	fifo_push(d, VERB_STARTTLS, REPLY_NONE);
	dialog_move(d, DIALOG_STATE_STARTTLS_PASSED);
	(void)forward_command(step, in, used, cmd);
}

static void take_starttls(struct dialog *d, struct slice in, size_t used,
	const struct command *cmd, const struct dialog_room *room,
	struct dialog_step *step)
{
	if (cmd->args.n > 0)
		refuse_bad(d, room, step, used, REPLY_BAD_ARGUMENT);
	else if (in.n > used)
		/* RFC 3207 §6, CVE-2011-0411: nothing may stand behind it. */
		end(d, room, step, in.n, REPLY_NONE, CLOSE_STARTTLS_INJECTION);
	else if (d->conf->starttls == DIALOG_STARTTLS_PASSTHROUGH)
		pass_starttls(d, in, used, cmd, room, step);
	else if (d->conf->starttls == DIALOG_STARTTLS_OFF && !d->client_tls)
		refuse_bad(d, room, step, used, REPLY_NO_STARTTLS);
	else if (d->client_tls || d->authed || d->in_transaction)
		refuse_bad(d, room, step, used, REPLY_STARTTLS_NOT_NOW);
	else {
		d->tls_due = true;
		dialog_move(d, DIALOG_STATE_STARTTLS);
		refuse(d, room, step, used, REPLY_TLS_READY);
	}
}

/* What AUTH is refused with before the server hears of it; or REPLY_NONE. */
static enum reply_id auth_refusal(const struct dialog *d)
{
	if (d->conf->auth == DIALOG_AUTH_HIDE)
		return REPLY_NO_AUTH;
	if (d->conf->auth == DIALOG_AUTH_TLS && !d->client_tls)
		return REPLY_AUTH_NEEDS_TLS;
	if (!(d->caps & EHLO_AUTH))
		return d->greeted && d->caps ? REPLY_NO_AUTH : REPLY_EHLO_FIRST;
	return REPLY_NONE;
}

static bool ask(struct dialog *d, struct dialog_step *step)
{
	step->mech = (enum auth_mech)d->auth.mech;
	d->asked = false; /* a line before it held no secret: no attempt */
	dialog_move(d, DIALOG_STATE_AUTH_ASKING);
	return step_is(step, DIALOG_ASK, 0);
}

/* The line goes on and the server has the word. */
static void forward_auth(struct dialog *d, struct slice in, size_t used,
	struct dialog_step *step)
{
	step->span = slice_head(in, used);
	dialog_move(d, DIALOG_STATE_AUTH_SERVER);
	(void)step_is(step, DIALOG_FORWARD, used);
}

static void take_auth(struct dialog *d, struct slice in, size_t used,
	const struct command *cmd, const struct dialog_room *room,
	struct dialog_step *step)
{
	enum reply_id no = auth_refusal(d);

	if (no != REPLY_NONE) {
		step->auth_refused = no == REPLY_NO_AUTH;
		refuse_bad(d, room, step, used, no);
		return;
	}
	if (in.n > used) {
		end(d, room, step, in.n, REPLY_PIPELINED_PAST,
			CLOSE_PIPELINING);
		return;
	}
	d->asked = d->cancelled = d->answering = d->judged = false;
	*room->user_n = 0;
	if (auth_begin(&d->auth, cmd->args, room->scratch, room->scratch_n,
		    room->user, room->user_n,
		    &step->credential) == AUTH_STEP_SECRET) {
		(void)ask(d, step);
		return;
	}
	fifo_push(d, VERB_AUTH, REPLY_NONE);
	step->verb = VERB_AUTH;
	forward_auth(d, in, used, step);
}

static void take_data(struct dialog *d, struct slice in, size_t used,
	const struct command *cmd, const struct dialog_room *room,
	struct dialog_step *step)
{
	if (in.n > used) {
		end(d, room, step, in.n, REPLY_PIPELINED_PAST,
			CLOSE_PIPELINING);
		return;
	}
	fifo_push(d, VERB_DATA, REPLY_NONE);
	dialog_move(d, DIALOG_STATE_DATA_WAIT);
	(void)forward_command(step, in, used, cmd);
}

/* "BDAT n[ LAST]" for a chunk that the Received field makes longer. */
static struct slice chunk_command(uint64_t n, bool last, uint8_t *out)
{
	uint8_t digits[20];
	size_t at = 0, k = 0;

	memcpy(out, "BDAT ", 5);
	at = 5;
	do
		digits[k++] = (uint8_t)('0' + n % 10);
	while (n /= 10);
	while (k > 0)
		out[at++] = digits[--k];
	if (last) {
		memcpy(out + at, " LAST", 5);
		at += 5;
	}
	out[at++] = '\r';
	out[at++] = '\n';
	return slice_of(out, at);
}

/*
 * RFC 3030 §2. A size that cannot be read ends the session: its octets cannot
 * be told from commands. So does BDAT where the server offers no CHUNKING.
 */
static void take_bdat(struct dialog *d, struct slice in, size_t used,
	const struct command *cmd, const struct dialog_room *room,
	struct dialog_step *step)
{
	uint64_t n;
	bool last;

	if (!(d->caps & EHLO_CHUNKING)) {
		end(d, room, step, in.n, REPLY_NO_CHUNKING, CLOSE_BAD_CHUNK);
		return;
	}
	if (!command_bdat(cmd->args, &n, &last) ||
		n > UINT64_MAX / 2 - room->received.n) {
		end(d, room, step, in.n, REPLY_BAD_CHUNK, CLOSE_BAD_CHUNK);
		return;
	}
	fifo_push(d, last ? (unsigned)OWN_CHUNK_LAST : (unsigned)VERB_BDAT,
		REPLY_NONE);
	(void)forward_command(step, in, used, cmd);
	if (d->conf->received && !d->chunk_begun && room->received.n > 0) {
		d->received_due = true;
		step->span =
			chunk_command(n + room->received.n, last, room->out);
	}
	d->chunk_left_bytes = n;
	if (n > 0)
		dialog_move(d, DIALOG_STATE_CHUNK);
}

static void take_verb(struct dialog *d, struct slice in, size_t used,
	const struct command *cmd, const struct dialog_room *room,
	struct dialog_step *step)
{
	if (verb_class(cmd->verb) == VERB_CLASS_REFUSE) {
		refuse_bad(d, room, step, used, REPLY_NOT_IMPLEMENTED);
		return;
	}
	if (cmd->verb == VERB_UNKNOWN &&
		++d->bad_count >= d->conf->bad_commands_most) {
		end(d, room, step, used, REPLY_TOO_MANY_ERRORS,
			CLOSE_TOO_MANY_ERRORS);
		return;
	}
	fifo_push(d, cmd->verb, REPLY_NONE);
	if (cmd->verb == VERB_QUIT)
		dialog_move(d, DIALOG_STATE_QUITTING);
	(void)forward_command(step, in, used, cmd);
	if (cmd->verb == VERB_EHLO && d->ehlo_fresh) {
		/* The first behind the client's TLS. Some servers take no
		 * second EHLO in a connection: the line stays with the caller
		 * until the reply shows whether it must be said again. */
		d->ehlo_fresh = false;
		d->ehlo_kept = true;
		step->used = 0;
	}
}

/*
 * A recipient that is nobody's here, of somebody who has not logged in. Behind
 * a server that sees postern for every client this is all that stands between
 * it and an open relay.
 */
static bool relays(const struct dialog *d, const struct command *cmd)
{
	if (d->conf->local_domains.count == 0 || d->authed || d->may_relay)
		return false;
	if (cmd->verb == VERB_UNKNOWN) /* "RCPTTO:", "RCPT:": some take those */
		return slice_eq_nocase(slice_head(cmd->word, 4), "RCPT");
	return cmd->verb == VERB_RCPT &&
	       recipient_read(cmd->args, &d->conf->local_domains) !=
		       RECIPIENT_LOCAL;
}

/* The EHLO that stayed: it was answered, or a new server has to hear it. */
static void retake_ehlo(struct dialog *d, struct slice in, size_t used,
	const struct command *cmd, struct dialog_step *step)
{
	d->ehlo_kept = false;
	if (!d->again) {
		(void)step_is(step, DIALOG_FORWARD, used); /* nothing to send */
		return;
	}
	d->again = false;
	fifo_push(d, cmd->verb, REPLY_NONE);
	(void)forward_command(step, in, used, cmd);
}

/* A chunk follows its command unasked: its octets would be commands. */
static void refuse_mode(struct dialog *d, struct slice in, size_t used,
	enum verb verb, const struct dialog_room *room,
	struct dialog_step *step, enum reply_id reply)
{
	if (verb == VERB_BDAT)
		end(d, room, step, in.n, reply, CLOSE_BAD_CHUNK);
	else
		refuse_bad(d, room, step, used, reply);
}

static void take_command(struct dialog *d, struct slice in, size_t used,
	const struct command *cmd, const struct dialog_room *room,
	struct dialog_step *step)
{
	if (idle_too_long(d, cmd->verb))
		end(d, room, step, used, REPLY_TOO_MANY_COMMANDS,
			CLOSE_TOO_MANY_COMMANDS);
	else if (d->conf->starttls == DIALOG_STARTTLS_REQUIRED &&
		 !d->client_tls && !clear_allowed(cmd->verb))
		refuse_mode(
			d, in, used, cmd->verb, room, step, REPLY_TLS_FIRST);
	else if (d->ehlo_needed && needs_ehlo(cmd->verb))
		refuse_mode(
			d, in, used, cmd->verb, room, step, REPLY_EHLO_FIRST);
	else if (relays(d, cmd))
		refuse_bad(d, room, step, used, REPLY_RELAY_DENIED);
	else if (cmd->verb == VERB_STARTTLS)
		take_starttls(d, in, used, cmd, room, step);
	else if (cmd->verb == VERB_AUTH)
		take_auth(d, in, used, cmd, room, step);
	else if (cmd->verb == VERB_DATA)
		take_data(d, in, used, cmd, room, step);
	else if (cmd->verb == VERB_BDAT)
		take_bdat(d, in, used, cmd, room, step);
	else
		take_verb(d, in, used, cmd, room, step);
}

/* A line that cannot be taken: exactly one error, then the end. */
static void bad_line(struct dialog *d, struct slice in, enum line_result result,
	const struct dialog_room *room, struct dialog_step *step)
{
	if (result == LINE_TOO_LONG)
		end(d, room, step, in.n, REPLY_LINE_TOO_LONG,
			CLOSE_LINE_TOO_LONG);
	else
		end(d, room, step, in.n, REPLY_LINE_BAD, CLOSE_LINE_BAD);
}

/*
 * How many commands may be under way: as RFC 2920 allows where the server
 * offers PIPELINING, else one. An EHLO is waited for, since what may follow
 * depends on its reply.
 */
static bool must_wait(const struct dialog *d)
{
	if (d->fifo_count == 0)
		return false;
	if (d->server_dropped)
		return true; /* its last word, which is kept, comes first */
	if (d->fifo_count >= DIALOG_FIFO_MOST - 2)
		return true; /* places left for a refusal and an end */
	if (!(d->caps & EHLO_PIPELINING))
		return true;
	return fifo_holds(d, VERB_EHLO) || fifo_holds(d, VERB_HELO);
}

static void feed_command(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	enum line_result result;
	struct command cmd;
	struct slice line;
	enum alien alien;
	size_t used;

	if (must_wait(d)) {
		(void)step_is(step, DIALOG_WAIT, 0);
		return;
	}
	alien = d->greeted ? ALIEN_NO : command_alien(in);
	if (alien == ALIEN_MAYBE) {
		/* Not yet a bad line: the length in a hello may be a NUL. */
		(void)step_is(step, DIALOG_MORE, 0);
		return;
	}
	if (alien != ALIEN_NO) {
		end(d, room, step, in.n, REPLY_NONE, CLOSE_ALIEN);
		return;
	}
	result = line_next(in, d->conf->command_longest_bytes, &line, &used);
	if (result == LINE_MORE) {
		(void)step_is(step, DIALOG_MORE, 0);
		return;
	}
	if (result != LINE_OK) {
		bad_line(d, in, result, room, step);
		return;
	}
	command_parse(line, &cmd);
	if (cmd.verb == VERB_BDAT && d->conf->received && d->fifo_count > 0) {
		/* Is it the first of its message? The replies know. */
		(void)step_is(step, DIALOG_WAIT, 0);
		return;
	}
	if (d->ehlo_kept)
		retake_ehlo(d, in, used, &cmd, step);
	else if (cmd.verb == VERB_UNKNOWN && command_like_bdat(line))
		/* RFC 3030 §2: nobody knows what of the rest is a chunk. */
		end(d, room, step, in.n, REPLY_BAD_CHUNK, CLOSE_BAD_CHUNK);
	else if (cmd.masked) /* a laxer server might find a verb in it */
		refuse_bad(d, room, step, used, REPLY_NOT_A_COMMAND);
	else
		take_command(d, in, used, &cmd, room, step);
}

/* RFC 4954 §4: an answer to a 334; whatever it says, it is no command. */
static void feed_answer(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	enum line_result result;
	struct slice line;
	size_t used;

	result = line_next(in, d->conf->answer_longest_bytes, &line, &used);
	if (result == LINE_MORE) {
		(void)step_is(step, DIALOG_MORE, 0);
		return;
	}
	if (result != LINE_OK) {
		bad_line(d, in, result, room, step);
		return;
	}
	if (in.n > used) {
		end(d, room, step, in.n, REPLY_PIPELINED_PAST,
			CLOSE_PIPELINING);
		return;
	}
	d->answering = true;
	switch (auth_answer(&d->auth, line, room->scratch, room->scratch_n,
		room->user, room->user_n, &step->credential)) {
	case AUTH_STEP_SECRET: (void)ask(d, step); return;
	case AUTH_STEP_CANCEL: d->cancelled = true; break;
	case AUTH_STEP_PROMPT:
	case AUTH_STEP_SYNTAX: break;
	}
	fifo_push(d, VERB_AUTH, REPLY_NONE);
	forward_auth(d, in, used, step);
}

/* The verdict is in; the same line comes again. */
static void feed_judged(struct dialog *d, struct slice in, bool pass,
	const struct dialog_room *room, struct dialog_step *step)
{
	size_t most =
		d->conf->answer_longest_bytes > d->conf->command_longest_bytes
			? d->conf->answer_longest_bytes
			: d->conf->command_longest_bytes;
	enum reply_id reply =
		d->refused ? REPLY_AUTH_REFUSED : REPLY_AUTH_LATER;
	struct slice line;
	size_t used;

	if (line_next(in, most, &line, &used) != LINE_OK) {
		/* The caller lost the line: nothing else can be right. */
		end(d, room, step, in.n, REPLY_NONE, CLOSE_LINE_BAD);
		return;
	}
	if (pass) {
		fifo_push(d, VERB_AUTH, REPLY_NONE);
		step->verb = d->answering ? VERB_UNKNOWN : VERB_AUTH;
		forward_auth(d, in, used, step);
		return;
	}
	dialog_move(d, DIALOG_STATE_COMMAND);
	if (d->answering) {
		/* The server waits for an answer: cancel there (RFC 4954 §4),
		 * and its 501 stays with us. */
		fifo_push(d, OWN_CANCEL, REPLY_NONE);
		dialog_refuse(d, reply);
		step->span = slice_str("*\r\n");
		(void)step_is(step, DIALOG_SEND, used);
		return;
	}
	refuse(d, room, step, used, reply);
}

static void feed_data(struct dialog *d, struct slice in, bool drain,
	const struct dialog_room *room, struct dialog_step *step)
{
	enum payload_rule rule = drain ? PAYLOAD_PASS : d->conf->newline;
	enum payload_piece piece;
	size_t used = 0;

	piece = payload_next(&d->payload, rule, in, &used, &step->span);
	switch (piece) {
	case PAYLOAD_MORE: (void)step_is(step, DIALOG_MORE, used); return;
	case PAYLOAD_TAKE: step->span = slice_head(in, used); break;
	case PAYLOAD_INSERT: break;
	case PAYLOAD_END:
		step->span = slice_head(in, used);
		fifo_push(d, OWN_END_OF_DATA, REPLY_NONE);
		dialog_move(d, DIALOG_STATE_COMMAND);
		break;
	case PAYLOAD_BARE:
		/* First the server is dropped, so that nothing can be
		 * completed; then the client is told (D-03). */
		dialog_end(d, REPLY_BARE_NEWLINE, CLOSE_BARE_NEWLINE);
		(void)step_is(step, DIALOG_DROP_SERVER, in.n);
		return;
	}
	if (drain)
		step->span = slice_of(NULL, 0);
	(void)step_is(step, DIALOG_FORWARD, used);
}

static void feed_chunk(
	struct dialog *d, struct slice in, bool drain, struct dialog_step *step)
{
	size_t n = in.n;

	if (n == 0) {
		(void)step_is(step, DIALOG_MORE, 0);
		return;
	}
	if (n > d->chunk_left_bytes)
		n = (size_t)d->chunk_left_bytes;
	chunk_take(d, n);
	step->span = drain ? slice_of(NULL, 0) : slice_head(in, n);
	(void)step_is(step, DIALOG_FORWARD, n);
}

/*
 * STARTTLS waits for replies, its own where it was passed on: nothing of a 220
 * was said yet, nor will it be.
 */
static void feed_injected(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	if (in.n == 0) {
		(void)step_is(step, DIALOG_MORE, 0);
		return;
	}
	d->tls_due = false;
	d->fifo_count--; /* it stands last */
	if (d->fifo_written > d->fifo_count)
		d->fifo_written = d->fifo_count;
	end(d, room, step, in.n, REPLY_NONE, CLOSE_STARTTLS_INJECTION);
}

void dialog_feed_client(struct dialog *d, struct slice in,
	const struct dialog_room *room, struct dialog_step *step)
{
	switch ((enum dialog_state)d->state) {
	case DIALOG_STATE_DATA: feed_data(d, in, false, room, step); return;
	case DIALOG_STATE_DATA_DRAIN:
		feed_data(d, in, true, room, step);
		return;
	case DIALOG_STATE_CHUNK: feed_chunk(d, in, false, step); return;
	case DIALOG_STATE_CHUNK_DRAIN: feed_chunk(d, in, true, step); return;
	case DIALOG_STATE_COMMAND:
		if (in.n > 0)
			feed_command(d, in, room, step);
		else
			(void)step_is(step, DIALOG_MORE, 0);
		return;
	case DIALOG_STATE_AUTH_CLIENT: feed_answer(d, in, room, step); return;
	case DIALOG_STATE_AUTH_PASSED:
	case DIALOG_STATE_AUTH_ANSWERED:
		feed_judged(d, in, d->state == DIALOG_STATE_AUTH_PASSED, room,
			step);
		return;
	case DIALOG_STATE_AUTH_SERVER:
	case DIALOG_STATE_DATA_WAIT:
		if (in.n > 0)
			d->violated = true;
		(void)step_is(step, d->violated ? DIALOG_WAIT : DIALOG_MORE, 0);
		return;
	case DIALOG_STATE_STARTTLS:
	case DIALOG_STATE_STARTTLS_PASSED:
		feed_injected(d, in, room, step);
		return;
	case DIALOG_STATE_QUITTING:
	case DIALOG_STATE_CLOSING:
	case DIALOG_STATE_CLOSED:
		/* RFC 5321 §4.1.1.10: nothing counts behind QUIT. */
		(void)step_is(step, DIALOG_MORE, in.n);
		return;
	case DIALOG_STATE_GREETING:
	case DIALOG_STATE_SERVER_EHLO:
	case DIALOG_STATE_SERVER_STARTTLS:
	case DIALOG_STATE_SERVER_HANDSHAKE:
	case DIALOG_STATE_SERVER_XCLIENT:
	case DIALOG_STATE_PASSTHROUGH:
	case DIALOG_STATE_CLIENT_HANDSHAKE:
	case DIALOG_STATE_AUTH_ASKING:
	case DIALOG_STATE_AUTH_SETTLING:
	case DIALOG_STATE_COUNT: break;
	}
	(void)step_is(step, DIALOG_WAIT, 0);
}
