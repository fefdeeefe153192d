/*
 * The dialogue, what both sides share: the FIFO of commands that wait for
 * their reply, the steps that fall due by themselves, and the questions that
 * the caller asks. dialog_client.c reads the client, dialog_server.c the
 * server.
 *
 * The FIFO is the pairing of replies to commands (D-08): the k-th reply
 * answers the k-th entry. postern's own replies stand in it, too, so that a
 * refusal in the middle of a pipeline comes in its turn.
 */
#include "dialog.h"
#include "dialog_internal.h"
#include "ehlo.h"

struct state_row {
	const char *name;
	bool reads_client, past_354;
};

#define STATE(id, name, client, past_354, text)                                \
	[DIALOG_STATE_##id] = {name, client, past_354},
static const struct state_row states[DIALOG_STATE_COUNT] = {
#include "dialog_states.def"
};
#undef STATE

struct reason_row {
	const char *name, *text;
};

#define CLOSE(id, name, text) [CLOSE_##id] = {name, text},
static const struct reason_row reasons[CLOSE_COUNT] = {
	[CLOSE_NONE] = {"none", "still open"},
#include "close_reasons.def"
};
#undef CLOSE

const char *close_reason_name(enum close_reason reason)
{
	return reasons[reason < CLOSE_COUNT ? reason : 0].name;
}

const char *close_reason_text(enum close_reason reason)
{
	return reasons[reason < CLOSE_COUNT ? reason : 0].text;
}

const char *dialog_state_name(enum dialog_state state)
{
	return state < DIALOG_STATE_COUNT ? states[state].name : "?";
}

void dialog_init(
	struct dialog *d, const struct dialog_conf *conf, bool implicit_tls)
{
	memset(d, 0, sizeof *d);
	d->conf = conf;
	d->client_tls = implicit_tls;
	d->state = DIALOG_STATE_GREETING;
}

void dialog_move(struct dialog *d, enum dialog_state state)
{
	d->state = (uint8_t)state;
}

void fifo_push(struct dialog *d, unsigned what, enum reply_id reply)
{
	unsigned at = (d->fifo_head + d->fifo_count) % DIALOG_FIFO_MOST;

	d->fifo[at].what = (uint8_t)what;
	d->fifo[at].reply = (uint8_t)reply;
	d->fifo_end[at] = d->queued_bytes;
	if (d->fifo_count == 0)
		d->fifo_start = d->queued_bytes;
	d->fifo_count++;
}

unsigned fifo_first(const struct dialog *d)
{
	return d->fifo[d->fifo_head].what;
}

void fifo_pop(struct dialog *d)
{
	d->fifo_start = d->fifo_end[d->fifo_head];
	d->fifo_head = (uint8_t)((d->fifo_head + 1) % DIALOG_FIFO_MOST);
	d->fifo_count--;
	if (d->fifo_written > 0)
		d->fifo_written--;
}

bool fifo_holds(const struct dialog *d, unsigned what)
{
	for (unsigned i = 0; i < d->fifo_count; i++)
		if (d->fifo[(d->fifo_head + i) % DIALOG_FIFO_MOST].what == what)
			return true;
	return false;
}

void dialog_refuse(struct dialog *d, enum reply_id reply)
{
	fifo_push(d, OWN_REPLY, reply);
}

void dialog_end(struct dialog *d, enum reply_id reply, enum close_reason reason)
{
	if (d->state == DIALOG_STATE_CLOSING || d->state == DIALOG_STATE_CLOSED)
		return;
	if (reply != REPLY_NONE && d->fifo_count < DIALOG_FIFO_MOST)
		dialog_refuse(d, reply);
	d->close_reason = (uint8_t)reason;
	dialog_move(d, DIALOG_STATE_CLOSING);
}

bool step_is(struct dialog_step *step, enum dialog_act act, size_t used)
{
	step->act = act;
	step->used = used;
	return true;
}

static bool step_close(
	struct dialog *d, struct dialog_step *step, enum close_reason reason)
{
	dialog_move(d, DIALOG_STATE_CLOSED);
	step->reason = reason;
	return step_is(step, DIALOG_CLOSE, 0);
}

/*
 * The server is gone: entries that waited for it are answered by one 421 (or
 * 451 where the fate of a message is not known, D-05) and the session ends.
 * Replies of ours that stood before the first such entry still go out; those
 * behind it do not: a reply after a 421 would answer nothing.
 */
static void end_without_server(struct dialog *d)
{
	enum reply_id reply = REPLY_SERVER_LOST;
	unsigned keep = 0;

	while (keep < d->fifo_count &&
		d->fifo[(d->fifo_head + keep) % DIALOG_FIFO_MOST].what ==
			OWN_REPLY)
		keep++;
	if (d->state == DIALOG_STATE_GREETING)
		reply = REPLY_SERVER_AWAY;
	else if (fifo_holds(d, OWN_END_OF_DATA) ||
		 fifo_holds(d, OWN_CHUNK_LAST))
		reply = REPLY_MESSAGE_UNKNOWN;
	if (d->server_said_421 || (d->state == DIALOG_STATE_QUITTING &&
					  d->fifo_count - keep <= 1))
		reply = REPLY_NONE; /* RFC 5321 §3.8: one 421 is enough */
	d->fifo_count = (uint8_t)keep;
	dialog_end(d, reply, CLOSE_SERVER_CLOSED);
}

/* The server is gone and the session is in a state that needs it. */
static bool server_missed(const struct dialog *d)
{
	switch ((enum dialog_state)d->state) {
	case DIALOG_STATE_DATA:
	case DIALOG_STATE_DATA_DRAIN:
	case DIALOG_STATE_CHUNK:
	case DIALOG_STATE_CHUNK_DRAIN:
	case DIALOG_STATE_AUTH_SETTLING:
	case DIALOG_STATE_CLIENT_HANDSHAKE: /* no reply goes out in clear */
	case DIALOG_STATE_PASSTHROUGH:
	case DIALOG_STATE_CLOSING:
	case DIALOG_STATE_CLOSED: return false;
	case DIALOG_STATE_GREETING:
	case DIALOG_STATE_SERVER_EHLO:
	case DIALOG_STATE_SERVER_STARTTLS:
	case DIALOG_STATE_SERVER_HANDSHAKE:
	case DIALOG_STATE_SERVER_XCLIENT:
	case DIALOG_STATE_COMMAND:
	case DIALOG_STATE_STARTTLS:
	case DIALOG_STATE_STARTTLS_PASSED:
	case DIALOG_STATE_AUTH_ASKING:
	case DIALOG_STATE_AUTH_PASSED:
	case DIALOG_STATE_AUTH_ANSWERED:
	case DIALOG_STATE_AUTH_SERVER:
	case DIALOG_STATE_AUTH_CLIENT:
	case DIALOG_STATE_DATA_WAIT:
	case DIALOG_STATE_QUITTING: return true;
	case DIALOG_STATE_COUNT: break;
	}
	return false;
}

/* An attempt that was asked about must be settled before the end. */
static bool attempt_lost(struct dialog *d, struct dialog_step *step)
{
	d->asked = false;
	step->mech = (enum auth_mech)d->auth.mech;
	step->outcome = d->judged ? DIALOG_AUTH_FAILED : DIALOG_AUTH_TEMPORARY;
	dialog_move(d, DIALOG_STATE_AUTH_SETTLING);
	return step_is(step, DIALOG_SETTLE, 0);
}

/* The client is gone and nothing that it began has still to be settled. */
static bool client_missed(const struct dialog *d)
{
	switch ((enum dialog_state)d->state) {
	case DIALOG_STATE_AUTH_SERVER:
	case DIALOG_STATE_AUTH_SETTLING:
	case DIALOG_STATE_DATA_WAIT:
	case DIALOG_STATE_QUITTING:
	case DIALOG_STATE_PASSTHROUGH:
	case DIALOG_STATE_CLOSING:
	case DIALOG_STATE_CLOSED: return false;
	case DIALOG_STATE_COMMAND: return d->fifo_count == 0;
	case DIALOG_STATE_GREETING:
	case DIALOG_STATE_SERVER_EHLO:
	case DIALOG_STATE_SERVER_STARTTLS:
	case DIALOG_STATE_SERVER_HANDSHAKE:
	case DIALOG_STATE_SERVER_XCLIENT:
	case DIALOG_STATE_STARTTLS:
	case DIALOG_STATE_STARTTLS_PASSED:
	case DIALOG_STATE_CLIENT_HANDSHAKE:
	case DIALOG_STATE_AUTH_ASKING:
	case DIALOG_STATE_AUTH_PASSED:
	case DIALOG_STATE_AUTH_ANSWERED:
	case DIALOG_STATE_AUTH_CLIENT:
	case DIALOG_STATE_DATA:
	case DIALOG_STATE_DATA_DRAIN:
	case DIALOG_STATE_CHUNK:
	case DIALOG_STATE_CHUNK_DRAIN: return true;
	case DIALOG_STATE_COUNT: break;
	}
	return true;
}

static bool due_reply(struct dialog *d, struct dialog_step *step)
{
	step->reply = (enum reply_id)d->fifo[d->fifo_head].reply;
	fifo_pop(d);
	return step_is(step, DIALOG_REPLY, 0);
}

/* What must be done before any octet is looked at. */
bool dialog_due(struct dialog *d, const struct dialog_room *room,
	struct dialog_step *step)
{
	if (d->state == DIALOG_STATE_CLOSED)
		return step_is(step, DIALOG_WAIT, 0);
	if (d->server_gone && d->asked && server_missed(d))
		return attempt_lost(d, step);
	if (d->server_gone && server_missed(d))
		end_without_server(d);
	if (d->fifo_count > 0 && fifo_first(d) == OWN_REPLY)
		return due_reply(d, step);
	if (d->state == DIALOG_STATE_CLOSING &&
		(d->fifo_count == 0 || d->server_gone))
		return step_close(d, step, (enum close_reason)d->close_reason);
	if (d->client_gone && dialog_in_payload(d) && !d->server_dropped) {
		/* D-03: not even an orderly end, which might complete it. */
		d->server_dropped = true;
		return step_is(step, DIALOG_DROP_SERVER, 0);
	}
	if (d->client_gone && client_missed(d))
		return step_close(d, step,
			d->state == DIALOG_STATE_COMMAND ? CLOSE_CLIENT_CLOSED
							 : CLOSE_CLIENT_LEFT);
	if (d->tls_due && d->fifo_count == 0) {
		d->tls_due = false;
		dialog_move(d, DIALOG_STATE_CLIENT_HANDSHAKE);
		return step_is(step, DIALOG_TLS_CLIENT, 0);
	}
	if (d->received_due) {
		d->received_due = false;
		step->span = room->received;
		return step_is(step, DIALOG_SEND, 0);
	}
	return false;
}

bool dialog_quiet(const struct dialog *d)
{
	bool waits = d->state == DIALOG_STATE_COMMAND ||
		     d->state == DIALOG_STATE_AUTH_SERVER ||
		     d->state == DIALOG_STATE_DATA_WAIT ||
		     d->state == DIALOG_STATE_QUITTING;

	return waits && !d->client_gone && !d->server_gone && !d->tls_due &&
	       !d->received_due &&
	       (d->fifo_count == 0 || fifo_first(d) != OWN_REPLY);
}

/*
 * What goes to the server with this step is the end of the entries that it
 * has made, or goes on with the last: a chunk is its command's.
 */
static void fifo_note_queued(struct dialog *d, unsigned before,
	enum dialog_side side, const struct dialog_step *step)
{
	if (step->act != DIALOG_SEND &&
		(step->act != DIALOG_FORWARD || side != DIALOG_CLIENT))
		return;
	d->queued_bytes += (uint32_t)step->span.n;
	if (d->fifo_count == 0 || step->span.n == 0)
		return;
	if (before >= d->fifo_count)
		before = d->fifo_count - 1u;
	for (unsigned i = before; i < d->fifo_count; i++)
		d->fifo_end[(d->fifo_head + i) % DIALOG_FIFO_MOST] =
			d->queued_bytes;
}

/*
 * Which entries have left the queue to the server. A chunk's command has not
 * while octets of the chunk are still to come.
 */
static void fifo_note_written(struct dialog *d, size_t unsent_bytes)
{
	uint32_t written = d->queued_bytes - (uint32_t)unsent_bytes;
	bool open = d->chunk_left_bytes > 0 || d->received_due;
	unsigned most = d->fifo_count;

	/* The last words of a server that takes no more are heard. */
	d->begun = unsent_bytes == SIZE_MAX ||
		   (int32_t)(written - d->fifo_start) > 0;
	if (unsent_bytes == SIZE_MAX)
		return;
	if (open && most > 0)
		most--;
	while (d->fifo_written < most) {
		unsigned at =
			(d->fifo_head + d->fifo_written) % DIALOG_FIFO_MOST;

		if ((int32_t)(written - d->fifo_end[at]) < 0)
			return;
		d->fifo_written++;
	}
}

void dialog_feed(struct dialog *d, enum dialog_side side, struct slice in,
	const struct dialog_room *room, struct dialog_step *ret_step)
{
	unsigned before = d->fifo_count;

	memset(ret_step, 0, sizeof *ret_step);
	/* On the client's side the caller may not have written yet. */
	if (side == DIALOG_SERVER)
		fifo_note_written(d, room->server_unsent_bytes);
	if (!dialog_due(d, room, ret_step)) {
		if (side == DIALOG_CLIENT)
			dialog_feed_client(d, in, room, ret_step);
		else
			dialog_feed_server(d, in, room, ret_step);
	}
	fifo_note_queued(d, before, side, ret_step);
}

void dialog_verdict(struct dialog *d, enum dialog_answer answer)
{
	if (d->state != DIALOG_STATE_AUTH_ASKING)
		return;
	d->asked = answer == DIALOG_PASS;
	d->refused = answer == DIALOG_REFUSED;
	dialog_move(d, d->asked ? DIALOG_STATE_AUTH_PASSED
				: DIALOG_STATE_AUTH_ANSWERED);
}

void dialog_settled(struct dialog *d)
{
	if (d->state != DIALOG_STATE_AUTH_SETTLING)
		return;
	dialog_move(d, DIALOG_STATE_COMMAND);
	if (d->violated && !d->server_said_421)
		dialog_end(d, REPLY_PIPELINED_PAST, CLOSE_PIPELINING);
}

void dialog_tls_done(struct dialog *d, enum dialog_side side)
{
	if (side == DIALOG_SERVER) {
		/* What was offered in clear is forgotten: asked again, where
		 * anything but the client's own EHLO depends on it. */
		d->server_tls = true;
		d->ehlo_due = d->conf->xclient;
		dialog_move(d, d->ehlo_due ? DIALOG_STATE_SERVER_EHLO
					   : DIALOG_STATE_COMMAND);
		return;
	}
	/* RFC 3207 §4.2: what was known before TLS is forgotten; the EHLO
	 * that must follow resets the server, too. */
	d->client_tls = true;
	d->ehlo_needed = d->ehlo_fresh = true;
	d->caps = 0;
	dialog_move(d, DIALOG_STATE_COMMAND);
}

void dialog_pass_through(struct dialog *d)
{
	dialog_move(d, DIALOG_STATE_PASSTHROUGH);
}

void dialog_may_relay(struct dialog *d)
{
	d->may_relay = true;
}

void dialog_gone(struct dialog *d, enum dialog_side side)
{
	if (side == DIALOG_CLIENT) {
		d->client_gone = true;
		return;
	}
	d->server_gone = true;
	if (d->state == DIALOG_STATE_DATA)
		dialog_move(d, DIALOG_STATE_DATA_DRAIN);
	if (d->state == DIALOG_STATE_CHUNK)
		dialog_move(d, DIALOG_STATE_CHUNK_DRAIN);
}

bool dialog_reads(const struct dialog *d, enum dialog_side side)
{
	if (side == DIALOG_SERVER)
		return !d->server_gone && d->state != DIALOG_STATE_CLOSED &&
		       d->state != DIALOG_STATE_AUTH_SETTLING &&
		       d->state != DIALOG_STATE_SERVER_HANDSHAKE;
	if (d->client_gone || d->violated || !states[d->state].reads_client)
		return false;
	if (d->state == DIALOG_STATE_COMMAND)
		return d->fifo_count < DIALOG_FIFO_MOST - 2;
	return true;
}

bool dialog_in_payload(const struct dialog *d)
{
	return d->state == DIALOG_STATE_DATA ||
	       d->state == DIALOG_STATE_CHUNK ||
	       d->state == DIALOG_STATE_DATA_DRAIN ||
	       d->state == DIALOG_STATE_CHUNK_DRAIN;
}

void chunk_take(struct dialog *d, size_t n)
{
	d->chunk_left_bytes -= n;
	if (d->chunk_left_bytes == 0)
		dialog_move(d, DIALOG_STATE_COMMAND);
}

uint64_t dialog_chunk_left(const struct dialog *d)
{
	bool due = d->client_gone || d->server_gone || d->received_due ||
		   (d->fifo_count > 0 && fifo_first(d) == OWN_REPLY);

	return d->state == DIALOG_STATE_CHUNK && !due ? d->chunk_left_bytes : 0;
}

void dialog_chunk_passed(struct dialog *d, size_t n)
{
	const struct dialog_step passed = {
		.act = DIALOG_FORWARD, .used = n, .span = slice_of(NULL, n)};

	chunk_take(d, n);
	fifo_note_queued(d, d->fifo_count, DIALOG_CLIENT, &passed);
}

bool dialog_may_end(const struct dialog *d)
{
	if (d->state == DIALOG_STATE_PASSTHROUGH)
		return passthrough_may_end(&d->passthrough);
	return !states[d->state].past_354 && !fifo_holds(d, OWN_END_OF_DATA) &&
	       !fifo_holds(d, OWN_CHUNK_LAST) && !fifo_holds(d, VERB_BDAT);
}

bool dialog_server_owes(const struct dialog *d)
{
	if (d->server_gone)
		return false;
	switch ((enum dialog_state)d->state) {
	case DIALOG_STATE_GREETING:
	case DIALOG_STATE_SERVER_EHLO:
	case DIALOG_STATE_SERVER_STARTTLS:
	case DIALOG_STATE_SERVER_HANDSHAKE:
	case DIALOG_STATE_SERVER_XCLIENT: return true;
	case DIALOG_STATE_COMMAND:
	case DIALOG_STATE_STARTTLS:
	case DIALOG_STATE_STARTTLS_PASSED:
	case DIALOG_STATE_PASSTHROUGH:
	case DIALOG_STATE_CLIENT_HANDSHAKE:
	case DIALOG_STATE_AUTH_ASKING:
	case DIALOG_STATE_AUTH_PASSED:
	case DIALOG_STATE_AUTH_ANSWERED:
	case DIALOG_STATE_AUTH_SERVER:
	case DIALOG_STATE_AUTH_CLIENT:
	case DIALOG_STATE_AUTH_SETTLING:
	case DIALOG_STATE_DATA_WAIT:
	case DIALOG_STATE_DATA:
	case DIALOG_STATE_DATA_DRAIN:
	case DIALOG_STATE_CHUNK:
	case DIALOG_STATE_CHUNK_DRAIN:
	case DIALOG_STATE_QUITTING:
	case DIALOG_STATE_CLOSING:
	case DIALOG_STATE_CLOSED:
	case DIALOG_STATE_COUNT: break;
	}
	return d->fifo_count > 0;
}

bool dialog_owes_verdict(const struct dialog *d)
{
	return fifo_holds(d, OWN_END_OF_DATA) || fifo_holds(d, OWN_CHUNK_LAST);
}

bool dialog_enhanced(const struct dialog *d)
{
	return (d->caps & EHLO_ENHANCED) != 0;
}
