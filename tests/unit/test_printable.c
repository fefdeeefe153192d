/*
 * What strangers chose, as a terminal may have it.
 */
#include "../../src/tools/printable.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { ROOM = 4096, WIDE = 1000 };

static const struct {
	const char *text, *copy;
	size_t columns;
} cases[] = {
	{"", "", 0},
	{"anna@example.test", "anna@example.test", 17},
	{"\x1b]0;owned\a", "\\x1b]0;owned\\x07", 16},
	{"a\r\nb\tc\x7f", "a\\x0d\\x0ab\\x09c\\x7f", 19},
	/* C1 in UTF-8: CSI, for some terminals */
	{"\xc2\x9b"
	 "31m",
		"\\xc2\\x9b31m", 11},
	{"M\xc3\xbcller", "M\xc3\xbcller", 6},
	{"\xe6\xbc\xa2\xe5\xad\x97", "\xe6\xbc\xa2\xe5\xad\x97", 4},
	/* right-to-left override, a zero-width space, an accent alone */
	{"\xe2\x80\xae", "\\xe2\\x80\\xae", 12},
	{"\xe2\x80\x8b", "\\xe2\\x80\\x8b", 12},
	{"e\xcc\x81", "e\\xcc\\x81", 9},
	/* broken: alone, cut, too long a form, a surrogate, too large */
	{"\xff", "\\xff", 4},
	{"a\xe6\xbc", "a\\xe6\\xbc", 9},
	{"\xc0\x9b", "\\xc0\\x9b", 8},
	{"\xed\xa0\x80", "\\xed\\xa0\\x80", 12},
	{"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80", 16},
};

static void each_text_is_what_it_should_be(void **state)
{
	char out[ROOM];

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
			printable_copy(cases[i].text, WIDE, out, sizeof(out)),
			cases[i].columns);
		assert_string_equal(out, cases[i].copy);
		assert_int_equal(
			printable_columns(cases[i].text), cases[i].columns);
	}
}

static void copy_of_a_copy_is_the_same(void **state)
{
	char out[ROOM];

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)printable_copy(cases[i].copy, WIDE, out, sizeof(out));
		assert_string_equal(out, cases[i].copy);
	}
}

static void is_cut_between_characters_and_escapes(void **state)
{
	char out[ROOM];

	/* four columns: the second wide one would be half in the fifth */
	assert_int_equal(printable_copy("abc\xe6\xbc\xa2", 4, out, ROOM), 3);
	assert_string_equal(out, "abc");
	assert_int_equal(printable_copy("ab\x1b", 5, out, ROOM), 2);
	assert_string_equal(out, "ab");
	assert_int_equal(printable_copy("abcdef", 3, out, ROOM), 3);
	assert_string_equal(out, "abc");
}

static void never_writes_beyond_its_room(void **state)
{
	for (size_t room = 1; room < 24; room++)
		for (size_t i = 0; i < COUNT(cases); i++) {
			char *out = malloc(room); /* the sanitizer looks on */

			(void)printable_copy(cases[i].text, WIDE, out, room);
			assert_true(strlen(out) < room);
			assert_memory_equal(out, cases[i].copy, strlen(out));
			free(out);
		}
}

/* Every octet and every two of them: nothing that steers comes through. */
static void no_two_octets_steer_a_terminal(void **state)
{
	for (unsigned a = 1; a < 256; a++)
		for (unsigned b = 1; b < 256; b++) {
			const char text[] = {(char)a, (char)b, '\0'};
			char out[ROOM];

			(void)printable_copy(text, WIDE, out, sizeof(out));
			for (const char *p = out; *p != '\0'; p++) {
				unsigned char c = (unsigned char)*p;

				assert_true(c >= 0x20 && c != 0x7f);
				/* U+0080 to U+009F */
				assert_false(c == 0xc2 &&
					     (unsigned char)p[1] < 0xa0);
			}
		}
}

static void tame_text_keeps_letters_and_nothing_that_steers(void **state)
{
	static const struct {
		const char *text, *tame;
	} tamed[] = {
		{"M\xc3\xbcller\xc2\xa0", "M\xc3\xbcller\xc2\xa0"},
		{"\x1b[2J\r\n\x7f", "?[2J???"},
		{"a\xc2\x9b"
		 "2J\xc2\x80\xc2\x9f",
			"a?2J??"},
		{"\xc2", "\xc2"},
		{"\xc2\x1b", "\xc2?"},
		{"", ""},
	};

	for (size_t i = 0; i < COUNT(tamed); i++) {
		char text[ROOM];

		(void)strcpy(text, tamed[i].text);
		printable_tame(text);
		assert_string_equal(text, tamed[i].tame);
	}
}

static void without_utf8_nothing_but_ascii_is_printed(void **state)
{
	char out[ROOM];

	(void)setlocale(LC_CTYPE, "C");
	(void)printable_copy("M\xc3\xbcller", WIDE, out, sizeof(out));
	assert_string_equal(out, "M\\xc3\\xbcller");
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_text_is_what_it_should_be),
		cmocka_unit_test(copy_of_a_copy_is_the_same),
		cmocka_unit_test(is_cut_between_characters_and_escapes),
		cmocka_unit_test(never_writes_beyond_its_room),
		cmocka_unit_test(no_two_octets_steer_a_terminal),
		cmocka_unit_test(
			tame_text_keeps_letters_and_nothing_that_steers),
		cmocka_unit_test(without_utf8_nothing_but_ascii_is_printed),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
