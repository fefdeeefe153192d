/*
 * The answer to `explain`: why an address is where it is, and the way out.
 *
 * Puts together what policy, history, refusals and notes know of one source.
 * Only reads. A reference that a client was shown leads to its address.
 * Called by commands.
 */
#include "explain.h"

#include <stdio.h>
#include <string.h>

#include "../base/reference.h"
#include "commands.h"
#include "history.h"
#include "judge.h"
#include "refusals.h"

enum { COMMAND_LONGEST = 100 };

static json_t *events_array(struct hub *hub, const struct prefix *source)
{
	struct history_event events[HISTORY_EVENTS_MOST];
	size_t n = history_find(hub->history, source, events);
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		char reference[REFERENCE_TEXT_LONGEST] = "";

		if (events[i].session != 0)
			(void)reference_format(events[i].session, reference);
		(void)json_array_append_new(array,
			json_pack("{s:I, s:s, s:s, s:s, s:i, s:i, s:s}", "at",
				(json_int_t)events[i].at, "event",
				history_kind_name(events[i].kind), "user",
				events[i].user, "rule",
				policy_rule_name(
					(enum policy_rule)events[i].rule),
				"failures", (int)events[i].failure_count,
				"code", (int)events[i].code, "ref", reference));
	}
	return array;
}

/* The entry that allows the address. */
static json_t *allowed_by(struct hub *hub, const struct addr *addr)
{
	enum judge_origin origin;
	struct prefix prefix;
	size_t cursor = 0;

	while (judge_allow_next(hub->judge, &cursor, &prefix, &origin)) {
		char text[PREFIX_TEXT_LONGEST];

		if (prefix_holds(&prefix, addr))
			return json_pack("{s:s, s:s}", "prefix",
				prefix_format(&prefix, text), "origin",
				commands_origin(origin));
	}
	return json_null();
}

static json_t *window(uint64_t count, uint64_t limit, uint64_t span_ms)
{
	return json_pack("{s:I, s:I, s:I}", "count", (json_int_t)count, "limit",
		(json_int_t)limit, "window_ms", (json_int_t)span_ms);
}

static void set_windows(json_t *object, const struct hub *hub,
	const struct policy_source_info *info)
{
	const struct conf_source_limit *limit = &hub->conf->source_limit;

	(void)json_object_set_new(object, "failures",
		window(info->failure_count, limit->failures_count,
			limit->window_ms));
	(void)json_object_set_new(object, "slow_failures",
		window(info->slow_count, limit->slow_failures_count,
			limit->slow_window_ms));
}

static json_t *seen(struct hub *hub, mono_ms_t at)
{
	if (at == 0) /* never */
		return json_null();
	return json_integer(hub_wall_of(hub, at));
}

static void set_history(
	json_t *object, struct hub *hub, const struct policy_source_info *info)
{
	(void)json_object_set_new(object, "known", json_boolean(info->known));
	(void)json_object_set_new(object, "under_way",
		json_integer((json_int_t)info->in_flight_count));
	(void)json_object_set_new(object, "successes",
		json_integer((json_int_t)info->success_count));
	(void)json_object_set_new(object, "failures_total",
		json_integer((json_int_t)info->failure_total));
	(void)json_object_set_new(
		object, "first_seen", seen(hub, info->first_seen));
	(void)json_object_set_new(
		object, "last_failure", seen(hub, info->last_failure));
	(void)json_object_set_new(
		object, "last_success", seen(hub, info->last_success));
	(void)json_object_set_new(object, "next_delay_ms",
		json_integer((json_int_t)info->next_delay_ms));
	(void)json_object_set_new(
		object, "events", events_array(hub, &info->source));
}

/* The exact commands that let the address in. */
static void set_ways_out(json_t *object, const struct addr *addr,
	const struct policy_source_info *info)
{
	char text[PREFIX_TEXT_LONGEST], command[COMMAND_LONGEST];

	if (info->banned) {
		(void)snprintf(command, sizeof(command),
			"posternctl bans del %s",
			prefix_format(&info->ban.prefix, text));
		(void)json_object_set_new(object, "lift", json_string(command));
	}
	if (!info->allowed) {
		(void)snprintf(command, sizeof(command),
			"posternctl allow add %s", addr_format(addr, text));
		(void)json_object_set_new(
			object, "allow", json_string(command));
	}
}

static json_t *explain_address(struct hub *hub, const struct addr *addr)
{
	char address[ADDR_TEXT_LONGEST], source[PREFIX_TEXT_LONGEST];
	struct policy_source_info info;
	json_t *object;

	policy_explain(judge_policy(hub->judge), hub_now(hub), addr, &info);
	/* An allowed one's key may be its entry; events lie at the source. */
	info.source = judge_source(hub, addr);
	object = json_pack("{s:b, s:s, s:s, s:b, s:o, s:b, s:o}", "ok", 1,
		"address", addr_format(addr, address), "source",
		prefix_format(&info.source, source), "allowed", info.allowed,
		"allowed_by", allowed_by(hub, addr), "banned", info.banned,
		"ban",
		info.banned ? commands_ban(hub, &info.ban) : json_null());
	if (object == NULL)
		return NULL;
	set_windows(object, hub, &info);
	set_history(object, hub, &info);
	set_ways_out(object, addr, &info);
	return object;
}

static json_t *explain_reference(struct hub *hub, uint64_t session)
{
	char reference[REFERENCE_TEXT_LONGEST];
	struct refusal refusal;
	json_t *object;

	if (!refusals_find(hub->refusals, session, &refusal))
		return commands_error(COMMANDS_NOT_FOUND,
			"no refusal with this reference is remembered",
			"the last 4,096 are; look for ref= in the log");
	object = explain_address(hub, &refusal.addr);
	if (object != NULL)
		(void)json_object_set_new(object, "reference",
			json_pack("{s:s, s:I}", "ref",
				reference_format(session, reference), "at",
				(json_int_t)refusal.at));
	return object;
}

json_t *explain_object(struct hub *hub, const char *subject)
{
	struct prefix prefix;
	uint64_t session;

	if (prefix_parse(subject, &prefix))
		return explain_address(hub, &prefix.addr);
	if (strpbrk(subject, ".:/") == NULL &&
		reference_parse(subject, &session))
		return explain_reference(hub, session);
	return commands_error(COMMANDS_USAGE,
		"this is neither an address nor a reference",
		"name an address such as 192.0.2.7, or the 13 signs behind "
		"\"ref\" in a refusal");
}
