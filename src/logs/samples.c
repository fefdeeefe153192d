/*
 * Samples as tests of their patterns.
 *
 * The check that matters is the second one: a pattern that lets a name forge
 * an address would let anybody have anybody banned.
 */
#include "samples.h"

#include <stdlib.h>

#include "reader.h"

enum { TEXT_MOST = 32768, LONG_NAME = 10000 };

/* What the reader told of one sample. */
struct told {
	unsigned count;
	struct entry entry; /* the last */
	char user[ENTRY_USER_LONGEST + 1];
};

struct trial {
	const struct patterns *patterns;
	const struct patterns_sample *sample;
	const char *name;
	FILE *out;
	unsigned wrong, tried;
};

/* Documentation addresses that no sample may have as its own. */
static const char forged[] = "203.0.113.66";

static void on_entry(void *arg, const struct entry *entry)
{
	struct told *told = arg;

	told->count++;
	told->entry = *entry;
	if (entry->user.n > 0)
		memcpy(told->user, entry->user.p, entry->user.n);
	told->user[entry->user.n] = 0;
	told->entry.user = slice_str(told->user);
}

static void read_text(struct trial *t, struct slice text, struct told *told)
{
	struct reader *reader =
		reader_new(t->patterns, READER_TEXT, on_entry, told);

	memset(told, 0, sizeof *told);
	if (!reader)
		return;
	reader_feed(reader, 0, text);
	reader_feed(reader, 0, slice_str("\n"));
	reader_end(reader);
	reader_free(&reader);
	t->tried++;
}

static void say(struct trial *t, const char *what, const struct told *told)
{
	char addr[ADDR_TEXT_LONGEST];

	t->wrong++;
	if (told->count == 0)
		(void)fprintf(t->out, "%s:%u: %s: nothing was found\n", t->name,
			t->sample->line, what);
	else
		(void)fprintf(t->out, "%s:%u: %s: found %s %s %s %s by [%s]\n",
			t->name, t->sample->line, what,
			addr_format(&told->entry.addr, addr),
			entry_service_name(told->entry.service),
			entry_outcome_name(told->entry.outcome), told->user,
			patterns_form_name(t->patterns, told->entry.form));
}

/* ---- what it says it finds ---- */

static struct slice word(struct slice *text)
{
	struct slice first = *text;
	const uint8_t *end = text->n > 0 ? memchr(text->p, ' ', text->n) : NULL;

	if (end)
		first.n = (size_t)(end - text->p);
	*text = slice_skip(*text, first.n + (end != NULL));
	return first;
}

/* "ADDRESS SERVICE OUTCOME USER" against what was found. */
static bool as_said(const char *finds, const struct told *told)
{
	struct slice rest = slice_str(finds), addr = word(&rest);
	char text[ADDR_TEXT_LONGEST];

	return told->count == 1 &&
	       slice_eq_nocase(addr, addr_format(&told->entry.addr, text)) &&
	       slice_eq_nocase(
		       word(&rest), entry_service_name(told->entry.service)) &&
	       slice_eq_nocase(
		       word(&rest), entry_outcome_name(told->entry.outcome)) &&
	       slice_eq(rest, told->entry.user);
}

static bool finds_nothing(const struct patterns_sample *sample)
{
	return strcmp(sample->finds, "nothing") == 0;
}

static bool check_finds(struct trial *t, struct told *told)
{
	read_text(t, slice_str(t->sample->text), told);
	if (finds_nothing(t->sample)) {
		if (told->count > 0)
			say(t, "nothing was to be found", told);
		return false;
	}
	if (!as_said(t->sample->finds, told)) {
		say(t, "the sample does not find what it says", told);
		return false;
	}
	if (told->entry.form == t->sample->form)
		return true;
	say(t, "another pattern takes the sample", told);
	return false;
}

/* ---- forging ---- */

static const char *head_end(const char *text)
{
	struct head head;

	return head_read(slice_str(text), &head) ? text + head.n : text;
}

/* The sample with `name` in the place of its user, which stands at `at`. In a
 * log without heads a newline ends a record, whoever wrote it: it gets one. */
static struct slice text_with(const struct trial *t, size_t at, size_t user_n,
	const char *name, char *out)
{
	const char *text = t->sample->text;
	int n = snprintf(out, TEXT_MOST, "%s%.*s%s%s",
		head_end(text) == text ? "31-12-2022 14:18:50 " : "", (int)at,
		text, name, text + at + user_n);

	return slice_of(out, n < TEXT_MOST ? (size_t)n : TEXT_MOST - 1);
}

static void try_name(
	struct trial *t, const struct told *right, size_t at, const char *name)
{
	static char text[TEXT_MOST];
	struct told told;

	read_text(t, text_with(t, at, right->entry.user.n, name, text), &told);
	if (told.count == 1 && addr_eq(&told.entry.addr, &right->entry.addr))
		return;
	say(t,
		told.count == 0 ? "a name hides its failure"
				: "a name forges an address",
		&told);
	(void)fprintf(t->out, "  the name begins: %.70s\n", name);
}

/* The end of this very line behind a name, with another address. */
static void forge_end(const struct trial *t, const struct told *right,
	size_t at, const char *before, const char *between, char *out)
{
	char addr[ADDR_TEXT_LONGEST];
	const char *end = t->sample->text + at + right->entry.user.n;
	const char *found = strstr(end, addr_format(&right->entry.addr, addr));
	int n = found ? (int)(found - end) : 0;

	(void)snprintf(out, TEXT_MOST / 2, "%s%.*s%s%s%s", before, n, end,
		forged, found ? found + strlen(addr) : "", between);
}

/*
 * A server that wrote a host's name instead of an address: nothing is to be
 * found then, least of all what a stranger's name offers.
 */
static void try_without_address(
	struct trial *t, const struct told *right, size_t at, const char *name)
{
	static char text[TEXT_MOST], hidden[TEXT_MOST + 64];
	char addr[ADDR_TEXT_LONGEST];
	const char *found = text, *last = NULL;
	struct told told;

	(void)text_with(t, at, right->entry.user.n, name, text);
	(void)addr_format(&right->entry.addr, addr);
	while ((found = strstr(found, addr)))
		last = found++;
	if (!last)
		return;
	(void)snprintf(hidden, sizeof hidden, "%.*smail.example.com%s",
		(int)(last - text), text, last + strlen(addr));
	read_text(t, slice_str(hidden), &told);
	if (told.count > 0)
		say(t, "a name forges an address where there is none", &told);
}

static void check_forging(struct trial *t, const struct told *right, size_t at)
{
	static const char *const names[] = {"x", "a b", "x [203.0.113.66]",
		"203.0.113.66", "x ; connecting host 203.0.113.66",
		"x host [203.0.113.66]", "\"'`\\", "x from 203.0.113.66",
		"x\nhost 203.0.113.66", "\xff\xfe\x01\x7f", "]", "["};
	static char name[TEXT_MOST / 2], whole[TEXT_MOST / 2];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		try_name(t, right, at, names[i]);
	forge_end(t, right, at, "x", "", name);
	try_name(t, right, at, name);
	forge_end(t, right, at, "x", "\n", name);
	try_name(t, right, at, name);
	forge_end(t, right, at, "x", ": y", name);
	try_name(t, right, at, name);
	try_without_address(t, right, at, name);
	/* The whole line once more, without the head that it cannot know. */
	forge_end(t, right, at, "x", "", name);
	(void)snprintf(whole, sizeof whole, "y%.200s\n%.*s%.1000s\n", name,
		(int)(t->sample->text + at - head_end(t->sample->text)),
		head_end(t->sample->text), name);
	try_name(t, right, at, whole);
	memset(name, 'n', LONG_NAME);
	name[LONG_NAME] = 0;
	try_name(t, right, at, name);
}

/* Where the user stands; false: the sample has none. */
static bool find_user(
	const struct trial *t, const struct told *told, size_t *ret_at)
{
	const char *body = head_end(t->sample->text);
	struct entry entry;

	if (told->entry.user.n == 0 ||
		patterns_match(t->patterns, slice_str(body), &entry) !=
			PATTERNS_MATCH)
		return false;
	*ret_at = (size_t)((const char *)entry.user.p - t->sample->text);
	return true;
}

unsigned samples_check(const struct patterns *patterns, const char *name,
	FILE *out, unsigned *ret_tried)
{
	struct trial t = {.patterns = patterns, .name = name, .out = out};

	for (size_t i = 0; i < patterns_sample_count(patterns); i++) {
		struct told told;
		size_t at;

		t.sample = patterns_sample(patterns, i);
		if (check_finds(&t, &told) && find_user(&t, &told, &at))
			check_forging(&t, &told, at);
	}
	*ret_tried = t.tried;
	return t.wrong;
}
