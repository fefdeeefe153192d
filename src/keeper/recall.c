/*
 * The judge's recall: what the store keeps of its bans, passports and allow
 * entries, put there and taken back at a start. Called by the judge, loading
 * and the loop.
 */
#include "../policy/image.h"
#include "judge.h"

#include "judge_inside.h"
#include "notes.h"
#include "store.h"

enum { MS_PER_S = 1000 };

wall_s_t judge_store_time(struct hub *hub, mono_ms_t at)
{
	return at == MONO_NEVER ? STORE_NEVER : hub_wall_of(hub, at);
}

const char *judge_note_of(struct hub *hub, const struct policy_ban *ban,
	char names[LISTINGS_NAMES_LONGEST])
{
	if (ban->rule == RULE_LIST)
		return listings_who(hub, &ban->prefix, names);
	return notes_find(hub->notes, &ban->prefix);
}

void judge_store_ban(struct hub *hub, const struct policy_ban *ban)
{
	char names[LISTINGS_NAMES_LONGEST];

	store_put_ban(hub->store,
		&(struct store_ban){
			.prefix = ban->prefix,
			.since = hub_wall_of(hub, ban->since),
			.until = judge_store_time(hub, ban->until),
			.rule = policy_rule_name(ban->rule),
			.repeat_count = ban->repeat_count,
			.failure_count = ban->failure_count,
			.softness = ban->soft ? SOFTNESS_SOFT : SOFTNESS_HARD,
			.note = judge_note_of(hub, ban, names),
		});
}

/* Of a row with so much left. */
static uint64_t span_of(wall_s_t left)
{
	return left == STORE_NEVER ? MONO_NEVER : (uint64_t)left * MS_PER_S;
}

static void restore(struct hub *hub, const struct policy_event *event)
{
	struct policy_verdict ignored;

	hub->judge->restoring = true;
	judge_step(hub, event, &ignored);
	hub->judge->restoring = false;
}

void judge_restore_ban(struct hub *hub, const struct store_ban *ban)
{
	wall_s_t left = store_left(ban->since, ban->until, hub_wall(hub));
	struct policy_event event = {
		.kind = EVENT_RESTORE_BAN,
		.prefix = ban->prefix,
		.span_ms = span_of(left),
		.rule = policy_rule_by_name(ban->rule),
		.repeat_count = ban->repeat_count,
		.failure_count = ban->failure_count,
		.softness = ban->softness,
	};
	uint64_t over_ms;

	if (hub_wall(hub) > ban->since)
		event.age_ms =
			(uint64_t)(hub_wall(hub) - ban->since) * MS_PER_S;

	if (event.rule == RULE_NONE) /* a rule of another version */
		event.rule = RULE_SOURCE_LIMIT;
	if (left == 0) {
		over_ms = (uint64_t)(hub_wall(hub) - ban->until) * MS_PER_S;
		if (event.rule == RULE_OPERATOR || event.rule == RULE_LIST ||
			hub_wall(hub) < ban->until ||
			over_ms >= hub->conf->source_limit.repeat_memory_ms)
			return; /* nothing to remember */
	} else if (ban->note[0] != '\0' && event.rule != RULE_LIST) {
		notes_put(hub->notes, &ban->prefix, ban->note);
	}
	restore(hub, &event);
}

void judge_restore_allow(struct hub *hub, const struct prefix *prefix)
{
	struct policy_event event = {
		.kind = EVENT_OPERATOR_ALLOW,
		.prefix = *prefix,
	};

	restore(hub, &event);
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
		.span_ms = span_of(left),
	};

	if (left == 0)
		return;
	restore(hub, &event);
}

void judge_restore_device(struct hub *hub, const struct store_device *device)
{
	wall_s_t left = store_left(device->last, device->until, hub_wall(hub));
	struct policy_event event = {
		.kind = EVENT_RESTORE_DEVICE,
		.user = slice_str(device->user),
		.text = slice_str(device->name),
		.span_ms = span_of(left),
	};

	if (left == 0)
		return;
	restore(hub, &event);
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
		judge_store_ban(hub, &ban);
}

void judge_save(const struct judge *judge, struct octets *out)
{
	octets_put(out, judge->key, sizeof(judge->key));
	octets_put_number(out, judge->would_total);
	octets_put_number(out, judge->spared_total);
	octets_put_number(out, judge->alarm_total);
	octets_put_number(out, judge->note_total);
}

bool judge_load(struct judge *judge, struct octets *in)
{
	(void)octets_take(in, judge->key, sizeof(judge->key));
	judge->would_total = octets_take_number(in, UINT64_MAX);
	judge->spared_total = octets_take_number(in, UINT64_MAX);
	judge->alarm_total = octets_take_number(in, UINT64_MAX);
	judge->note_total = octets_take_number(in, UINT64_MAX);
	return !in->failed;
}

bool judge_inherit(struct hub *hub, const void *image, size_t n)
{
	return policy_image_load(hub->judge->policy, hub_now(hub), image, n);
}

void judge_inherited(struct hub *hub)
{
	hub->judge->restoring = true;
	judge_drain(hub);
	hub->judge->restoring = false;
}

void judge_restore_note(struct hub *hub, const struct store_ban *ban)
{
	if (ban->note[0] != '\0' &&
		store_left(ban->since, ban->until, hub_wall(hub)) != 0)
		notes_put(hub->notes, &ban->prefix, ban->note);
}
