/*
 * What a request asks for (see route.h).
 *
 * A page elsewhere can make a browser send things here: by a name of its own
 * that leads to this address (rebinding), so the Host must be ours; by forms
 * and scripts, so what other sites send is refused, and an order must be JSON
 * and have its token in a header, which no foreign page can add.
 */
#include "route.h"

#include <string.h>

#include "../../proto/slice.h"
#include "../base/addr.h"
#include "page_files.h"

enum { HOST_LONGEST = 255, NUMBER_MOST_DIGITS = 18 };

static const struct {
	const char *path, *command;
} reads[] =
	{
#define READ(id, path, command) {path, command},
#include "route_reads.def"
#undef READ
},
  orders[] = {
#define ORDER(id, path, command) {path, command},
#include "route_orders.def"
#undef ORDER
};

const char *route_read_command(unsigned item)
{
	return reads[item].command;
}

const char *route_order_command(unsigned item)
{
	return orders[item].command;
}

/* ---- whose request it is ---- */

static bool same(const char *a, size_t n, const char *b)
{
	return slice_eq_nocase(slice_of(a, n), b);
}

/* "[2001:db8::1]" as well; an address cannot be made to lead elsewhere. */
static bool is_address(const char *host, size_t n)
{
	char text[ADDR_TEXT_LONGEST];
	struct addr addr;

	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	if (n >= sizeof(text))
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	return addr_parse(text, &addr);
}

/* Octets of the host without its port; 0: it is none (RFC 9110 §7.2). */
static size_t host_part(const char *host)
{
	const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
	const char *colon = strchr(end ? end : host, ':');

	if (!colon)
		return strlen(host);
	if (colon[1 + strspn(colon + 1, "0123456789")])
		return 0;
	return (size_t)(colon - host);
}

static bool host_is_ours(const struct route_request *request)
{
	const char *host = request->host;
	size_t n;

	if (!host || strlen(host) > HOST_LONGEST)
		return false;
	n = host_part(host);
	if (is_address(host, n) || same(host, n, "localhost"))
		return true;
	for (size_t i = 0; i < request->host_count; i++)
		if (same(host, n, request->hosts[i]))
			return true;
	return false;
}

/* Origin is "scheme://host[:port]" of the page that asks, or "null". */
static bool origin_is_ours(const struct route_request *request)
{
	const char *after;

	if (!request->origin)
		return true;
	after = strstr(request->origin, "://");
	return after && strcmp(after + 3, request->host) == 0;
}

static bool is_foreign(const struct route_request *request)
{
	const char *site = request->site;

	if (!origin_is_ours(request))
		return true;
	return site && strcmp(site, "same-origin") != 0 &&
	       strcmp(site, "none") != 0;
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	size_t n = type ? strcspn(type, "; ") : 0;

	return n > 0 && same(type, n, json);
}

/* ---- the query ---- */

static bool number(const char *text, size_t n, uint64_t most, uint64_t *ret)
{
	uint64_t value = 0;

	if (n == 0 || n > NUMBER_MOST_DIGITS)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = value;
	return value <= most;
}

/* One "name=value". false: not known, or not in its range. */
static bool parameter(struct route *route, const char *text, size_t n)
{
	const char *equals = memchr(text, '=', n);
	size_t name_n = equals ? (size_t)(equals - text) : n;
	const char *value = equals ? equals + 1 : text + n;
	size_t value_n = n - (size_t)(value - text);
	uint64_t parsed;

	if (route->kind == ROUTE_READ && same(text, name_n, "cursor"))
		return number(value, value_n, UINT64_MAX, &route->cursor);
	if (route->kind != ROUTE_FEED)
		return false;
	if (same(text, name_n, "chunk") &&
		number(value, value_n, FEED_CHUNK_MOST, &parsed)) {
		route->chunk = (size_t)parsed;
		return parsed > 0;
	}
	if (!same(text, name_n, "wait") ||
		!number(value, value_n, ROUTE_WAIT_MOST_S, &parsed))
		return false;
	route->wait_s = (unsigned)parsed;
	return true;
}

static bool parameters(struct route *route, const char *query)
{
	while (*query) {
		size_t n = strcspn(query, "&");

		if (!parameter(route, query, n))
			return false;
		query += n;
		query += *query == '&';
	}
	return true;
}

/* ---- the path ---- */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool find_get(struct route *route, const char *path, size_t n)
{
	struct slice asked = slice_of(path, n);

	for (unsigned i = 0; i < page_file_count; i++)
		if (slice_eq(asked, slice_str(page_files[i].path))) {
			*route = (struct route){.kind = ROUTE_FILE, .item = i};
			return true;
		}
	for (unsigned i = 0; i < COUNT(reads); i++)
		if (slice_eq(asked, slice_str(reads[i].path))) {
			*route = (struct route){.kind = ROUTE_READ, .item = i};
			return true;
		}
	if (slice_eq(asked, slice_str("/metrics")))
		route->kind = ROUTE_METRICS;
	else if (slice_eq(asked, slice_str("/events")))
		route->kind = ROUTE_EVENTS;
	else
		return false;
	return true;
}

static bool find_post(struct route *route, const char *path, size_t n)
{
	struct slice asked = slice_of(path, n);

	for (unsigned i = 0; i < COUNT(orders); i++)
		if (slice_eq(asked, slice_str(orders[i].path))) {
			*route = (struct route){.kind = ROUTE_ORDER, .item = i};
			return true;
		}
	if (!slice_eq(asked, slice_str("/api/explain")))
		return false;
	route->kind = ROUTE_EXPLAIN;
	return true;
}

static bool find_feed(struct route *route, const char *path, size_t n)
{
	static const char folder[] = "/feed/";
	const size_t folder_n = sizeof(folder) - 1;
	char name[16];

	if (n <= folder_n || memcmp(path, folder, folder_n) != 0 ||
		n - folder_n >= sizeof(name))
		return false;
	memcpy(name, path + folder_n, n - folder_n);
	name[n - folder_n] = '\0';
	route->kind = ROUTE_FEED;
	route->chunk = FEED_CHUNK;
	return feed_format_find(name, &route->format);
}

static enum route_kind find(const struct route_request *request,
	const char *path, size_t n, struct route *route)
{
	struct route other = {0};
	bool page = !request->feeds_only;

	if (find_feed(route, path, n) || (page && find_get(route, path, n)))
		return request->post ? ROUTE_BAD_METHOD : route->kind;
	if (!page || !find_post(request->post ? route : &other, path, n))
		return ROUTE_NOT_FOUND;
	if (!request->post)
		return ROUTE_BAD_METHOD;
	return is_json(request->content_type) ? route->kind : ROUTE_BAD_TYPE;
}

void route_find(const struct route_request *request, struct route *ret_route)
{
	const char *target = request->target;
	struct route route = {0};
	size_t n;

	*ret_route = (struct route){.kind = ROUTE_BAD_REQUEST};
	if (!target || target[0] != '/' ||
		strnlen(target, ROUTE_TARGET_LONGEST) == ROUTE_TARGET_LONGEST)
		return;
	/* A feed has its token, whatever it is called. */
	ret_route->kind = ROUTE_MISDIRECTED;
	if (!request->feeds_only && !host_is_ours(request))
		return;
	ret_route->kind = ROUTE_FOREIGN;
	if (request->host && is_foreign(request))
		return;
	n = strcspn(target, "?");
	route.kind = find(request, target, n, &route);
	if (route.kind < ROUTE_BAD_REQUEST && target[n] == '?' &&
		!parameters(&route, target + n + 1))
		route.kind = ROUTE_BAD_REQUEST;
	*ret_route = route;
}
