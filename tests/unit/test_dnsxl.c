/* Lists in the DNS: what they are asked, and what counts as a hit. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/base/dnsxl.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *name_of(const char *addr, const char *zone)
{
	static char out[DNSXL_NAME_LONGEST];
	struct addr parsed;

	assert_true(addr_parse(addr, &parsed));
	return dnsxl_name(&parsed, zone, out);
}

static void names_are_those_of_rfc_5782(void **state)
{
	assert_string_equal(name_of("192.0.2.99", "bad.example.com"),
		"99.2.0.192.bad.example.com");
	assert_string_equal(name_of("::ffff:192.0.2.99", "bad.example.com"),
		"99.2.0.192.bad.example.com");
	assert_string_equal(
		name_of("2001:db8:1:2:3:4:567:89ab", "ugly.example.com"),
		"b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0."
		"1.0.0.2.ugly.example.com");
}

static void test_entries_for_ipv6_are_in_nibbles(void **state)
{
	char out[DNSXL_NAME_LONGEST];
	struct addr addr;

	assert_true(addr_parse("127.0.0.2", &addr));
	assert_string_equal(dnsxl_nibbles(&addr, "ugly.example.com", out),
		"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
		"0.0.0.0.ugly.example.com");
}

static void the_longest_name_fits(void **state)
{
	char zone[DNSXL_ZONE_LONGEST + 2];

	memset(zone, 'z', sizeof(zone));
	for (size_t i = 50; i < DNSXL_ZONE_LONGEST; i += 50)
		zone[i] = '.';
	zone[DNSXL_ZONE_LONGEST] = '\0';
	assert_true(dnsxl_zone_sound(zone));
	assert_int_equal(
		strlen(name_of("2001:db8::1", zone)), 64 + DNSXL_ZONE_LONGEST);
	zone[DNSXL_ZONE_LONGEST] = 'z';
	zone[DNSXL_ZONE_LONGEST + 1] = '\0';
	assert_false(dnsxl_zone_sound(zone));
}

#define LABEL_OF_64                                                            \
	"0123456789012345678901234567890123456789012345678901234567890123"

static void zones_are_names(void **state)
{
	static const char *const good[] = {
		"bl.example.org", "x", "_a.b-c.EXAMPLE", "2.0.example"};
	static const char *const bad[] = {"", ".", "a..b", ".a", "a.", "a b",
		"a/b", "a\n", "ä.example", LABEL_OF_64 ".example"};

	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(dnsxl_zone_sound(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(dnsxl_zone_sound(bad[i]));
}

static uint32_t v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
	return a << 24 | b << 16 | c << 8 | d;
}

static bool counts(const char *code, uint32_t answer)
{
	struct dnsxl_code parsed;

	assert_true(dnsxl_code_parse(code, &parsed));
	return dnsxl_counts(&parsed, 1, &answer, 1);
}

static void codes_say_which_answers_count(void **state)
{
	assert_true(counts("127.0.0.2", v4(127, 0, 0, 2)));
	assert_false(counts("127.0.0.2", v4(127, 0, 0, 3)));
	assert_true(counts("127.0.0.4-127.0.0.7", v4(127, 0, 0, 4)));
	assert_true(counts("127.0.0.4-127.0.0.7", v4(127, 0, 0, 7)));
	assert_false(counts("127.0.0.4-127.0.0.7", v4(127, 0, 0, 8)));
	assert_true(counts("127.0.1.0/24", v4(127, 0, 1, 255)));
	assert_false(counts("127.0.1.0/24", v4(127, 0, 2, 0)));
	assert_true(counts("&4", v4(127, 0, 0, 6)));
	assert_false(counts("&4", v4(127, 0, 0, 10)));
	assert_true(counts("&128", v4(127, 3, 2, 128)));
	assert_true(counts("127.0.0.0/8", v4(127, 9, 9, 9)));
}

static void codes_that_can_never_count_are_none(void **state)
{
	static const char *const bad[] = {"", "2", "127.0.0.1", "1.2.3.4",
		"127.255.255.254", "127.255.255.0/24", "0.0.0.0/0",
		"126.0.0.0/7", "127.0.0.7-127.0.0.4", "127.0.0.2-128.0.0.1",
		"127.0.0.2-", "-127.0.0.2", "&0", "&256", "&", "&x", "&4x",
		"::1", "::ffff:0:0/96", "127.0.0.2-::1",
		"127.0.0.2000000000000000000000000000000000000000000-1"};
	struct dnsxl_code code;

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(dnsxl_code_parse(bad[i], &code));
}

static void what_lists_say_besides_is_never_a_hit(void **state)
{
	static const struct {
		uint32_t answers[2];
		size_t count;
		enum dnsxl_word word;
	} cases[] = {
		{{0}, 0, DNSXL_CLEAN},
		{{UINT32_C(0x7f000002)}, 1, DNSXL_LISTED},
		{{UINT32_C(0x7fffff00)}, 1, DNSXL_REFUSED},
		{{UINT32_C(0x7ffffffe)}, 1, DNSXL_REFUSED},
		{{UINT32_C(0x7f000001)}, 1, DNSXL_REFUSED},
		{{UINT32_C(0xc0000201)}, 1, DNSXL_FOREIGN},
		{{0}, 1, DNSXL_FOREIGN},
		{{UINT32_MAX}, 1, DNSXL_FOREIGN},
		/* One bad answer among good ones spoils all of them. */
		{{UINT32_C(0x7f000002), UINT32_C(0x7ffffffe)}, 2,
			DNSXL_REFUSED},
		{{UINT32_C(0xc0000201), UINT32_C(0x7f000002)}, 2,
			DNSXL_FOREIGN},
	};
	struct dnsxl_code all;

	assert_true(dnsxl_code_parse("127.0.0.0/8", &all));
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(dnsxl_judge(cases[i].answers, cases[i].count),
			cases[i].word);
		if (cases[i].count != 1)
			continue;
		assert_int_equal(dnsxl_counts(NULL, 0, cases[i].answers, 1),
			cases[i].word == DNSXL_LISTED);
		assert_int_equal(dnsxl_counts(&all, 1, cases[i].answers, 1),
			cases[i].word == DNSXL_LISTED);
	}
	assert_false(dnsxl_counts(NULL, 0, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_rfc_5782),
		cmocka_unit_test(test_entries_for_ipv6_are_in_nibbles),
		cmocka_unit_test(the_longest_name_fits),
		cmocka_unit_test(zones_are_names),
		cmocka_unit_test(codes_say_which_answers_count),
		cmocka_unit_test(codes_that_can_never_count_are_none),
		cmocka_unit_test(what_lists_say_besides_is_never_a_hit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
