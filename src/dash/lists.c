/*
 * Feeds (see lists.h).
 *
 * The keeper counts what changes among its bans; the list is fetched anew, page
 * by page, when that count is another. A list that was not fetched whole is
 * none: a firewall that takes half a list lets the other half in. What bans may
 * change while pages come is seen at the next look, since the count was taken
 * before.
 */
#include "lists.h"

#include <event2/buffer.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "asker.h"
#include "pending.h"
#include "reply.h"

enum {
	BANS_MOST = 1 << 20,
	RULES_MOST = 64,
	RULE_LONGEST = 32,
	TAG_LONGEST = 80,
	MS_PER_S = 1000,
};

struct waiter {
	struct pending *pending; /* NULL: a free place */
	struct route route;
	mono_ms_t until;
};

struct list {
	struct feed_ban *bans; /* notes are ours */
	size_t count, room;
};

struct lists {
	struct dash *dash;
	struct list now, next;	    /* next: what is being fetched */
	bool have;		    /* `now` is a whole list */
	bool busy;		    /* a look is under way */
	json_int_t serial, started; /* of `now` */
	json_int_t next_serial, next_started;
	uint64_t tag;
	char rules[RULES_MOST][RULE_LONGEST];
	size_t rule_count;
	struct waiter waiters[LISTS_WAITERS_MOST];
	unsigned waiter_count;
};

struct lists *lists_new(struct dash *dash)
{
	struct lists *lists = calloc(1, sizeof(*lists));

	if (lists)
		lists->dash = dash;
	return lists;
}

static void list_done(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free((char *)(uintptr_t)list->bans[i].note);
	free(list->bans);
	*list = (struct list){0};
}

void lists_free(struct lists **lists)
{
	struct lists *l = *lists;

	if (!l)
		return;
	for (size_t i = 0; i < LISTS_WAITERS_MOST; i++)
		if (l->waiters[i].pending)
			(void)pending_done(l->waiters[i].pending); /* its
						connection ends, too */
	list_done(&l->now);
	list_done(&l->next);
	free(l);
	*lists = NULL;
}

/* ---- answers ---- */

static void gather(void *arg, const char *text, size_t n)
{
	(void)evbuffer_add(arg, text, n); /* seen by send_list() */
}

static void send_list(struct lists *lists, struct evhttp_request *request,
	const struct route *route, const char *tag)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evhttp_request_get_output_buffer(request);
	char version[16];

	feed_print(route->format, lists->now.bans, lists->now.count,
		clock_wall_s(), route->chunk, gather, body);
	reply_headers(request);
	reply_tag(request, tag);
	(void)snprintf(version, sizeof(version), "%d", FEED_VERSION);
	(void)evhttp_add_header(out, "Postern-Feed-Version", version);
	(void)evhttp_add_header(
		out, "Content-Type", feed_format_media(route->format));
	evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

static void finish(struct lists *lists, struct waiter *waiter, const char *tag,
	bool known, bool good)
{
	struct evhttp_request *request = pending_done(waiter->pending);

	waiter->pending = NULL;
	lists->waiter_count--;
	if (!request)
		return;
	if (!good)
		reply_error(request, 503, "the keeper does not answer");
	else if (known)
		reply_not_modified(request, tag);
	else
		send_list(lists, request, &waiter->route, tag);
}

static void settle(struct lists *lists, struct waiter *waiter, bool good)
{
	struct evhttp_request *request = waiter->pending->request;
	bool late = clock_mono_ms() >= waiter->until, known;
	char tag[TAG_LONGEST];

	(void)snprintf(tag, sizeof(tag), "\"%d-%016" PRIx64 "-%s-%zu\"",
		FEED_VERSION, lists->tag,
		feed_format_name(waiter->route.format), waiter->route.chunk);
	known = good && request && reply_is_known(request, tag);
	if (request && !late && (known || !good))
		return; /* goes on waiting */
	finish(lists, waiter, tag, known, good);
}

/* A look is over. */
static void settle_all(struct lists *lists, bool good)
{
	lists->busy = false;
	list_done(&lists->next);
	for (size_t i = 0; i < LISTS_WAITERS_MOST; i++)
		if (lists->waiters[i].pending)
			settle(lists, &lists->waiters[i], good);
}

/* ---- fetching ---- */

/* The same text for the same rule, for ever; "" for what is no name. */
static const char *rule_kept(struct lists *lists, const char *name)
{
	size_t n = name ? strlen(name) : 0;

	if (n == 0 || n >= RULE_LONGEST ||
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return "other";
	for (size_t i = 0; i < lists->rule_count; i++)
		if (strcmp(lists->rules[i], name) == 0)
			return lists->rules[i];
	if (lists->rule_count == RULES_MOST)
		return "other";
	memcpy(lists->rules[lists->rule_count], name, n + 1);
	return lists->rules[lists->rule_count++];
}

static bool list_grow(struct list *list)
{
	size_t room = list->room ? 2 * list->room : 1024;
	struct feed_ban *grown;

	if (list->count < list->room)
		return true;
	if (room > BANS_MOST)
		return false;
	grown = realloc(list->bans, room * sizeof(*grown));
	if (!grown)
		return false;
	list->bans = grown;
	list->room = room;
	return true;
}

static bool add_ban(struct lists *lists, const json_t *row)
{
	const char *prefix = json_string_value(json_object_get(row, "prefix"));
	const char *note = json_string_value(json_object_get(row, "note"));
	const char *acts = json_string_value(json_object_get(row, "acts"));
	struct feed_ban ban = {
		.until = json_integer_value(json_object_get(row, "until")),
		.rule = rule_kept(
			lists, json_string_value(json_object_get(row, "rule"))),
	};

	if (acts && strcmp(acts, "login") == 0)
		return true; /* its mail comes in: no firewall's business */
	/* Two that listen to each other would ban for ever. */
	if (strcmp(ban.rule, "list") == 0)
		return true;
	if (!prefix || !prefix_parse(prefix, &ban.prefix) ||
		!list_grow(&lists->next))
		return false;
	ban.note = strdup(note ? note : "");
	if (!ban.note)
		return false;
	lists->next.bans[lists->next.count++] = ban;
	return true;
}

static void fetched(struct lists *lists)
{
	list_done(&lists->now);
	lists->now = lists->next;
	lists->next = (struct list){0};
	feed_sort(lists->now.bans, lists->now.count);
	lists->tag = feed_tag(lists->now.bans, lists->now.count);
	lists->serial = lists->next_serial;
	lists->started = lists->next_started;
	lists->have = true;
	settle_all(lists, true);
}

static void fetch_page(struct lists *lists, json_int_t cursor);

static void on_page(void *arg, const char *line, size_t n)
{
	struct lists *lists = arg;
	json_t *answer = line ? json_loadb(line, n, 0, NULL) : NULL;
	const json_t *bans = json_object_get(answer, "bans");
	const json_t *next = json_object_get(answer, "next");
	bool good = json_is_array(bans);

	for (size_t i = 0; good && i < json_array_size(bans); i++)
		good = add_ban(lists, json_array_get(bans, i));
	if (!good)
		settle_all(lists, false);
	else if (json_is_integer(next))
		fetch_page(lists, json_integer_value(next));
	else
		fetched(lists);
	json_decref(answer);
}

static void fetch_page(struct lists *lists, json_int_t cursor)
{
	if (!asker_ask(lists->dash->asker,
		    json_pack("{s:s, s:I}", "command", "bans.list", "cursor",
			    cursor),
		    on_page, lists))
		settle_all(lists, false);
}

static void on_serial(void *arg, const char *line, size_t n)
{
	struct lists *lists = arg;
	json_t *answer = line ? json_loadb(line, n, 0, NULL) : NULL;
	const json_t *serial = json_object_get(answer, "serial");

	lists->next_serial = json_integer_value(serial);
	lists->next_started =
		json_integer_value(json_object_get(answer, "started"));
	if (!json_is_integer(serial))
		settle_all(lists, false);
	else if (lists->have && lists->serial == lists->next_serial &&
		 lists->started == lists->next_started)
		settle_all(lists, true);
	else
		fetch_page(lists, 0);
	json_decref(answer);
}

static void look(struct lists *lists)
{
	if (lists->busy)
		return;
	lists->busy = true;
	if (!asker_ask(lists->dash->asker,
		    json_pack("{s:s}", "command", "bans.serial"), on_serial,
		    lists))
		settle_all(lists, false);
}

void lists_tick(struct lists *lists)
{
	if (lists->waiter_count > 0)
		look(lists);
}

void lists_answer(struct lists *lists, struct evhttp_request *request,
	const struct route *route)
{
	struct waiter *waiter = NULL;

	for (size_t i = 0; i < LISTS_WAITERS_MOST && !waiter; i++)
		if (!lists->waiters[i].pending)
			waiter = &lists->waiters[i];
	if (waiter)
		waiter->pending = pending_new(lists->dash, request);
	if (!waiter || !waiter->pending) {
		lists->dash->refused_total++;
		reply_error(request, 503, "too many wait for feeds already");
		return;
	}
	waiter->route = *route;
	waiter->until = clock_mono_ms() + (uint64_t)route->wait_s * MS_PER_S;
	lists->waiter_count++;
	look(lists);
}
