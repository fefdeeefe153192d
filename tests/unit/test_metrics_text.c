/*
 * Metrics as text: escapes, sums, and what is left out.
 */
#include "../../src/dash/metrics_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/buffer.h>

static const struct metrics_own own = {.requests = 3, .connections = 1};

/* The text of these answers; NULL: none came. */
static const char *text_of(
	const char *status, const char *tallies, const char *backends)
{
	static char text[16384];
	const char *const answers[] = {status, tallies, backends};
	struct evbuffer *out = evbuffer_new();
	json_t *objects[3] = {NULL};
	ev_ssize_t n;

	for (size_t i = 0; i < 3; i++)
		if (answers[i]) {
			objects[i] = json_loads(answers[i], 0, NULL);
			assert_non_null(objects[i]);
		}
	metrics_text(out, objects[0], objects[1], objects[2], &own);
	n = evbuffer_remove(out, text, sizeof(text) - 1);
	assert_true(n > 0 && n < (ev_ssize_t)sizeof(text) - 1);
	text[n] = '\0';
	evbuffer_free(out);
	for (size_t i = 0; i < 3; i++)
		json_decref(objects[i]);
	return text;
}

static void has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no %s in\n%s", line, text);
}

static void without_a_keeper_there_is_postern_up_0(void **state)
{
	const char *text = text_of(NULL, NULL, NULL);

	has(text, "\npostern_up 0\n");
	has(text, "\npostern_http_requests_total 3\n");
	assert_null(strstr(text, "postern_bans"));
}

static void numbers_of_the_status_are_metrics(void **state)
{
	const char *text = text_of("{\"version\":\"1\",\"mode\":\"enforce\","
				   "\"bans\":7,\"sessions\":{\"open\":2},"
				   "\"rules\":{\"source-limit\":4},"
				   "\"store\":{\"failing\":true},"
				   "\"loops\":{\"worker_stall_ms\":1250,"
				   "\"keeper_stall_ms\":3}}",
		NULL, NULL);

	has(text, "\npostern_up 1\n");
	has(text, "\npostern_info{version=\"1\",mode=\"enforce\"} 1\n");
	has(text, "\npostern_bans 7\n");
	has(text, "\npostern_sessions 2\n");
	has(text, "\npostern_store_failing 1\n");
	has(text, "\npostern_rule_hits_total{rule=\"source-limit\"} 4\n");
	has(text, "\npostern_loop_stall_seconds{process=\"worker\"} 1.250\n");
}

static void labels_are_escaped(void **state)
{
	const char *text = text_of("{}",
		"{\"connections\":[{\"listener\":\"a\\\"b\\\\c\\nd\","
		"\"count\":1}]}",
		NULL);

	has(text, "postern_connections_total{listener=\"a\\\"b\\\\c\\nd\"} "
		  "1\n");
}

static void hooks_are_counted_by_what_became_of_events(void **state)
{
	const char *text = text_of("{}",
		"{\"hooks\":[{\"hook\":\"chat\",\"result\":\"dropped\","
		"\"count\":7}]}",
		NULL);

	has(text, "\npostern_hook_total{hook=\"chat\",result=\"dropped\"} "
		  "7\n");
}

static void a_histogram_ends_in_all(void **state)
{
	const char *text = text_of("{}",
		"{\"replies\":{\"buckets\":[[5,1],[1000,3]],\"count\":4,"
		"\"sum_ms\":2500}}",
		NULL);

	has(text, "postern_backend_reply_seconds_bucket{le=\"0.005\"} 1\n");
	has(text, "postern_backend_reply_seconds_bucket{le=\"1\"} 3\n");
	has(text, "postern_backend_reply_seconds_bucket{le=\"+Inf\"} 4\n");
	has(text, "postern_backend_reply_seconds_sum 2.500\n");
	has(text, "postern_backend_reply_seconds_count 4\n");
}

/* A name with two addresses is one server: no row is there twice, and no
 * address is a label. */
static void a_server_of_two_addresses_is_one(void **state)
{
	const char *text = text_of("{}", NULL,
		"{\"backends\":["
		"{\"backend\":\"b\",\"server\":\"s:25\",\"address\":"
		"\"192.0.2.1:25\",\"state\":\"down\",\"drained\":false,"
		"\"sessions\":0},"
		"{\"backend\":\"b\",\"server\":\"s:25\",\"address\":"
		"\"192.0.2.2:25\",\"state\":\"up\",\"drained\":true,"
		"\"sessions\":5},"
		"{\"backend\":\"c\",\"server\":\"s:25\",\"address\":"
		"\"192.0.2.1:25\",\"state\":\"down\",\"drained\":false,"
		"\"sessions\":2}]}");

	has(text, "\npostern_backend_up{backend=\"b\",server=\"s:25\"} 1\n"
		  "postern_backend_up{backend=\"c\",server=\"s:25\"} 0\n#");
	has(text, "\npostern_backend_sessions{backend=\"b\",server=\"s:25\"} "
		  "5\n");
	has(text, "\npostern_backend_drained{backend=\"b\",server=\"s:25\"} "
		  "1\n");
	assert_null(strstr(text, "192.0.2."));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_keeper_there_is_postern_up_0),
		cmocka_unit_test(numbers_of_the_status_are_metrics),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(hooks_are_counted_by_what_became_of_events),
		cmocka_unit_test(a_histogram_ends_in_all),
		cmocka_unit_test(a_server_of_two_addresses_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
