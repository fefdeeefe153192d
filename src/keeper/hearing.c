/*
 * The judge's hearing: what workers ask, settle and note, and what the
 * server's log tells, made into events of the core, its verdicts into history
 * and lines. Knows no socket. Called by peers and by the ear.
 */
#include "judge.h"

#include <string.h>

#include "../base/siphash.h"
#include "decisions.h"
#include "geo.h"
#include "history.h"
#include "judge_inside.h"
#include "recorder.h"
#include "sums.h"

/* Ids of two workers, or of a worker and the one before it, may be equal. */
static uint64_t attempt_id(
	const struct judge *judge, uint64_t peer, uint64_t attempt)
{
	const uint64_t pair[2] = {peer, attempt};

	return siphash(judge->key, pair, sizeof(pair));
}

static void remember_ask(struct hub *hub, const struct message_ask *ask,
	enum history_kind kind, const struct policy_verdict *verdict,
	uint32_t code)
{
	struct prefix source = judge_source(hub, &ask->addr);
	struct history_event event = {
		.at = hub_wall(hub),
		.session = ask->session,
		.kind = kind,
		.rule = verdict->rule,
		.failure_count = verdict->failure_count,
		.code = code,
	};

	decisions_user(hub, ask, event.user);
	history_add(hub->history, &source, &event);
}

/* A rule that only observes would have answered 454. */
static bool would_be_answered(const struct policy_verdict *verdict)
{
	return verdict->mode == POLICY_OBSERVE &&
	       (verdict->rule == RULE_COUNTRY || verdict->rule == RULE_ASN ||
		       verdict->rule == RULE_DNS_LISTS);
}

void judge_ask(struct hub *hub, uint64_t peer, const struct message_ask *ask,
	struct policy_verdict *ret_verdict)
{
	const struct geo_place place = geo_find(hub, &ask->addr);
	const struct policy_event event = {
		.kind = EVENT_AUTH_BEGINS,
		.country = place.country,
		.asn = place.asn,
		.attempt = attempt_id(hub->judge, peer, ask->attempt),
		.held_since = ask->held_since,
		.addr = ask->addr,
		.user = slice_of(ask->user, ask->user_n),
		.text = slice_of(ask->helo, ask->helo_n),
		.secret_tag = recorder_tag(hub->recorder, ask->secret_tag),
	};

	judge_step_of(hub, ask->session, &event, ret_verdict);
	sums_asked(hub, ask, ret_verdict);
	switch (ret_verdict->kind) {
	case VERDICT_PASS:
		if (!would_be_answered(ret_verdict))
			return;
		break;
	case VERDICT_DELAY: return;
	case VERDICT_HOLD:
		if (ask->held_since != 0)
			return; /* said once for each hold, not each step */
		remember_ask(hub, ask, HISTORY_HELD, ret_verdict, 0);
		break;
	case VERDICT_ANSWER_REFUSED:
		remember_ask(hub, ask, HISTORY_REFUSED, ret_verdict, 0);
		break;
	case VERDICT_ANSWER_TEMPORARY:
		remember_ask(hub, ask, HISTORY_ANSWERED, ret_verdict, 0);
		break;
	case VERDICT_TURN_AWAY:
		remember_ask(hub, ask, HISTORY_TURNED_AWAY, ret_verdict, 0);
		break;
	}
	decisions_verdict(hub, ask, ret_verdict);
}

/* The server took the login, and the rules do not: no client hears 235. */
static bool withheld(
	enum policy_outcome outcome, const struct policy_verdict *verdict)
{
	return outcome == OUTCOME_OK && verdict->kind != VERDICT_PASS &&
	       verdict->kind != VERDICT_DELAY;
}

void judge_settle(struct hub *hub, uint64_t peer, const struct message_ask *ask,
	const struct message_settle *settle, struct policy_verdict *ret_verdict)
{
	struct policy_event event = {
		.kind = EVENT_AUTH_SETTLED,
		.attempt = attempt_id(hub->judge, peer, settle->attempt),
		.addr = settle->addr,
		.outcome = (enum policy_outcome)settle->outcome,
	};
	struct message_ask unknown = {
		.addr = settle->addr,
		.session = settle->session,
		.listener = UINT8_MAX,
	};
	struct policy_verdict verdict;

	if (ask != NULL)
		event.user = slice_of(ask->user, ask->user_n);
	/*
	 * Step and drain apart: the line of the failure comes before that of
	 * the ban which it brings.
	 */
	if (ask == NULL)
		ask = &unknown;
	event.user = slice_of(ask->user, ask->user_n);
	event.text = slice_of(ask->helo, ask->helo_n);
	judge_tell(hub, settle->session, settle->code, &event, &verdict);
	sums_settled(
		hub, ask, event.outcome, withheld(event.outcome, &verdict));
	if (withheld(event.outcome, &verdict)) {
		remember_ask(
			hub, ask, HISTORY_WITHHELD, &verdict, settle->code);
		decisions_withheld(hub, ask, &verdict);
	} else {
		remember_ask(hub, ask, history_settled(event.outcome), &verdict,
			settle->code);
	}
	if (event.outcome == OUTCOME_FAILED ||
		event.outcome == OUTCOME_ABANDONED)
		decisions_auth_failed(hub, ask, settle, &verdict);
	judge_drain(hub);
	*ret_verdict = verdict;
}

/* Of these `explain` shows what came of them. */
static void connected(struct hub *hub, const struct message_note *note)
{
	const struct policy_event event = {
		.kind = EVENT_CONNECT, .addr = note->addr};
	struct policy_verdict ignored; /* who is banned now hears it */

	for (unsigned i = 0; i < note->times && i < MESSAGE_TIMES_MOST; i++)
		judge_step_of(hub, note->session, &event, &ignored);
}

void judge_note(struct hub *hub, const struct message_note *note)
{
	static const struct {
		enum policy_event_kind event;
		enum history_kind kind;
	} table[] = {
		[NOTE_EARLY_TALK] = {EVENT_EARLY_TALK, HISTORY_EARLY_TALK},
		[NOTE_PROTOCOL_ERROR] = {EVENT_PROTOCOL_ERROR,
			HISTORY_PROTOCOL_ERROR},
		[NOTE_AUTH_REFUSED] = {EVENT_AUTH_REFUSED,
			HISTORY_AUTH_REFUSED},
		[NOTE_RECIPIENT_REFUSED] = {EVENT_RECIPIENT_REFUSED,
			HISTORY_RECIPIENT_REFUSED},
		[NOTE_RELAY_REFUSED] = {EVENT_RELAY_REFUSED,
			HISTORY_RELAY_REFUSED},
		[NOTE_TLS_FAILURE] = {EVENT_TLS_FAILURE, HISTORY_TLS_FAILURE},
		[NOTE_HELO] = {EVENT_HELO, HISTORY_HELO},
	};
	struct prefix source = judge_source(hub, &note->addr);
	struct policy_event event = {.addr = note->addr};
	struct policy_verdict verdict;

	if (note->kind >= NOTE_KIND_COUNT || note->kind == NOTE_REFUSAL ||
		note->kind == NOTE_SEEN || note->name_n > sizeof(note->name))
		return; /* no sound worker */
	if (note->kind == NOTE_CONNECT) {
		connected(hub, note);
		return;
	}
	event.kind = table[note->kind].event;
	event.text = slice_of(note->name, note->name_n);
	judge_step_of(hub, note->session, &event, &verdict);
	history_add(hub->history, &source,
		&(struct history_event){
			.at = hub_wall(hub),
			.session = note->session,
			.kind = table[note->kind].kind,
		});
}

/* Its name as the decisions' line and `explain` may show it. */
static struct message_ask ask_of(const struct entry *entry)
{
	struct message_ask ask = {.addr = entry->addr, .listener = UINT8_MAX};

	ask.user_n =
		(uint16_t)(entry->user.n < sizeof(ask.user) ? entry->user.n
							    : sizeof(ask.user));
	if (ask.user_n > 0)
		memcpy(ask.user, entry->user.p, ask.user_n);
	return ask;
}

bool judge_hear(struct hub *hub, const struct entry *entry)
{
	static const struct {
		enum policy_event_kind event;
		enum history_kind kind;
	} table[] = {
		[ENTRY_FAILED] = {EVENT_LOG_FAILURE, HISTORY_LOG_FAILED},
		[ENTRY_OK] = {EVENT_LOG_SUCCESS, HISTORY_LOG_OK},
	};
	struct message_ask ask = ask_of(entry);
	struct policy_event event = {.addr = entry->addr, .user = entry->user};
	struct policy_verdict verdict;

	if (entry->outcome != ENTRY_FAILED && entry->outcome != ENTRY_OK)
		return false;
	event.kind = table[entry->outcome].event;
	judge_tell(hub, 0, 0, &event, &verdict);
	remember_ask(hub, &ask, table[entry->outcome].kind, &verdict, 0);
	if (entry->outcome == ENTRY_FAILED)
		decisions_heard(hub, &ask, entry_service_name(entry->service),
			&verdict);
	judge_drain(hub);
	return true;
}

void judge_score(struct hub *hub, const struct addr *addr, unsigned score,
	uint64_t span_ms, const char *lists)
{
	const struct policy_event event = {
		.kind = EVENT_LIST_SCORE,
		.addr = *addr,
		.score = score,
		.span_ms = span_ms,
		.text = slice_str(lists),
	};
	struct policy_verdict ignored; /* it acts on what comes next */

	judge_step(hub, &event, &ignored);
}
