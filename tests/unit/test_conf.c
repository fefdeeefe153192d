/*
 * The configuration as a whole: what a good file becomes, that one run shows
 * all that is wrong, and that no text whatever does harm.
 */
#include "conf_text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char whole[] =
	"# a remark\n"
	"mode = observe\n"
	"allow = {\"192.0.2.0/24\", 2001:db8::7}\n"
	"listener mx { bind = {\"0.0.0.0:25\", \"[::]:25\"} backend = domino\n"
	"	auth = hide # and one more\n"
	"	starttls = optional\n"
	"	greeting_delay = 2s }\n"
	"/* long\n remark */\n"
	"listener submissions { bind = {\"0.0.0.0:465\"}  backend = domino  "
	"tls = implicit }\n"
	"backend domino {\n"
	"	servers = {\"10.0.0.25:25\", \"10.0.0.26:25\"}\n"
	"}\n"
	"certificate default { chain = \"/etc/mail.pem\"  key = '/etc/k' }\n"
	"source_limit { failures = 7  window = 1h  ban = 10m }\n"
	"firewall { backend = nft never = 10.0.0.0/8 }\n";

static void a_good_file_becomes_values(void **state)
{
	struct conf *conf = conf_must(whole);
	char text[PREFIX_TEXT_LONGEST];

	assert_int_equal(conf->global.mode, CONF_MODE_OBSERVE);
	assert_int_equal(conf->global.allow.count, 2);
	assert_string_equal(prefix_format(&conf->global.allow.items[0], text),
		"192.0.2.0/24");
	assert_int_equal(conf->listener_count, 2);
	assert_string_equal(conf->listeners[0].title, "mx");
	assert_int_equal(conf->listeners[0].line, 4);
	assert_int_equal(conf->listeners[0].bind.count, 2);
	assert_string_equal(conf->listeners[0].bind.items[1], "[::]:25");
	assert_string_equal(conf->listeners[0].backend, "domino");
	assert_int_equal(conf->listeners[0].auth, CONF_AUTH_HIDE);
	assert_int_equal(conf->listeners[0].starttls, CONF_STARTTLS_OPTIONAL);
	assert_int_equal(conf->listeners[0].greeting_delay_ms, 2000);
	assert_int_equal(conf->listeners[0].command_timeout_ms, 300000);
	assert_string_equal(conf->listeners[1].title, "submissions");
	assert_int_equal(conf->listeners[1].tls, CONF_LISTENER_TLS_IMPLICIT);
	assert_int_equal(conf->backend_count, 1);
	assert_int_equal(conf->backends[0].servers.count, 2);
	assert_string_equal(conf->certificates[0].chain, "/etc/mail.pem");
	assert_int_equal(conf->source_limit.failures_count, 7);
	assert_int_equal(conf->source_limit.window_ms, 3600000);
	assert_int_equal(conf->source_limit.line, 15);
	assert_int_equal(conf->firewall.backend, CONF_FIREWALL_NFT);
	conf_free(&conf);
	assert_null(conf);
	conf_free(&conf);
}

static void what_is_not_said_is_the_default(void **state)
{
	struct conf *conf = conf_must(CONF_REST);

	assert_int_equal(conf->global.mode, CONF_MODE_ENFORCE);
	assert_string_equal(conf->global.user, "postern");
	assert_string_equal(conf->global.hostname, "");
	assert_int_equal(conf->global.allow.count, 0);
	assert_null(conf->global.title);
	assert_int_equal(conf->firewall.backend, CONF_FIREWALL_NULL);
	assert_int_equal(conf->source_limit.failures_count, 5);
	assert_int_equal(conf->source_limit.line, 0);
	assert_int_equal(conf->source_limit.ban_longest_ms, 2592000000);
	assert_int_equal(conf->banned.answer, CONF_ANSWER_TARPIT);
	assert_int_equal(conf->certificate_count, 0);
	assert_true(conf->log.sessions);
	assert_string_equal(conf->log.to, "stderr");
	conf_free(&conf);
}

static void blocks_are_found_by_title(void **state)
{
	struct conf *conf = conf_must(whole);

	assert_ptr_equal(conf_backend_find(conf, "domino"), &conf->backends[0]);
	assert_null(conf_backend_find(conf, "default"));
	assert_ptr_equal(
		conf_certificate_find(conf, "default"), &conf->certificates[0]);
	assert_null(conf_certificate_find(conf, ""));
	conf_free(&conf);
}

static void one_run_shows_all_that_is_wrong(void **state)
{
	conf_says("mode = enforced\n"
		  "workers = 65\n"
		  "colour = red\n"
		  "source_limit { failurs = 3\n"
		  "  window = 10 }\n"
		  "listener mx { bind = {\"0.0.0.0:25\"} backend = domno\n"
		  "  bare_newline = pass auth = hide }\n"
		  "backend domino { servers = {\"10.0.0.25\"} }\n",
		"x:1: mode: \"enforced\" is none of its words (allowed: off, "
		"observe, enforce; did you mean \"enforce\"?)\n"
		"x:2: workers: \"65\" is out of range (allowed: 0 to 64)\n"
		"x:3: unknown option \"colour\"\n"
		"x:4: unknown option \"failurs\" in source_limit (did you mean "
		"\"failures\"?)\n"
		"x:5: source_limit.window: \"10\" has no unit (allowed: 1s to "
		"1d; units: ms s m h d)\n"
		"x:6: listener mx: backend: there is no backend \"domno\" (did "
		"you mean \"domino\"?)\n"
		"x:7: warning: listener mx: bare_newline = pass risks SMTP "
		"smuggling (reject or normalize is safer)\n"
		"x:8: backend domino: servers: \"10.0.0.25\" is no HOST:PORT "
		"(allowed: like 10.0.0.25:25, [2001:db8::25]:25, "
		"mail.example.org:25)\n");
}

/* Values before an error of syntax are still looked at. */
static void a_syntax_error_does_not_hide_what_is_before_it(void **state)
{
	conf_says("mode = enforced\nlog = 5\nworkers = 65\n",
		"x:1: mode: \"enforced\" is none of its words (allowed: off, "
		"observe, enforce; did you mean \"enforce\"?)\n"
		"x:2: missing opening brace for section 'log'\n");
}

static void harmless(const char *text)
{
	struct conf_errors errors;
	struct conf *conf = conf_parse(text, "x", &errors);

	assert_int_equal(!conf, errors.error_count > 0);
	assert_int_equal(
		!errors.text, errors.error_count + errors.warning_count == 0);
	conf_free(&conf);
	conf_errors_done(&errors);
}

static void every_part_of_a_good_file_is_harmless(void **state)
{
	size_t n = strlen(whole);

	for (size_t i = 0; i <= n; i++) {
		char *text = strndup(whole, i);

		harmless(text);
		free(text);
		harmless(whole + i);
	}
}

static void every_octet_anywhere_is_harmless(void **state)
{
	static const char octets[] =
		"\x01\t\n\r \"#$'()*+,-/0:=A[\\]_a{|}~\x7f\x80\xff";
	char *text = strdup(whole);

	for (size_t i = 0; text[i]; i++) {
		char before = text[i];

		for (size_t j = 0; j < sizeof(octets) - 1; j++) {
			text[i] = octets[j];
			harmless(text);
		}
		text[i] = before;
	}
	free(text);
}

static void unknown_names_without_end_come_to_an_end(void **state)
{
	size_t n = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &n);

	for (unsigned i = 0; i < 300; i++)
		fprintf(out, "unknown%u = {a, b}\n", i);
	fclose(out);
	harmless(text);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_becomes_values),
		cmocka_unit_test(what_is_not_said_is_the_default),
		cmocka_unit_test(blocks_are_found_by_title),
		cmocka_unit_test(one_run_shows_all_that_is_wrong),
		cmocka_unit_test(
			a_syntax_error_does_not_hide_what_is_before_it),
		cmocka_unit_test(every_part_of_a_good_file_is_harmless),
		cmocka_unit_test(every_octet_anywhere_is_harmless),
		cmocka_unit_test(unknown_names_without_end_come_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
