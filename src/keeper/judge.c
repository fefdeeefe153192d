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
#include "decisions.h"
#include "firewall.h"
#include "history.h"
#include "judge_inside.h"
#include "memory.h"
#include "notes.h"
#include "numbers.h"
#include "peers.h"
#include "recorder.h"
#include "sums.h"

enum {
	TICKS_MOST = 4096, /* in one call; each ends up to 256 bans */
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
	if (hub->memory != NULL)
		judge->seed = memory_seed(hub->memory);
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

/* By the hundred thousand: listings.c says how many they are. But an operator
 * who lifts one is told as of any other. */
static bool is_quiet(
	const struct judge *judge, const struct policy_action *action)
{
	return action->rule == RULE_LIST && !judge->lifting;
}

static void ban_begins(struct hub *hub, const struct policy_action *action)
{
	if (action->rule != RULE_OPERATOR) /* the words were of an old order */
		notes_put(hub->notes, &action->prefix, NULL);
	judge_store_ban(hub, &(struct policy_ban){
				     .prefix = action->prefix,
				     .since = hub_now(hub),
				     .until = action->until,
				     .rule = action->rule,
				     .soft = action->soft,
				     .repeat_count = action->repeat_count,
				     .failure_count = action->failure_count,
			     });
	if (!action->soft) {
		firewall_add(hub, &action->prefix, action->until);
		peers_tell_ban(
			hub, &action->prefix, action->until, action->rule);
	}
	if (is_quiet(hub->judge, action))
		return;
	sums_banned(hub, action->rule);
	decisions_ban(hub, action);
	remember(hub, HISTORY_BAN, action);
}

static void ban_ends(struct hub *hub, const struct policy_action *action)
{
	struct judge *judge = hub->judge;

	if (judge->lifting || judge->restoring || action->rule == RULE_LIST)
		store_delete_ban(hub->store, &action->prefix);
	judge->lifted_count++;
	notes_put(hub->notes, &action->prefix, NULL);
	if (judge->restoring)
		return; /* the configuration no longer wants it */
	if (!action->soft) {
		firewall_delete(hub, &action->prefix);
		peers_tell_prefix(hub, MESSAGE_UNBAN, &action->prefix);
	}
	if (is_quiet(judge, action))
		return;
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
	store_put_passport(hub->store,
		&(struct store_passport){
			.user = action->user,
			.prefix = action->prefix,
			.since = hub_wall(hub),
			.until = judge_store_time(hub, action->until),
			.last = hub_wall(hub),
		});
}

static void device_begins(struct hub *hub, const struct policy_action *action)
{
	store_put_device(hub->store,
		&(struct store_device){
			.user = action->user,
			.name = action->device,
			.since = hub_wall(hub),
			.until = judge_store_time(hub, action->until),
			.last = hub_wall(hub),
		});
}

static void dispatch(struct hub *hub, const struct policy_action *action)
{
	struct judge *judge = hub->judge;

	switch (action->kind) {
	case ACTION_BAN:
		order_goes(judge, action, JUDGE_DONE);
		ban_begins(hub, action);
		break;
	case ACTION_UNBAN: ban_ends(hub, action); break;
	case ACTION_WOULD_BAN:
		order_goes(judge, action, JUDGE_OBSERVED);
		if (is_quiet(judge, action))
			break;
		judge->would_total++;
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
	case ACTION_DEVICE: device_begins(hub, action); break;
	case ACTION_PASSPORT_GONE:
		store_delete_passport(
			hub->store, action->user, &action->prefix);
		break;
	}
}

/* An order may have lifted more than the queue holds: then time is made to
 * pass until all is told. */
void judge_drain(struct hub *hub)
{
	struct policy *policy = hub->judge->policy;
	struct policy_action action;

	for (unsigned i = 0; i < TICKS_MOST; i++) {
		while (policy_next_action(policy, &action)) {
			if (!is_quiet(hub->judge, &action))
				recorder_action(hub, &action);
			dispatch(hub, &action);
		}
		if (policy_deadline(policy) > hub_now(hub))
			break;
		policy_tick(policy, hub_now(hub));
	}
}

/* The core hears nothing but here: the journal has all of it. */
void judge_tell(struct hub *hub, uint64_t session, uint32_t code,
	const struct policy_event *event, struct policy_verdict *ret_verdict)
{
	policy_step(hub->judge->policy, hub_now(hub), event, ret_verdict);
	recorder_event(hub, event, ret_verdict, session, code);
}

void judge_step_of(struct hub *hub, uint64_t session,
	const struct policy_event *event, struct policy_verdict *ret_verdict)
{
	judge_tell(hub, session, 0, event, ret_verdict);
	judge_drain(hub);
}

void judge_step(struct hub *hub, const struct policy_event *event,
	struct policy_verdict *ret_verdict)
{
	judge_step_of(hub, 0, event, ret_verdict);
}

void judge_tick(struct hub *hub)
{
	if (policy_deadline(hub->judge->policy) > hub_now(hub))
		return;
	policy_tick(hub->judge->policy, hub_now(hub));
	recorder_tick(hub);
	judge_drain(hub);
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
	judge_drain(hub);
	judge->lifting = false;
	if (!was && is)
		tell_all_bans(hub, MESSAGE_BAN);
	if (before.items != NULL)
		tell_allow_changes(hub, &before);
	allowed_done(&before);
	firewall_sync(hub);
}
