/*
 * crlf_skip against a look at one octet after the other: what it skips has
 * nothing odd in it, and it stops no earlier than a block before the odd.
 */
#include "../../proto/crlf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"

enum { TEXT = 400, BLOCK = 64 };

static struct guard guard;

static bool is_odd(const uint8_t *p)
{
	return (p[-1] == '\r') != (p[0] == '\n') ||
	       (p[-1] == '\n' && p[0] == '.');
}

/* The guard ends where the text does: a read behind it is seen. */
static void check(const uint8_t *text, size_t n)
{
	const uint8_t *p = guard_copy(&guard, text, n);
	const uint8_t *end = p + n, *odd = p + 1;
	const uint8_t *to = crlf_skip(p + 1, end);

	while (odd < end && !is_odd(odd))
		odd++;
	assert_true(to >= p + 1 && to <= odd);
	assert_true((to - (p + 1)) % BLOCK == 0);
	assert_true(odd - to < BLOCK);
}

/* Lines of `length` octets, from the one before the text on. */
static void lines(uint8_t *text, size_t length)
{
	for (size_t i = 0; i < TEXT; i++)
		text[i] = i % length == length - 2   ? '\r'
			  : i % length == length - 1 ? '\n'
						     : 'a';
}

static void well_made_lines_are_skipped_whatever_their_length(void **state)
{
	uint8_t text[TEXT];

	(void)state;
	for (size_t length = 2; length <= TEXT; length++) {
		lines(text, length);
		for (size_t n = 1; n <= TEXT; n++)
			check(text, n);
	}
}

/* Each octet that may be odd, at each place, in lines of several lengths. */
static void what_is_odd_is_never_skipped(void **state)
{
	static const uint8_t octets[] = {'\r', '\n', '.', 'a', '\0', 0x8a};
	uint8_t text[TEXT], kept;

	(void)state;
	for (size_t length = 2; length <= 130; length += 8) {
		lines(text, length);
		for (size_t i = 0; i < TEXT; i++) {
			kept = text[i];
			for (size_t o = 0; o < sizeof(octets); o++) {
				text[i] = octets[o];
				check(text, TEXT);
			}
			text[i] = kept;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			well_made_lines_are_skipped_whatever_their_length),
		cmocka_unit_test(what_is_odd_is_never_skipped),
	};

	return cmocka_run_group_tests_name("crlf", tests, NULL, NULL);
}
