/*
 * The value of one option.
 *
 * The field's C type follows from the option's type (conf.h): fields are
 * reached as void * and this file alone knows what they are. A message says
 * what is wrong with the words and what would be right; where they stand is
 * the caller's to say.
 */
#include "value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/check.h"
#include "../base/text.h"
#include "conf.h"
#include "near.h"
#include "unit.h"

_Static_assert(sizeof(enum conf_mode) == sizeof(unsigned), "enums are ints");

static const char *const words_true[] = {"true", "yes", "on", NULL};
static const char *const words_false[] = {"false", "no", "off", NULL};

static enum unit_kind unit_of(const struct schema_option *option)
{
	if (option->type == SCHEMA_MS)
		return UNIT_MS;
	return option->type == SCHEMA_BYTES ? UNIT_BYTES : UNIT_COUNT;
}

static int word_index(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

/* ---- what is allowed, in words ---- */

const char *value_allowed(
	const struct schema_option *option, char *out, size_t room)
{
	char least[UNIT_TEXT_LONGEST], most[UNIT_TEXT_LONGEST];

	out[0] = '\0';
	switch (option->type) {
	case SCHEMA_BOOL: text_add(out, room, "true, false"); break;
	case SCHEMA_INT:
	case SCHEMA_MS:
	case SCHEMA_BYTES:
		unit_format(option->least, unit_of(option), least);
		unit_format(option->most, unit_of(option), most);
		text_add(out, room, "%s to %s", least, most);
		break;
	case SCHEMA_PREFIXES:
		text_add(out, room, "like 192.0.2.0/24, 2001:db8::/48");
		break;
	case SCHEMA_CHOICE:
		for (size_t i = 0; option->words[i]; i++)
			text_add(out, room, "%s%s", i ? ", " : "",
				option->words[i]);
		break;
	case SCHEMA_TEXT:
	case SCHEMA_LIST: break;
	}
	return out;
}

/* "… (allowed: …" stays open: the caller adds to it and closes it. */
static void why_open(const struct schema_option *option, const char *word,
	const char *what, char *why)
{
	char allowed[VALUE_WHY_LONGEST / 2];

	why[0] = '\0';
	text_add(why, VALUE_WHY_LONGEST, "\"%.60s\" %s (allowed: %s", word,
		what, value_allowed(option, allowed, sizeof(allowed)));
}

static bool why_close(char *why)
{
	text_add(why, VALUE_WHY_LONGEST, ")");
	return false;
}

/* ---- reading ---- */

static bool read_bool(const struct schema_option *option, const char *word,
	void *field, char *why)
{
	bool value = word_index(words_true, word) >= 0;

	if (!value && word_index(words_false, word) < 0) {
		why_open(option, word, "is neither true nor false", why);
		return why_close(why);
	}
	memcpy(field, &value, sizeof(value));
	return true;
}

static const char *number_wrong(
	const struct schema_option *option, const char *word, uint64_t *number)
{
	switch (unit_read(word, unit_of(option), number)) {
	case UNIT_OK:
		return *number < option->least || *number > option->most
			       ? "is out of range"
			       : NULL;
	case UNIT_TOO_LARGE: return "is out of range";
	case UNIT_NO_NUMBER: return "is no number";
	case UNIT_MISSING: return "has no unit";
	case UNIT_UNKNOWN:
		return option->type == SCHEMA_INT ? "is no number"
						  : "has an unknown unit";
	}
	return "is no number";
}

static bool read_number(const struct schema_option *option, const char *word,
	void *field, char *why)
{
	uint64_t number = 0;
	const char *wrong = number_wrong(option, word, &number);

	if (!wrong) {
		memcpy(field, &number, sizeof(number));
		return true;
	}
	why_open(option, word, wrong, why);
	if (option->type == SCHEMA_MS)
		text_add(why, VALUE_WHY_LONGEST, "; units: ms s m h d");
	else if (option->type == SCHEMA_BYTES)
		text_add(why, VALUE_WHY_LONGEST, "; units: k M G");
	return why_close(why);
}

static bool read_choice(const struct schema_option *option, const char *word,
	void *field, char *why)
{
	int index = word_index(option->words, word);
	struct near near = near_begin(word);
	unsigned value = (unsigned)index;

	if (index >= 0) {
		memcpy(field, &value, sizeof(value));
		return true;
	}
	why_open(option, word, "is none of its words", why);
	for (size_t i = 0; option->words[i]; i++)
		near_offer(&near, option->words[i]);
	if (near.best)
		text_add(why, VALUE_WHY_LONGEST, "; did you mean \"%s\"?",
			near.best);
	return why_close(why);
}

static void read_text(
	const struct schema_option *option, const char *word, void *field)
{
	char *copy = strdup(word);

	CHECK(copy);
	value_free(option, field);
	memcpy(field, &copy, sizeof(copy));
}

static void read_list(const struct schema_option *option, char *const *words,
	size_t count, void *field)
{
	struct conf_list list = {calloc(count + 1, sizeof(char *)), count};

	CHECK(list.items);
	for (size_t i = 0; i < count; i++)
		CHECK((list.items[i] = strdup(words[i])));
	value_free(option, field);
	memcpy(field, &list, sizeof(list));
}

static bool read_prefixes(const struct schema_option *option,
	char *const *words, size_t count, void *field, char *why)
{
	struct conf_prefixes list = {
		calloc(count + 1, sizeof(struct prefix)), count};

	CHECK(list.items);
	for (size_t i = 0; i < count; i++) {
		if (prefix_parse(words[i], &list.items[i]))
			continue;
		free(list.items);
		why_open(option, words[i], "is no address or prefix", why);
		return why_close(why);
	}
	value_free(option, field);
	memcpy(field, &list, sizeof(list));
	return true;
}

static bool type_is_list(enum schema_type type)
{
	return type == SCHEMA_LIST || type == SCHEMA_PREFIXES;
}

bool value_read(const struct schema_option *option, char *const *words,
	size_t count, void *field, char ret_why[VALUE_WHY_LONGEST])
{
	if (count != 1 && !type_is_list(option->type)) {
		snprintf(ret_why, VALUE_WHY_LONGEST,
			"takes one value, not a list");
		return false;
	}
	switch (option->type) {
	case SCHEMA_BOOL: return read_bool(option, words[0], field, ret_why);
	case SCHEMA_INT:
	case SCHEMA_MS:
	case SCHEMA_BYTES: return read_number(option, words[0], field, ret_why);
	case SCHEMA_TEXT: read_text(option, words[0], field); return true;
	case SCHEMA_LIST: read_list(option, words, count, field); return true;
	case SCHEMA_PREFIXES:
		return read_prefixes(option, words, count, field, ret_why);
	case SCHEMA_CHOICE:
		return read_choice(option, words[0], field, ret_why);
	}
	return false;
}

void value_default(const struct schema_option *option, void *field)
{
	char *words[] = {(char *)(uintptr_t)option->def};
	size_t count = type_is_list(option->type) ? 0 : 1;
	char why[VALUE_WHY_LONGEST];

	/* A default list would need a syntax in the table; none has one. */
	CHECK(count || strcmp(option->def, "{}") == 0);
	CHECK(value_read(option, words, count, field, why));
}

/* ---- the rest of a value's life ---- */

void value_free(const struct schema_option *option, void *field)
{
	struct conf_prefixes *prefixes = field;
	struct conf_list *list = field;
	char **text = field;

	if (option->type == SCHEMA_TEXT) {
		free(*text);
		*text = NULL;
	} else if (option->type == SCHEMA_LIST) {
		for (size_t i = 0; i < list->count; i++)
			free(list->items[i]);
		free(list->items);
		*list = (struct conf_list){0};
	} else if (option->type == SCHEMA_PREFIXES) {
		free(prefixes->items);
		*prefixes = (struct conf_prefixes){0};
	}
}

static bool list_eq(const struct conf_list *a, const struct conf_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static bool prefixes_eq(
	const struct conf_prefixes *a, const struct conf_prefixes *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!prefix_eq(&a->items[i], &b->items[i]))
			return false;
	return true;
}

bool value_eq(const struct schema_option *option, const void *a, const void *b)
{
	switch (option->type) {
	case SCHEMA_BOOL: return memcmp(a, b, sizeof(bool)) == 0;
	case SCHEMA_INT:
	case SCHEMA_MS:
	case SCHEMA_BYTES: return memcmp(a, b, sizeof(uint64_t)) == 0;
	case SCHEMA_TEXT:
		return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	case SCHEMA_LIST: return list_eq(a, b);
	case SCHEMA_PREFIXES: return prefixes_eq(a, b);
	case SCHEMA_CHOICE: return memcmp(a, b, sizeof(unsigned)) == 0;
	}
	return false;
}

/* ---- printing ---- */

/* Errors stay in the stream; who opened it looks at its end. */
/* NOLINTBEGIN(cert-err33-c) */

static void print_quoted(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		/* "${" is refused when read, "\$" is a dollar. */
		if (strchr("\"\\$", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void print_list(const struct conf_list *list, FILE *out)
{
	fputc('{', out);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i ? ", " : "", out);
		print_quoted(list->items[i], out);
	}
	fputc('}', out);
}

static void print_prefixes(const struct conf_prefixes *list, FILE *out)
{
	char text[PREFIX_TEXT_LONGEST];

	fputc('{', out);
	for (size_t i = 0; i < list->count; i++)
		fprintf(out, "%s\"%s\"", i ? ", " : "",
			prefix_format(&list->items[i], text));
	fputc('}', out);
}

void value_print(
	const struct schema_option *option, const void *field, FILE *out)
{
	char text[UNIT_TEXT_LONGEST];

	switch (option->type) {
	case SCHEMA_BOOL:
		fputs(*(const bool *)field ? "true" : "false", out);
		break;
	case SCHEMA_INT:
	case SCHEMA_MS:
	case SCHEMA_BYTES:
		fputs(unit_format(
			      *(const uint64_t *)field, unit_of(option), text),
			out);
		break;
	case SCHEMA_TEXT: print_quoted(*(char *const *)field, out); break;
	case SCHEMA_LIST: print_list(field, out); break;
	case SCHEMA_PREFIXES: print_prefixes(field, out); break;
	case SCHEMA_CHOICE:
		fputs(option->words[*(const unsigned *)field], out);
		break;
	}
}

/* NOLINTEND(cert-err33-c) */
