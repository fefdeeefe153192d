/* A dump is read back as the same; a diff says each difference once. */
#include "conf_text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const good[] = {
	CONF_REST,
	"mode = observe\nallow = {192.0.2.7, 2001:db8::7/48, 0.0.0.0/0}\n"
	"hostname = mx.example.org workers = 3 shutdown_grace = 90s\n"
	"listener a {\nbind = {\"0.0.0.0:25\", \"[::]:25\"} backend = d auth = "
	"hide banner = \"it's \\\"q\\\" \\\\ \\${x} # no // remark\" received "
	"= yes command_longest = 4k greeting_delay = 1500ms}\n"
	"listener b { bind = 127.0.0.1:465 tls = implicit backend = d "
	"certificates = {y, x} tls_least = 1.3 }\n"
	"backend d { servers = {\"10.0.0.25:25\", \"mail.example.org:25\"} }\n"
	"backend e { servers = {\"a:1\"} tls_level = 0 tls_least = 1.0 }\n"
	"certificate x { chain = \"/a b/c.pem\" key = '/a\\'b' }\n"
	"certificate y { chain = 'ü.pem' key = k }\n"
	"source_limit { failures = 7 ban_longest = 400d }\n"
	"firewall { backend = nft never = {10.0.0.0/8} }\n"
	"log { to = \"/var/log/x\" format = json sessions = no }\n",
};

static void expect_equal(const struct conf *a, const struct conf *b)
{
	char *diff = conf_diff(a, b);

	assert_string_equal(diff, "");
	free(diff);
	assert_int_equal(a->listener_count, b->listener_count);
	assert_int_equal(a->backend_count, b->backend_count);
	for (size_t i = 0; i < a->listener_count; i++)
		assert_string_equal(
			a->listeners[i].title, b->listeners[i].title);
}

static void a_dump_is_read_back_as_the_same(void **state)
{
	for (size_t i = 0; i < 2 * COUNT(good); i++) {
		bool changed_only = i % 2;
		struct conf *conf = conf_must(good[i / 2]);
		char *text = conf_dump(conf, changed_only), *second;
		struct conf *again = conf_must(text);

		expect_equal(conf, again);
		second = conf_dump(again, changed_only);
		assert_string_equal(text, second);
		free(text);
		free(second);
		conf_free(&conf);
		conf_free(&again);
	}
}

static void changed_only_leaves_defaults_out(void **state)
{
	struct conf *conf =
		conf_must("mode = enforce\nlog { level = warn }\n"
			  "firewall { backend = null }\n" CONF_REST);
	char *text = conf_dump(conf, true);

	assert_string_equal(text, "listener rest {\n"
				  "\tbind = {\"127.0.0.1:9\"}\n"
				  "\tbackend = \"rest\"\n"
				  "}\n"
				  "backend rest {\n"
				  "\tservers = {\"127.0.0.1:10\"}\n"
				  "}\n"
				  "log {\n"
				  "\tlevel = warn\n"
				  "}\n");
	free(text);
	conf_free(&conf);
}

static void a_dump_names_each_option(void **state)
{
	static const char *const names[] = {
#define SECTION(id, name, titled, text)
#define OPTION(                                                                \
	section, name, field, type, def, least, most, apply, text, more)       \
	name " = ",
#include "../../src/conf/options.def"
#undef SECTION
#undef OPTION
	};
	struct conf *conf =
		conf_must("certificate c { chain = a key = b }\n"
			  "dns_list l { zone = bl.test weight = 2 }\n"
			  "list o { file = /x }\n"
			  "hook h { exec = {/bin/true} }\n" CONF_REST);
	char *text = conf_dump(conf, false);

	for (size_t i = 0; i < COUNT(names); i++)
		if (!strstr(text, names[i]))
			fail_msg("%s", names[i]);
	free(text);
	conf_free(&conf);
}

static void a_diff_says_each_difference(void **state)
{
	struct conf *a = conf_must(
		"workers = 2\nuser = anna\n"
		"listener mx { bind = 127.0.0.1:1 backend = rest }\n"
		"listener old { bind = 127.0.0.1:2 backend = rest }\n"
		"source_limit { failures = 5 window = 10m }\n" CONF_REST);
	struct conf *b = conf_must(
		"user = bert\nallow = 192.0.2.0/24\n"
		"listener new { bind = 127.0.0.1:3 backend = rest }\n"
		"listener mx { bind = {127.0.0.1:1, \"[::1]:1\"} backend = "
		"rest "
		"auth = hide banner = \"a b\" }\n"
		"source_limit { failures = 3 window = 1h }\n" CONF_REST);
	char *diff = conf_diff(a, b);

	assert_string_equal(diff,
		"allow: {} -> {\"192.0.2.0/24\"}\n"
		"workers: 2 -> 0\n"
		"user: \"anna\" -> \"bert\" (needs a restart)\n"
		"listener.old: removed\n"
		"listener.new: added\n"
		"listener.mx.bind: {\"127.0.0.1:1\"} -> {\"127.0.0.1:1\", "
		"\"[::1]:1\"}\n"
		"listener.mx.auth: offer -> hide\n"
		"listener.mx.banner: \"\" -> \"a b\"\n"
		"source_limit.failures: 5 -> 3\n"
		"source_limit.window: 10m -> 1h\n");
	free(diff);
	diff = conf_diff(a, a);
	assert_string_equal(diff, "");
	free(diff);
	conf_free(&a);
	conf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dump_is_read_back_as_the_same),
		cmocka_unit_test(changed_only_leaves_defaults_out),
		cmocka_unit_test(a_dump_names_each_option),
		cmocka_unit_test(a_diff_says_each_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
