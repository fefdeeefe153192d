/*
 * What a request of HTTP may ask for. Input: an octet of flags (POST, the door
 * of the feeds), then lines: target, Host, Origin, Sec-Fetch-Site,
 * Content-Type, Authorization; an empty line: that header is not there.
 *
 *	- whatever comes leads to something that there is, in its range, or to
 *	  one of the refusals;
 *	- an order is a POST of JSON, to a name of ours, from no other site;
 *	- a file of the page is asked for by its path, octet for octet;
 *	- by the door of the feeds there is nothing but feeds;
 *	- who has the token said it whole.
 */
#include "../../src/dash/page_files.h"
#include "../../src/dash/route.h"
#include "../../src/dash/token.h"
#include "fuzz.h"

#include <strings.h>

enum { INPUT_MOST = 4096, LINES = 6 };

static const char token[] = "0123456789abcdef-token";
static const char *const hosts[] = {"proxy.example.test"};
static char text[INPUT_MOST + 1];

/* The next line of *at as a string of C, NULL: it is empty. */
static const char *line(char **at)
{
	char *begin = *at, *end = strchr(begin, '\n');

	if (end)
		*end++ = '\0';
	*at = end ? end : begin + strlen(begin);
	return *begin ? begin : NULL;
}

static void check_refusal(enum route_kind kind)
{
	MUST(kind == ROUTE_BAD_REQUEST || kind == ROUTE_FOREIGN ||
		kind == ROUTE_NOT_FOUND || kind == ROUTE_BAD_METHOD ||
		kind == ROUTE_BAD_TYPE || kind == ROUTE_MISDIRECTED);
}

/* Whoever wrote it, only letters of these can stand in a host of ours. */
static void check_host(const char *host)
{
	MUST(host);
	MUST(strcspn(host, "/@\\ %\t") == strlen(host));
	MUST(strncasecmp(host, "localhost", 9) == 0 ||
		strncasecmp(host, hosts[0], strlen(hosts[0])) == 0 ||
		strspn(host, "0123456789abcdefABCDEF.:[]") >=
			strcspn(host, ":") ||
		host[0] == '[');
}

static void check_range(
	const struct route_request *request, const struct route *route)
{
	switch (route->kind) {
	case ROUTE_FILE:
		MUST(!request->post && route->item < page_file_count);
		MUST(strncmp(request->target, page_files[route->item].path,
			     strlen(page_files[route->item].path)) == 0);
		break;
	case ROUTE_READ:
		MUST(!request->post && route->item < ROUTE_READ_COUNT);
		MUST(route_read_command(route->item)[0]);
		break;
	case ROUTE_ORDER:
		MUST(route->item < ROUTE_ORDER_COUNT);
		MUST(route_order_command(route->item));
		break;
	case ROUTE_FEED:
		MUST(!request->post && route->format < FEED_FORMAT_COUNT);
		MUST(route->chunk >= 1 && route->chunk <= FEED_CHUNK_MOST);
		MUST(route->wait_s <= ROUTE_WAIT_MOST_S);
		break;
	case ROUTE_METRICS:
	case ROUTE_EVENTS: MUST(!request->post); break;
	case ROUTE_EXPLAIN: break;
	case ROUTE_BAD_REQUEST:
	case ROUTE_FOREIGN:
	case ROUTE_NOT_FOUND:
	case ROUTE_BAD_METHOD:
	case ROUTE_BAD_TYPE:
	case ROUTE_MISDIRECTED: break;
	}
}

static void check_order(const struct route_request *request)
{
	MUST(request->post && request->content_type);
	MUST(strncasecmp(request->content_type, "application/json", 16) == 0);
	MUST(!request->origin || strstr(request->origin, request->host));
	MUST(!request->site || strcmp(request->site, "same-origin") == 0 ||
		strcmp(request->site, "none") == 0);
}

static void check_token(const char *header)
{
	const char *said = header ? strstr(header, token) : NULL;

	if (!token_fits(header, token))
		return;
	MUST(strncasecmp(header, "Bearer ", 7) == 0);
	MUST(said && strcmp(said, token) == 0);
	MUST(header + 7 + strspn(header + 7, " ") == said);
	MUST(!token_fits(header, ""));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct route_request request = {.hosts = hosts, .host_count = 1};
	struct slice in = slice_of(p, n);
	struct route route;
	uint8_t flags;
	char *at = text;

	if (n == 0 || n > INPUT_MOST)
		return 0;
	flags = fuzz_octet(&in);
	if (in.n > 0)
		memcpy(text, in.p, in.n);
	text[in.n] = '\0';
	request.post = flags & 1;
	request.feeds_only = flags & 2;
	request.target = line(&at);
	request.host = line(&at);
	request.origin = line(&at);
	request.site = line(&at);
	request.content_type = line(&at);
	check_token(line(&at));
	route_find(&request, &route);
	if (route.kind >= ROUTE_BAD_REQUEST) {
		check_refusal(route.kind);
		return 0;
	}
	check_range(&request, &route);
	if (request.feeds_only)
		MUST(route.kind == ROUTE_FEED);
	else
		check_host(request.host);
	if (route.kind == ROUTE_ORDER || route.kind == ROUTE_EXPLAIN)
		check_order(&request);
	return 0;
}
