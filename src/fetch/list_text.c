/*
 * A list of others, read (see list_text.h).
 *
 * Lines are read one by one: an object of JSON is never more than a line, as
 * Spamhaus and postern's own feed write them, so nobody makes us keep a tree of
 * 16 MiB. What can go wrong: no memory; it counts as a bad list.
 */
#include "list_text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 64, PERCENT = 100 };

static const char byte_order_mark[] = "\xef\xbb\xbf";

/* What a line is. */
enum line_kind {
	LINE_NOTHING, /* empty, a comment, a header */
	LINE_ENTRY,
	LINE_BAD,
	LINE_BEGINS, /* of a feed of postern's in JSON */
	LINE_ENDS,
	LINE_COUNTS, /* Spamhaus': it says how many there are */
};

struct reading {
	const struct list_rules *rules;
	struct list_entries *out;
	char *why;
	size_t room;
	size_t first_bad; /* its number; 0: none */
	bool open;	  /* a feed has begun and not ended */
	long long said;	  /* so many there should be; -1: nobody said */
	size_t found;	  /* entries as they stand there, equal ones too */
};

static bool refuse(struct reading *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool refuse(struct reading *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(r->why, LIST_WHY_LONGEST, format, args); /* cut */
	va_end(args);
	return false;
}

/* ---- lines ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static void trim(const char **text, size_t *n)
{
	while (*n > 0 && is_blank((*text)[0])) {
		++*text;
		--*n;
	}
	while (*n > 0 && is_blank((*text)[*n - 1]))
		--*n;
}

static bool starts(const char *text, size_t n, const char *with)
{
	size_t length = strlen(with);

	return n >= length && memcmp(text, with, length) == 0;
}

static enum line_kind read_plain(
	const char *text, size_t n, struct prefix *ret_prefix)
{
	char word[PREFIX_TEXT_LONGEST];
	size_t length = 0;

	while (length < n && !is_blank(text[length]) && text[length] != ';' &&
		text[length] != '#')
		length++;
	if (length >= sizeof(word))
		return LINE_BAD;
	memcpy(word, text, length);
	word[length] = '\0';
	/* A NUL within would end the word early. */
	return strlen(word) == length && prefix_parse(word, ret_prefix)
		       ? LINE_ENTRY
		       : LINE_BAD;
}

static enum line_kind read_object(
	const json_t *object, struct prefix *ret_prefix, long long *ret_said)
{
	const json_t *prefix = json_object_get(object, "cidr");
	const json_t *records = json_object_get(object, "records");
	const char *type = json_string_value(json_object_get(object, "type"));

	if (prefix == NULL)
		prefix = json_object_get(object, "prefix");
	if (prefix != NULL)
		return json_is_string(prefix) &&
				       prefix_parse(json_string_value(prefix),
					       ret_prefix)
			       ? LINE_ENTRY
			       : LINE_BAD;
	if (type == NULL || strcmp(type, "metadata") != 0)
		return LINE_BAD;
	if (!json_is_integer(records))
		return LINE_NOTHING;
	*ret_said = json_integer_value(records);
	return LINE_COUNTS;
}

static enum line_kind read_json(const char *text, size_t n,
	struct prefix *ret_prefix, long long *ret_said)
{
	enum line_kind kind = LINE_BAD;
	json_t *object;

	if (text[n - 1] == ',') /* a row of an array, but the last one */
		n--;
	object = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(object))
		kind = read_object(object, ret_prefix, ret_said);
	json_decref(object);
	return kind;
}

static enum line_kind read_line(const struct reading *r, const char *text,
	size_t n, struct prefix *ret_prefix, long long *ret_said)
{
	static const char head[] = "{\"version\":", tail[] = "\"bans\":[";
	const size_t tail_n = sizeof(tail) - 1;

	trim(&text, &n);
	if (n == 0 || text[0] == '#' || text[0] == ';')
		return LINE_NOTHING;
	if (n > LIST_LINE_LONGEST)
		return LINE_BAD;
	if (r->open && n == 2 && memcmp(text, "]}", 2) == 0)
		return LINE_ENDS;
	if (text[0] != '{')
		return read_plain(text, n, ret_prefix);
	if (!r->open && starts(text, n, head) && n > tail_n &&
		memcmp(text + n - tail_n, tail, tail_n) == 0)
		return LINE_BEGINS;
	return read_json(text, n, ret_prefix, ret_said);
}

/* ---- entries ---- */

bool list_too_wide(const struct prefix *prefix)
{
	bool v4 = addr_is_v4(&prefix->addr) && prefix->bits >= ADDR_V4_BITS;

	return prefix_length(prefix) <
	       (v4 ? (unsigned)LIST_WIDEST_V4 : (unsigned)LIST_WIDEST_V6);
}

static int by_order(const void *a, const void *b)
{
	return prefix_order(a, b);
}

static bool make_room(struct reading *r)
{
	size_t room = r->room == 0 ? (size_t)ROOM_FIRST : r->room * 2;
	struct prefix *items;

	if (r->out->count < r->room)
		return true;
	items = realloc(r->out->items, room * sizeof(*items));
	if (items == NULL)
		return refuse(r, "no memory for its entries");
	r->out->items = items;
	r->room = room;
	return true;
}

static bool touches_never(struct reading *r, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LONGEST], ours[PREFIX_TEXT_LONGEST];

	for (size_t i = 0; i < r->rules->never_count; i++) {
		const struct prefix *never = &r->rules->never[i];

		if (prefix_overlaps(prefix, never)) {
			(void)refuse(r,
				"it has %s, and %s is one of our own, a server "
				"or on the list of what is never blocked",
				prefix_format(prefix, text),
				prefix_format(never, ours));
			return true;
		}
	}
	return false;
}

static bool take_entry(struct reading *r, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LONGEST];

	if (list_too_wide(prefix))
		return refuse(r,
			"it has %s, which is too wide (the widest is /%d for "
			"IPv4 and /%d for IPv6)",
			prefix_format(prefix, text), LIST_WIDEST_V4,
			LIST_WIDEST_V6);
	if (touches_never(r, prefix))
		return false;
	if (r->out->count == r->rules->most)
		return refuse(r, "it has more than %zu entries (max)",
			r->rules->most);
	if (!make_room(r))
		return false;
	r->out->items[r->out->count++] = *prefix;
	r->found++;
	return true;
}

static bool take_line(
	struct reading *r, const char *text, size_t n, size_t number)
{
	struct prefix prefix;

	switch (read_line(r, text, n, &prefix, &r->said)) {
	case LINE_NOTHING:
	case LINE_COUNTS: return true;
	case LINE_BEGINS: r->open = true; return true;
	case LINE_ENDS:
		r->open = false;
		r->said = (long long)r->found; /* nothing may follow */
		return true;
	case LINE_BAD:
		r->out->line_count++;
		r->out->bad_count++;
		if (r->first_bad == 0)
			r->first_bad = number;
		return true;
	case LINE_ENTRY: break;
	}
	r->out->line_count++;
	return take_entry(r, &prefix);
}

/* ---- the whole ---- */

static bool looks_like_html(const char *text, size_t n)
{
	while (n > 0 && (is_blank(*text) || *text == '\n')) {
		text++;
		n--;
	}
	return n > 0 && *text == '<';
}

static bool take_lines(struct reading *r, const char *text, size_t n)
{
	size_t number = 0;

	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t length = end != NULL ? (size_t)(end - text) : n;

		if (!take_line(r, text, length, ++number))
			return false;
		n -= length + (end != NULL);
		text += length + (end != NULL);
	}
	return true;
}

static bool judge(struct reading *r)
{
	const struct list_entries *out = r->out;

	if (r->open)
		return refuse(r, "it is cut: the end of the feed is missing");
	if (out->bad_count * PERCENT >
		out->line_count * (size_t)r->rules->bad_percent)
		return refuse(r,
			"%zu of its %zu lines are no prefix (bad_percent = "
			"%u), the first is line %zu",
			out->bad_count, out->line_count, r->rules->bad_percent,
			r->first_bad);
	if (r->said >= 0 && r->said != (long long)r->found)
		return refuse(r, "it is cut: it says %lld entries and has %zu",
			r->said, r->found);
	return true;
}

/* Equal ones stand side by side. */
static void sort(struct list_entries *out)
{
	size_t kept = 0;

	if (out->count == 0)
		return;
	qsort(out->items, out->count, sizeof(*out->items), by_order);
	for (size_t i = 1; i < out->count; i++)
		if (prefix_order(&out->items[kept], &out->items[i]) != 0)
			out->items[++kept] = out->items[i];
	out->count = kept + 1;
}

bool list_text_read(const char *text, size_t n, const struct list_rules *rules,
	struct list_entries *ret_entries, char why[LIST_WHY_LONGEST])
{
	struct reading r = {
		.rules = rules, .out = ret_entries, .why = why, .said = -1};

	memset(ret_entries, 0, sizeof(*ret_entries));
	why[0] = '\0';
	if (starts(text, n, byte_order_mark)) {
		text += sizeof(byte_order_mark) - 1;
		n -= sizeof(byte_order_mark) - 1;
	}
	if (looks_like_html(text, n))
		(void)refuse(&r, "it is a page of HTML or XML, no list");
	else if (take_lines(&r, text, n) && judge(&r)) {
		sort(ret_entries);
		return true;
	}
	free(ret_entries->items);
	ret_entries->items = NULL;
	ret_entries->count = 0;
	return false;
}

void list_entries_done(struct list_entries *entries)
{
	free(entries->items);
	memset(entries, 0, sizeof(*entries));
}
