/*
 * The judge: the policy core between workers, store, kernel and log.
 *
 * All that the core decides passes through dispatch() here, once, so that the
 * five who must agree (memory, disk, workers, kernel, log) hear the same in
 * the same order. Knows no socket and no file. Called by peers, commands,
 * overseer (configuration) and the loop.
 *
 * A ban that runs out keeps its row in the store (its repeats count); one that
 * is lifted by a person or a new configuration loses it.
 */
#include "judge.h"

#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"
#include "../base/siphash.h"
#include "allowed.h"
#include "decisions.h"
#include "firewall.h"
#include "geo.h"
#include "history.h"
#include "notes.h"
#include "numbers.h"
#include "peers.h"
#include "recorder.h"
#include "sums.h"

enum {
	MS_PER_S = 1000,
	TICKS_MOST = 4096, /* in one call; each ends up to 256 bans */
};

struct judge {
	struct policy *policy;
	struct allowed allowed; /* what policy got as conf.allow */
	uint64_t seed;
	uint8_t key[16];	      /* of attempt ids */
	bool restoring;		      /* nobody is told */
	bool lifting;		      /* an end is an order, not an expiry */
	const struct prefix *ordered; /* the order under way; NULL: none */
	enum judge_result ban_result; /* how it goes */
	size_t lifted_count;
	uint64_t would_total, spared_total, alarm_total, note_total;
};

/* ---- configuration ---- */

struct judge *judge_new(struct hub *hub)
{
	struct judge *judge = calloc(1, sizeof(*judge));
	struct policy_conf numbers;

	if (judge == NULL)
		return NULL;
	secret_random(judge->key, sizeof(judge->key));
	secret_random(&judge->seed, sizeof(judge->seed));
	if (!allowed_fill(&judge->allowed, hub->conf, hub->own, hub->own_count))
		goto failed;
	numbers = numbers_of(hub->conf, &judge->allowed);
	judge->policy = policy_new(&numbers, judge->seed);
	if (judge->policy != NULL)
		return judge;
failed:
	judge_free(&judge);
	return NULL;
}

void judge_free(struct judge **judge)
{
	if (*judge == NULL)
		return;
	policy_free(&(*judge)->policy);
	allowed_done(&(*judge)->allowed);
	free(*judge);
	*judge = NULL;
}

uint64_t judge_seed(const struct judge *judge)
{
	return judge->seed;
}

const struct policy *judge_policy(const struct judge *judge)
{
	return judge->policy;
}

mono_ms_t judge_deadline(const struct judge *judge)
{
	return policy_deadline(judge->policy);
}

uint64_t judge_would_bans(const struct judge *judge)
{
	return judge->would_total;
}

uint64_t judge_spared(const struct judge *judge)
{
	return judge->spared_total;
}

uint64_t judge_alarms(const struct judge *judge)
{
	return judge->alarm_total;
}

uint64_t judge_notes(const struct judge *judge)
{
	return judge->note_total;
}

struct prefix judge_source(const struct hub *hub, const struct addr *addr)
{
	return prefix_of(addr,
		(unsigned)hub->conf->source_limit.prefix_v4_count,
		(unsigned)hub->conf->source_limit.prefix_v6_count);
}

/* ---- what the core decided ---- */

static void remember(struct hub *hub, enum history_kind kind,
	const struct policy_action *action)
{
	history_add(hub->history, &action->prefix,
		&(struct history_event){
			.at = hub_wall(hub),
			.kind = kind,
			.rule = action->rule,
			.failure_count = action->failure_count,
		});
}

static wall_s_t store_time(struct hub *hub, mono_ms_t at)
{
	return at == MONO_NEVER ? STORE_NEVER : hub_wall_of(hub, at);
}

static void store_ban(struct hub *hub, const struct prefix *prefix,
	mono_ms_t since, mono_ms_t until, enum policy_rule rule,
	unsigned repeat_count, unsigned failure_count)
{
	store_put_ban(
		hub->store, &(struct store_ban){
				    .prefix = *prefix,
				    .since = hub_wall_of(hub, since),
				    .until = store_time(hub, until),
				    .rule = policy_rule_name(rule),
				    .repeat_count = repeat_count,
				    .failure_count = failure_count,
				    .note = notes_find(hub->notes, prefix),
			    });
}

static void ban_begins(struct hub *hub, const struct policy_action *action)
{
	if (action->rule != RULE_OPERATOR) /* the words were of an old order */
		notes_put(hub->notes, &action->prefix, NULL);
	store_ban(hub, &action->prefix, hub_now(hub), action->until,
		action->rule, action->repeat_count, action->failure_count);
	if (!action->soft) {
		firewall_add(hub, &action->prefix, action->until);
		peers_tell_ban(
			hub, &action->prefix, action->until, action->rule);
	}
	decisions_ban(hub, action);
	remember(hub, HISTORY_BAN, action);
}

static void ban_ends(struct hub *hub, const struct policy_action *action)
{
	struct judge *judge = hub->judge;

	if (judge->lifting || judge->restoring)
		store_delete_ban(hub->store, &action->prefix);
	judge->lifted_count++;
	notes_put(hub->notes, &action->prefix, NULL);
	if (judge->restoring)
		return; /* the configuration no longer wants it */
	if (!action->soft) {
		firewall_delete(hub, &action->prefix);
		peers_tell_prefix(hub, MESSAGE_UNBAN, &action->prefix);
	}
	decisions_unban(hub, action, judge->lifting);
	remember(hub, HISTORY_UNBAN, action);
}

/* An order may come with what time brings for others: ask whose it is. */
static void order_goes(struct judge *judge, const struct policy_action *action,
	enum judge_result result)
{
	if (judge->ordered != NULL &&
		prefix_eq(judge->ordered, &action->prefix))
		judge->ban_result = result;
}

static void passport_begins(struct hub *hub, const struct policy_action *action)
{
	store_put_passport(
		hub->store, &(struct store_passport){
				    .user = action->user,
				    .prefix = action->prefix,
				    .since = hub_wall(hub),
				    .until = store_time(hub, action->until),
				    .last = hub_wall(hub),
			    });
}

static void dispatch(struct hub *hub, const struct policy_action *action)
{
	struct judge *judge = hub->judge;

	switch (action->kind) {
	case ACTION_BAN:
		order_goes(judge, action, JUDGE_DONE);
		sums_banned(hub, action->rule);
		ban_begins(hub, action);
		break;
	case ACTION_UNBAN: ban_ends(hub, action); break;
	case ACTION_WOULD_BAN:
		judge->would_total++;
		order_goes(judge, action, JUDGE_OBSERVED);
		decisions_would_ban(hub, action);
		remember(hub, HISTORY_WOULD_BAN, action);
		break;
	case ACTION_SPARED:
		judge->spared_total++;
		order_goes(judge, action, JUDGE_ALLOWED);
		decisions_spared(hub, action);
		remember(hub, HISTORY_SPARED, action);
		break;
	case ACTION_LIMIT:
		order_goes(judge, action, JUDGE_FULL);
		decisions_limit(hub, action);
		break;
	case ACTION_ALARM:
		judge->alarm_total++;
		decisions_alarm(hub, action);
		remember(hub, HISTORY_ALARM, action);
		break;
	case ACTION_NOTE:
		judge->note_total++;
		decisions_note(hub, action);
		remember(hub, HISTORY_NOTE, action);
		break;
	case ACTION_PASSPORT: passport_begins(hub, action); break;
	case ACTION_PASSPORT_GONE:
		store_delete_passport(
			hub->store, action->user, &action->prefix);
		break;
	}
}

/*
 * Empties the queue of actions. An order may have lifted more than it holds:
 * then time is made to pass until all is told.
 */
static void drain(struct hub *hub)
{
	struct policy *policy = hub->judge->policy;
	struct policy_action action;

	for (unsigned i = 0; i < TICKS_MOST; i++) {
		while (policy_next_action(policy, &action)) {
			recorder_action(hub, &action);
			dispatch(hub, &action);
		}
		if (policy_deadline(policy) > hub_now(hub))
			break;
		policy_tick(policy, hub_now(hub));
	}
}

/* What the core is told, and only here: the journal has all of it. session,
 * code (of the server's reply): 0: none. */
static void tell(struct hub *hub, uint64_t session, uint32_t code,
	const struct policy_event *event, struct policy_verdict *ret_verdict)
{
	policy_step(hub->judge->policy, hub_now(hub), event, ret_verdict);
	recorder_event(hub, event, ret_verdict, session, code);
}

static void step_of(struct hub *hub, uint64_t session,
	const struct policy_event *event, struct policy_verdict *ret_verdict)
{
	tell(hub, session, 0, event, ret_verdict);
	drain(hub);
}

static void step(struct hub *hub, const struct policy_event *event,
	struct policy_verdict *ret_verdict)
{
	step_of(hub, 0, event, ret_verdict);
}

void judge_tick(struct hub *hub)
{
	if (policy_deadline(hub->judge->policy) > hub_now(hub))
		return;
	policy_tick(hub->judge->policy, hub_now(hub));
	recorder_tick(hub);
	drain(hub);
}

/* ---- workers ---- */

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
	       (verdict->rule == RULE_COUNTRY || verdict->rule == RULE_ASN);
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
		.secret_tag = recorder_tag(hub->recorder, ask->secret_tag),
	};

	step_of(hub, ask->session, &event, ret_verdict);
	sums_asked(hub, ask, ret_verdict);
	switch (ret_verdict->kind) {
	case VERDICT_PASS:
		if (!would_be_answered(ret_verdict))
			return;
		break;
	case VERDICT_DELAY: return;
	case VERDICT_HOLD:
		if (ask->held_since ==
			0) /* once for each hold, not each step */
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

static enum history_kind kind_of(enum policy_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_OK: return HISTORY_AUTH_OK;
	case OUTCOME_FAILED: return HISTORY_AUTH_FAILED;
	case OUTCOME_TEMPORARY: return HISTORY_AUTH_TEMPORARY;
	case OUTCOME_CANCELLED: return HISTORY_AUTH_CANCELLED;
	case OUTCOME_OTHER: return HISTORY_AUTH_OTHER;
	case OUTCOME_ABANDONED: return HISTORY_AUTH_ABANDONED;
	}
	return HISTORY_AUTH_OTHER;
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
	tell(hub, settle->session, settle->code, &event, &verdict);
	sums_settled(
		hub, ask, event.outcome, withheld(event.outcome, &verdict));
	if (withheld(event.outcome, &verdict)) {
		remember_ask(
			hub, ask, HISTORY_WITHHELD, &verdict, settle->code);
		decisions_withheld(hub, ask, &verdict);
	} else {
		remember_ask(hub, ask, kind_of(event.outcome), &verdict,
			settle->code);
	}
	if (event.outcome == OUTCOME_FAILED ||
		event.outcome == OUTCOME_ABANDONED)
		decisions_auth_failed(hub, ask, settle, &verdict);
	drain(hub);
	*ret_verdict = verdict;
}

/* Of these `explain` shows what came of them. */
static void connected(struct hub *hub, const struct message_note *note)
{
	const struct policy_event event = {
		.kind = EVENT_CONNECT, .addr = note->addr};
	struct policy_verdict ignored; /* who is banned now hears it */

	for (unsigned i = 0; i < note->times && i < MESSAGE_TIMES_MOST; i++)
		step_of(hub, note->session, &event, &ignored);
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
		note->name_n > sizeof(note->name))
		return; /* no sound worker */
	if (note->kind == NOTE_CONNECT) {
		connected(hub, note);
		return;
	}
	event.kind = table[note->kind].event;
	event.text = slice_of(note->name, note->name_n);
	step_of(hub, note->session, &event, &verdict);
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
	tell(hub, 0, 0, &event, &verdict);
	remember_ask(hub, &ask, table[entry->outcome].kind, &verdict, 0);
	if (entry->outcome == ENTRY_FAILED)
		decisions_heard(hub, &ask, entry_service_name(entry->service),
			&verdict);
	drain(hub);
	return true;
}

/* ---- operators ---- */

static size_t order(struct hub *hub, enum policy_event_kind kind,
	const struct prefix *prefix, uint64_t span_ms)
{
	struct policy_event event = {
		.kind = kind,
		.prefix = *prefix,
		.span_ms = span_ms,
	};
	struct policy_verdict ignored;

	hub->judge->lifted_count = 0;
	hub->judge->ban_result = JUDGE_DONE;
	hub->judge->ordered = prefix;
	hub->judge->lifting = true;
	step(hub, &event, &ignored);
	hub->judge->lifting = false;
	hub->judge->ordered = NULL;
	return hub->judge->lifted_count;
}

enum judge_result judge_ban(struct hub *hub, const struct prefix *prefix,
	uint64_t span_ms, const char *note)
{
	notes_put(hub->notes, prefix, note);
	(void)order(hub, EVENT_OPERATOR_BAN, prefix, span_ms); /* lifts none */
	return hub->judge->ban_result;
}

size_t judge_unban(struct hub *hub, const struct prefix *prefix)
{
	struct prefix source = judge_source(hub, &prefix->addr);
	size_t count = order(hub, EVENT_OPERATOR_UNBAN, prefix, 0);

	/* The policy forgot past bans of these, without a word. */
	store_delete_ban(hub->store, prefix);
	if (prefix->bits >= source.bits)
		store_delete_ban(hub->store, &source);
	return count;
}

bool judge_allow(struct hub *hub, const struct prefix *prefix, const char *note)
{
	(void)order(hub, EVENT_OPERATOR_ALLOW, prefix, 0);
	if (hub->judge->ban_result == JUDGE_FULL)
		return false;
	notes_put(hub->notes, prefix, note);
	store_put_allow(hub->store, &(struct store_allow){
					    .prefix = *prefix,
					    .since = hub_wall(hub),
					    .note = note,
				    });
	peers_tell_prefix(hub, MESSAGE_ALLOW, prefix);
	firewall_allowed(hub, prefix);
	return true;
}

void judge_disallow(struct hub *hub, const struct prefix *prefix)
{
	(void)order(hub, EVENT_OPERATOR_DISALLOW, prefix, 0);
	notes_put(hub->notes, prefix, NULL);
	store_delete_allow(hub->store, prefix);
	if (judge_allow_origin(hub->judge, prefix) == JUDGE_ORIGIN_NONE)
		peers_tell_prefix(hub, MESSAGE_DISALLOW, prefix);
	firewall_allowed(hub, prefix);
}

void judge_forget(struct hub *hub, struct slice user)
{
	struct policy_event event = {.kind = EVENT_OPERATOR_FORGET};
	struct policy_verdict ignored;

	event.user = user;
	step(hub, &event, &ignored);
}

bool judge_allow_next(const struct judge *judge, size_t *cursor,
	struct prefix *ret_prefix, enum judge_origin *ret_origin)
{
	size_t fixed = judge->allowed.count;
	size_t at;
	bool more;

	if (*cursor < fixed) {
		*ret_prefix = judge->allowed.items[*cursor];
		*ret_origin = *cursor < judge->allowed.own_count
				      ? JUDGE_ORIGIN_OWN
				      : JUDGE_ORIGIN_CONF;
		(*cursor)++;
		return true;
	}
	at = *cursor - fixed;
	more = policy_allow_next(judge->policy, &at, ret_prefix);
	*cursor = at + fixed;
	if (more)
		*ret_origin = JUDGE_ORIGIN_OPERATOR;
	return more;
}

enum judge_origin judge_allow_origin(
	const struct judge *judge, const struct prefix *prefix)
{
	enum judge_origin origin;
	struct prefix entry;
	size_t cursor = 0;

	while (judge_allow_next(judge, &cursor, &entry, &origin))
		if (prefix_eq(&entry, prefix))
			return origin;
	return JUDGE_ORIGIN_NONE;
}

/* ---- the store ---- */

void judge_restore_ban(struct hub *hub, const struct store_ban *ban)
{
	wall_s_t left = store_left(ban->since, ban->until, hub_wall(hub));
	struct policy_event event = {
		.kind = EVENT_RESTORE_BAN,
		.prefix = ban->prefix,
		.span_ms = left == STORE_NEVER ? MONO_NEVER
					       : (uint64_t)left * MS_PER_S,
		.rule = policy_rule_by_name(ban->rule),
		.repeat_count = ban->repeat_count,
		.failure_count = ban->failure_count,
	};
	struct policy_verdict ignored;
	uint64_t over_ms;

	if (hub_wall(hub) > ban->since)
		event.age_ms =
			(uint64_t)(hub_wall(hub) - ban->since) * MS_PER_S;

	if (event.rule == RULE_NONE) /* a rule of another version */
		event.rule = RULE_SOURCE_LIMIT;
	if (left == 0) {
		over_ms = (uint64_t)(hub_wall(hub) - ban->until) * MS_PER_S;
		if (event.rule == RULE_OPERATOR || hub_wall(hub) < ban->until ||
			over_ms >= hub->conf->source_limit.repeat_memory_ms)
			return; /* nothing to remember */
	} else if (ban->note[0] != '\0') {
		notes_put(hub->notes, &ban->prefix, ban->note);
	}
	hub->judge->restoring = true;
	step(hub, &event, &ignored);
	hub->judge->restoring = false;
}

void judge_restore_allow(struct hub *hub, const struct prefix *prefix)
{
	struct policy_event event = {
		.kind = EVENT_OPERATOR_ALLOW,
		.prefix = *prefix,
	};
	struct policy_verdict ignored;

	hub->judge->restoring = true;
	step(hub, &event, &ignored);
	hub->judge->restoring = false;
}

void judge_restore_passport(
	struct hub *hub, const struct store_passport *passport)
{
	wall_s_t left =
		store_left(passport->last, passport->until, hub_wall(hub));
	struct policy_event event = {
		.kind = EVENT_RESTORE_PASSPORT,
		.prefix = passport->prefix,
		.user = slice_str(passport->user),
		.span_ms = left == STORE_NEVER ? MONO_NEVER
					       : (uint64_t)left * MS_PER_S,
	};
	struct policy_verdict ignored;

	if (left == 0)
		return;
	hub->judge->restoring = true;
	step(hub, &event, &ignored);
	hub->judge->restoring = false;
}

void judge_store_all(struct hub *hub)
{
	struct policy_ban ban;
	struct prefix prefix;
	size_t cursor = 0;

	store_reset(hub->store, hub_wall(hub));
	while (policy_allow_next(hub->judge->policy, &cursor, &prefix))
		store_put_allow(hub->store,
			&(struct store_allow){
				.prefix = prefix,
				.since = hub_wall(hub),
				.note = notes_find(hub->notes, &prefix),
			});
	cursor = 0;
	while (policy_ban_next(hub->judge->policy, &cursor, &ban))
		store_ban(hub, &ban.prefix, ban.since, ban.until, ban.rule,
			ban.repeat_count, ban.failure_count);
}

/* ---- a new configuration ---- */

/* Bans in force are all lifted, or begin, with the mode of the whole. */
static void tell_all_bans(struct hub *hub, enum message_type type)
{
	struct policy_ban ban;
	size_t cursor = 0;

	while (policy_ban_next(hub->judge->policy, &cursor, &ban)) {
		if (ban.soft)
			continue; /* they never heard of it */
		if (type == MESSAGE_BAN)
			peers_tell_ban(hub, &ban.prefix, ban.until, ban.rule);
		else
			peers_tell_prefix(hub, type, &ban.prefix);
	}
}

static void tell_allow_changes(struct hub *hub, const struct allowed *before)
{
	const struct allowed *after = &hub->judge->allowed;

	for (size_t i = 0; i < after->count; i++)
		if (!allowed_has(before, &after->items[i]))
			peers_tell_prefix(hub, MESSAGE_ALLOW, &after->items[i]);
	for (size_t i = 0; i < before->count; i++)
		if (judge_allow_origin(hub->judge, &before->items[i]) ==
			JUDGE_ORIGIN_NONE)
			peers_tell_prefix(
				hub, MESSAGE_DISALLOW, &before->items[i]);
}

void judge_configure(struct hub *hub, const struct conf *old_conf)
{
	struct judge *judge = hub->judge;
	bool was = old_conf->global.mode == CONF_MODE_ENFORCE;
	bool is = hub->conf->global.mode == CONF_MODE_ENFORCE;
	struct allowed before = judge->allowed;
	struct policy_conf numbers;

	memset(&judge->allowed, 0, sizeof(judge->allowed));
	if (!allowed_fill(
		    &judge->allowed, hub->conf, hub->own, hub->own_count)) {
		judge->allowed = before; /* no memory: the old list stays */
		memset(&before, 0, sizeof(before));
	}
	if (was && !is)
		tell_all_bans(hub, MESSAGE_UNBAN);
	numbers = numbers_of(hub->conf, &judge->allowed);
	judge->lifting = true;
	policy_configure(judge->policy, hub_now(hub), &numbers);
	recorder_configured(hub);
	drain(hub);
	judge->lifting = false;
	if (!was && is)
		tell_all_bans(hub, MESSAGE_BAN);
	if (before.items != NULL)
		tell_allow_changes(hub, &before);
	allowed_done(&before);
	firewall_sync(hub);
}
