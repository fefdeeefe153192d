/*
 * Asking the keeper: may this login go on, and when may its refusal go out?
 *
 * The secret becomes a keyed tag here, at once, and is wiped. A login that was
 * let through is an attempt in flight until it is settled, however the session
 * ends. With the keeper away the configuration decides, at once.
 */
#include "internal.h"

#include "../base/log.h"
#include "../base/secret.h"
#include "../base/siphash.h"
#include "../policy/policy.h"

/* Never hold a server connection longer than this for a delayed refusal:
 * Domino's sessions are what an attacker burns. */
enum { SERVER_HELD_MS = 5000, DELAY_UNKNOWN_MS = 1000,
	WAKE_LOOKS_MOST = 512 };

static uint64_t tag_of(const struct worker *w, struct slice secret)
{
	uint64_t tag;

	if (secret.n == 0)
		return 0;
	tag = siphash(w->tag_key, secret.p, secret.n);
	return tag ? tag : 1; /* 0 says: unknown */
}

static void hold(struct session *s)
{
	if (s->held_linked)
		return;
	TAILQ_INSERT_TAIL(&s->worker->held_logins, s, held_all);
	s->held_linked = true;
}

void ask_unhold(struct session *s)
{
	if (!s->held_linked)
		return;
	TAILQ_REMOVE(&s->worker->held_logins, s, held_all);
	s->held_linked = false;
}

/* As much of the scratch as a line of this listener can have filled. */
static size_t secret_room(const struct session *s)
{
	const struct conf_listener *l = s->listener->conf;
	uint64_t most = l->answer_longest_bytes > l->command_longest_bytes
		? l->answer_longest_bytes
		: l->command_longest_bytes;

	return most < SECRET_BYTES ? (size_t)most : SECRET_BYTES;
}

/*
 * A login of this source was settled: whoever has waited longest for its place
 * asks now, not when its time is up. Other workers' logins find out by asking.
 */
static void wake_held(const struct session *s)
{
	unsigned looked = 0;
	struct session *other;

	TAILQ_FOREACH(other, &s->worker->held_logins, held_all) {
		if (addr_eq(&other->addr, &s->addr)) {
			ask_again(other);
			return;
		}
		if (++looked == WAKE_LOOKS_MOST)
			return;
	}
}

static void ask_send(struct session *s)
{
	struct worker *w = s->worker;
	struct message_ask ask = {
		.attempt = s->attempt,
		.held_since = s->held_since_ms,
		.addr = s->addr,
		.secret_tag = s->secret_tag,
		.session = s->id,
		.mech = s->mech,
		.listener = (uint8_t)(s->listener - w->setup->listeners),
	};

	ask.user_n = s->user_n < MESSAGE_USER_LONGEST ? s->user_n
						      : MESSAGE_USER_LONGEST;
	if (ask.user_n > 0)
		memcpy(ask.user, s->user, ask.user_n);
	if (ask.user_n < s->user_n && ask.secret_tag != 0)
		/* Two names that are cut alike are not the same guess. */
		ask.secret_tag ^= siphash(w->tag_key, s->user, s->user_n);
	if (!keeper_link_send(w, MESSAGE_ASK, &ask, sizeof ask)) {
		ask_unavailable(s);
		return;
	}
	s->asked_keeper = true;
	worker_ask_link(w, s);
}

static bool settle_send(struct session *s, enum policy_outcome outcome)
{
	struct message_settle settle = {
		.attempt = s->attempt,
		.addr = s->addr,
		.session = s->id,
		.outcome = outcome,
		.code = s->settle_code,
	};

	return keeper_link_send(
		s->worker, MESSAGE_SETTLE, &settle, sizeof settle);
}

void ask_begin(struct session *s, const struct dialog_step *step)
{
	struct worker *w = s->worker;

	if (s->attempt_open) { /* an answer before it held no secret */
		(void)settle_send(s, OUTCOME_CANCELLED);
		s->attempt_open = false;
	}
	s->user_n = 0; /* of an AUTH before: another user's guess */
	session_user(s, step->credential.user);
	s->secret_tag = tag_of(w, step->credential.secret);
	secret_wipe(w->secret, secret_room(s));
	s->mech = (uint8_t)step->mech;
	s->attempt = ++w->attempt_count;
	s->held_since_ms = 0;
	ask_send(s);
}

void ask_again(struct session *s)
{
	ask_unhold(s);
	if (s->held_since_ms == 0)
		s->held_since_ms = s->worker->now;
	ask_send(s);
	session_clock(s);
}

void ask_unavailable(struct session *s)
{
	enum conf_unavailable how =
		s->worker->setup->conf->global.policy_unavailable;

	worker_ask_unlink(s->worker, s);
	if (s->asked_keeper) /* it may still let it pass: take it back */
		settle_lost(s);
	s->attempt = 0;
	log_begin(LOG_WARN, "policy-unavailable");
	log_hex("session", s->id);
	log_addr("src", &s->addr);
	log_str("login", how == CONF_UNAVAILABLE_ALLOW ? "allowed" : "454");
	log_end();
	dialog_verdict(&s->dialog, how == CONF_UNAVAILABLE_ALLOW);
	relay_resume(s);
}

/* The source is banned: no answer, or one that takes a long time. */
static void ask_turned_away(struct session *s)
{
	bool tarpit =
		s->worker->setup->conf->banned.answer == CONF_ANSWER_TARPIT;

	stream_close(&s->server, true);
	s->attempt = 0;
	if (!tarpit || stream_unsent(&s->client)) {
		session_end(s, REPLY_TURNED_AWAY, CLOSE_BANNED);
		return;
	}
	worker_note(s, NOTE_REFUSAL, REPLY_TURNED_AWAY);
	stream_watch(&s->client, 0);
	turn_away(s->worker, s->client.fd, s->client.tls, false,
		REPLY_TURNED_AWAY, s->id);
	s->client.fd = -1;
	s->client.tls = NULL;
	session_kill(s, CLOSE_TARPIT);
}

void ask_verdict(struct session *s, const struct message_verdict *v)
{
	switch ((enum policy_verdict_kind)v->kind) {
	case VERDICT_HOLD:
		if (s->held_since_ms == 0)
			s->held_since_ms = s->worker->now;
		session_clock_at(s, WAIT_HOLD, s->worker->now + v->wait_ms);
		hold(s);
		return; /* the line stays in the tail, the place is asked for
			   again */
	case VERDICT_ANSWER_TEMPORARY:
		s->attempt = 0;
		dialog_verdict(&s->dialog, false);
		break;
	case VERDICT_TURN_AWAY: ask_turned_away(s); return;
	case VERDICT_PASS:
	case VERDICT_DELAY:
		s->attempt_open = true;
		dialog_verdict(&s->dialog, true);
		break;
	}
	relay_pump(s);
}

static enum policy_outcome outcome_of(enum dialog_outcome outcome)
{
	switch (outcome) {
	case DIALOG_AUTH_OK: return OUTCOME_OK;
	case DIALOG_AUTH_FAILED: return OUTCOME_FAILED;
	case DIALOG_AUTH_TEMPORARY: return OUTCOME_TEMPORARY;
	case DIALOG_AUTH_CANCELLED: return OUTCOME_CANCELLED;
	case DIALOG_AUTH_OTHER: return OUTCOME_OTHER;
	}
	return OUTCOME_OTHER;
}

static void settle_count(struct session *s, enum dialog_outcome outcome)
{
	if (outcome == DIALOG_AUTH_OK) {
		s->auth_ok = true;
		s->worker->stats.auth_ok_total++;
	} else if (outcome == DIALOG_AUTH_FAILED) {
		s->auth_failed_count++;
		s->worker->stats.auth_failed_total++;
	}
}

void settle_begin(struct session *s, const struct dialog_step *step)
{
	bool told = false;

	settle_count(s, step->outcome);
	s->settle_code = step->code;
	if (!buffer_append(&s->held, step->span)) {
		session_kill(s, CLOSE_NO_MEMORY);
		return;
	}
	if (s->attempt_open)
		told = settle_send(s, outcome_of(step->outcome));
	s->attempt_open = false;
	if (told)
		wake_held(s);
	s->settling = true;
	if (step->outcome != DIALOG_AUTH_FAILED || s->end_wanted) {
		settle_deliver(s);
		return;
	}
	s->asked_keeper = told;
	if (told)
		worker_ask_link(s->worker, s);
	else
		session_clock_at(
			s, WAIT_DELIVER, s->worker->now + DELAY_UNKNOWN_MS);
}

void settle_verdict(struct session *s, const struct message_verdict *v)
{
	uint32_t wait = v->kind == VERDICT_DELAY ? v->wait_ms : 0;

	s->delayed_ms += wait;
	if (wait > SERVER_HELD_MS && s->server.fd >= 0) {
		stream_close(&s->server, false);
		dialog_gone(&s->dialog, DIALOG_SERVER);
	}
	if (wait == 0)
		settle_deliver(s);
	else
		session_clock_at(s, WAIT_DELIVER, s->worker->now + wait);
}

void settle_deliver(struct session *s)
{
	worker_ask_unlink(s->worker, s);
	s->settling = s->asked_keeper = false;
	s->attempt = 0;
	session_put_client(s, buffer_peek(s->held));
	buffer_free(&s->held);
	dialog_settled(&s->dialog);
	relay_resume(s);
}

/* Did the client bring the end about? Then its guess counts: it is under way,
 * and nobody may send guesses for nothing by breaking off behind each. */
static bool ended_by_client(const struct session *s)
{
	static const bool by_client[CLOSE_COUNT] = {
		[CLOSE_CLIENT_TIMEOUT] = true,
		[CLOSE_CLIENT_TLS] = true,
		[CLOSE_CLIENT_ERROR] = true,
		[CLOSE_PIPELINING] = true,
		[CLOSE_LINE_TOO_LONG] = true,
		[CLOSE_LINE_BAD] = true,
	};

	if (s->dialog.server_gone)
		return false;
	return s->dialog.client_gone || by_client[s->close_reason];
}

void settle_lost(struct session *s)
{
	enum policy_outcome outcome = s->attempt_open && ended_by_client(s)
					      ? OUTCOME_ABANDONED
					      : OUTCOME_TEMPORARY;

	if (!s->attempt_open && (!s->asked_keeper || s->settling))
		return;
	(void)settle_send(s, outcome);
	s->attempt_open = s->asked_keeper = false;
}
