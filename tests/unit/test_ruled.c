/*
 * ruled_skip against a look at one octet after the other: it skips whole lines
 * only, none of them odd, and all that are like the first.
 */
#include "../../proto/ruled.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"

enum { TEXT = 300, LEAST = 16 };

static struct guard guard;

/* Lines of `length` octets. */
static void lines(uint8_t *text, size_t n, size_t length)
{
	for (size_t i = 0; i < n; i++)
		text[i] = i % length == length - 2   ? '\r'
			  : i % length == length - 1 ? '\n'
						     : 'a';
}

/* How much of the text is lines that look like the first and nothing odd. */
static size_t alike(const uint8_t *text, size_t n, size_t length)
{
	size_t at = 0;

	while (at + length <= n && text[at] != '.' &&
		memcmp(text + at + length - 2, "\r\n", 2) == 0) {
		for (size_t i = at; i < at + length - 2; i++)
			if (text[i] == '\r' || text[i] == '\n')
				return at;
		at += length;
	}
	return at;
}

/* The guard ends where the text does: a read behind it is seen. */
static size_t skipped(const uint8_t *text, size_t n)
{
	const uint8_t *p = guard_copy(&guard, text, n);
	const uint8_t *to = ruled_skip(p, p + n);

	assert_true(to >= p && to <= p + n);
	return (size_t)(to - p);
}

static void lines_of_one_length_are_skipped(void **state)
{
	uint8_t text[2200];

	(void)state;
	for (size_t length = 2; length <= 1000; length += length / 90 + 1) {
		lines(text, sizeof text, length);
		for (size_t n = 0; n <= sizeof text; n += n / 64 + 1)
			assert_int_equal(skipped(text, n),
				length < LEAST + 2 ? 0 : n - n % length);
	}
	lines(text, sizeof text, 1001); /* RFC 5321: longer than may be */
	assert_int_equal(skipped(text, sizeof text), 0);
}

/* Each octet of all at each place, in lines of several lengths. */
static void what_is_odd_is_never_skipped(void **state)
{
	uint8_t text[TEXT], kept;

	(void)state;
	for (size_t length = LEAST + 2; length <= 100; length += 9) {
		lines(text, TEXT, length);
		for (size_t i = 0; i < TEXT; i++) {
			kept = text[i];
			for (unsigned octet = 0; octet < 256; octet++) {
				size_t first = length, most, n;

				text[i] = (uint8_t)octet;
				if (octet == '\r' && i < length - 2)
					first = i + 2; /* the ruler, then */
				n = skipped(text, TEXT);
				most = alike(text, TEXT, first);
				assert_true(n <= most && n % first == 0);
				if (octet >= ' ' && octet < 0x80)
					assert_true(n == most);
			}
			text[i] = kept;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_one_length_are_skipped),
		cmocka_unit_test(what_is_odd_is_never_skipped),
	};

	return cmocka_run_group_tests_name("ruled", tests, NULL, NULL);
}
