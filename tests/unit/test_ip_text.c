/*
 * Addresses as text, beside the library's own reading of them: what is taken
 * here the library takes, too, and as the same octets.
 */
#include "../../proto/ip_text.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

static const char *const v4_good[] = {
	"0.0.0.0", "127.0.0.1", "255.255.255.255", "192.0.2.7", "10.0.0.1"};
static const char *const v4_bad[] = {"", ".", "1", "1.2.3", "1.2.3.",
	"1.2.3.4.", "1.2.3.4.5", "256.1.1.1", "1.2.3.04", "01.2.3.4",
	"1.2.3.4 ", " 1.2.3.4", "1..2.3", "0x1.2.3.4", "1.2.3.-4",
	"1.2.3.4444444444", "a.b.c.d", "1.2.3.4/8", "::1"};
static const char *const v6_good[] = {"::", "::1", "1::", "2001:db8::1",
	"2001:DB8:0:0:0:0:0:1", "1:2:3:4:5:6:7:8",
	"1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::ffff:192.0.2.1",
	"64:ff9b::192.0.2.33", "1:2:3:4:5:6:1.2.3.4", "fe80::1",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
static const char *const v6_bad[] = {"", ":", ":::", "1", "1:2:3:4:5:6:7",
	"1:2:3:4:5:6:7:8:9", "1::2::3", ":1:2:3:4:5:6:7:8",
	"1:2:3:4:5:6:7:8:", "12345::", "g::", "fe80::1%eth0", "[::1]", "::1 ",
	"::1.2.3", "1.2.3.4", "1.2.3.4::", "::1.2.3.4:5",
	"1:2:3:4:5:6:7:1.2.3.4", "::256.1.1.1",
	"1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8"};

static bool ours(bool v6, const char *text, uint8_t octets[16])
{
	static struct guard guard;
	size_t n = strlen(text);
	struct slice in = slice_of(guard_copy(&guard, text, n), n);

	return v6 ? ip_text_read_v6(in, octets) : ip_text_read_v4(in, octets);
}

static bool theirs(bool v6, const char *text, uint8_t octets[16])
{
	memset(octets, 0, 10);
	octets[10] = octets[11] = 0xff;
	return inet_pton(v6 ? AF_INET6 : AF_INET, text,
		       v6 ? octets : octets + 12) == 1;
}

static void takes(bool v6, const char *text)
{
	uint8_t is[16], should[16];

	if (!ours(v6, text, is) || !theirs(v6, text, should))
		fail_msg("%s should be taken", text);
	assert_memory_equal(is, should, 16);
}

static void refuses(bool v6, const char *text)
{
	uint8_t is[16];

	memset(is, 0xee, sizeof is);
	if (ours(v6, text, is))
		fail_msg("%s should be refused", text);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(is[i], 0xee);
}

#define EACH(what, v6, texts)                                                  \
	for (size_t i = 0; i < sizeof(texts) / sizeof((texts)[0]); i++)        \
	what(v6, (texts)[i])

static void strict_forms_are_taken_and_no_others(void **state)
{
	EACH(takes, false, v4_good);
	EACH(refuses, false, v4_bad);
	EACH(takes, true, v6_good);
	EACH(refuses, true, v6_bad);
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

static void random_texts_are_read_as_the_library_reads_them(void **state)
{
	static const char letters[] = "0123456789abF:::...:";
	unsigned seed = 11, taken = 0;

	for (unsigned turn = 0; turn < 400000; turn++) {
		uint8_t is[16], should[16];
		char text[20];
		unsigned n = next_random(&seed) % (sizeof text - 1);
		bool v6 = turn % 2;

		for (unsigned i = 0; i < n; i++)
			text[i] = letters[next_random(&seed) %
					  (sizeof letters - 1)];
		text[n] = 0;
		if (ours(v6, text, is) != theirs(v6, text, should))
			fail_msg("%s is read in two ways", text);
		if (ours(v6, text, is)) {
			taken++;
			assert_memory_equal(is, should, 16);
		}
	}
	assert_true(taken > 100);
}

static void what_is_written_reads_back(void **state)
{
	unsigned seed = 3;

	for (unsigned turn = 0; turn < 20000; turn++) {
		uint8_t octets[16], back[16], text[IP_TEXT_LONGEST];
		size_t n;

		for (unsigned i = 0; i < 16; i++)
			octets[i] = next_random(&seed) % 3
					    ? (uint8_t)next_random(&seed)
					    : 0;
		if (turn % 2) {
			memset(octets, 0, 10);
			octets[10] = octets[11] = 0xff;
		}
		n = ip_text_write(octets, text);
		assert_true(turn % 2
				    ? ip_text_read_v4(slice_of(text, n), back)
				    : ip_text_read_v6(slice_of(text, n), back));
		assert_memory_equal(octets, back, 16);
	}
}

static void numbers_have_no_leading_zeros_and_an_end(void **state)
{
	uint8_t text[10];
	uint32_t n = 7;

	assert_true(ip_text_read_number(slice_str("65535"), 65535, &n));
	assert_int_equal(n, 65535);
	assert_false(ip_text_read_number(slice_str("65536"), 65535, &n));
	assert_false(ip_text_read_number(slice_str("01"), 65535, &n));
	assert_false(ip_text_read_number(slice_str("+1"), 65535, &n));
	assert_false(ip_text_read_number(slice_str(""), 65535, &n));
	assert_false(
		ip_text_read_number(slice_str("4294967297"), 0xffffffffu, &n));
	assert_int_equal(n, 65535);
	assert_true(ip_text_read_number(slice_str("0"), 65535, &n));
	assert_int_equal(n, 0);
	assert_int_equal(ip_text_write_number(0, text), 1);
	assert_int_equal(ip_text_write_number(4294967295u, text), 10);
	assert_memory_equal(text, "4294967295", 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_forms_are_taken_and_no_others),
		cmocka_unit_test(
			random_texts_are_read_as_the_library_reads_them),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(numbers_have_no_leading_zeros_and_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
