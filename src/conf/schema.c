/*
 * options.def as data.
 *
 * Pure tables: everything that reads, checks, prints or documents an option
 * walks them, so an option is complete once it stands in options.def. A new
 * CHOICE type needs its words here, in the order of its enum in conf.h.
 */
#include "schema.h"

#include <string.h>

#include "conf.h"

#define WORDS(name, ...)                                                       \
	static const char *const words_##name[] = {__VA_ARGS__, NULL}

WORDS(MODE, "off", "observe", "enforce");
WORDS(UNAVAILABLE, "allow", "tempfail");
WORDS(LISTENER_TLS, "off", "implicit", "passthrough");
WORDS(INTERCEPT, "off", "redirect", "tproxy");
WORDS(PROXY, "off", "required");
WORDS(CLIENT, "none", "transparent", "proxy-v1", "proxy-v2", "xclient");
WORDS(STARTTLS, "off", "optional", "required", "passthrough");
WORDS(AUTH, "offer", "tls", "hide");
WORDS(TLS_VERSION, "1.0", "1.1", "1.2", "1.3");
WORDS(NEWLINE, "reject", "normalize", "pass");
WORDS(KEYWORDS, "drop", "pass");
WORDS(BALANCE, "failover", "least_connections");
WORDS(BACKEND_TLS, "off", "starttls", "required", "implicit");
WORDS(VERIFY, "off", "ca", "name");
WORDS(LIST_KIND, "bad", "good");
WORDS(LIST_AS, "ban", "score");
WORDS(ANSWER, "close", "refuse", "tarpit");
WORDS(ACTS, "login", "connection");
WORDS(FIREWALL, "null", "nft", "exec");
WORDS(PORTS, "listeners", "all");
WORDS(FORMAT, "text", "json");
WORDS(LEVEL, "error", "warn", "info", "debug");
WORDS(USERS, "full", "hash", "none");

/* Two values in a row of the table: the type and its words. */
#define TYPE_BOOL		 SCHEMA_BOOL, NULL
#define TYPE_INT		 SCHEMA_INT, NULL
#define TYPE_MS			 SCHEMA_MS, NULL
#define TYPE_BYTES		 SCHEMA_BYTES, NULL
#define TYPE_TEXT		 SCHEMA_TEXT, NULL
#define TYPE_LIST		 SCHEMA_LIST, NULL
#define TYPE_PREFIXES		 SCHEMA_PREFIXES, NULL
#define TYPE_CHOICE_MODE	 SCHEMA_CHOICE, words_MODE
#define TYPE_CHOICE_UNAVAILABLE	 SCHEMA_CHOICE, words_UNAVAILABLE
#define TYPE_CHOICE_LISTENER_TLS SCHEMA_CHOICE, words_LISTENER_TLS
#define TYPE_CHOICE_INTERCEPT	 SCHEMA_CHOICE, words_INTERCEPT
#define TYPE_CHOICE_PROXY	 SCHEMA_CHOICE, words_PROXY
#define TYPE_CHOICE_CLIENT	 SCHEMA_CHOICE, words_CLIENT
#define TYPE_CHOICE_STARTTLS	 SCHEMA_CHOICE, words_STARTTLS
#define TYPE_CHOICE_AUTH	 SCHEMA_CHOICE, words_AUTH
#define TYPE_CHOICE_TLS_VERSION	 SCHEMA_CHOICE, words_TLS_VERSION
#define TYPE_CHOICE_NEWLINE	 SCHEMA_CHOICE, words_NEWLINE
#define TYPE_CHOICE_KEYWORDS	 SCHEMA_CHOICE, words_KEYWORDS
#define TYPE_CHOICE_BALANCE	 SCHEMA_CHOICE, words_BALANCE
#define TYPE_CHOICE_BACKEND_TLS	 SCHEMA_CHOICE, words_BACKEND_TLS
#define TYPE_CHOICE_VERIFY	 SCHEMA_CHOICE, words_VERIFY
#define TYPE_CHOICE_LIST_KIND	 SCHEMA_CHOICE, words_LIST_KIND
#define TYPE_CHOICE_LIST_AS	 SCHEMA_CHOICE, words_LIST_AS
#define TYPE_CHOICE_ANSWER	 SCHEMA_CHOICE, words_ANSWER
#define TYPE_CHOICE_ACTS	 SCHEMA_CHOICE, words_ACTS
#define TYPE_CHOICE_FIREWALL	 SCHEMA_CHOICE, words_FIREWALL
#define TYPE_CHOICE_PORTS	 SCHEMA_CHOICE, words_PORTS
#define TYPE_CHOICE_FORMAT	 SCHEMA_CHOICE, words_FORMAT
#define TYPE_CHOICE_LEVEL	 SCHEMA_CHOICE, words_LEVEL
#define TYPE_CHOICE_USERS	 SCHEMA_CHOICE, words_USERS

#define APPLY_RELOAD  false
#define APPLY_RESTART true

static const struct schema_option options[] = {
#define SECTION(id, name, titled, text)
#define OPTION(                                                                \
	section, name, field, type, def, least, most, apply, text, more)       \
	{SECTION_##section, name, TYPE_##type, def, least, most,               \
		APPLY_##apply, text, more,                                     \
		offsetof(struct conf_##section, field)},
#include "options.def"
#undef SECTION
#undef OPTION
};

/* Where each section's first option stands in the table. */
enum {
#define SECTION(id, name, titled, text)                                        \
	FIRST_##id, BEFORE_##id = FIRST_##id - 1,
#define OPTION(                                                                \
	section, name, field, type, def, least, most, apply, text, more)       \
	AT_##section##_##field,
#include "options.def"
#undef SECTION
#undef OPTION
	OPTIONS_END,
};

_Static_assert(sizeof(options) / sizeof(options[0]) == OPTIONS_END, "gap");

/* How many options it has: the octets of a struct with one for each. */
#define SECTION(id, name, titled, text)                                        \
	}                                                                      \
	;                                                                      \
	struct count_##id {                                                    \
		char head_;
#define OPTION(                                                                \
	section, name, field, type, def, least, most, apply, text, more)       \
	char field;
struct count_empty_ {
	char head_;
#include "options.def"
};
#undef SECTION
#undef OPTION

#define PLACE_false(id) offsetof(struct conf, id), 0
#define PLACE_true(id)                                                         \
	offsetof(struct conf, id##s), offsetof(struct conf, id##_count)

static const struct schema_section sections[] = {
#define SECTION(id, name, titled, text)                                        \
	{SECTION_##id, name, titled, text, sizeof(struct conf_##id),           \
		PLACE_##titled(id), options + FIRST_##id,                      \
		sizeof(struct count_##id) - 1},
#define OPTION(section, name, field, type, def, least, most, apply, text, more)
#include "options.def"
#undef SECTION
#undef OPTION
};

const struct schema_section *schema_section(enum schema_section_id id)
{
	return &sections[id];
}

const struct schema_section *schema_section_find(const char *name)
{
	for (size_t i = 0; i < SECTION_COUNT; i++)
		if (strcmp(sections[i].name, name) == 0)
			return &sections[i];
	return NULL;
}

const struct schema_option *schema_option_find(
	const struct schema_section *section, const char *name)
{
	for (size_t i = 0; i < section->option_count; i++)
		if (strcmp(section->options[i].name, name) == 0)
			return &section->options[i];
	return NULL;
}
