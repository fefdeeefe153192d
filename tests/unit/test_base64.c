/*
 * base64_decode: RFC 4648 §10's own examples, AUT-07's junk, each output
 * room around the one needed, and every group of two octets there and back.
 */
#include "../../proto/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define LIT(s)	 (s), sizeof(s) - 1
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct guard in_guard, out_guard;

static bool decode(
	const char *in, size_t n, size_t room, uint8_t **out, size_t *ret_n)
{
	*out = guard_room(&out_guard, room);
	*ret_n = 12345;
	return base64_decode(
		slice_of(guard_copy(&in_guard, in, n), n), *out, room, ret_n);
}

static const struct {
	const char *in;
	const char *out;
	size_t n;
} good[] = {
	{"", LIT("")},
	{"Zg==", LIT("f")},
	{"Zm8=", LIT("fo")},
	{"Zm9v", LIT("foo")},
	{"Zm9vYg==", LIT("foob")},
	{"Zm9vYmE=", LIT("fooba")},
	{"Zm9vYmFy", LIT("foobar")},
	{"+/+/", LIT("\xfb\xff\xbf")},
	{"////", LIT("\xff\xff\xff")},
	{"AAAA", LIT("\0\0\0")},
	{"AA==", LIT("\0")},
	{"AAA=", LIT("\0\0")},
	{"AHVzZXIAcGFzcw==", LIT("\0user\0pass")},
};

static void base64_good_input_is_decoded_into_just_enough_room(void **state)
{
	uint8_t *out;
	size_t n;

	for (size_t i = 0; i < COUNT(good); i++) {
		size_t in_n = strlen(good[i].in);

		for (size_t room = 0; room < good[i].n; room++) {
			assert_false(decode(good[i].in, in_n, room, &out, &n));
			assert_int_equal(n, 12345);
		}
		assert_true(decode(good[i].in, in_n, good[i].n, &out, &n));
		assert_int_equal(n, good[i].n);
		assert_memory_equal(out, good[i].out, n);
	}
}

static const struct {
	const char *in;
	size_t n;
} bad[] = {
	{LIT("!!!!")},
	{LIT("A")},
	{LIT("AA")},
	{LIT("AAA")},
	{LIT("A===")},
	{LIT("====")},
	{LIT("=")},
	{LIT("==")},
	{LIT("=AAA")},
	{LIT("A=AA")},
	{LIT("AA=A")},
	{LIT("AA==AAAA")},
	{LIT("AAA=AAAA")},
	{LIT("AHVz ZXI=")},
	{LIT(" AHV")},
	{LIT("AHV ")},
	{LIT("AHVz\r\n")},
	{LIT("AHVzZXIAcGFzcw==junk")},
	{LIT("AHVzZXIAcGFzcw=")},
	{LIT("AHVzZXIAcGFzcw")},
	{LIT("Zh==")}, /* unused bits set */
	{LIT("Zm9=")},
	{LIT("AB-_")}, /* the URL alphabet */
	{LIT("AA\0A")},
	{LIT("\xff\xff\xff\xff")},
	{LIT("*")},
};

static void base64_bad_input_is_refused(void **state)
{
	uint8_t *out;
	size_t n;

	for (size_t i = 0; i < COUNT(bad); i++) {
		print_message("  \"%s\"\n", bad[i].in);
		assert_false(decode(bad[i].in, bad[i].n, 64, &out, &n));
		assert_int_equal(n, 12345);
	}
}

static void base64_alphabet_is_64_letters(void **state)
{
	unsigned count = 0, sum = 0;
	uint8_t *out;
	size_t n;

	for (int c = 0; c < 256; c++) {
		char group[4] = {'A', (char)c, 'A', 'A'};

		if (!decode(group, 4, 3, &out, &n))
			continue;
		count++;
		sum += (unsigned)(out[0] << 4 | out[1] >> 4);
	}
	assert_int_equal(count, 64);
	assert_int_equal(sum, 63 * 64 / 2);
}

/* Of all 2^18 groups "xyz=" exactly 2^16 are legal: one for each value. */
static void base64_each_pair_of_octets_has_one_form(void **state)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	static uint8_t seen[65536];
	unsigned count = 0;
	uint8_t out[3];
	size_t n;

	for (unsigned v = 0; v < 1u << 18; v++) {
		const char in[4] = {
			abc[v >> 12], abc[v >> 6 & 63], abc[v & 63], '='};

		if (!base64_decode(slice_of(in, 4), out, 2, &n))
			continue;
		assert_int_equal(n, 2);
		assert_int_equal(out[0] << 8 | out[1], v >> 2);
		assert_int_equal(seen[v >> 2]++, 0);
		count++;
	}
	assert_int_equal(count, 65536);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			base64_good_input_is_decoded_into_just_enough_room),
		cmocka_unit_test(base64_bad_input_is_refused),
		cmocka_unit_test(base64_alphabet_is_64_letters),
		cmocka_unit_test(base64_each_pair_of_octets_has_one_form),
	};

	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
