/*
 * From octets to lines, records, and entries.
 *
 * Where does a record end? A server may write a user's name as it came, with
 * newlines. So a line belongs to the record before it unless it begins with a
 * head of the very shape that this log's heads have; and what counts is what
 * stands at the end of the record, which the server wrote. A stranger who
 * knows that shape can still put a whole record into a name: no reader could
 * tell. Lines of other programs' output stand between records, too, so the
 * last lines of a record are let go one by one, a few of them at most.
 *
 * Bounded: a record is its two ends (clip.h), and takes a few matches.
 */
#include "reader.h"

#include <stdlib.h>

#include "clip.h"
#include "json_line.h"
#include "twins.h"

enum {
	TRIES_MOST = 8,	     /* ends of one record */
	OTHERS_SURE = 20000, /* more lines than a name can have */
	OTHERS_LEAST = 3,
	OTHERS_MS = 30000,
	HEADLESS_SURE = 32, /* lines */
	MS_PER_S = 1000,
};

struct reader {
	const struct patterns *patterns;
	enum reader_kind kind;
	reader_tell *tell;
	void *arg;
	struct reader_counts counts;
	struct twins twins;
	struct clip line;		/* that has no end yet */
	struct clip record;		/* lines with \n between */
	struct head head;		/* the record's; n 0: none */
	bool open;			/* the record was not told yet */
	char shape[HEAD_SHAPE_LONGEST]; /* of heads here; "": not known yet */
	unsigned other_count; /* lines since the last head of that shape */
	mono_ms_t other_since;
	unsigned headless_count; /* lines before the first head */
	mono_ms_t now;
};

struct reader *reader_new(const struct patterns *patterns,
	enum reader_kind kind, reader_tell *tell, void *arg)
{
	struct reader *reader = calloc(1, sizeof *reader);

	if (!reader)
		return NULL;
	reader->patterns = patterns;
	reader->kind = kind;
	reader->tell = tell;
	reader->arg = arg;
	return reader;
}

void reader_free(struct reader **reader)
{
	free(*reader);
	*reader = NULL;
}

const struct reader_counts *reader_counts(const struct reader *reader)
{
	return &reader->counts;
}

/* ---- records ---- */

static void tell(struct reader *r, const struct entry *entry)
{
	uint64_t at = entry->stamp.known ? stamp_raw_s(&entry->stamp)
					 : r->now / MS_PER_S;

	if (!twins_first(&r->twins, at, entry)) {
		r->counts.twins++;
		return;
	}
	r->counts.entries++;
	r->tell(r->arg, entry);
}

static struct slice less_last_line(struct slice text)
{
	const uint8_t *end = memrchr(text.p, '\n', text.n);

	return slice_head(text, end ? (size_t)(end - text.p) : 0);
}

static struct slice less_spaces(struct slice text)
{
	while (text.n > 0 &&
		(text.p[text.n - 1] == '\r' || text.p[text.n - 1] == ' '))
		text.n--;
	return text;
}

static void record_end(struct reader *r)
{
	struct entry entry = {.stamp = r->head.stamp};
	struct slice body;

	if (!r->open)
		return;
	r->open = false;
	if (r->kind == READER_FOLLOW && r->shape[0] == 0 &&
		r->headless_count < HEADLESS_SURE) {
		r->counts.skipped++;
		return;
	}
	body = slice_skip(clip_text(&r->record), r->head.n);
	r->counts.cut += r->record.cut;
	for (unsigned i = 0; i < TRIES_MOST && body.n > 0; i++) {
		enum patterns_result result =
			patterns_match(r->patterns, less_spaces(body), &entry);

		if (result == PATTERNS_MATCH) {
			tell(r, &entry);
			return;
		}
		if (result == PATTERNS_LIMIT) {
			r->counts.limits++;
			break; /* what is tried next would be as slow */
		}
		body = less_last_line(body);
	}
	r->counts.skipped++;
}

static void record_begin(
	struct reader *r, const struct head *head, struct slice line)
{
	record_end(r);
	memcpy(r->shape, head->shape, sizeof r->shape);
	r->head = *head;
	r->open = true;
	clip_clear(&r->record);
	clip_add(&r->record, line);
}

/* What comes behind a record that was told belongs to nobody. */
static void record_goes_on(struct reader *r, struct slice line)
{
	if (!r->open)
		return;
	clip_add(&r->record, slice_str("\n"));
	clip_add(&r->record, line);
}

/* ---- heads ---- */

/* A server's heads change when its settings do: then none of the old shape
 * comes for longer than any name could hold back. */
static bool shape_is_gone(struct reader *r)
{
	if (r->other_count++ == 0)
		r->other_since = r->now;
	return r->other_count >= OTHERS_SURE ||
	       (r->other_count >= OTHERS_LEAST &&
		       r->now - r->other_since >= OTHERS_MS);
}

static bool begins_record(
	struct reader *r, struct slice line, struct head *ret_head)
{
	struct head none = {.n = 0};

	*ret_head = none;
	(void)head_read(line, ret_head);
	if (r->shape[0] != 0 && strcmp(r->shape, ret_head->shape) != 0) {
		if (!shape_is_gone(r))
			return false;
	}
	r->other_count = 0;
	r->headless_count = ret_head->n == 0 ? r->headless_count + 1 : 0;
	return true;
}

/* ---- lines ---- */

static void read_json(struct reader *r, struct slice line)
{
	struct json_entry entry;

	if (!json_line_read(line, &entry)) {
		r->counts.skipped++;
		return;
	}
	r->counts.entries++;
	r->tell(r->arg, &entry.entry);
}

static void read_line(struct reader *r, struct slice line)
{
	struct head head;

	r->counts.lines++;
	if (r->kind == READER_GUESS && line.n > 0)
		r->kind = line.p[0] == '{' ? READER_JSON : READER_TEXT;
	if (r->kind == READER_JSON)
		read_json(r, line);
	else if (begins_record(r, line, &head))
		record_begin(r, &head, line);
	else
		record_goes_on(r, line);
}

static void line_end(struct reader *r, struct slice rest)
{
	if (r->line.n == 0) { /* whole in what came */
		read_line(r, rest);
		return;
	}
	clip_add(&r->line, rest);
	read_line(r, clip_text(&r->line));
	clip_clear(&r->line);
}

void reader_feed(struct reader *r, mono_ms_t now, struct slice octets)
{
	r->now = now;
	r->counts.octets += octets.n;
	while (octets.n > 0) {
		const uint8_t *end = memchr(octets.p, '\n', octets.n);
		size_t n = end ? (size_t)(end - octets.p) : octets.n;

		if (!end) {
			clip_add(&r->line, octets);
			return;
		}
		line_end(r, slice_head(octets, n));
		octets = slice_skip(octets, n + 1);
	}
}

void reader_quiet(struct reader *r)
{
	if (r->line.n == 0)
		record_end(r);
}

void reader_end(struct reader *r)
{
	if (r->line.n > 0)
		line_end(r, slice_of(NULL, 0));
	record_end(r);
	r->shape[0] = 0;
	r->other_count = 0;
}

void reader_break(struct reader *r)
{
	record_end(r);
	r->counts.skipped += r->line.n > 0;
	clip_clear(&r->line);
}

void reader_counts_add(
	struct reader_counts *sum, const struct reader_counts *more)
{
	sum->octets += more->octets;
	sum->lines += more->lines;
	sum->entries += more->entries;
	sum->skipped += more->skipped;
	sum->twins += more->twins;
	sum->limits += more->limits;
	sum->cut += more->cut;
}
