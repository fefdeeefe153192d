/*
 * Addresses and prefixes: what is read, what is refused, what is printed, and
 * who is inside of what.
 */
#include "../../src/base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct addr must_addr(const char *text)
{
	struct addr addr;

	if (!addr_parse(text, &addr))
		fail_msg("not an address: %s", text);
	return addr;
}

static struct prefix must_prefix(const char *text)
{
	struct prefix prefix;

	if (!prefix_parse(text, &prefix))
		fail_msg("not a prefix: %s", text);
	return prefix;
}

static void addresses_print_as_people_write_them(void **state)
{
	static const char *const cases[][2] = {
		{"192.0.2.7", "192.0.2.7"},
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"::FFFF:c000:0207", "192.0.2.7"},
		{"::", "::"},
		{"::1", "::1"},
		{"2001:DB8::0:7", "2001:db8::7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	char text[ADDR_TEXT_LONGEST];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr addr = must_addr(cases[i][0]);

		assert_string_equal(addr_format(&addr, text), cases[i][1]);
	}
}

static void what_is_no_address_is_refused_and_leaves_the_result(void **state)
{
	static const char *const cases[] = {"", " ", "1", "1.2.3", "1.2.3.4.5",
		"256.0.0.1", "1.2.3.4 ", " 1.2.3.4", "[::1]", "fe80::1%eth0",
		"::1::", "12345::", "1.2.3.4:25", "mail.example.org", ":::"};
	struct addr addr, before;

	memset(&before, 0x5a, sizeof(before));
	for (size_t i = 0; i < COUNT(cases); i++) {
		addr = before;
		if (addr_parse(cases[i], &addr))
			fail_msg("taken: '%s'", cases[i]);
		assert_true(addr_eq(&addr, &before));
	}
}

static void mapped_and_plain_are_the_same_key(void **state)
{
	struct addr a = must_addr("192.0.2.7");
	struct addr b = must_addr("::ffff:192.0.2.7");

	assert_true(addr_eq(&a, &b));
	assert_true(addr_is_v4(&b));
	b = must_addr("::192.0.2.7"); /* the old compatible form is IPv6 */
	assert_false(addr_eq(&a, &b));
	assert_false(addr_is_v4(&b));
}

static void loopback_is_127_and_one(void **state)
{
	static const struct {
		const char *text;
		bool loopback;
	} cases[] = {
		{"127.0.0.1", true},
		{"127.255.0.9", true},
		{"::1", true},
		{"::ffff:127.0.0.1", true},
		{"126.255.255.255", false},
		{"128.0.0.1", false},
		{"::", false},
		{"::2", false},
		{"::127.0.0.1", false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr addr = must_addr(cases[i].text);

		assert_int_equal(addr_is_loopback(&addr), cases[i].loopback);
	}
}

static void private_is_what_means_something_in_one_network_only(void **state)
{
	static const struct {
		const char *text;
		bool is_private;
	} cases[] = {
		{"10.0.0.1", true},
		{"172.31.255.255", true},
		{"192.168.7.7", true},
		{"169.254.1.1", true},
		{"127.0.0.1", true},
		{"::1", true},
		{"fd00::1", true},
		{"fe80::1", true},
		{"::ffff:10.0.0.1", true},
		{"172.32.0.1", false},
		{"11.0.0.1", false},
		{"192.0.2.1", false},
		{"2001:db8::1", false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr addr = must_addr(cases[i].text);

		assert_int_equal(addr_is_private(&addr), cases[i].is_private);
	}
}

static void sockaddrs_come_back_the_same(void **state)
{
	static const char *const cases[] = {"192.0.2.7", "2001:db8::7", "::"};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct addr addr = must_addr(cases[i]), back;
		struct sockaddr_storage ss;
		uint16_t port = 0;
		unsigned n;

		n = addr_to_sockaddr(&addr, 2525, (struct sockaddr *)&ss);
		assert_int_equal(n, addr_is_v4(&addr)
					    ? sizeof(struct sockaddr_in)
					    : sizeof(struct sockaddr_in6));
		assert_true(addr_from_sockaddr(
			(struct sockaddr *)&ss, &back, &port));
		assert_true(addr_eq(&addr, &back));
		assert_int_equal(port, 2525);
		assert_true(addr_from_sockaddr(
			(struct sockaddr *)&ss, &back, NULL));
	}
}

static void mapped_sockaddr_is_ipv4(void **state)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct addr want = must_addr("192.0.2.7"), got;

	memcpy(&v6.sin6_addr, want.octets, 16);
	assert_true(addr_from_sockaddr((struct sockaddr *)&v6, &got, NULL));
	assert_true(addr_is_v4(&got));
	assert_true(addr_eq(&got, &want));
}

static void other_families_are_refused(void **state)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNIX};
	struct addr addr;

	assert_false(addr_from_sockaddr((struct sockaddr *)&ss, &addr, NULL));
}

static void ports_are_read(void **state)
{
	static const struct {
		const char *text, *addr; /* addr NULL: refused */
		uint16_t port;
	} cases[] = {
		{"192.0.2.1:25", "192.0.2.1", 25},
		{"0.0.0.0:0", "0.0.0.0", 0},
		{"[2001:db8::1]:65535", "2001:db8::1", 65535},
		{"[::]:587", "::", 587},
		{"192.0.2.1", NULL, 0},
		{"192.0.2.1:", NULL, 0},
		{"192.0.2.1:x", NULL, 0},
		{"192.0.2.1:65536", NULL, 0},
		{"192.0.2.1:-1", NULL, 0},
		{"192.0.2.1:+1", NULL, 0},
		{"192.0.2.1:025", NULL, 0},
		{"192.0.2.1:4294967321", NULL, 0},
		{"[192.0.2.1]:25", NULL, 0},
		{"2001:db8::1:25", NULL, 0},
		{"[2001:db8::1]", NULL, 0},
		{"[2001:db8::1]25", NULL, 0},
		{"[]:25", NULL, 0},
		{"[:25", NULL, 0},
		{":25", NULL, 0},
		{"", NULL, 0},
		{"localhost:25", NULL, 0},
		{"1111111111111111111111111111111111111111111111111:1", NULL,
			0},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint16_t port = 7;
		struct addr addr, want;
		bool taken = addr_parse_port(cases[i].text, &addr, &port);

		if (taken != (cases[i].addr != NULL))
			fail_msg("%s: taken %d", cases[i].text, taken);
		if (!taken) {
			assert_int_equal(port, 7);
			continue;
		}
		want = must_addr(cases[i].addr);
		assert_true(addr_eq(&addr, &want));
		assert_int_equal(port, cases[i].port);
	}
}

static void prefixes_print_without_host_bits(void **state)
{
	static const struct {
		const char *text, *want;
		unsigned length;
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.0/24", 24},
		{"192.0.2.255/25", "192.0.2.128/25", 25},
		{"192.0.2.7", "192.0.2.7", 32},
		{"192.0.2.7/32", "192.0.2.7", 32},
		{"192.0.2.7/0", "0.0.0.0/0", 0},
		{"::ffff:192.0.2.7/120", "192.0.2.0/24", 24},
		{"2001:db8::7", "2001:db8::7", 128},
		{"2001:db8::7/128", "2001:db8::7", 128},
		{"2001:db8:ffff::/33", "2001:db8:8000::/33", 33},
		{"2001:db8::7/0", "::/0", 0},
		{"::1/64", "::/64", 64},
	};
	char text[PREFIX_TEXT_LONGEST];

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefix prefix = must_prefix(cases[i].text), again;

		assert_string_equal(
			prefix_format(&prefix, text), cases[i].want);
		assert_int_equal(prefix_length(&prefix), cases[i].length);
		again = must_prefix(text);
		assert_true(prefix_eq(&prefix, &again));
	}
}

static void what_is_no_prefix_is_refused(void **state)
{
	static const char *const cases[] = {"", "/", "/24", "192.0.2.0/",
		"192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/024",
		"192.0.2.0/24/8", "192.0.2/24", "2001:db8::/129",
		"2001:db8::/64 ", "::ffff:192.0.2.0/24", "192.0.2.0/4294967320",
		"11111111111111111111111111111111111111111111111111/8"};
	struct prefix prefix;

	for (size_t i = 0; i < COUNT(cases); i++)
		if (prefix_parse(cases[i], &prefix))
			fail_msg("taken: '%s'", cases[i]);
}

static void prefix_of_takes_the_size_of_the_family(void **state)
{
	struct addr v4 = must_addr("192.0.2.200");
	struct addr v6 = must_addr("2001:db8:1:2:3::4");
	char text[PREFIX_TEXT_LONGEST];
	struct prefix prefix;

	prefix = prefix_of(&v4, 26, 64);
	assert_string_equal(prefix_format(&prefix, text), "192.0.2.192/26");
	prefix = prefix_of(&v6, 26, 64);
	assert_string_equal(prefix_format(&prefix, text), "2001:db8:1:2::/64");
	prefix = prefix_of(&v4, 32, 64);
	assert_string_equal(prefix_format(&prefix, text), "192.0.2.200");
	prefix = prefix_of(&v6, 26, 128);
	assert_true(addr_eq(&prefix.addr, &v6));
}

static void prefixes_hold_their_own_family_only(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool holds;
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.0", true},
		{"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.0/24", "192.0.3.0", false},
		{"192.0.2.0/24", "192.0.1.255", false},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "192.0.2.1", false},
		{"::/64", "192.0.2.1", false},
		{"::/64", "::1", true},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.6", false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefix prefix = must_prefix(cases[i].prefix);
		struct addr addr = must_addr(cases[i].addr);

		if (prefix_holds(&prefix, &addr) != cases[i].holds)
			fail_msg("%s %s", cases[i].prefix, cases[i].addr);
	}
}

static void overlap_is_the_same_both_ways(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.128/25", true},
		{"192.0.2.0/24", "192.0.2.0/24", true},
		{"192.0.2.0/25", "192.0.2.128/25", false},
		{"192.0.2.0/24", "192.0.3.0/24", false},
		{"0.0.0.0/0", "192.0.2.7", true},
		{"::/0", "192.0.2.7", false},
		{"::/0", "0.0.0.0/0", false},
		{"2001:db8::/32", "2001:db8:1::/48", true},
		{"2001:db8::/32", "2001:db9::/48", false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prefix a = must_prefix(cases[i].a);
		struct prefix b = must_prefix(cases[i].b);

		if (prefix_overlaps(&a, &b) != cases[i].overlap ||
			prefix_overlaps(&b, &a) != cases[i].overlap)
			fail_msg("%s %s", cases[i].a, cases[i].b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_print_as_people_write_them),
		cmocka_unit_test(
			what_is_no_address_is_refused_and_leaves_the_result),
		cmocka_unit_test(mapped_and_plain_are_the_same_key),
		cmocka_unit_test(loopback_is_127_and_one),
		cmocka_unit_test(
			private_is_what_means_something_in_one_network_only),
		cmocka_unit_test(sockaddrs_come_back_the_same),
		cmocka_unit_test(mapped_sockaddr_is_ipv4),
		cmocka_unit_test(other_families_are_refused),
		cmocka_unit_test(ports_are_read),
		cmocka_unit_test(prefixes_print_without_host_bits),
		cmocka_unit_test(what_is_no_prefix_is_refused),
		cmocka_unit_test(prefix_of_takes_the_size_of_the_family),
		cmocka_unit_test(prefixes_hold_their_own_family_only),
		cmocka_unit_test(overlap_is_the_same_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
