/*
 * An event as JSON, as a sentence, as an environment (see notice.h).
 */
#include "notice.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../base/text.h"

static const char *const names[HOOK_EVENTS] = {
#define EVENT(id, name) [HOOK_##id] = (name),
#include "../base/hook_events.def"
#undef EVENT
	[HOOK_TEST] = "test",
	[HOOK_MORE] = "more",
};

const char *notice_name(unsigned event)
{
	return event < HOOK_EVENTS ? names[event] : "";
}

/* ISO 8601 in UTC; "" for 0. */
static const char *time_text(int64_t at, char out[NOTICE_TIME_LONGEST])
{
	time_t when = (time_t)at;
	struct tm tm;

	out[0] = 0;
	if (at != 0 && gmtime_r(&when, &tm))
		(void)strftime(
			out, NOTICE_TIME_LONGEST, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

static uint64_t more_sum(const struct message_hook *what)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < HOOK_KINDS; i++)
		sum += what->more[i];
	return sum;
}

static const char *place_text(
	const struct message_hook *what, char out[PREFIX_TEXT_LONGEST])
{
	out[0] = 0;
	return what->somewhere ? prefix_format(&what->prefix, out) : out;
}

/* ---- the sentence ---- */

static void add_more(const struct message_hook *what, char *out, size_t room)
{
	const char *before = ": ";

	text_add(out, room, "and %" PRIu64 " more", more_sum(what));
	for (unsigned i = 0; i < HOOK_KINDS; i++) {
		if (what->more[i] == 0)
			continue;
		text_add(out, room, "%s%" PRIu64 " %s", before, what->more[i],
			names[i]);
		before = ", ";
	}
}

static void add_server(const struct message_hook *what, char *out, size_t room)
{
	bool down = what->event == HOOK_BACKEND_DOWN;

	text_add(out, room, "server %s (%s) of %s is %s", what->server,
		what->address, what->backend, down ? "down" : "up");
	if (down && what->reason[0])
		text_add(out, room, ": %s", what->reason);
}

static void add_ban(const struct message_hook *what, char *out, size_t room)
{
	char until[NOTICE_TIME_LONGEST], place[PREFIX_TEXT_LONGEST];

	(void)time_text(what->until, until);
	text_add(out, room, "%s is banned %s%s (%s: %s)",
		place_text(what, place), until[0] ? "until " : "for ever",
		until, what->rule, what->reason);
}

void notice_text(const struct message_hook *what, const char *node, char *out,
	size_t room)
{
	char place[PREFIX_TEXT_LONGEST];

	(void)snprintf(out, room, "postern on %s: ", node);
	switch ((enum hook_event)what->event) {
	case HOOK_BAN: add_ban(what, out, room); break;
	case HOOK_UNBAN:
		text_add(out, room, "%s is no longer banned (%s)",
			place_text(what, place), what->reason);
		break;
	case HOOK_ALARM:
		text_add(out, room, "alarm%s%s (%s: %s)",
			what->somewhere ? ", " : "", place_text(what, place),
			what->rule, what->reason);
		break;
	case HOOK_BACKEND_DOWN:
	case HOOK_BACKEND_UP: add_server(what, out, room); break;
	case HOOK_TEST: text_add(out, room, "a test, nothing happened"); break;
	case HOOK_MORE: add_more(what, out, room); break;
	case HOOK_EVENTS: break;
	}
}

/* ---- JSON ---- */

static void set(json_t *object, const char *name, const char *value)
{
	if (value[0])
		(void)json_object_set_new(object, name, json_string(value));
}

static json_t *more_object(const struct message_hook *what)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < HOOK_KINDS; i++)
		if (what->more[i] > 0)
			(void)json_object_set_new(object, names[i],
				json_integer((json_int_t)what->more[i]));
	return object;
}

static void set_decision(json_t *object, const struct message_hook *what)
{
	char place[PREFIX_TEXT_LONGEST], until[NOTICE_TIME_LONGEST];

	set(object, "source", place_text(what, place));
	set(object, "rule", what->rule);
	set(object, "user", what->user);
	if (what->event == HOOK_BAN) {
		(void)json_object_set_new(object, "failures",
			json_integer((json_int_t)what->failure_count));
		(void)json_object_set_new(object, "until",
			time_text(what->until, until)[0] ? json_string(until)
							 : json_null());
	}
}

char *notice_json(
	const struct message_hook *what, const struct notice_sender *from)
{
	char at[NOTICE_TIME_LONGEST], id[24], text[640];
	json_t *object;
	char *out;

	(void)snprintf(id, sizeof(id), "%" PRIx64, what->id);
	notice_text(what, from->node, text, sizeof(text));
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "event",
		notice_name(what->event), "id", id, "time",
		time_text(what->at, at), "node", from->node, "hook", from->hook,
		"text", text);
	if (!object)
		return NULL;
	set_decision(object, what);
	set(object, "reason", what->reason);
	set(object, "backend", what->backend);
	set(object, "server", what->server);
	set(object, "address", what->address);
	if (what->event == HOOK_MORE) {
		(void)json_object_set_new(object, "count",
			json_integer((json_int_t)more_sum(what)));
		(void)json_object_set_new(object, "more", more_object(what));
	}
	out = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(object);
	return out;
}

/* ---- an environment ---- */

static void put(struct notice_variables *out, size_t *n, const char *name,
	const char *value)
{
	if (!value[0] || *n == NOTICE_VARIABLES_MOST)
		return;
	(void)snprintf(
		out->text[*n], NOTICE_VARIABLE_LONGEST, "%s=%s", name, value);
	out->all[*n] = out->text[*n];
	(*n)++;
}

void notice_variables(const struct message_hook *what,
	const struct notice_sender *from, struct notice_variables *out)
{
	char at[NOTICE_TIME_LONGEST], until[NOTICE_TIME_LONGEST];
	char place[PREFIX_TEXT_LONGEST], count[24] = "";
	size_t n = 0;

	if (what->event == HOOK_MORE)
		(void)snprintf(
			count, sizeof(count), "%" PRIu64, more_sum(what));
	put(out, &n, "PATH",
		"/usr/local/sbin:/usr/local/bin:/usr/sbin:"
		"/usr/bin:/sbin:/bin");
	put(out, &n, "POSTERN_EVENT", notice_name(what->event));
	put(out, &n, "POSTERN_HOOK", from->hook);
	put(out, &n, "POSTERN_NODE", from->node);
	put(out, &n, "POSTERN_TIME", time_text(what->at, at));
	put(out, &n, "POSTERN_SOURCE", place_text(what, place));
	put(out, &n, "POSTERN_RULE", what->rule);
	put(out, &n, "POSTERN_REASON", what->reason);
	put(out, &n, "POSTERN_UNTIL", time_text(what->until, until));
	put(out, &n, "POSTERN_USER", what->user);
	put(out, &n, "POSTERN_BACKEND", what->backend);
	put(out, &n, "POSTERN_SERVER", what->server);
	put(out, &n, "POSTERN_ADDRESS", what->address);
	put(out, &n, "POSTERN_COUNT", count);
	out->all[n] = NULL;
}
