/*
 * What a request of HTTP may ask for: tables of requests and where they lead.
 */
#include "../../src/dash/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HERE	 "127.0.0.1:8025"
#define JSON	 "application/json"

static const char *const names[] = {"proxy.example.test"};

static struct route found(struct route_request request)
{
	struct route route;

	request.hosts = names;
	request.host_count = COUNT(names);
	route_find(&request, &route);
	return route;
}

static void paths_lead_where_they_say_and_nowhere_else(void **state)
{
	static const struct {
		bool post;
		const char *target;
		int kind;
	} cases[] = {
		{false, "/", ROUTE_FILE},
		{false, "/page.js", ROUTE_FILE},
		{false, "/page.js/", ROUTE_NOT_FOUND},
		{false, "/Page.js", ROUTE_NOT_FOUND},
		{false, "/page.js%00", ROUTE_NOT_FOUND},
		{false, "/../etc/passwd", ROUTE_NOT_FOUND},
		{false, "page.js", ROUTE_BAD_REQUEST},
		{false, "http://127.0.0.1/", ROUTE_BAD_REQUEST},
		{false, "", ROUTE_BAD_REQUEST},
		{false, NULL, ROUTE_BAD_REQUEST},
		{false, "/metrics", ROUTE_METRICS},
		{false, "/events", ROUTE_EVENTS},
		{false, "/events?x", ROUTE_BAD_REQUEST},
		{false, "/events?", ROUTE_EVENTS},
		{false, "/api/status", ROUTE_READ},
		{false, "/api/bans?cursor=7", ROUTE_READ},
		{false, "/api/bans?cursor=", ROUTE_BAD_REQUEST},
		{false, "/api/bans?cursor=7&&cursor=8", ROUTE_BAD_REQUEST},
		{false, "/api/ban", ROUTE_BAD_METHOD},
		{false, "/api/explain", ROUTE_BAD_METHOD},
		{true, "/api/ban", ROUTE_ORDER},
		{true, "/api/explain", ROUTE_EXPLAIN},
		{true, "/api/status", ROUTE_BAD_METHOD},
		{true, "/", ROUTE_BAD_METHOD},
		{true, "/feed/plain", ROUTE_BAD_METHOD},
		{true, "/api/ban?token=x", ROUTE_BAD_REQUEST},
		{false, "/feed/plain", ROUTE_FEED},
		{false, "/feed/", ROUTE_NOT_FOUND},
		{false, "/feed/plainplainplainplain", ROUTE_NOT_FOUND},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct route route = found((struct route_request){
			.post = cases[i].post,
			.target = cases[i].target,
			.host = HERE,
			.content_type = JSON,
		});

		if ((int)route.kind != cases[i].kind)
			fail_msg("%s: %d, not %d", cases[i].target,
				(int)route.kind, cases[i].kind);
	}
}

static void numbers_of_a_feed_have_their_range(void **state)
{
	static const struct {
		const char *query;
		size_t chunk; /* 0: refused */
		unsigned wait_s;
	} cases[] = {
		{"", FEED_CHUNK, 0},
		{"?chunk=1&wait=0", 1, 0},
		{"?wait=300&chunk=1000", FEED_CHUNK_MOST, 300},
		{"?chunk=0", 0, 0},
		{"?chunk=1001", 0, 0},
		{"?wait=301", 0, 0},
		{"?chunk=99999999999999999999", 0, 0},
		{"?chunk=-1", 0, 0},
		{"?chunk=1x", 0, 0},
		{"?cursor=1", 0, 0},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char target[64] = "/feed/json";
		struct route route;

		strcat(target, cases[i].query);
		route = found((struct route_request){
			.feeds_only = true, .target = target});
		if (cases[i].chunk == 0) {
			assert_int_equal(route.kind, ROUTE_BAD_REQUEST);
			continue;
		}
		assert_int_equal(route.kind, ROUTE_FEED);
		assert_int_equal(route.format, FEED_JSON);
		assert_int_equal(route.chunk, cases[i].chunk);
		assert_int_equal(route.wait_s, cases[i].wait_s);
	}
}

static void only_names_of_ours_are_answered(void **state)
{
	static const struct {
		const char *host;
		bool ours;
	} cases[] = {
		{"127.0.0.1", true},
		{"192.0.2.1:8025", true},
		{"[2001:db8::1]:8025", true},
		{"LocalHost:1", true},
		{"proxy.example.test", true},
		{"PROXY.example.test:8025", true},
		{NULL, false},
		{"", false},
		{":8025", false},
		{"[::1", false},
		{"[]", false},
		{"127.0.0.1.evil.example", false},
		{"a.proxy.example.test", false},
		{"proxy.example.test.", false},
		{"localhost@evil.example", false},
		{"0x7f.1", false},
		{"127.0.0.1:/events", false},
		{"127.0.0.1:80@evil.example", false},
		{"[::1]x:80", false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct route_request request = {
			.target = "/api/status", .host = cases[i].host};

		assert_int_equal(found(request).kind,
			cases[i].ours ? ROUTE_READ : ROUTE_MISDIRECTED);
		/* A feed has its token, whatever it is called. */
		request.target = "/feed/plain";
		request.feeds_only = true;
		assert_int_equal(found(request).kind, ROUTE_FEED);
	}
}

static void what_other_sites_send_is_refused(void **state)
{
	static const struct {
		const char *origin, *site, *type;
		int kind;
	} cases[] = {
		{NULL, NULL, JSON, ROUTE_ORDER},
		{"http://" HERE, "same-origin", JSON, ROUTE_ORDER},
		{NULL, "none", "Application/JSON; charset=utf-8", ROUTE_ORDER},
		{"http://127.0.0.1:8026", NULL, JSON, ROUTE_FOREIGN},
		{"http://evil.example", NULL, JSON, ROUTE_FOREIGN},
		{"null", NULL, JSON, ROUTE_FOREIGN},
		{"", NULL, JSON, ROUTE_FOREIGN},
		{NULL, "same-site", JSON, ROUTE_FOREIGN},
		{NULL, "cross-site", JSON, ROUTE_FOREIGN},
		{NULL, NULL, "text/plain", ROUTE_BAD_TYPE},
		{NULL, NULL, "application/jsonp", ROUTE_BAD_TYPE},
		{NULL, NULL, "", ROUTE_BAD_TYPE},
		{NULL, NULL, NULL, ROUTE_BAD_TYPE},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(found((struct route_request){
					       .post = true,
					       .target = "/api/unban",
					       .host = HERE,
					       .origin = cases[i].origin,
					       .site = cases[i].site,
					       .content_type = cases[i].type,
				       })
					 .kind,
			cases[i].kind);
}

static void the_door_of_the_feeds_has_feeds_alone(void **state)
{
	static const char *const targets[] = {
		"/", "/metrics", "/events", "/api/status"};

	for (size_t i = 0; i < COUNT(targets); i++)
		assert_int_equal(found((struct route_request){
					       .feeds_only = true,
					       .target = targets[i],
					       .host = HERE,
				       })
					 .kind,
			ROUTE_NOT_FOUND);
	assert_int_equal(found((struct route_request){
				       .feeds_only = true,
				       .post = true,
				       .target = "/api/ban",
				       .host = HERE,
				       .content_type = JSON,
			       })
				 .kind,
		ROUTE_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_lead_where_they_say_and_nowhere_else),
		cmocka_unit_test(numbers_of_a_feed_have_their_range),
		cmocka_unit_test(only_names_of_ours_are_answered),
		cmocka_unit_test(what_other_sites_send_is_refused),
		cmocka_unit_test(the_door_of_the_feeds_has_feeds_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
