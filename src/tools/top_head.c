/*
 * What stands above the panes of `posternctl top` (see top_head.h).
 *
 * What is as it should be is one short word; what is not says why, in a mood
 * that the view makes visible. Called by top_state.
 */
#include "top_head.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../base/duration.h"
#include "member.h"
#include "printable.h"

enum {
	MS_PER_S = 1000,
	ALARM_SHOWN_S = 10 * 60,
	/* As the page has them: who guessed so lately, and how many are many.
	 */
	ACTIVE_S = 2 * 60,
	ATTACK_COUNT = 10,
};

/* ---- rates ---- */

static void counts_of(const json_t *status, json_int_t counts[TOP_RATES])
{
	const json_t *sessions = json_object_get(status, "sessions");
	const json_t *logins = json_object_get(status, "logins");
	const json_t *verdicts = json_object_get(status, "verdicts");

	counts[TOP_RATE_CONNECTIONS] = member_number(sessions, "total") +
				       member_number(sessions, "turned_away");
	counts[TOP_RATE_LOGINS_OK] = member_number(logins, "ok");
	/* As the page counts them: postern's own refusals are some, too. */
	counts[TOP_RATE_LOGINS_FAILED] = member_number(logins, "failed") +
					 member_number(logins, "abandoned") +
					 member_number(verdicts, "answer") +
					 member_number(verdicts, "refuse");
	counts[TOP_RATE_MESSAGES] = member_number(sessions, "messages");
	counts[TOP_RATE_TURNED_AWAY] = member_number(sessions, "turned_away") +
				       member_number(verdicts, "turn_away");
}

void top_rates_take(
	struct top_rates *rates, const json_t *status, mono_ms_t now)
{
	if (rates->pid != member_number(status, "pid"))
		rates->count = 0;
	rates->pid = member_number(status, "pid");
	if (rates->count == TOP_RATE_SAMPLES) {
		memmove(&rates->samples[0], &rates->samples[1],
			(TOP_RATE_SAMPLES - 1) * sizeof(rates->samples[0]));
		rates->count--;
	}
	rates->samples[rates->count].at = now;
	counts_of(status, rates->samples[rates->count].counts);
	rates->count++;
}

double top_rates_of(const struct top_rates *rates, enum top_rate rate)
{
	size_t last = rates->count - 1;
	json_int_t more;
	mono_ms_t span;

	if (rates->count < 2)
		return -1;
	more = rates->samples[last].counts[rate] -
	       rates->samples[0].counts[rate];
	span = rates->samples[last].at - rates->samples[0].at;
	/* A worker that died takes its counters along. */
	if (more < 0 || span == 0)
		return -1;
	return (double)more * MS_PER_S / (double)span;
}

/* ---- items ---- */

struct head {
	struct top_item *items;
	size_t count;
	bool line;
};

static void say(struct head *head, enum top_mood mood, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct head *head, enum top_mood mood, const char *format, ...)
{
	char text[1024];
	struct top_item *item = &head->items[head->count];
	va_list args;

	if (head->count == TOP_ITEMS_MOST)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut */
	va_end(args);
	(void)printable_copy(
		text, TOP_ITEM_LONGEST, item->text, sizeof(item->text));
	item->mood = mood;
	item->line = head->line;
	head->line = false;
	head->count++;
}

static const char *span_s(int64_t s, char out[DURATION_TEXT_LONGEST])
{
	return duration_format(s > 0 ? (uint64_t)s * MS_PER_S : 0, out);
}

static const char *rate_text(
	const struct top_rates *rates, enum top_rate rate, char out[16])
{
	double value = top_rates_of(rates, rate);

	if (value < 0)
		(void)snprintf(out, 16, "-/s");
	else
		(void)snprintf(
			out, 16, value < 99.95 ? "%.1f/s" : "%.0f/s", value);
	return out;
}

/* In one word: is there an attack? */
static void say_guessing(struct head *head, const json_t *watch, wall_s_t now)
{
	const json_t *guessers = json_object_get(watch, "guessers");
	int64_t guessing = member_number(watch, "guessing");
	size_t active = 0;

	for (size_t i = 0; i < json_array_size(guessers); i++) {
		const json_t *one = json_array_get(guessers, i);

		active += now - member_number(one, "last") < ACTIVE_S;
	}
	if (active == 0)
		say(head, TOP_GOOD, "quiet");
	else if (guessing < ATTACK_COUNT)
		say(head, TOP_WARN, "%zu guessing now", active);
	else
		say(head, TOP_BAD, "UNDER ATTACK");
}

static void say_postern(
	struct head *head, const json_t *status, const char *link, bool paused)
{
	const char *mode = member_text(status, "mode");
	char span[DURATION_TEXT_LONGEST];

	if (status == NULL)
		say(head, TOP_PLAIN, "postern");
	else
		say(head, TOP_PLAIN, "postern %s",
			member_text(status, "version"));
	if (paused)
		say(head, TOP_WARN, "PAUSED (p goes on)");
	if (link[0] != '\0')
		say(head, TOP_BAD, "%s", link);
	if (status == NULL)
		return;
	say(head, strcmp(mode, "enforce") == 0 ? TOP_GOOD : TOP_WARN, "%s",
		mode);
	say(head, TOP_PLAIN, "up %s",
		span_s(member_number(status, "uptime_s"), span));
}

static void say_traffic(
	struct head *head, const struct top_rates *rates, const json_t *status)
{
	const json_t *sessions = json_object_get(status, "sessions");
	char one[16], other[16];

	head->line = true;
	say(head, TOP_PLAIN, "connections %s",
		rate_text(rates, TOP_RATE_CONNECTIONS, one));
	say(head, TOP_PLAIN, "open %" PRId64, member_number(sessions, "open"));
	say(head, TOP_PLAIN, "messages %s",
		rate_text(rates, TOP_RATE_MESSAGES, one));
	say(head,
		top_rates_of(rates, TOP_RATE_LOGINS_FAILED) > 0 ? TOP_WARN
								: TOP_PLAIN,
		"logins %s ok, %s failed",
		rate_text(rates, TOP_RATE_LOGINS_OK, one),
		rate_text(rates, TOP_RATE_LOGINS_FAILED, other));
}

static void say_defence(
	struct head *head, const struct top_rates *rates, const json_t *status)
{
	int64_t would = member_number(status, "would_bans");
	char one[16];

	head->line = true;
	say(head, TOP_PLAIN, "bans %" PRId64 " in force",
		member_number(status, "bans"));
	if (would > 0)
		say(head, TOP_PLAIN, "would be %" PRId64, would);
	say(head, TOP_PLAIN, "turned away %s",
		rate_text(rates, TOP_RATE_TURNED_AWAY, one));
	say(head, TOP_PLAIN, "tarpitted %" PRId64,
		member_number(json_object_get(status, "sessions"), "tarpit"));
	say(head, TOP_PLAIN, "alarms %" PRId64,
		member_number(status, "alarms"));
}

static void say_firewall(struct head *head, const json_t *firewall)
{
	const char *backend = member_text(firewall, "backend");
	int64_t failed_at = member_number(firewall, "failed_at");

	if (strcmp(backend, "null") == 0)
		say(head, TOP_PLAIN, "firewall none");
	else if (!json_is_true(json_object_get(firewall, "connected")))
		say(head, TOP_BAD, "firewall %s AWAY", backend);
	else if (failed_at > 0 &&
		 failed_at >= member_number(firewall, "synced_at"))
		say(head, TOP_BAD, "firewall %s FAILS: %s", backend,
			member_text(firewall, "failure"));
	else if (member_number(firewall, "drift") > 0)
		say(head, TOP_WARN, "firewall %s drift %" PRId64, backend,
			member_number(firewall, "drift"));
	else
		say(head, TOP_GOOD, "firewall %s in sync", backend);
}

static void say_servers(struct head *head, const json_t *servers)
{
	const json_t *first = NULL;
	size_t up = 0, down = 0;

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);

		if (strcmp(member_text(server, "state"), "up") == 0) {
			up++;
			continue;
		}
		down++;
		if (first == NULL)
			first = server;
	}
	if (down == 0)
		say(head, TOP_GOOD, "backends %zu up", up);
	else
		say(head, TOP_BAD, "backends %zu up, %zu DOWN: %s %s", up, down,
			member_text(first, "address"),
			member_text(first, "why"));
}

/* What an administrator should look after, and nothing when all is well. */
static void say_trouble(struct head *head, const json_t *status)
{
	const json_t *store = json_object_get(status, "store");
	const json_t *ear = json_object_get(status, "domino_log");

	if (json_is_true(json_object_get(store, "failing")))
		say(head, TOP_BAD, "store FAILS: %s",
			member_text(store, "error"));
	if (strcmp(member_text(ear, "state"), "trouble") == 0)
		say(head, TOP_BAD, "domino_log: %s", member_text(ear, "error"));
}

/* Of the workers that were asked for their sessions. */
static void say_silent(struct head *head, const json_t *sessions)
{
	size_t count = json_array_size(json_object_get(sessions, "silent"));

	if (count > 0)
		say(head, TOP_BAD, "%zu worker%s SILENT", count,
			count == 1 ? "" : "s");
}

/* The last one, while it is news. */
static void say_alarm(struct head *head, const json_t *watch, wall_s_t now)
{
	const json_t *decisions = json_object_get(watch, "decisions");

	for (size_t i = 0; i < json_array_size(decisions); i++) {
		const json_t *one = json_array_get(decisions, i);
		int64_t age_s = now - member_number(one, "at");
		char span[DURATION_TEXT_LONGEST];

		if (strcmp(member_text(one, "kind"), "alarm") != 0 ||
			age_s > ALARM_SHOWN_S)
			continue;
		head->line = true;
		say(head, TOP_BAD, "ALARM %s ago: %s", span_s(age_s, span),
			member_text(one, "text"));
		return;
	}
}

size_t top_head(const struct top_rates *rates, json_t *const *answers,
	wall_s_t now, const char *link, bool paused,
	struct top_item items[TOP_ITEMS_MOST])
{
	struct head head = {.items = items, .line = true};
	const json_t *status = answers[TOP_STATUS];

	say_postern(&head, status, link, paused);
	if (status == NULL)
		return head.count;
	if (answers[TOP_WATCH] != NULL)
		say_guessing(&head, answers[TOP_WATCH], now);
	say_traffic(&head, rates, status);
	say_defence(&head, rates, status);
	head.line = true;
	say_firewall(&head, json_object_get(status, "firewall"));
	if (answers[TOP_BACKENDS] != NULL)
		say_servers(&head,
			json_object_get(answers[TOP_BACKENDS], "backends"));
	say_trouble(&head, status);
	say_silent(&head, answers[TOP_SESSIONS]);
	say_alarm(&head, answers[TOP_WATCH], now);
	return head.count;
}
