/*
 * Settling a login: telling the keeper how it ended, and when its refusal may
 * go out.
 *
 * A login that was let through is an attempt in flight until it is settled,
 * however the session ends. The final reply waits here, out of the dialogue's
 * way, so that the server may close behind it.
 */
#include "internal.h"

#include "../base/log.h"
#include "../policy/pattern.h"
#include "../policy/policy.h"

/* Never hold a server connection longer than this for a delayed refusal:
 * Domino's sessions are what an attacker burns. */
enum { SERVER_HELD_MS = 5000, DELAY_UNKNOWN_MS = 1000 };

bool settle_send(struct session *s, uint32_t outcome)
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

/* Does one of the operator's patterns call this reply a failed login? */
static bool called_failed(const struct session *s, struct slice reply)
{
	const struct worker_backend *b =
		&s->worker->setup->backends[s->listener->backend];

	for (size_t i = 0; i < b->auth_failed_count; i++) {
		switch (pattern_match(b->auth_failed[i], reply)) {
		case PATTERN_MATCH: return true;
		case PATTERN_NO_MATCH: break;
		case PATTERN_LIMIT:
			limit_reached(s->worker, LIMIT_PATTERN);
			log_say(LOG_WARN, "pattern-limit",
				"backend %s: auth_failed %s takes too long and "
				"was given up; make it simpler",
				b->conf->title, b->conf->auth_failed.items[i]);
			break;
		}
	}
	return false;
}

static enum dialog_outcome judge(
	const struct session *s, const struct dialog_step *step)
{
	if (step->outcome == DIALOG_AUTH_OK ||
		step->outcome == DIALOG_AUTH_FAILED)
		return step->outcome;
	return called_failed(s, step->span) ? DIALOG_AUTH_FAILED
					    : step->outcome;
}

/*
 * A refusal waits for its delay, an acceptance for the word that nothing is
 * wrong with it. Where an end is wanted no delay is, but that word all the
 * more.
 */
static bool waits_for_verdict(
	const struct session *s, enum dialog_outcome outcome, bool told)
{
	if (outcome == DIALOG_AUTH_OK)
		return told;
	return outcome == DIALOG_AUTH_FAILED && !s->end_wanted;
}

void settle_begin(struct session *s, const struct dialog_step *step)
{
	enum dialog_outcome outcome = judge(s, step);
	bool told = false;

	settle_count(s, outcome);
	s->settle_code = step->code;
	if (!buffer_append(&s->held, step->span)) {
		session_kill(s, CLOSE_NO_MEMORY);
		return;
	}
	if (s->attempt_open)
		told = settle_send(s, outcome_of(outcome));
	s->attempt_open = false;
	if (told)
		ask_wake(s);
	s->settling = true;
	s->settled_ok = outcome == DIALOG_AUTH_OK;
	if (!waits_for_verdict(s, outcome, told)) {
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

/* No server waits for long beside a refusal that does: it goes out in its
 * time, and then the end. */
void settle_release(struct session *s, uint32_t wait_ms)
{
	if (wait_ms <= SERVER_HELD_MS || s->server.fd < 0 || s->end_wanted)
		return;
	stream_close(&s->server, false);
	s->end_wanted = true;
	s->end_reply = REPLY_LOGIN_DELAYED;
	s->end_reason = CLOSE_LOGIN_DELAYED;
}

/*
 * The server took the login and the keeper does not: whoever knew the secret
 * may not be its owner. No octet of the 235 goes out. MAY_CLOSE
 */
static void withhold(struct session *s)
{
	s->settling = s->auth_ok = false;
	s->attempt = 0;
	buffer_free(&s->held);
	session_end(s, REPLY_TURNED_AWAY, CLOSE_LOGIN_WITHHELD);
}

void settle_verdict(struct session *s, const struct message_verdict *v)
{
	uint32_t wait = v->kind == VERDICT_DELAY ? v->wait_ms : 0;

	if (s->settled_ok && v->kind != VERDICT_PASS &&
		v->kind != VERDICT_DELAY) {
		withhold(s);
		return;
	}
	if (s->settled_ok)
		wait = 0;
	s->delayed_ms += wait;
	settle_release(s, wait);
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
	if (settle_send(s, outcome))
		ask_wake(s);
	s->attempt_open = s->asked_keeper = false;
}
