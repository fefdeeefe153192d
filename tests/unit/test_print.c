/*
 * The sample and the man page. That the copies in the tree are up to date is
 * checked by tests/lint; here, that they are true.
 */
#include "conf_text.h"

static char *printed(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	print(out);
	fclose(out);
	return text;
}

static void the_sample_is_a_safe_configuration(void **state)
{
	char *text = printed(conf_print_sample);
	struct conf *conf;

	conf_says(text, ""); /* no warnings either */
	conf = conf_must(text);
	assert_int_equal(conf->listener_count, 1);
	assert_int_equal(conf->listeners[0].auth, CONF_AUTH_HIDE);
	assert_int_equal(conf->certificate_count, 0);
	conf_free(&conf);
	free(text);
}

/* Takes the # off where no space follows it: "#name = value". */
static void uncomment(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++) {
		bool first = from == text || from[-1] == '\n';

		if (first && *from == '#' && from[1] != ' ')
			continue;
		*to++ = *from;
	}
	*to = '\0';
}

static void the_sample_shows_the_defaults(void **state)
{
	char *text = printed(conf_print_sample), *diff;
	struct conf *as_is = conf_must(text), *all;

	uncomment(text);
	all = conf_must(text);
	diff = conf_diff(as_is, all);
	assert_string_equal(diff,
		"certificate.mail: added\ndns_list.bl: added\n"
		"list.drop: added\nhook.chat: added\n");
	free(diff);
	conf_free(&as_is);
	conf_free(&all);
	free(text);
}

static void the_sample_fits_a_screen(void **state)
{
	char *text = printed(conf_print_sample), *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		if (strlen(line) + (*line == '\t' ? 7 : 0) > 80)
			fail_msg("%s", line);
	free(text);
}

static void the_page_has_each_option_and_no_raw_text(void **state)
{
	static const char *const names[] = {
#define SECTION(id, name, titled, text)
#define OPTION(                                                                \
	section, name, field, type, def, least, most, apply, text, more)       \
	"\n.It Ic " name "\n",
#include "../../src/conf/options.def"
#undef SECTION
#undef OPTION
	};
	char *text = printed(conf_print_man);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strstr(text, names[i]))
			fail_msg("%s", names[i]);
	/* Old man programs know ASCII only. */
	for (const char *p = text; *p; p++)
		assert_true((unsigned char)*p < 0x80);
	assert_non_null(strstr(text, ".Dt POSTERN.CONF 5\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sample_is_a_safe_configuration),
		cmocka_unit_test(the_sample_shows_the_defaults),
		cmocka_unit_test(the_sample_fits_a_screen),
		cmocka_unit_test(the_page_has_each_option_and_no_raw_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
