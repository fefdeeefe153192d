/*
 * Answers (see reply.h).
 *
 * The policy allows the page its own files and nothing else: no inline script
 * or style, no other site, no frame. What an attacker calls himself ends up as
 * text of the page, where even a mistake of ours would not run it.
 */
#include "reply.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>

static const char *const always[][2] = {
	{"Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; "
		"img-src 'self'; connect-src 'self'; base-uri 'none'; "
		"form-action 'none'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
};

static void set(
	struct evhttp_request *request, const char *name, const char *value)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(request);

	(void)evhttp_remove_header(out, name);	   /* there may be none */
	(void)evhttp_add_header(out, name, value); /* no memory: without */
}

void reply_headers(struct evhttp_request *request)
{
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		set(request, always[i][0], always[i][1]);
}

void reply_tag(struct evhttp_request *request, const char *tag)
{
	set(request, "Cache-Control", tag ? "no-cache" : "no-store");
	if (tag)
		set(request, "ETag", tag);
}

void reply_text(struct evhttp_request *request, int status, const char *media,
	const void *text, size_t n)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(request);

	reply_headers(request);
	if (!evhttp_find_header(out, "Cache-Control"))
		reply_tag(request, NULL);
	set(request, "Content-Type", media);
	if (evbuffer_add(evhttp_request_get_output_buffer(request), text, n) !=
		0)
		status = HTTP_INTERNAL;
	evhttp_send_reply(request, status, NULL, NULL);
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {{400, "Bad Request"}, {401, "Unauthorized"},
		{403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {409, "Conflict"},
		{415, "Unsupported Media Type"}, {421, "Misdirected Request"},
		{503, "Service Unavailable"}};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Error";
}

/* why: ours, and plain: nothing in it has to be escaped. */
void reply_error(struct evhttp_request *request, int status, const char *why)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(request);

	reply_headers(request);
	reply_tag(request, NULL);
	set(request, "Content-Type", "application/json");
	if (status == 401)
		set(request, "WWW-Authenticate", "Bearer");
	(void)evbuffer_add_printf(
		out, "{\"ok\":false,\"error\":\"%s\"}\n", why);
	evhttp_send_reply(request, status, reason(status), NULL);
}

void reply_not_modified(struct evhttp_request *request, const char *tag)
{
	reply_headers(request);
	reply_tag(request, tag);
	evhttp_send_reply(request, HTTP_NOTMODIFIED, "Not Modified", NULL);
}

bool reply_is_known(struct evhttp_request *request, const char *tag)
{
	const char *known = reply_header(request, "If-None-Match");
	size_t n = strlen(tag);

	while (known && *known) {
		known += strspn(known, " \t,");
		if (known[0] == '*')
			return true;
		if (strncmp(known, "W/", 2) == 0)
			known += 2;
		if (strncmp(known, tag, n) == 0 &&
			(known[n] == '\0' || strchr(" \t,", known[n])))
			return true;
		known += strcspn(known, ",");
	}
	return false;
}

const char *reply_header(struct evhttp_request *request, const char *name)
{
	return evhttp_find_header(
		evhttp_request_get_input_headers(request), name);
}

const char *reply_client(struct evhttp_request *request)
{
	struct evhttp_connection *http = evhttp_request_get_connection(request);
	char *address = NULL;
	ev_uint16_t port;

	if (http)
		evhttp_connection_get_peer(http, &address, &port);
	return address ? address : "";
}
