/*
 * A slice: a run of octets that somebody else owns.
 *
 * A slice never owns and never outlives the call that gave it. It is not
 * NUL-terminated; `n` may be 0, then `p` may be NULL.
 */
#ifndef PROTO_SLICE_H
#define PROTO_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	size_t n;
};

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){(const uint8_t *)p, n};
}

static inline struct slice slice_str(const char *s)
{
	return slice_of(s, strlen(s));
}

/* The slice less its first `n` octets (all of them when n is larger). */
static inline struct slice slice_skip(struct slice s, size_t n)
{
	if (n >= s.n)
		return slice_of(s.n ? s.p + s.n : NULL, 0);
	return slice_of(s.p + n, s.n - n);
}

/* The first `n` octets of the slice (all of it when n is larger). */
static inline struct slice slice_head(struct slice s, size_t n)
{
	return slice_of(s.p, n < s.n ? n : s.n);
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII only, independent of locale (SMTP words, RFC 5321 §2.4). */
static inline uint8_t slice_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Equal without regard to ASCII case. */
static inline bool slice_eq_nocase(struct slice a, const char *b)
{
	size_t n = strlen(b);

	if (a.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (slice_lower(a.p[i]) != slice_lower((uint8_t)b[i]))
			return false;
	return true;
}

#endif
