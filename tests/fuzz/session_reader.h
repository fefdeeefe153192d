/*
 * What fuzz_session's peers believe: the client's octets read as commands and
 * messages by RFC 5321 and RFC 3030, each side for itself, with the modes that
 * its own replies lead to. Written apart from proto/, to differ where that is
 * wrong.
 *
 * Each command and each end of a message is an entry, each final reply takes
 * the first. What follows DATA and AUTH means nothing before their reply.
 */
#ifndef TESTS_FUZZ_SESSION_READER_H
#define TESTS_FUZZ_SESSION_READER_H

#include <strings.h>

#include "fuzz.h"

enum { READER_ROOM = 1 << 18, ENTRIES_MOST = 1 << 15 };

enum kind {
	KIND_NONE = 0, /* nobody asked */
	KIND_GREETING,
	KIND_OTHER,
	KIND_EHLO,
	KIND_AUTH, /* or an answer */
	KIND_DATA,
	KIND_END,
	KIND_CHUNK,
	KIND_LAST,
};

struct entry {
	enum kind kind;
	bool complete;	/* END, CHUNK, LAST: all octets are there */
	size_t from, n; /* of the text, the chunk or the line */
};

enum reader_mode {
	READ_COMMAND = 0,
	READ_ANSWER,
	READ_WAIT, /* for a reply */
	READ_TEXT,
	READ_CHUNK,
	READ_TLS, /* no words any more */
};

struct reader {
	uint8_t p[READER_ROOM];
	size_t n, at;
	enum reader_mode mode;
	bool answered; /* what is not whole yet has its reply already */
	size_t left;   /* of the chunk */
	struct entry entries[ENTRIES_MOST];
	size_t first, count; /* entries that are answered, that there are */
	/* Each command line, and each whole message or chunk. */
	void (*saw)(struct reader *, const struct entry *);
};

static inline void reader_begin(
	struct reader *r, void (*saw)(struct reader *, const struct entry *))
{
	r->n = r->at = r->left = r->first = r->count = 0;
	r->mode = READ_COMMAND;
	r->answered = false;
	r->saw = saw;
	r->entries[r->count++] = (struct entry){.kind = KIND_GREETING};
}

static inline bool reader_push(
	struct reader *r, enum kind kind, size_t from, size_t n)
{
	struct entry e = {kind, true, from, n};

	if (r->saw)
		r->saw(r, &e);
	if (r->answered) {
		r->answered = false;
		return false;
	}
	MUST(r->count < ENTRIES_MOST);
	r->entries[r->count++] = e;
	return true;
}

/* Octets up to and with CRLF; 0: not whole. */
static inline size_t reader_line(const struct reader *r)
{
	const uint8_t *end = memmem(r->p + r->at, r->n - r->at, "\r\n", 2);

	return end ? (size_t)(end - r->p) + 2 - r->at : 0;
}

static inline bool reader_word(
	const struct reader *r, const char *word, size_t n)
{
	size_t k = strlen(word);

	return n >= k + 2 &&
	       strncasecmp((const char *)r->p + r->at, word, k) == 0 &&
	       (r->p[r->at + k] == ' ' || r->p[r->at + k] == '\r');
}

/* "BDAT 5[ LAST]", and nothing but it. */
static inline bool reader_chunk(
	const struct reader *r, size_t n, size_t *ret_size, bool *ret_last)
{
	const char *p = (const char *)r->p + r->at + 5, *end = p + n - 7;
	size_t size = 0, digits = 0;

	if (n < 8 || p[-1] != ' ')
		return false;
	for (; p < end && *p >= '0' && *p <= '9'; p++, digits++)
		size = size * 10 + (size_t)(*p - '0');
	if (digits == 0 || digits > 18)
		return false;
	*ret_last = end - p == 5 && strncasecmp(p, " LAST", 5) == 0;
	*ret_size = size;
	return p == end || *ret_last;
}

static inline void reader_command(struct reader *r, size_t n)
{
	size_t from = r->at;
	bool last = false;

	if (reader_word(r, "DATA", n)) {
		if (reader_push(r, KIND_DATA, from, n))
			r->mode = READ_WAIT;
	} else if (reader_word(r, "AUTH", n)) {
		if (reader_push(r, KIND_AUTH, from, n))
			r->mode = READ_WAIT;
	} else if (reader_word(r, "BDAT", n) &&
		   reader_chunk(r, n, &r->left, &last)) {
		if (reader_push(r, last ? KIND_LAST : KIND_CHUNK, from, n)) {
			r->entries[r->count - 1].complete = false;
			r->entries[r->count - 1].from = from + n;
			r->entries[r->count - 1].n = r->left;
			r->mode = READ_CHUNK;
		}
	} else {
		(void)reader_push(r,
			reader_word(r, "EHLO", n) ? KIND_EHLO : KIND_OTHER,
			from, n);
	}
	r->at += n;
}

static inline bool reader_text(struct reader *r)
{
	const uint8_t *text = r->p + r->at, *end = text;
	size_t n = r->n - r->at;

	if (n < 3)
		return false;
	if (memcmp(text, ".\r\n", 3) != 0) {
		end = memmem(text, n, "\r\n.\r\n", 5);
		if (!end)
			return false;
		end += 2;
	}
	(void)reader_push(r, KIND_END, r->at, (size_t)(end - text));
	r->at += (size_t)(end - text) + 3;
	r->mode = READ_COMMAND;
	return true;
}

static inline bool reader_octets(struct reader *r)
{
	struct entry *e = &r->entries[r->count - 1];

	if (r->n - r->at < r->left)
		return false;
	e->complete = true; /* it is the last: nothing is read before */
	if (r->saw)
		r->saw(r, e);
	r->at += r->left;
	r->mode = READ_COMMAND;
	return true;
}

static inline void reader_run(struct reader *r)
{
	for (;;) {
		size_t n = reader_line(r);

		switch (r->mode) {
		case READ_COMMAND:
			if (n == 0)
				return;
			reader_command(r, n);
			break;
		case READ_ANSWER:
			if (n == 0)
				return;
			(void)reader_push(r, KIND_AUTH, r->at, n);
			r->at += n;
			r->mode = READ_WAIT;
			break;
		case READ_WAIT:
		case READ_TLS: return;
		case READ_TEXT:
			if (!reader_text(r))
				return;
			break;
		case READ_CHUNK:
			if (!reader_octets(r))
				return;
			break;
		}
	}
}

static inline void reader_add(struct reader *r, const void *p, size_t n)
{
	MUST(n <= READER_ROOM - r->n);
	if (n)
		memcpy(r->p + r->n, p, n);
	r->n += n;
	reader_run(r);
}

/* What a final reply answers; kind NONE: nothing. Borrowed. */
static inline const struct entry *reader_reply(struct reader *r, unsigned code)
{
	static const struct entry none = {.kind = KIND_NONE};
	const struct entry *e;

	if (r->first == r->count) {
		if (code >= 400 && (r->n > r->at || r->mode == READ_TEXT))
			r->answered = true;
		return &none;
	}
	e = &r->entries[r->first++];
	if (e->kind == KIND_DATA)
		r->mode = code == 354 ? READ_TEXT : READ_COMMAND;
	else if (e->kind == KIND_AUTH)
		r->mode = code == 334 ? READ_ANSWER : READ_COMMAND;
	reader_run(r);
	return e;
}

#endif
