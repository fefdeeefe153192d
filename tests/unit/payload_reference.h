/*
 * What payload_next must make of a text, for the unit test and the fuzz
 * target: a feeder that holds the contract of each piece, a naive automaton
 * that sees the whole text, and a reader that is lax about line ends.
 */
#ifndef TESTS_UNIT_PAYLOAD_REFERENCE_H
#define TESTS_UNIT_PAYLOAD_REFERENCE_H

#include "../../proto/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { ROOM = 4096 };

/* What came of a whole input. */
struct outcome {
	enum payload_piece piece; /* END, BARE or MORE */
	bool bare_seen;
	size_t used; /* END */
	size_t n;
	uint8_t out[ROOM];
};

static const enum payload_rule rules[] = {
	PAYLOAD_REJECT, PAYLOAD_NORMALIZE, PAYLOAD_PASS};

static struct guard guard;

static inline void put(struct outcome *to, const void *p, size_t n)
{
	assert_true(to->n + n <= ROOM);
	if (n)
		memcpy(to->out + to->n, p, n);
	to->n += n;
}

/* Feeds one chunk and holds the contract of each piece. */
static inline void feed(struct payload *payload, enum payload_rule rule,
	const uint8_t *p, size_t n, struct outcome *to)
{
	struct slice in = slice_of(guard_copy(&guard, p, n), n), insert;
	size_t used;

	do {
		to->piece = payload_next(payload, rule, in, &used, &insert);
		assert_true(used <= in.n);
		assert_true(to->piece == PAYLOAD_INSERT || insert.n == 0);
		if (to->piece == PAYLOAD_TAKE || to->piece == PAYLOAD_END) {
			assert_true(used > 0);
			put(to, in.p, used);
		} else if (to->piece == PAYLOAD_INSERT) {
			assert_true(used > 0 || (insert.n > 0 && in.n > 0));
			put(to, insert.p, insert.n);
		} else {
			assert_int_equal(used, 0);
		}
		to->used += used;
		in = slice_skip(in, used);
	} while (to->piece == PAYLOAD_TAKE || to->piece == PAYLOAD_INSERT);
	assert_true(to->piece != PAYLOAD_MORE || in.n == 0);
	if (to->piece == PAYLOAD_BARE) /* it stays so */
		assert_int_equal(
			payload_next(payload, rule, in, &used, &insert),
			PAYLOAD_BARE);
}

/* `is_cut` says for each octet but the first whether a chunk begins there. */
static inline void run(enum payload_rule rule, const uint8_t *p, size_t n,
	bool (*is_cut)(size_t at, uint64_t arg), uint64_t arg,
	struct outcome *to)
{
	struct payload payload;
	size_t from = 0;

	payload_init(&payload);
	to->piece = PAYLOAD_MORE;
	to->n = to->used = 0;
	for (size_t at = 1; at <= n && to->piece == PAYLOAD_MORE; at++)
		if (at == n || is_cut(at, arg)) {
			feed(&payload, rule, p + from, at - from, to);
			from = at;
		}
	to->bare_seen = payload.bare_seen;
}

static inline bool cut_by_mask(size_t at, uint64_t mask)
{
	return mask >> at % 64 & 1;
}

/* --- the naive automaton ------------------------------------------------ */

static inline bool at_is(const uint8_t *p, size_t n, size_t i, const char *s)
{
	return n - i >= strlen(s) && memcmp(p + i, s, strlen(s)) == 0;
}

static inline void reference(
	enum payload_rule rule, const uint8_t *p, size_t n, struct outcome *to)
{
	bool start = true, behind_bare = false, dot = false;

	*to = (struct outcome){.piece = PAYLOAD_MORE};
	for (size_t i = 0; i < n; i++) {
		if (start && at_is(p, n, i, ".\r\n")) {
			put(to, ".\r\n", 3);
			to->used = i + 3;
			to->piece = PAYLOAD_END;
			return;
		}
		if (at_is(p, n, i, "\r\n")) {
			put(to, p + i++, 2);
			start = true;
			dot = behind_bare = false;
		} else if (p[i] == '\r' && i + 1 == n) {
			put(to, "\r", rule == PAYLOAD_PASS);
		} else if (p[i] == '\r' || p[i] == '\n') {
			to->bare_seen = true;
			to->piece = rule == PAYLOAD_REJECT ? PAYLOAD_BARE
							   : PAYLOAD_MORE;
			if (rule == PAYLOAD_REJECT)
				return;
			if (rule == PAYLOAD_NORMALIZE)
				put(to, dot ? ".\r\n" : "\r\n", dot ? 3 : 2);
			else
				put(to, p + i, 1);
			behind_bare = rule == PAYLOAD_NORMALIZE;
			start = dot = false;
		} else if (p[i] == '\0' && dot) {
			to->bare_seen = true;
			to->piece = rule == PAYLOAD_REJECT ? PAYLOAD_BARE
							   : PAYLOAD_MORE;
			if (rule == PAYLOAD_REJECT)
				return;
			put(to, ".", rule == PAYLOAD_NORMALIZE);
			put(to, "", 1);
			dot = false;
		} else {
			put(to, "..", p[i] == '.' && behind_bare);
			put(to, p + i, 1);
			dot = start && p[i] == '.';
			start = behind_bare = false;
		}
	}
	to->used = n;
}

/* --- the lax reader ----------------------------------------------------- */

/* A line that is a dot, also to a server that keeps it as a C string. */
static inline bool is_dot(const uint8_t *p, size_t n)
{
	return n > 0 && p[0] == '.' && (n == 1 || p[1] == '\0');
}

/* Octets up to and with the first dot line as a lax server reads it, or 0. */
static inline size_t lax_end(const uint8_t *p, size_t n)
{
	size_t line = 0, i = 0;

	while (i < n) {
		size_t end = i, eol;

		if (p[i] != '\r' && p[i] != '\n') {
			i++;
			continue;
		}
		eol = p[i] == '\r' && i + 1 < n && p[i + 1] == '\n' ? 2 : 1;
		i += eol;
		if (is_dot(p + line, end - line))
			return i;
		line = i;
	}
	return 0;
}

/* What holds for all that passes, whatever the input was. */
static inline void assert_safe(enum payload_rule rule, const struct outcome *is)
{
	size_t end = lax_end(is->out, is->n);

	if (rule == PAYLOAD_PASS)
		return;
	assert_int_equal(end, is->piece == PAYLOAD_END ? is->n : 0);
	for (size_t i = 0; i < is->n; i++) {
		if (is->out[i] == '\r')
			assert_true(i + 1 < is->n && is->out[i + 1] == '\n');
		if (is->out[i] == '\n')
			assert_true(i > 0 && is->out[i - 1] == '\r');
	}
}

static inline void assert_same(
	const struct outcome *is, const struct outcome *want)
{
	assert_int_equal(is->piece, want->piece);
	assert_int_equal(is->n, want->n);
	assert_memory_equal(is->out, want->out, want->n);
	assert_int_equal(is->bare_seen, want->bare_seen);
	if (want->piece != PAYLOAD_BARE)
		assert_int_equal(is->used, want->used);
}

static inline void compare(const uint8_t *p, size_t n,
	bool (*is_cut)(size_t at, uint64_t arg), uint64_t arg)
{
	static struct outcome is, want;

	for (size_t r = 0; r < COUNT(rules); r++) {
		reference(rules[r], p, n, &want);
		run(rules[r], p, n, is_cut, arg, &is);
		assert_same(&is, &want);
		assert_safe(rules[r], &is);
	}
}

/* A message that is drained: the rule becomes PASS at `at`. */
static inline void check_drained(
	enum payload_rule rule, const uint8_t *p, size_t n, size_t at)
{
	static struct outcome is, want;
	struct payload payload;

	payload_init(&payload);
	is.n = is.used = 0;
	feed(&payload, rule, p, at, &is);
	if (is.piece != PAYLOAD_MORE)
		return;
	feed(&payload, PAYLOAD_PASS, p + at, n - at, &is);
	reference(PAYLOAD_PASS, p, n, &want);
	assert_int_equal(is.piece, want.piece);
	assert_int_equal(is.used, want.used);
	assert_int_equal(payload.bare_seen, want.bare_seen);
}

#endif
