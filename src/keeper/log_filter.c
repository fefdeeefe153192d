/*
 * Which lines of the log a follower wants.
 *
 * A line is read back field by field; it is wanted when each filter that is set
 * finds its field. Lines are any process's, so nothing of them is believed.
 */
#include "log_filter.h"

#include <stdlib.h>
#include <string.h>

#include "../base/addr.h"
#include "../base/log_line.h"
#include "commands.h"

enum { WORD_LONGEST = 128 };

enum wanted { WANTED_EVENT, WANTED_USER, WANTED_RULE, WANTED_COUNT };

static const char *const names[WANTED_COUNT] = {"event", "user", "rule"};

struct log_filter {
	char words[WANTED_COUNT][WORD_LONGEST]; /* empty: all */
	struct prefix from;
	bool from_set;
};

/* NULL: fine. */
static json_t *read_words(struct log_filter *filter, const json_t *request)
{
	for (unsigned i = 0; i < WANTED_COUNT; i++) {
		const json_t *member = json_object_get(request, names[i]);
		size_t n = json_string_length(member);

		if (member == NULL)
			continue;
		if (n == 0 || n >= WORD_LONGEST)
			return commands_error(COMMANDS_USAGE,
				"event, user and rule are texts of 1 to 127 "
				"octets",
				"docs/log.md has the events and their fields");
		memcpy(filter->words[i], json_string_value(member), n + 1);
	}
	return NULL;
}

static json_t *read_request(struct log_filter *filter, const json_t *request)
{
	const json_t *from = json_object_get(request, "from");

	if (from == NULL)
		return read_words(filter, request);
	if (json_string_value(from) == NULL ||
		!prefix_parse(json_string_value(from), &filter->from))
		return commands_error(COMMANDS_USAGE,
			"from is no address and no prefix",
			"for example 192.0.2.7 or 192.0.2.0/24");
	filter->from_set = true;
	return read_words(filter, request);
}

struct log_filter *log_filter_new(const json_t *request, json_t **ret_wrong)
{
	struct log_filter *filter = calloc(1, sizeof(*filter));

	if (filter == NULL) {
		*ret_wrong = commands_error(COMMANDS_UNAVAILABLE,
			"no memory for a follower", "try again in a moment");
		return NULL;
	}
	*ret_wrong = read_request(filter, request);
	if (*ret_wrong != NULL)
		log_filter_free(&filter);
	return filter;
}

void log_filter_free(struct log_filter **filter)
{
	free(*filter);
	*filter = NULL;
}

/* A ban of a whole network is of interest to who follows one address of it. */
static bool touches(const struct prefix *from, const char *text)
{
	struct prefix prefix;

	return prefix_parse(text, &prefix) &&
	       (prefix_holds(from, &prefix.addr) ||
		       prefix_holds(&prefix, &from->addr));
}

static bool is_address(struct slice key)
{
	return slice_eq(key, slice_str("src")) ||
	       slice_eq(key, slice_str("prefix")) ||
	       slice_eq(key, slice_str("address"));
}

/* What each filter has found so far. */
struct found {
	bool words[WANTED_COUNT], from;
};

static void look(const struct log_filter *filter,
	const struct log_reader *reader, const struct log_field *field,
	struct found *found)
{
	char text[WORD_LONGEST];
	size_t n = log_field_text(reader, field, text, sizeof(text) - 1);

	text[n] = '\0';
	for (unsigned i = 0; i < WANTED_COUNT; i++)
		if (filter->words[i][0] != '\0' &&
			slice_eq(field->key, slice_str(names[i])) &&
			slice_eq_nocase(slice_of(text, n), filter->words[i]))
			found->words[i] = true;
	if (filter->from_set && is_address(field->key))
		found->from = found->from || touches(&filter->from, text);
}

bool log_filter_wants(const struct log_filter *filter, struct slice line)
{
	struct found found = {.from = !filter->from_set};
	struct log_reader reader;
	struct log_field field;
	bool all = found.from;

	for (unsigned i = 0; i < WANTED_COUNT; i++) {
		found.words[i] = filter->words[i][0] == '\0';
		all = all && found.words[i];
	}
	if (all)
		return true;
	log_reader_begin(&reader, line);
	while (log_reader_next(&reader, &field))
		look(filter, &reader, &field, &found);
	for (unsigned i = 0; i < WANTED_COUNT; i++)
		if (!found.words[i])
			return false;
	return found.from;
}
