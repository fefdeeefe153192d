/*
 * PROXY headers: each row grows octet by octet in front of a guard page. Only
 * the last octet of a good one makes it OK, a bad one is BAD at some octet and
 * stays so, and octets behind the end change nothing.
 */
#include "../../proto/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define LIT(s)	  (s), sizeof(s) - 1
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_BLOCK  "\x7f\0\0\x01\x7f\0\0\x01\0\x2a\x05\x39"
#define V6_BLOCK                                                               \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                           \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xff\xff\0\x19"

struct row {
	const char *name;
	const char *in;
	size_t n;
	bool good, unknown;
	uint16_t source_port;
};

static const struct row rows[] = {
	{"v1 IPv4", LIT("PROXY TCP4 192.0.2.1 192.0.2.2 1024 25\r\n"), true,
		false, 1024},
	{"v1 IPv6", LIT("PROXY TCP6 2001:db8::1 ::1 65535 25\r\n"), true, false,
		65535},
	{"v1 port 0", LIT("PROXY TCP4 1.2.3.4 1.2.3.4 0 25\r\n"), true, false,
		0},
	{"PRX-10 the longest",
		LIT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:"
		    "ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
		    "65535\r\n"),
		true, false, 65535},
	{"PRX-10 UNKNOWN", LIT("PROXY UNKNOWN\r\n"), true, true, 0},
	{"PRX-10 UNKNOWN junk", LIT("PROXY UNKNOWN ffff::1 x y z\r\n"), true,
		true, 0},
	{"PRX-10 107 octets",
		LIT("PROXY UNKNOWN 012345678901234567890123456789012345"
		    "67890123456789012345678901234567890123456789012345"
		    "67890"
		    "\r\n"),
		true, true, 0},
	{"PRX-10 108 octets",
		LIT("PROXY UNKNOWN 012345678901234567890123456789012345"
		    "67890123456789012345678901234567890123456789012345"
		    "678901"
		    "\r\n"),
		false, false, 0},
	{"PRX-10 no CR", LIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 25\n"), false, false,
		0},
	{"PRX-10 CR alone", LIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 25\rX"), false,
		false, 0},
	{"PRX-10 v4 in TCP6", LIT("PROXY TCP6 1.2.3.4 1.2.3.4 1 25\r\n"), false,
		false, 0},
	{"PRX-10 v6 in TCP4", LIT("PROXY TCP4 ::1 ::1 1 25\r\n"), false, false,
		0},
	{"PRX-10 port 65536", LIT("PROXY TCP4 1.2.3.4 1.2.3.4 65536 25\r\n"),
		false, false, 0},
	{"PRX-10 leading zero", LIT("PROXY TCP4 1.2.3.4 1.2.3.4 01 25\r\n"),
		false, false, 0},
	{"PRX-10 leading zero in an address",
		LIT("PROXY TCP4 1.2.3.04 1.2.3.4 1 25\r\n"), false, false, 0},
	{"PRX-10 lower case", LIT("proxy tcp4 1.2.3.4 1.2.3.4 1 25\r\n"), false,
		false, 0},
	{"PRX-10 lower family", LIT("PROXY tcp4 1.2.3.4 1.2.3.4 1 25\r\n"),
		false, false, 0},
	{"PRX-10 a field more", LIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 25 x\r\n"),
		false, false, 0},
	{"PRX-10 a field less", LIT("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"), false,
		false, 0},
	{"PRX-10 two spaces", LIT("PROXY  TCP4 1.2.3.4 1.2.3.4 1 25\r\n"),
		false, false, 0},
	{"space at the end", LIT("PROXY TCP4 1.2.3.4 1.2.3.4 1 25 \r\n"), false,
		false, 0},
	{"UNKNOWNX", LIT("PROXY UNKNOWNX\r\n"), false, false, 0},
	{"scope", LIT("PROXY TCP6 fe80::1%lo ::1 1 25\r\n"), false, false, 0},
	{"NUL", LIT("PROXY UNKNOWN \0\r\n"), false, false, 0},
	{"an EHLO", LIT("EHLO x\r\n"), false, false, 0},
	{"PRX-05",
		LIT(SIGNATURE "\x21\x11\0\x14" V4_BLOCK "\x02\0\x05"
			      "12345"),
		true, false, 42},
	{"v2 IPv6", LIT(SIGNATURE "\x21\x21\0\x24" V6_BLOCK), true, false,
		65535},
	{"v2 no TLV", LIT(SIGNATURE "\x21\x11\0\x0c" V4_BLOCK), true, false,
		42},
	{"v2 empty TLV", LIT(SIGNATURE "\x21\x11\0\x0f" V4_BLOCK "\x04\0\0"),
		true, false, 42},
	{"PRX-07",
		LIT(SIGNATURE "\x21\x11\0\x14" V4_BLOCK "\x02\0\x0a"
			      "12345"),
		false, false, 0},
	{"PRX-08",
		LIT(SIGNATURE "\x21\x11\0\x14" V4_BLOCK "\x02\0\x04"
			      "12345"),
		false, false, 0},
	{"half a TLV head", LIT(SIGNATURE "\x21\x11\0\x0e" V4_BLOCK "\x02\0"),
		false, false, 0},
	{"PRX-09 LOCAL", LIT(SIGNATURE "\x20\0\0\0"), true, true, 0},
	{"PRX-09 LOCAL with anything",
		LIT(SIGNATURE "\x20\x31\0\x03"
			      "abc"),
		true, true, 0},
	{"PRX-09 UNSPEC", LIT(SIGNATURE "\x21\0\0\0"), true, true, 0},
	{"PRX-09 UNSPEC with a block", LIT(SIGNATURE "\x21\0\0\x0c" V4_BLOCK),
		true, true, 0},
	{"PRX-09 length 0", LIT(SIGNATURE "\x21\x11\0\0"), false, false, 0},
	{"PRX-09 length 11", LIT(SIGNATURE "\x21\x11\0\x0b" V4_BLOCK), false,
		false, 0},
	{"PRX-09 length 35", LIT(SIGNATURE "\x21\x21\0\x23" V6_BLOCK), false,
		false, 0},
	{"PRX-09 length 65535", LIT(SIGNATURE "\x21\x11\xff\xff" V4_BLOCK),
		false, false, 0},
	{"PRX-09 UDP", LIT(SIGNATURE "\x21\x12\0\x0c" V4_BLOCK), false, false,
		0},
	{"PRX-09 UNIX", LIT(SIGNATURE "\x21\x31\0\x0c" V4_BLOCK), false, false,
		0},
	{"PRX-09 family ff", LIT(SIGNATURE "\x21\xff\0\x0c" V4_BLOCK), false,
		false, 0},
	{"PRX-09 command 2", LIT(SIGNATURE "\x22\x11\0\x0c" V4_BLOCK), false,
		false, 0},
	{"PRX-09 version 1", LIT(SIGNATURE "\x11\x11\0\x0c" V4_BLOCK), false,
		false, 0},
	{"no signature", LIT("\r\n\r\n\0\r\nQUIX\n"), false, false, 0},
};

static enum proxy_result read_head(const struct row *row, size_t n,
	struct proxy_header *header, size_t *used)
{
	static struct guard guard;

	return proxy_header_read(
		slice_of(guard_copy(&guard, row->in, n), n), header, used);
}

static void grow(const struct row *row)
{
	struct proxy_header header;
	bool bad = false;
	size_t used = 0;

	for (size_t n = 0; n <= row->n; n++) {
		enum proxy_result r = read_head(row, n, &header, &used);

		if (bad && r != PROXY_BAD)
			fail_msg("%s: good again at %zu", row->name, n);
		bad = r == PROXY_BAD;
		if ((r == PROXY_OK) != (row->good && n == row->n))
			fail_msg("%s: result %d at %zu", row->name, r, n);
	}
	if (bad == row->good)
		fail_msg("%s: %s at its end", row->name, bad ? "bad" : "good");
	if (!row->good)
		return;
	assert_int_equal(used, row->n);
	assert_int_equal(header.unknown, row->unknown);
	assert_int_equal(header.source_port, row->source_port);
}

static void headers_are_taken_at_their_last_octet(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		grow(&rows[i]);
}

static void PRX_06_octets_behind_the_end_are_not_read(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t more[512];
		struct proxy_header header;
		size_t used = 0;

		if (!rows[i].good)
			continue;
		memcpy(more, rows[i].in, rows[i].n);
		memcpy(more + rows[i].n,
			"\x02\0\x05"
			"54321",
			8);
		assert_int_equal(
			proxy_header_read(
				slice_of(more, rows[i].n + 8), &header, &used),
			PROXY_OK);
		assert_int_equal(used, rows[i].n);
	}
}

/* Only the right CRC32C of the whole (its own octets as zero) is taken. */
static void a_wrong_sum_is_bad(void **state)
{
	uint8_t in[] = SIGNATURE "\x21\x11\0\x13" V4_BLOCK "\x03\0\x04"
				 "\xd3\xa5\x5d\x3b";
	struct slice whole = slice_of(in, sizeof in - 1);
	struct proxy_header header;
	size_t used;

	assert_int_equal(proxy_header_read(whole, &header, &used), PROXY_OK);
	for (size_t i = 16; i < whole.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			in[i] ^= (uint8_t)(1u << bit);
			if (i < 28 || i >= 31)
				assert_int_equal(proxy_header_read(
							 whole, &header, &used),
					PROXY_BAD);
			in[i] ^= (uint8_t)(1u << bit);
		}
}

static void what_is_written_reads_back(void **state)
{
	static const uint8_t v4[16] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7};
	static const uint8_t v6[16] = {
		0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
	const uint8_t *const both[] = {v4, v6};

	for (unsigned i = 0; i < 8; i++) {
		uint8_t out[PROXY_WRITTEN_LONGEST];
		struct proxy_header header = {.source_port = 40000,
					    .target_port = 25,
					    .unknown = false},
				    back;
		size_t n, used = 0;

		memcpy(header.source, both[i & 1], 16);
		memcpy(header.target, both[i >> 1 & 1], 16);
		n = i & 4 ? proxy_header_write_v1(&header, out)
			  : proxy_header_write_v2(&header, out);
		assert_int_equal(
			proxy_header_read(slice_of(out, n), &back, &used),
			PROXY_OK);
		assert_int_equal(used, n);
		assert_memory_equal(&header, &back, sizeof back);
	}
}

static void unknown_is_written_as_such(void **state)
{
	struct proxy_header header = {.unknown = true}, back;
	uint8_t out[PROXY_WRITTEN_LONGEST];
	size_t n, used;

	n = proxy_header_write_v1(&header, out);
	assert_memory_equal(out, "PROXY UNKNOWN\r\n", n);
	n = proxy_header_write_v2(&header, out);
	assert_int_equal(n, PROXY_V2_HEAD);
	assert_int_equal(
		proxy_header_read(slice_of(out, n), &back, &used), PROXY_OK);
	assert_true(back.unknown);
}

static void a_v1_line_is_as_people_write_it(void **state)
{
	struct proxy_header header = {.source_port = 4711, .target_port = 25};
	uint8_t out[PROXY_WRITTEN_LONGEST];
	size_t n;

	header.source[10] = header.source[11] = 0xff;
	header.target[10] = header.target[11] = 0xff;
	memcpy(header.source + 12, "\xc0\0\x02\x07", 4);
	memcpy(header.target + 12, "\x0a\0\0\x19", 4);
	n = proxy_header_write_v1(&header, out);
	assert_memory_equal(
		out, "PROXY TCP4 192.0.2.7 10.0.0.25 4711 25\r\n", n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_taken_at_their_last_octet),
		cmocka_unit_test(PRX_06_octets_behind_the_end_are_not_read),
		cmocka_unit_test(a_wrong_sum_is_bad),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(unknown_is_written_as_such),
		cmocka_unit_test(a_v1_line_is_as_people_write_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
