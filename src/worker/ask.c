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

enum { WAKE_LOOKS_MOST = 512 };

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
	struct session *other;

	if (s->held_linked)
		return;
	s->held_linked = true;
	/* Whoever has waited longer stands in front. */
	TAILQ_FOREACH_REVERSE(
		other, &s->worker->held_logins, session_list, held_all)
	{
		if (other->held_since_ms <= s->held_since_ms) {
			TAILQ_INSERT_AFTER(
				&s->worker->held_logins, other, s, held_all);
			return;
		}
	}
	TAILQ_INSERT_HEAD(&s->worker->held_logins, s, held_all);
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

static bool same_source(const struct addr *addr, const struct session *s)
{
	const struct conf_source_limit *limit =
		&s->worker->setup->conf->source_limit;
	struct prefix source =
		prefix_of(&s->addr, (unsigned)limit->prefix_v4_count,
			(unsigned)limit->prefix_v6_count);

	return prefix_holds(&source, addr);
}

/*
 * A login of this source was settled: whoever has waited longest for its place
 * asks now, not when its time is up. Other workers' logins find out by asking.
 */
void ask_wake(struct session *s)
{
	unsigned looked = 0;
	struct session *other;

	TAILQ_FOREACH(other, &s->worker->held_logins, held_all)
	{
		if (same_source(&other->addr, s)) {
			/* By its timer: another session is being fed now. */
			ask_unhold(other);
			session_clock_at(other, WAIT_HOLD, s->worker->now);
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

	ask.helo_n = (uint32_t)strlen(s->helo);
	memcpy(ask.helo, s->helo, ask.helo_n);
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
	s->attempt_open = how == CONF_UNAVAILABLE_ALLOW;
	if (!s->attempt_open)
		s->attempt = 0;
	log_begin(LOG_WARN, "policy-unavailable");
	session_log_id(s);
	log_addr("src", &s->addr);
	log_str("login", how == CONF_UNAVAILABLE_ALLOW ? "allowed" : "454");
	log_end();
	dialog_verdict(&s->dialog,
		how == CONF_UNAVAILABLE_ALLOW ? DIALOG_PASS : DIALOG_LATER);
	relay_resume(s);
}

/*
 * Its time has come. A server that is not held any more has nothing left to
 * be told, and the session ends behind its refusal. MAY_CLOSE
 */
void ask_answer(struct session *s)
{
	s->answer_due = false;
	if (s->server.fd < 0 && s->end_wanted) {
		(void)session_reply(s, REPLY_AUTH_REFUSED);
		session_end(s, (enum reply_id)s->end_reply,
			(enum close_reason)s->end_reason);
		return;
	}
	dialog_verdict(&s->dialog, DIALOG_REFUSED);
	relay_resume(s);
}

/*
 * Our own 535: to the client as if the server had said it, so it counts like
 * one, takes as long as one and leaves the server as little held. Commands
 * before it may still wait for their replies: then the server stays. MAY_CLOSE
 */
static void answer_refused(struct session *s, uint32_t wait_ms)
{
	s->attempt = 0;
	s->auth_failed_count++;
	s->delayed_ms += wait_ms;
	s->answer_due = true;
	if (!dialog_server_owes(&s->dialog))
		settle_release(s, wait_ms);
	if (wait_ms > 0)
		session_clock_at(s, WAIT_ANSWER, s->worker->now + wait_ms);
	else
		ask_answer(s);
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
	note_refusal(s, REPLY_TURNED_AWAY);
	stream_watch(&s->client, 0);
	turn_away(s->worker, s->client.fd, s->client.tls,
		&(struct turned_away){.listener = s->listener,
			.addr = s->addr,
			.port = s->port,
			.reply = REPLY_TURNED_AWAY,
			.id = s->id});
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
	case VERDICT_ANSWER_REFUSED: answer_refused(s, v->wait_ms); return;
	case VERDICT_ANSWER_TEMPORARY:
		s->attempt = 0;
		dialog_verdict(&s->dialog, DIALOG_LATER);
		break;
	case VERDICT_TURN_AWAY: ask_turned_away(s); return;
	case VERDICT_PASS:
	case VERDICT_DELAY:
		s->attempt_open = true;
		dialog_verdict(&s->dialog, DIALOG_PASS);
		break;
	}
	relay_pump(s);
}
