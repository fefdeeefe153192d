/*
 * Requests in, answers out (see api.h).
 *
 * Whoever is on this machine may look; a door that others reach has TLS, and
 * then looking needs the token as well (check_http.c makes sure of both). What
 * was asked becomes one command of the control protocol, made of parts that
 * were checked, and the keeper's answer is passed on as it is.
 */
#include "api.h"

#include <event2/buffer.h>
#include <jansson.h>
#include <string.h>

#include "../base/log.h"
#include "asker.h"
#include "lists.h"
#include "live.h"
#include "metrics.h"
#include "page_files.h"
#include "pending.h"
#include "reply.h"
#include "route.h"
#include "token.h"

/* ---- the token ---- */

/*
 * Seen, and not slowed: no guess will hit one of 16 letters, and whoever could
 * make the page deaf for all by guessing would.
 */
static void was_wrong(struct dash *dash, struct evhttp_request *request)
{
	dash->wrong_token_total++;
	log_begin(LOG_WARN, "token-wrong");
	log_str("from", reply_client(request));
	log_end();
}

static bool has_token(struct dash *dash, struct evhttp_request *request,
	const struct route *route)
{
	const char *given = reply_header(request, "Authorization");
	const struct dash_door *doors = dash->setup->doors;

	if (token_fits(given, doors[DOOR_PAGE].token) ||
		(route->kind == ROUTE_FEED &&
			token_fits(given, doors[DOOR_FEED].token)))
		return true;
	if (given)
		was_wrong(dash, request);
	return false;
}

static bool needs_token(
	struct dash *dash, const struct route *route, enum door door)
{
	switch (route->kind) {
	case ROUTE_FILE: return false; /* the same for everybody */
	case ROUTE_ORDER:
	case ROUTE_FEED: return true;
	case ROUTE_METRICS:
	case ROUTE_EVENTS:
	case ROUTE_READ:
	case ROUTE_EXPLAIN: return dash->setup->doors[door].tls != NULL;
	case ROUTE_BAD_REQUEST:
	case ROUTE_FOREIGN:
	case ROUTE_NOT_FOUND:
	case ROUTE_BAD_METHOD:
	case ROUTE_BAD_TYPE:
	case ROUTE_MISDIRECTED: break;
	}
	return false;
}

/* ---- what the keeper is asked ---- */

static int status_of(const json_t *answer)
{
	static const struct {
		const char *code;
		int status;
	} codes[] = {{"usage", 400}, {"not-found", 404}, {"refused", 409}};
	const char *code = json_string_value(json_object_get(answer, "code"));

	if (json_is_true(json_object_get(answer, "ok")))
		return HTTP_OK;
	for (size_t i = 0; code && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(code, codes[i].code) == 0)
			return codes[i].status;
	return HTTP_SERVUNAVAIL;
}

static void on_answer(void *arg, const char *line, size_t n)
{
	struct evhttp_request *request = pending_done(arg);
	json_t *answer;

	if (!request)
		return;
	if (!line) {
		reply_error(request, 503, "the keeper does not answer");
		return;
	}
	answer = json_loadb(line, n, 0, NULL);
	reply_text(request, status_of(answer), "application/json", line, n);
	json_decref(answer);
}

/* Steals the command. */
static void ask(
	struct dash *dash, struct evhttp_request *request, json_t *command)
{
	struct pending *pending = pending_new(dash, request);

	if (!pending) {
		json_decref(command);
		reply_error(request, 503, "no memory");
		return;
	}
	if (asker_ask(dash->asker, command, on_answer, pending))
		return;
	(void)pending_done(pending); /* the same request */
	reply_error(request, 503, "too many ask at once");
}

/* The object of a POST; NULL: it is none. Caller decrefs. */
static json_t *body_of(struct evhttp_request *request)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(request);
	size_t n = evbuffer_get_length(in);
	const char *text = (const char *)evbuffer_pullup(in, -1);
	json_t *body =
		text ? json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (json_is_object(body))
		return body;
	json_decref(body);
	return NULL;
}

/* Of a body only what the command knows, and only text. */
static json_t *command_of(const char *name, const json_t *body,
	const char *const *members, size_t count)
{
	json_t *command = json_pack("{s:s}", "command", name);

	for (size_t i = 0; i < count; i++) {
		json_t *value = json_object_get(body, members[i]);

		if (json_is_string(value))
			(void)json_object_set(command, members[i], value);
	}
	return command;
}

static void explain(struct dash *dash, struct evhttp_request *request)
{
	static const char *const members[] = {"subject"};
	json_t *body = body_of(request);

	if (!body) {
		reply_error(request, 400, "the body is no JSON object");
		return;
	}
	ask(dash, request, command_of("explain", body, members, 1));
	json_decref(body);
}

static void order(struct dash *dash, struct evhttp_request *request,
	const struct route *route)
{
	static const char *const members[] = {"prefix", "for", "reason"};
	const char *name = route_order_command(route->item);
	json_t *body = body_of(request), *command;

	if (!body) {
		reply_error(request, 400, "the body is no JSON object");
		return;
	}
	if (name[0] == '\0') {
		json_decref(body);
		reply_text(request, HTTP_OK, "application/json",
			"{\"ok\":true}\n", 12);
		return;
	}
	command = command_of(name, body, members, 3);
	json_decref(body);
	(void)json_object_set_new(
		command, "from", json_string(reply_client(request)));
	ask(dash, request, command);
}

static void read_list(struct dash *dash, struct evhttp_request *request,
	const struct route *route)
{
	enum { ROWS = 500, DAYS = 31 };

	ask(dash, request,
		json_pack("{s:s, s:I, s:i, s:i}", "command",
			route_read_command(route->item), "cursor",
			(json_int_t)route->cursor, "limit", (int)ROWS, "days",
			(int)DAYS));
}

/* ---- routes ---- */

static void send_file(struct evhttp_request *request, unsigned item)
{
	const struct page_file *file = &page_files[item];

	if (reply_is_known(request, file->tag)) {
		reply_not_modified(request, file->tag);
		return;
	}
	reply_tag(request, file->tag);
	reply_text(request, HTTP_OK, file->media, file->octets, file->n);
}

static void refuse(struct evhttp_request *request, enum route_kind kind)
{
	const char *why = "not found";

	if (kind == ROUTE_MISDIRECTED)
		why = "this is not a name of the page: see hosts of admin in "
		      "postern.conf";
	else if (kind == ROUTE_FOREIGN)
		why = "another site asked for this";
	else if (kind == ROUTE_BAD_METHOD)
		why = "not by this method";
	else if (kind == ROUTE_BAD_TYPE)
		why = "Content-Type is not application/json";
	else if (kind == ROUTE_BAD_REQUEST)
		why = "not understood";
	reply_error(request, (int)kind, why);
}

static void answer(struct dash *dash, struct evhttp_request *request,
	const struct route *route)
{
	switch (route->kind) {
	case ROUTE_FILE: send_file(request, route->item); break;
	case ROUTE_METRICS: metrics_answer(dash, request); break;
	case ROUTE_EVENTS: live_watch(dash->live, request); break;
	case ROUTE_READ: read_list(dash, request, route); break;
	case ROUTE_EXPLAIN: explain(dash, request); break;
	case ROUTE_ORDER: order(dash, request, route); break;
	case ROUTE_FEED: lists_answer(dash->lists, request, route); break;
	case ROUTE_BAD_REQUEST:
	case ROUTE_FOREIGN:
	case ROUTE_NOT_FOUND:
	case ROUTE_BAD_METHOD:
	case ROUTE_BAD_TYPE:
	case ROUTE_MISDIRECTED: refuse(request, route->kind); break;
	}
}

void api_request(
	struct dash *dash, struct evhttp_request *request, enum door door)
{
	const struct route_request asked = {
		.post = evhttp_request_get_command(request) == EVHTTP_REQ_POST,
		.feeds_only = door == DOOR_FEED,
		.target = evhttp_request_get_uri(request),
		.host = reply_header(request, "Host"),
		.origin = reply_header(request, "Origin"),
		.site = reply_header(request, "Sec-Fetch-Site"),
		.content_type = reply_header(request, "Content-Type"),
		.hosts = dash->setup->hosts,
		.host_count = dash->setup->host_count,
	};
	struct route route;

	route_find(&asked, &route);
	if (needs_token(dash, &route, door) &&
		!has_token(dash, request, &route))
		reply_error(request, 401, "this needs the token");
	else
		answer(dash, request, &route);
}
