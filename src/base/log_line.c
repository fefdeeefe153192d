/*
 * A line of the log, read back: its fields, in either format.
 *
 * What log.c writes and no more: a flat JSON object, or four words and fields
 * key=value. Where a line is of neither kind there are just no more fields.
 */
#include "log_line.h"

#include <string.h>

enum { ESCAPE_JSON = 6 }; /* \u00NN */

static const char *const heads[] = {"time", "level", "process", "event"};
enum { HEADS = sizeof(heads) / sizeof(heads[0]) };

void log_reader_begin(struct log_reader *reader, struct slice line)
{
	*reader = (struct log_reader){
		.line = line,
		.format = line.n > 0 && line.p[0] == '{' ? LOG_JSON : LOG_TEXT,
		.at = line.n > 0 && line.p[0] == '{',
	};
}

static bool is_at(const struct log_reader *r, char c)
{
	return r->at < r->line.n && r->line.p[r->at] == (uint8_t)c;
}

/* Up to one of `ends`, or the end. */
static struct slice take_until(struct log_reader *r, const char *ends)
{
	size_t begin = r->at;

	while (r->at < r->line.n &&
		memchr(ends, r->line.p[r->at], strlen(ends)) == NULL)
		r->at++;
	return slice_of(r->line.p + begin, r->at - begin);
}

/* Behind a quote, up to the next that is not escaped. false: there is none. */
static bool take_quoted(struct log_reader *r, struct slice *ret_text)
{
	size_t begin = ++r->at;

	while (r->at < r->line.n && r->line.p[r->at] != '"')
		r->at += r->line.p[r->at] == '\\' ? 2 : 1;
	if (r->at >= r->line.n)
		return false;
	*ret_text = slice_of(r->line.p + begin, r->at - begin);
	r->at++;
	return true;
}

static bool take_value(
	struct log_reader *r, const char *ends, struct log_field *field)
{
	field->quoted = is_at(r, '"');
	if (field->quoted)
		return take_quoted(r, &field->value);
	field->value = take_until(r, ends);
	return true;
}

static bool next_json(struct log_reader *r, struct log_field *field)
{
	if (is_at(r, ','))
		r->at++;
	if (!is_at(r, '"') || !take_quoted(r, &field->key) || !is_at(r, ':'))
		return false;
	r->at++;
	return take_value(r, ",}", field);
}

/* Somebody else's words stand behind three blanks. */
static bool next_phrase(struct log_reader *r, struct log_field *field)
{
	if (r->index != 1 || r->line.n - r->at < 3 ||
		memcmp(r->line.p + r->at, "   ", 3) != 0)
		return false;
	field->key = slice_str("text");
	field->value = slice_of(r->line.p + r->at + 3, r->line.n - r->at - 3);
	field->quoted = true;
	r->at = r->line.n;
	return true;
}

static bool next_text(struct log_reader *r, struct log_field *field)
{
	if (next_phrase(r, field))
		return true;
	while (is_at(r, ' '))
		r->at++;
	if (r->index < HEADS) {
		field->key = slice_str(heads[r->index]);
		field->value = take_until(r, " ");
		field->quoted = true;
		return field->value.n > 0;
	}
	field->key = take_until(r, "= ");
	if (field->key.n == 0 || !is_at(r, '='))
		return false;
	r->at++;
	return take_value(r, " ", field);
}

bool log_reader_next(struct log_reader *r, struct log_field *ret_field)
{
	bool good;

	if (r->at >= r->line.n)
		return false;
	good = r->format == LOG_JSON ? next_json(r, ret_field)
				     : next_text(r, ret_field);
	if (good)
		r->index++;
	else
		r->at = r->line.n;
	return good;
}

static int hex_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t unescape_json(struct slice in, char *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n && n < room; i++) {
		const uint8_t *p = in.p + i;

		if (in.n - i >= ESCAPE_JSON && p[0] == '\\' && p[1] == 'u' &&
			hex_of(p[4]) >= 0 && hex_of(p[5]) >= 0) {
			out[n++] = (char)(hex_of(p[4]) << 4 | hex_of(p[5]));
			i += ESCAPE_JSON - 1;
			continue;
		}
		if (p[0] == '\\' && in.n - i > 1)
			i++;
		out[n++] = (char)in.p[i];
	}
	return n;
}

size_t log_field_text(const struct log_reader *r, const struct log_field *field,
	char *out, size_t room)
{
	if (r->format == LOG_JSON)
		return unescape_json(field->value, out, room);
	if (field->quoted)
		return log_unescape(field->value, out, room);
	if (field->value.n < room)
		room = field->value.n;
	memcpy(out, field->value.p, room);
	return room;
}
