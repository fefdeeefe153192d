/*
 * Lists of others, read: the formats that there are, and what is no list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/fetch/list_text.h"
#include "../../src/feed/feed.h"
#include "guard.h"

#define SHOWN_MOST 2000

static struct prefix never[2];
static struct list_rules rules = {.most = 100, .bad_percent = 5};
static char why[LIST_WHY_LONGEST];
static struct guard guard;

/* As "a b c", or "no: why". */
static const char *read_octets(const char *text, size_t n)
{
	static char shown[SHOWN_MOST];
	struct list_entries entries;
	size_t at = 0;

	shown[0] = '\0';
	if (!list_text_read(
		    (const char *)guard_copy(&guard, (const uint8_t *)text, n),
		    n, &rules, &entries, why)) {
		assert_null(entries.items);
		assert_true(why[0] != '\0');
		(void)snprintf(shown, sizeof shown, "no: %s", why);
	}
	for (size_t i = 0; i < entries.count; i++) {
		char one[PREFIX_TEXT_LONGEST];

		at += (size_t)snprintf(shown + at, sizeof shown - at, "%s%s",
			i > 0 ? " " : "",
			prefix_format(&entries.items[i], one));
	}
	list_entries_done(&entries);
	return shown;
}

static const char *read_text(const char *text)
{
	return read_octets(text, strlen(text));
}

#define READS(text, want) assert_string_equal(read_text(text), want)

static void refused(const char *text, const char *because)
{
	const char *shown = read_text(text);

	if (strncmp(shown, "no: ", 4) != 0 || strstr(shown, because) == NULL)
		fail_msg("%s: not because of \"%s\"", shown, because);
}

static void plain_lines_are_read_sorted_and_once(void **state)
{
	(void)state;
	READS("", "");
	READS("# nothing\n\n;nothing\r\n", "");
	READS("192.0.2.9\n198.51.100.0/24\n192.0.2.9/32\n192.0.2.0/24",
		"192.0.2.0/24 192.0.2.9 198.51.100.0/24");
	READS("2001:db8::1\n192.0.2.1\n2001:db8::/32\n",
		"192.0.2.1 2001:db8::/32 2001:db8::1");
	READS("192.0.2.7/24\n::ffff:192.0.2.0/120\n", "192.0.2.0/24");
	READS("\xef\xbb\xbf"
	      "192.0.2.1\r\n",
		"192.0.2.1");
}

static void what_stands_behind_an_entry_is_ignored(void **state)
{
	(void)state;
	READS("; Spamhaus DROP List\n"
	      "1.10.16.0/20 ; SBL256894\n"
	      "1.19.0.0/16;SBL434604\n"
	      "192.0.2.1\t2026-11-25\tssh\n"
	      "  192.0.2.2 # said by anna\n",
		"1.10.16.0/20 1.19.0.0/16 192.0.2.1 192.0.2.2");
}

static void lines_of_json_are_read(void **state)
{
	(void)state;
	READS("{\"cidr\":\"1.10.16.0/20\",\"sblid\":\"SBL256894\"}\n"
	      "{\"cidr\":\"2001:db8::/32\",\"sblid\":\"SBL1\"}\n"
	      "{\"type\":\"metadata\",\"timestamp\":1,\"records\":2}\n",
		"1.10.16.0/20 2001:db8::/32");
	refused("{\"cidr\":\"1.10.16.0/20\"}\n"
		"{\"type\":\"metadata\",\"records\":2}\n",
		"it says 2 entries and has 1");
	refused("{\"cidr\":7}\n", "1 of its 1 lines");
	refused("{\"cidr\":\"192.0.2.1\",\"cidr\":\"192.0.2.2\"}\n", "lines");
	refused("{\"address\":\"192.0.2.1\"}\n", "lines");
	refused("[\"192.0.2.1\"]\n", "lines");
	refused("{\"cidr\":\"192.0.2.1\"\n", "lines");
}

struct text {
	char octets[SHOWN_MOST];
	size_t n;
};

static void collect(void *arg, const char *text, size_t n)
{
	struct text *out = arg;

	assert_true(out->n + n < sizeof out->octets);
	memcpy(out->octets + out->n, text, n);
	out->n += n;
	out->octets[out->n] = '\0';
}

static struct text feed_of(enum feed_format format, size_t count)
{
	struct feed_ban bans[] = {
		{.until = 0, .rule = "operator", .note = "a \"word\", {cidr}"},
		{.until = 99, .rule = "siege", .note = ""},
	};
	struct text out = {.n = 0};

	assert_true(prefix_parse("192.0.2.0/24", &bans[0].prefix));
	assert_true(prefix_parse("2001:db8::7", &bans[1].prefix));
	feed_print(format, bans, count, 1, 0, collect, &out);
	return out;
}

static void the_feeds_of_another_postern_are_read(void **state)
{
	struct text plain = feed_of(FEED_PLAIN, 2);
	struct text json = feed_of(FEED_JSON, 2);

	(void)state;
	READS(plain.octets, "192.0.2.0/24 2001:db8::7");
	READS(json.octets, "192.0.2.0/24 2001:db8::7");
	READS(feed_of(FEED_JSON, 0).octets, "");
	/* Cut anywhere it is not the whole. */
	for (size_t n = 30; n + 3 < json.n; n++)
		assert_memory_equal(read_octets(json.octets, n), "no: ", 4);
	(void)snprintf(json.octets + json.n, sizeof json.octets - json.n,
		"192.0.2.77\n");
	refused(json.octets, "it is cut"); /* nothing may follow */
}

static void what_is_no_list_is_refused(void **state)
{
	(void)state;
	refused(" \n\t<!DOCTYPE html>\n<p>192.0.2.1\n", "HTML");
	refused("\xef\xbb\xbf<?xml version=\"1.0\"?>", "HTML");
	refused("192.0.2.1\nService unavailable\n", "1 of its 2 lines");
	refused("192.0.2.1\nService unavailable\n", "the first is line 2");
	refused("192.0.2.999\n", "lines");
	refused("192.0.2.0/33\n", "lines");
	refused("192.0.2.1-192.0.2.9\n", "lines");
	refused("example.test\n", "lines");
	assert_string_equal(read_octets("192.0.2.1\0x\n", 12),
		"no: 1 of its 1 lines are "
		"no prefix (bad_percent = "
		"5), the first is line 1");
}

static void a_few_bad_lines_are_passed_over(void **state)
{
	char text[SHOWN_MOST] = "";
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < 19; i++)
		n += (size_t)snprintf(
			text + n, sizeof text - n, "192.0.2.%u\n", i);
	(void)snprintf(text + n, sizeof text - n, "nonsense\n"); /* 5 of 100 */
	assert_non_null(strstr(read_text(text), "192.0.2.18"));
	(void)snprintf(text + n, sizeof text - n, "nonsense\nnonsense\n");
	refused(text, "2 of its 21 lines");
}

static void half_the_internet_is_refused(void **state)
{
	(void)state;
	refused("192.0.2.1\n0.0.0.0/0\n", "0.0.0.0/0, which is too wide");
	refused("10.0.0.0/7\n", "too wide");
	refused("::/0\n", "too wide");
	refused("2001::/18\n", "too wide");
	refused("::ffff:0:0/96\n", "too wide");
	READS("11.0.0.0/8\n", "11.0.0.0/8");
	READS("2a10::/19\n", "2a10::/19");
}

static void what_touches_our_own_is_refused(void **state)
{
	(void)state;
	assert_true(prefix_parse("203.0.113.25", &never[0]));
	assert_true(prefix_parse("10.0.0.0/24", &never[1]));
	rules.never = never;
	rules.never_count = 2;
	refused("192.0.2.1\n203.0.113.25\n", "203.0.113.25 is one of our own");
	refused("203.0.113.0/24\n", "it has 203.0.113.0/24");
	refused("10.0.0.7\n", "10.0.0.0/24 is one of our own");
	READS("203.0.113.26\n10.0.1.0/24\n", "10.0.1.0/24 203.0.113.26");
	rules.never_count = 0;
}

static void more_than_the_limit_is_refused(void **state)
{
	(void)state;
	rules.most = 2;
	READS("192.0.2.1\n192.0.2.2\n", "192.0.2.1 192.0.2.2");
	refused("192.0.2.1\n192.0.2.2\n192.0.2.3\n", "more than 2 entries");
	rules.most = 100;
}

static void a_line_without_end_is_bad(void **state)
{
	static char text[LIST_LINE_LONGEST + 100];

	(void)state;
	memset(text, ' ', sizeof text - 1);
	memcpy(text, "192.0.2.1", 9);
	READS(text, "192.0.2.1"); /* blanks at an end are none of it */
	text[sizeof text - 2] = 'x';
	refused(text, "lines");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines_are_read_sorted_and_once),
		cmocka_unit_test(what_stands_behind_an_entry_is_ignored),
		cmocka_unit_test(lines_of_json_are_read),
		cmocka_unit_test(the_feeds_of_another_postern_are_read),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(a_few_bad_lines_are_passed_over),
		cmocka_unit_test(half_the_internet_is_refused),
		cmocka_unit_test(what_touches_our_own_is_refused),
		cmocka_unit_test(more_than_the_limit_is_refused),
		cmocka_unit_test(a_line_without_end_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
