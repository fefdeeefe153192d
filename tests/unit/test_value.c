/*
 * Values of single options: each option's default, range and words; what is
 * printed is read back as the same.
 */
#include "../../src/conf/value.h"

#include "../../src/conf/block.h"
#include "../../src/conf/schema.h"
#include "../../src/conf/unit.h"
#include "conf_text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Room for any field. */
union field {
	uint64_t number;
	struct conf_list list;
	char *text;
};

typedef void (*each_option)(const struct schema_option *option);

static void for_each_option(each_option visit)
{
	for (int i = 0; i < SECTION_COUNT; i++) {
		const struct schema_section *section =
			schema_section((unsigned)i);

		assert_true(section->option_count > 0);
		for (size_t j = 0; j < section->option_count; j++) {
			assert_int_equal(section->options[j].section, i);
			visit(&section->options[j]);
		}
	}
}

static bool reads(const struct schema_option *option, const char *word,
	union field *field, char *why)
{
	char *words[] = {(char *)(uintptr_t)word};

	return value_read(option, words, 1, field, why);
}

static const struct schema_option *option_of(
	const char *section, const char *name)
{
	const struct schema_section *found = schema_section_find(section);
	const struct schema_option *option;

	assert_non_null(found);
	option = schema_option_find(found, name);
	assert_non_null(option);
	return option;
}

static char *printed(const struct schema_option *option, const void *field)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	value_print(option, field, out);
	fclose(out);
	return text;
}

/* The default prints as it stands in options.def, quotes aside. */
static void visit_default(const struct schema_option *option)
{
	union field field = {0}, other = {0};
	char want[128], *text;

	value_default(option, &field);
	value_default(option, &other);
	assert_true(value_eq(option, &field, &other));
	snprintf(want, sizeof(want),
		option->type == SCHEMA_TEXT ? "\"%s\"" : "%s", option->def);
	text = printed(option, &field);
	if (option->type == SCHEMA_BYTES || option->type == SCHEMA_MS)
		assert_true(strtoull(text, NULL, 10) > 0 || field.number == 0);
	else
		assert_string_equal(text, want);
	free(text);
	value_free(option, &field);
	value_free(option, &other);
}

static void defaults_print_as_the_schema_says(void **state)
{
	for_each_option(visit_default);
}

static enum unit_kind kind_of(const struct schema_option *option)
{
	if (option->type == SCHEMA_MS)
		return UNIT_MS;
	return option->type == SCHEMA_BYTES ? UNIT_BYTES : UNIT_COUNT;
}

static void visit_range(const struct schema_option *option)
{
	char text[UNIT_TEXT_LONGEST], why[VALUE_WHY_LONGEST];
	union field field = {.number = 77};

	if (option->type != SCHEMA_INT && option->type != SCHEMA_MS &&
		option->type != SCHEMA_BYTES)
		return;
	unit_format(option->most + 1, kind_of(option), text);
	assert_false(reads(option, text, &field, why));
	assert_non_null(strstr(why, "is out of range (allowed: "));
	assert_true(field.number == 77);
	if (option->least) {
		unit_format(option->least - 1, kind_of(option), text);
		assert_false(reads(option, text, &field, why));
		assert_true(field.number == 77);
	}
	unit_format(option->most, kind_of(option), text);
	assert_true(reads(option, text, &field, why));
	assert_true(field.number == option->most);
	unit_format(option->least, kind_of(option), text);
	assert_true(reads(option, text, &field, why));
	assert_true(field.number == option->least);
}

static void ranges_hold_to_their_ends(void **state)
{
	for_each_option(visit_range);
}

static void visit_words(const struct schema_option *option)
{
	char why[VALUE_WHY_LONGEST];

	for (unsigned i = 0; option->words && option->words[i]; i++) {
		union field field = {0};
		unsigned value;
		char *text;

		assert_true(reads(option, option->words[i], &field, why));
		memcpy(&value, &field, sizeof(value));
		assert_int_equal(value, i);
		text = printed(option, &field);
		assert_string_equal(text, option->words[i]);
		free(text);
	}
}

static void words_are_in_the_order_of_their_enum(void **state)
{
	for_each_option(visit_words);
}

static void enums_and_words_agree(void **state)
{
	static const struct {
		const char *section, *option, *word;
		unsigned want;
	} cases[] = {
		{"", "mode", "enforce", CONF_MODE_ENFORCE},
		{"", "policy_unavailable", "tempfail",
			CONF_UNAVAILABLE_TEMPFAIL},
		{"listener", "tls", "implicit", CONF_LISTENER_TLS_IMPLICIT},
		{"listener", "starttls", "required", CONF_STARTTLS_REQUIRED},
		{"listener", "auth", "tls", CONF_AUTH_TLS},
		{"listener", "auth", "hide", CONF_AUTH_HIDE},
		{"listener", "tls_least", "1.3", CONF_TLS_1_3},
		{"listener", "bare_newline", "pass", CONF_NEWLINE_PASS},
		{"listener", "unknown_keywords", "pass", CONF_KEYWORDS_PASS},
		{"backend", "tls", "required", CONF_BACKEND_TLS_REQUIRED},
		{"backend", "tls", "implicit", CONF_BACKEND_TLS_IMPLICIT},
		{"backend", "tls_verify", "name", CONF_VERIFY_NAME},
		{"banned", "answer", "tarpit", CONF_ANSWER_TARPIT},
		{"firewall", "backend", "exec", CONF_FIREWALL_EXEC},
		{"firewall", "ports", "all", CONF_PORTS_ALL},
		{"log", "format", "json", CONF_FORMAT_JSON},
		{"log", "level", "debug", CONF_LEVEL_DEBUG},
		{"log", "users", "none", CONF_USERS_NONE},
	};
	char why[VALUE_WHY_LONGEST];

	for (size_t i = 0; i < COUNT(cases); i++) {
		union field field = {0};
		unsigned value;

		assert_true(reads(option_of(cases[i].section, cases[i].option),
			cases[i].word, &field, why));
		memcpy(&value, &field, sizeof(value));
		assert_int_equal(value, cases[i].want);
	}
}

static void wrong_words_say_what_is_allowed(void **state)
{
	static const struct {
		const char *section, *option, *word, *why;
	} cases[] = {
		{"", "mode", "enforced",
			"\"enforced\" is none of its words (allowed: off, "
			"observe, enforce; did you mean \"enforce\"?)"},
		{"", "workers", "65",
			"\"65\" is out of range (allowed: 0 to "
			"64)"},
		{"", "workers", "1k", "\"1k\" is no number (allowed: 0 to 64)"},
		{"", "workers", "99999999999999999999",
			"\"99999999999999999999\" is out of range (allowed: 0 "
			"to 64)"},
		{"source_limit", "window", "10",
			"\"10\" has no unit (allowed: 1s to 1d; units: ms s m "
			"h d)"},
		{"source_limit", "window", "10w",
			"\"10w\" has an unknown unit (allowed: 1s to 1d; "
			"units: ms s m h d)"},
		{"source_limit", "window", "999ms",
			"\"999ms\" is out of range (allowed: 1s to 1d; units: "
			"ms s m h d)"},
		{"listener", "command_longest", "1M",
			"\"1M\" is out of range (allowed: 512 to 64k; units: k "
			"M G)"},
		{"listener", "received", "maybe",
			"\"maybe\" is neither true nor false (allowed: true, "
			"false)"},
		{"", "allow", "192.0.2.0/33",
			"\"192.0.2.0/33\" is no address or prefix (allowed: "
			"like 192.0.2.0/24, 2001:db8::/48)"},
	};
	char why[VALUE_WHY_LONGEST];

	for (size_t i = 0; i < COUNT(cases); i++) {
		union field field = {0};

		assert_false(reads(option_of(cases[i].section, cases[i].option),
			cases[i].word, &field, why));
		assert_string_equal(why, cases[i].why);
		assert_int_equal(field.number, 0);
	}
}

static void a_long_wrong_word_is_cut(void **state)
{
	const struct schema_option *option = option_of("", "mode");
	char word[4096], why[VALUE_WHY_LONGEST];
	union field field = {0};

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_false(reads(option, word, &field, why));
	assert_in_range(strlen(why), 60, VALUE_WHY_LONGEST - 1);
	assert_non_null(strstr(why, "(allowed: off, observe, enforce)"));
}

static void booleans_have_three_words_each(void **state)
{
	static const char *const words[] = {
		"true", "yes", "on", "false", "no", "off"};
	const struct schema_option *option = option_of("log", "sessions");
	char why[VALUE_WHY_LONGEST];

	for (size_t i = 0; i < COUNT(words); i++) {
		union field field = {0};
		bool value;

		assert_true(reads(option, words[i], &field, why));
		memcpy(&value, &field, sizeof(value));
		assert_int_equal(value, i < 3);
	}
}

static void schema_finds_by_name(void **state)
{
	assert_null(schema_section_find("nothing"));
	assert_null(schema_option_find(schema_section(SECTION_log), "mode"));
	assert_string_equal(schema_section_find("")->options[0].name, "mode");
	assert_true(option_of("", "user")->restart);
	assert_false(option_of("", "mode")->restart);
}

/* The schema's offsets meet the fields they are meant for. */
static void blocks_are_reached_through_the_schema(void **state)
{
	struct conf *conf = conf_must(CONF_REST);
	const struct schema_section *section = schema_section(SECTION_listener);
	void *listener = block_at(conf, section, 0);

	assert_ptr_equal(listener, &conf->listeners[0]);
	assert_int_equal(block_count(conf, section), 1);
	assert_int_equal(block_count(conf, schema_section(SECTION_log)), 1);
	assert_ptr_equal(
		block_peek(conf, schema_section(SECTION_log), 0), &conf->log);
	assert_ptr_equal(block_field(listener, option_of("listener", "auth")),
		&conf->listeners[0].auth);
	assert_ptr_equal(block_field_peek(&conf->firewall,
				 option_of("firewall", "changes_most")),
		&conf->firewall.changes_most_count);
	assert_ptr_equal(block_find(conf, section, "rest"), listener);
	assert_null(block_find(conf, section, "res"));
	conf_free(&conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_print_as_the_schema_says),
		cmocka_unit_test(ranges_hold_to_their_ends),
		cmocka_unit_test(words_are_in_the_order_of_their_enum),
		cmocka_unit_test(enums_and_words_agree),
		cmocka_unit_test(wrong_words_say_what_is_allowed),
		cmocka_unit_test(a_long_wrong_word_is_cut),
		cmocka_unit_test(booleans_have_three_words_each),
		cmocka_unit_test(schema_finds_by_name),
		cmocka_unit_test(blocks_are_reached_through_the_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
