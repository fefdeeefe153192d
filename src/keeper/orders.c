/*
 * The judge's orders: what an operator bans, lifts, allows and forgets, and
 * the list of who is allowed. Called by commands.
 */
#include "judge.h"

#include "allowed.h"
#include "firewall.h"
#include "judge_inside.h"
#include "notes.h"
#include "peers.h"
#include "store.h"

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
	judge_step(hub, &event, &ignored);
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

enum policy_list_result judge_list_ban(
	struct hub *hub, const struct prefix *prefix, uint64_t span_ms)
{
	enum policy_list_result result = policy_list_ban(
		hub->judge->policy, hub_now(hub), prefix, span_ms);

	judge_drain(hub);
	return result;
}

bool judge_list_lift(struct hub *hub, const struct prefix *prefix)
{
	bool lifted =
		policy_list_lift(hub->judge->policy, hub_now(hub), prefix);

	judge_drain(hub);
	return lifted;
}

void judge_forget(struct hub *hub, struct slice user)
{
	struct policy_event event = {.kind = EVENT_OPERATOR_FORGET};
	struct policy_verdict ignored;

	event.user = user;
	judge_step(hub, &event, &ignored);
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
