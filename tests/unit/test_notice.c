/* An event in the words that webhooks and programs get. */
#include "../../src/hook/notice.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/hook/post.h"
#include "../../tls/hmac.h"

static const struct notice_sender from = {"front.example.test", "chat"};

static struct message_hook ban(void)
{
	struct message_hook what = {.event = HOOK_BAN,
		.id = 0xabc,
		.at = 1700000000,
		.until = 1700003600,
		.failure_count = 5,
		.somewhere = 1,
		.rule = "source-limit",
		.reason = "too many failures",
		.user = "anna\\x0a\"$(id)"};

	assert_true(prefix_parse("203.0.113.7", &what.prefix));
	return what;
}

static json_t *json_of(const struct message_hook *what)
{
	char *text = notice_json(what, &from);
	json_t *object;

	assert_non_null(text);
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_true(json_is_object(object));
	for (const char *at = text; *at; at++)
		assert_true(*at >= ' ' && *at <= '~');
	free(text);
	return object;
}

static void expect(const json_t *object, const char *name, const char *value)
{
	assert_string_equal(
		json_string_value(json_object_get(object, name)), value);
}

static void a_ban_is_json(void **state)
{
	struct message_hook what = ban();
	json_t *object = json_of(&what);

	expect(object, "event", "ban");
	expect(object, "id", "abc");
	expect(object, "time", "2023-11-14T22:13:20Z");
	expect(object, "until", "2023-11-14T23:13:20Z");
	expect(object, "source", "203.0.113.7");
	expect(object, "user", what.user);
	expect(object, "text",
		"postern on front.example.test: 203.0.113.7 is banned until "
		"2023-11-14T23:13:20Z (source-limit: too many failures)");
	assert_int_equal(
		json_integer_value(json_object_get(object, "failures")), 5);
	json_decref(object);
	what.until = 0;
	object = json_of(&what);
	assert_true(json_is_null(json_object_get(object, "until")));
	json_decref(object);
}

static void no_name_of_a_stranger_is_in_the_sentence(void **state)
{
	struct message_hook what = ban();
	char text[640];

	for (unsigned event = 0; event < HOOK_EVENTS; event++) {
		what.event = event;
		notice_text(&what, "front", text, sizeof(text));
		assert_null(strstr(text, "anna"));
		assert_true(strlen(text) > strlen("postern on front: "));
	}
}

static void a_sum_names_each_kind(void **state)
{
	const struct message_hook what = {.event = HOOK_MORE,
		.more = {[HOOK_BAN] = 900, [HOOK_ALARM] = 2}};
	json_t *object = json_of(&what);
	const json_t *more = json_object_get(object, "more");

	assert_int_equal(
		json_integer_value(json_object_get(object, "count")), 902);
	assert_int_equal(json_object_size(more), 2);
	assert_int_equal(json_integer_value(json_object_get(more, "ban")), 900);
	expect(object, "text",
		"postern on front.example.test: and 902 more: 900 ban, 2 "
		"alarm");
	json_decref(object);
}

static void texts_of_full_length_are_cut_and_end(void **state)
{
	struct notice_variables variables;
	struct message_hook what = {.event = HOOK_BACKEND_DOWN};
	char text[64];

	memset(what.backend, 'b', sizeof(what.backend) - 1);
	memset(what.server, 's', sizeof(what.server) - 1);
	memset(what.address, 'a', sizeof(what.address) - 1);
	memset(what.reason, '"', sizeof(what.reason) - 1);
	json_decref(json_of(&what));
	notice_text(&what, "front", text, sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
	notice_variables(&what, &from, &variables);
	for (size_t i = 0; variables.all[i]; i++)
		assert_true(strlen(variables.all[i]) < NOTICE_VARIABLE_LONGEST);
}

static void an_environment_has_what_there_is(void **state)
{
	struct message_hook what = ban();
	struct notice_variables variables;
	size_t n = 0;

	notice_variables(&what, &from, &variables);
	while (variables.all[n])
		n++;
	assert_int_equal(n, 10);
	assert_string_equal(variables.all[1], "POSTERN_EVENT=ban");
	assert_string_equal(variables.all[5], "POSTERN_SOURCE=203.0.113.7");
	what.event = HOOK_MORE;
	what.more[HOOK_BAN] = 3;
	notice_variables(&what, &from, &variables);
	assert_string_equal(variables.all[10], "POSTERN_COUNT=3");
}

/* RFC 4231 §4.3, test case 2, and one that openssl(1) made. */
static void a_signature_is_that_of_the_rfc(void **state)
{
	char hex[HMAC_HEX_LONGEST];

	assert_true(hmac_sha256_hex(
		"Jefe", 4, "what do ya want for nothing?", 28, hex));
	assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d273"
				 "9839dec58b964ec3843");
	assert_true(post_signature("secret", 1700000000, "{}", hex));
	assert_string_equal(hex, "b8569b78799ff9e3cbff0fc2d63a33a2b57f"
				 "3282abd07c37ae5e8e7d79a5f163");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ban_is_json),
		cmocka_unit_test(no_name_of_a_stranger_is_in_the_sentence),
		cmocka_unit_test(a_sum_names_each_kind),
		cmocka_unit_test(texts_of_full_length_are_cut_and_end),
		cmocka_unit_test(an_environment_has_what_there_is),
		cmocka_unit_test(a_signature_is_that_of_the_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
