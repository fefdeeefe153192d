/*
 * What an operator who looks on wants to see (see watch.h).
 *
 * Two rings, so that a flood of bans does not wash away the people who were
 * hurt; a table of guessers that forgets the silent. Nothing is decided by any
 * of it. Also counts what changes among the bans: who keeps a copy of them
 * asks for that number first.
 */
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "decisions.h"
#include "judge.h"

enum { RECENT_MOST = 100, TEXT_LONGEST = 200 };

struct news {
	uint64_t id; /* 0: none */
	wall_s_t at;
	enum watch_kind kind;
	enum policy_rule rule;
	struct prefix prefix; /* bits 0: none */
	char user[HISTORY_USER_LONGEST];
	char text[TEXT_LONGEST];
};

struct guesser {
	struct prefix source;
	uint64_t count; /* 0: a free place */
	mono_ms_t first, last;
	char user[HISTORY_USER_LONGEST]; /* the last one */
};

struct watch {
	struct news decisions[WATCH_NEWS_MOST], people[WATCH_NEWS_MOST];
	uint64_t decision_count, people_count; /* ever */
	uint64_t last_id, serial, hurt;
	struct guesser guessers[WATCH_GUESSERS_MOST];
};

struct watch *watch_new(void)
{
	return calloc(1, sizeof(struct watch));
}

void watch_free(struct watch **watch)
{
	free(*watch);
	*watch = NULL;
}

uint64_t watch_hurt_count(const struct hub *hub)
{
	return hub->watch->hurt;
}

void watch_bans_changed(struct hub *hub)
{
	hub->watch->serial++;
}

/* ---- what happens ---- */

static struct news *news_next(struct hub *hub, enum watch_kind kind)
{
	struct watch *watch = hub->watch;
	bool people = kind == WATCH_NOTE || kind == WATCH_HURT;
	struct news *news =
		people ? &watch->people[watch->people_count++ % WATCH_NEWS_MOST]
		       : &watch->decisions[watch->decision_count++ %
					   WATCH_NEWS_MOST];

	*news = (struct news){
		.id = ++watch->last_id, .at = hub_wall(hub), .kind = kind};
	return news;
}

void watch_decision(struct hub *hub, enum watch_kind kind,
	const struct policy_action *action, const char *user, const char *text)
{
	struct news *news = news_next(hub, kind);

	news->rule = action->rule;
	news->prefix = action->prefix;
	(void)snprintf(news->user, sizeof(news->user), "%s", user);
	(void)snprintf(news->text, sizeof(news->text), "%s", text);
	if (kind == WATCH_BAN || kind == WATCH_UNBAN)
		watch_bans_changed(hub);
}

void watch_hurt(struct hub *hub, const struct message_ask *ask)
{
	struct news *news = news_next(hub, WATCH_HURT);

	hub->watch->hurt++;
	news->prefix = judge_source(hub, &ask->addr);
	decisions_user(hub, ask, news->user);
	(void)snprintf(news->text, sizeof(news->text),
		"was refused, and logged in from there later");
}

/* Its place, or that of whoever was silent for longest. */
static struct guesser *guesser_of(
	struct watch *watch, const struct prefix *source)
{
	struct guesser *oldest = &watch->guessers[0];

	for (size_t i = 0; i < WATCH_GUESSERS_MOST; i++) {
		struct guesser *guesser = &watch->guessers[i];

		if (guesser->count > 0 && prefix_eq(&guesser->source, source))
			return guesser;
		if (guesser->last < oldest->last)
			oldest = guesser;
	}
	oldest->count = 0;
	return oldest;
}

void watch_guess(struct hub *hub, const struct message_ask *ask)
{
	struct prefix source = judge_source(hub, &ask->addr);
	struct guesser *guesser = guesser_of(hub->watch, &source);
	mono_ms_t now = hub_now(hub);

	if (guesser->count == 0 || now - guesser->last > WATCH_GUESSER_MS)
		*guesser = (struct guesser){.source = source, .first = now};
	guesser->count++;
	guesser->last = now;
	decisions_user(hub, ask, guesser->user);
}

/* ---- what is shown ---- */

static const char *kind_name(enum watch_kind kind)
{
	switch (kind) {
	case WATCH_BAN: return "ban";
	case WATCH_UNBAN: return "unban";
	case WATCH_WOULD_BAN: return "would-ban";
	case WATCH_ALARM: return "alarm";
	case WATCH_NOTE: return "note";
	case WATCH_HURT: return "hurt";
	}
	return "";
}

static json_t *news_object(const struct news *news)
{
	char prefix[PREFIX_TEXT_LONGEST] = "";

	if (news->prefix.bits > 0)
		(void)prefix_format(&news->prefix, prefix);
	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s}", "id",
		(json_int_t)news->id, "at", (json_int_t)news->at, "kind",
		kind_name(news->kind), "prefix", prefix, "user", news->user,
		"rule",
		news->rule != RULE_NONE ? policy_rule_name(news->rule) : "",
		"text", news->text);
}

/* Newest first. */
static json_t *news_array(
	const struct news ring[WATCH_NEWS_MOST], uint64_t count)
{
	json_t *array = json_array();

	for (uint64_t i = 0; i < count && i < WATCH_NEWS_MOST; i++)
		(void)json_array_append_new(array,
			news_object(&ring[(count - 1 - i) % WATCH_NEWS_MOST]));
	return array;
}

static json_t *guesser_object(struct hub *hub, const struct guesser *guesser)
{
	char prefix[PREFIX_TEXT_LONGEST];
	struct policy_ban ban;
	bool banned = policy_banned(judge_policy(hub->judge), hub_now(hub),
		&guesser->source.addr, &ban);

	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:b, s:o}", "source",
		prefix_format(&guesser->source, prefix), "guesses",
		(json_int_t)guesser->count, "since",
		(json_int_t)hub_wall_of(hub, guesser->first), "last",
		(json_int_t)hub_wall_of(hub, guesser->last), "user",
		guesser->user, "banned", banned, "ban",
		banned ? commands_ban(hub, &ban) : json_null());
}

struct rank {
	uint64_t count;
	const struct guesser *guesser;
};

static int by_guesses(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

/* *ret_count: all who guess; the array has the `most` who do most. */
static json_t *guessers_array(struct hub *hub, size_t most, size_t *ret_count)
{
	struct rank active[WATCH_GUESSERS_MOST];
	json_t *array = json_array();
	size_t n = 0;

	for (size_t i = 0; i < WATCH_GUESSERS_MOST; i++) {
		const struct guesser *guesser = &hub->watch->guessers[i];

		if (guesser->count > 0 &&
			hub_now(hub) - guesser->last <= WATCH_GUESSER_MS)
			active[n++] = (struct rank){guesser->count, guesser};
	}
	if (n > 0)
		qsort(active, n, sizeof(struct rank), by_guesses);
	for (size_t i = 0; i < n && i < most; i++)
		(void)json_array_append_new(
			array, guesser_object(hub, active[i].guesser));
	*ret_count = n;
	return array;
}

static void set_serial(struct hub *hub, json_t *object)
{
	(void)json_object_set_new(
		object, "serial", json_integer((json_int_t)hub->watch->serial));
	/* A keeper that is new counts anew. */
	(void)json_object_set_new(object, "started",
		json_integer((json_int_t)hub_wall_of(hub, hub->started)));
	(void)json_object_set_new(
		object, "pid", json_integer((json_int_t)getpid()));
}

json_t *watch_serial_object(struct hub *hub)
{
	json_t *object = json_pack("{s:b}", "ok", 1);

	set_serial(hub, object);
	return object;
}

json_t *watch_object(struct hub *hub, size_t most)
{
	const struct watch *watch = hub->watch;
	size_t count;
	json_t *guessers = guessers_array(hub, most, &count);
	json_t *object = json_pack("{s:b, s:I, s:o, s:I, s:o, s:o, s:I}", "ok",
		1, "now", (json_int_t)hub_wall(hub), "guessers", guessers,
		"guessing", (json_int_t)count, "decisions",
		news_array(watch->decisions, watch->decision_count), "people",
		news_array(watch->people, watch->people_count), "hurt",
		(json_int_t)watch->hurt);

	set_serial(hub, object);
	return object;
}

/* ---- the newest bans ---- */

/* The place of a ban among the newest so far; RECENT_MOST: none. */
static size_t place_of(const struct policy_ban *bans, size_t count,
	const struct policy_ban *ban)
{
	size_t i = count;

	while (i > 0 && bans[i - 1].since < ban->since)
		i--;
	return i;
}

json_t *watch_recent_object(struct hub *hub)
{
	const struct policy *policy = judge_policy(hub->judge);
	struct policy_ban newest[RECENT_MOST], ban;
	size_t cursor = 0, count = 0, total = 0;
	json_t *bans = json_array(), *object;

	while (policy_ban_next(policy, &cursor, &ban)) {
		size_t at = place_of(newest, count, &ban);

		total++;
		if (at == RECENT_MOST)
			continue;
		count += count < RECENT_MOST;
		memmove(&newest[at + 1], &newest[at],
			(count - 1 - at) * sizeof(newest[0]));
		newest[at] = ban;
	}
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(
			bans, commands_ban(hub, &newest[i]));
	object = json_pack("{s:b, s:I, s:o}", "ok", 1, "total",
		(json_int_t)total, "bans", bans);
	set_serial(hub, object);
	return object;
}

void watch_save(const struct watch *watch, struct octets *out)
{
	octets_put(out, watch, sizeof(*watch));
}

static bool text_sound(const char *text, size_t room)
{
	return memchr(text, '\0', room) != NULL;
}

static bool news_sound(const struct news *news)
{
	return news->kind <= WATCH_HURT && news->rule < RULE_COUNT &&
	       octets_prefix_sound(&news->prefix) &&
	       text_sound(news->user, sizeof(news->user)) &&
	       text_sound(news->text, sizeof(news->text));
}

static bool watch_sound(const struct watch *watch)
{
	bool sound = true;

	for (unsigned i = 0; i < WATCH_NEWS_MOST; i++)
		sound = sound && news_sound(&watch->decisions[i]) &&
			news_sound(&watch->people[i]);
	for (unsigned i = 0; i < WATCH_GUESSERS_MOST; i++)
		sound = sound &&
			octets_prefix_sound(&watch->guessers[i].source) &&
			text_sound(watch->guessers[i].user,
				sizeof(watch->guessers[i].user));
	return sound;
}

bool watch_load(struct watch *watch, struct octets *in)
{
	if (!octets_take(in, watch, sizeof(*watch)) || !watch_sound(watch))
		octets_fail(in);
	return !in->failed;
}
