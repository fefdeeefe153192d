/*
 * A session's clock: every wait has a deadline, and the whole session has one.
 *
 * The timer is lazy. A deadline that moves later only stores a number; when
 * the timer fires too early it is armed again. So a session in full flow
 * costs no timer work for each command.
 */
#include "internal.h"

#include "count.h"

/* A client that left with a login under way: Domino has this long to answer
 * before the attempt counts as a failure. */
enum { ABANDONED_MS = 30000, VERDICT_MS = 5000, FLUSH_MS = 5000 };

static enum session_wait dialog_wait(const struct session *s)
{
	if (s->settling)
		return s->asked_keeper ? WAIT_VERDICT : WAIT_DELIVER;
	if (s->dialog.state == DIALOG_STATE_AUTH_ASKING)
		return s->asked_keeper ? WAIT_VERDICT
		       : s->answer_due ? WAIT_ANSWER
				       : WAIT_HOLD;
	if (stream_unsent(&s->client))
		return WAIT_CLIENT_WRITE;
	if (stream_unsent(&s->server))
		return WAIT_SERVER_WRITE;
	if (dialog_in_payload(&s->dialog))
		return WAIT_PAYLOAD;
	if (s->dialog.state == DIALOG_STATE_GREETING)
		return WAIT_GREETING;
	if (dialog_owes_verdict(&s->dialog))
		return WAIT_MESSAGE_REPLY;
	if (dialog_server_owes(&s->dialog))
		return WAIT_REPLY;
	return WAIT_COMMAND;
}

static enum session_wait phase_wait(const struct session *s)
{
	switch ((enum session_phase)s->phase) {
	case PHASE_CLIENT_TLS:
	case PHASE_SERVER_TLS:
	case PHASE_HELLO:
	case PHASE_STARTTLS: return WAIT_HANDSHAKE;
	case PHASE_PASSTHROUGH: return passthrough_wait(s);
	case PHASE_DELAY: return WAIT_DELAY;
	case PHASE_RECONNECT:
	case PHASE_CONNECT: return WAIT_CONNECT;
	case PHASE_DIALOG: return dialog_wait(s);
	case PHASE_FLUSH: return WAIT_FLUSH;
	case PHASE_DEAD:
	case PHASE_COUNT: break;
	}
	return WAIT_NOTHING;
}

static uint64_t wait_ms(const struct session *s, enum session_wait wait)
{
	const struct conf_listener *l = s->listener->conf;
	const struct conf_backend *b =
		s->worker->setup->backends[s->listener->backend].conf;

	switch (wait) {
	case WAIT_HANDSHAKE:
		return s->phase == PHASE_SERVER_TLS ? b->connect_timeout_ms * 2
						    : l->handshake_timeout_ms;
	case WAIT_DELAY: return l->greeting_delay_ms;
	case WAIT_CONNECT: return b->connect_timeout_ms;
	case WAIT_GREETING: /* connect_greeting_late gives more */
		return b->connect_timeout_ms < b->greeting_timeout_ms
			       ? b->connect_timeout_ms
			       : b->greeting_timeout_ms;
	case WAIT_REPLY:
		return s->attempt_open && s->dialog.client_gone
			       ? ABANDONED_MS
			       : b->reply_timeout_ms;
	case WAIT_PASSED_SERVER: /* perhaps for a message */
	case WAIT_MESSAGE_REPLY: return b->data_reply_timeout_ms;
	case WAIT_PASSED_CLIENT:
	case WAIT_COMMAND: return l->command_timeout_ms;
	case WAIT_PAYLOAD:
	case WAIT_CLIENT_WRITE:
	case WAIT_SERVER_WRITE: return l->data_timeout_ms;
	case WAIT_VERDICT: return VERDICT_MS;
	case WAIT_FLUSH: return FLUSH_MS;
	case WAIT_HOLD:
	case WAIT_DELIVER:
	case WAIT_ANSWER:
	case WAIT_NOTHING: break;
	}
	return 0;
}

static void timer_arm(struct session *s)
{
	mono_ms_t when =
		s->deadline_ms < s->longest_ms ? s->deadline_ms : s->longest_ms;
	mono_ms_t now = s->worker->now;
	uint64_t in = when > now ? when - now : 0;
	struct timeval tv = {.tv_sec = (time_t)(in / 1000),
		.tv_usec = (suseconds_t)(in % 1000) * 1000};

	if (s->armed_ms <= when)
		return; /* it fires early and is armed again */
	s->armed_ms = when;
	(void)evtimer_add(&s->timer, &tv);
}

void session_clock_at(struct session *s, enum session_wait wait, mono_ms_t when)
{
	s->wait = (uint8_t)wait;
	s->deadline_ms = when;
	timer_arm(s);
}

/*
 * Octets of a message buy time at the least rate, data_timeout at most: who
 * sends one now and then falls behind, who sends in bursts does not.
 */
static void payload_pays(struct session *s)
{
	const struct conf_listener *l = s->listener->conf;
	mono_ms_t most = s->worker->now + l->data_timeout_ms;
	uint64_t n = s->taken_bytes - s->paid_bytes, ms = l->data_timeout_ms;

	if (l->data_rate_bytes > 0)
		ms = n * 1000 / l->data_rate_bytes;
	if (ms == 0)
		return; /* too few yet, they stay on the account */
	s->paid_bytes = s->taken_bytes;
	if (s->deadline_ms + ms < most)
		most = s->deadline_ms + ms;
	session_clock_at(s, WAIT_PAYLOAD, most);
}

/*
 * The same wait, and something moved: does the deadline stay? A queue to a
 * client is no longer than one reply and must be taken by its deadline as a
 * whole; a server that owes a reply gets no time for what the client says
 * meanwhile.
 */
static bool goes_on(struct session *s, enum session_wait wait)
{
	switch (wait) {
	case WAIT_PAYLOAD: payload_pays(s); return true;
	case WAIT_CLIENT_WRITE: return true;
	case WAIT_GREETING:
	case WAIT_REPLY:
	case WAIT_MESSAGE_REPLY: return !s->server_moved;
	case WAIT_NOTHING:
	case WAIT_HANDSHAKE:
	case WAIT_DELAY:
	case WAIT_CONNECT:
	case WAIT_COMMAND:
	case WAIT_SERVER_WRITE:
	case WAIT_PASSED_CLIENT:
	case WAIT_PASSED_SERVER:
	case WAIT_VERDICT:
	case WAIT_HOLD:
	case WAIT_DELIVER:
	case WAIT_ANSWER:
	case WAIT_FLUSH: break;
	}
	return false;
}

/* The server was waited for, and has said something. */
static void reply_came(struct session *s)
{
	mono_ms_t whole = wait_ms(s, (enum session_wait)s->wait);
	mono_ms_t now = s->worker->now;

	if (!s->server_moved ||
		(s->wait != WAIT_REPLY && s->wait != WAIT_MESSAGE_REPLY))
		return;
	/* It began when its deadline was set, unless that has changed. */
	if (s->deadline_ms >= whole && s->deadline_ms - whole <= now)
		count_reply(s->worker, now - (s->deadline_ms - whole));
}

void session_clock(struct session *s)
{
	enum session_wait wait = phase_wait(s);
	mono_ms_t at;

	if (wait == WAIT_NOTHING)
		return;
	if (wait == WAIT_HOLD || wait == WAIT_DELIVER || wait == WAIT_ANSWER) {
		if (s->wait == wait) /* its time was set when it began */
			return;
		session_clock_at(s, wait, s->worker->now);
		return;
	}
	if (wait == s->wait && !s->progress)
		return;
	s->progress = false;
	if (wait == s->wait && goes_on(s, wait))
		return;
	reply_came(s);
	s->server_moved = false;
	s->paid_bytes = s->taken_bytes;
	at = s->worker->now + wait_ms(s, wait);
	/* A connection and its banner are one wait for the client. */
	if (wait == WAIT_GREETING && s->wait == WAIT_CONNECT &&
		at > s->deadline_ms)
		at = s->deadline_ms;
	session_clock_at(s, wait, at);
}

/* What a wait that lasted too long leads to. MAY_CLOSE */
static void timed_out(struct session *s)
{
	switch ((enum session_wait)s->wait) {
	case WAIT_HANDSHAKE:
		if (s->phase == PHASE_SERVER_TLS)
			connect_failed(s, "TLS handshake: timeout");
		else {
			limit_reached(s->worker, LIMIT_HANDSHAKE_TIME);
			session_kill(s, CLOSE_CLIENT_TLS);
		}
		return;
	case WAIT_DELAY: connect_server(s); return;
	case WAIT_CONNECT: connect_late(s); return;
	case WAIT_GREETING: connect_greeting_late(s); return;
	case WAIT_REPLY:
	case WAIT_MESSAGE_REPLY:
	case WAIT_SERVER_WRITE:
		if (s->attempt_open && s->dialog.client_gone) {
			session_kill(s, CLOSE_CLIENT_LEFT);
			return;
		}
		if (s->close_reason == CLOSE_NONE)
			s->close_reason = CLOSE_SERVER_TIMEOUT;
		relay_server_lost(s);
		return;
	case WAIT_PAYLOAD:
		limit_reached(s->worker, LIMIT_DATA_RATE);
		session_end(s, REPLY_TIMEOUT, CLOSE_CLIENT_TIMEOUT);
		return;
	case WAIT_PASSED_CLIENT:
	case WAIT_COMMAND:
		session_end(s, REPLY_TIMEOUT, CLOSE_CLIENT_TIMEOUT);
		return;
	case WAIT_PASSED_SERVER:
		session_end(s, REPLY_NONE,
			s->end_wanted ? (enum close_reason)s->end_reason
				      : CLOSE_SERVER_TIMEOUT);
		return;
	case WAIT_VERDICT:
		if (s->settling)
			settle_deliver(s);
		else
			ask_unavailable(s);
		return;
	case WAIT_HOLD: ask_again(s); return;
	case WAIT_DELIVER: settle_deliver(s); return;
	case WAIT_ANSWER: ask_answer(s); return;
	case WAIT_CLIENT_WRITE:
	case WAIT_FLUSH:
	case WAIT_NOTHING: session_kill(s, CLOSE_CLIENT_TIMEOUT); return;
	}
}

void session_timer(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	(void)fd;
	(void)what;
	if (s->magic != SESSION_MAGIC || s->phase == PHASE_DEAD)
		return;
	s->armed_ms = MONO_NEVER;
	worker_now(s->worker);
	if (s->worker->now >= s->longest_ms)
		session_kill(s, CLOSE_SESSION_LONGEST);
	else if (s->worker->now >= s->deadline_ms)
		timed_out(s);
	if (s->phase != PHASE_DEAD)
		timer_arm(s);
}
