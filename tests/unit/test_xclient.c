/*
 * XCLIENT: what is offered is said, nothing else, and nothing can break out.
 */
#include "../../proto/xclient.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const uint8_t v4[16] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7};
static const uint8_t v6[16] = {
	0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};

static void said(uint32_t offered, const uint8_t *source, const char *want)
{
	struct xclient client = {.source_port = 4711, .target_port = 25};
	uint8_t out[XCLIENT_LONGEST];
	size_t n;

	memcpy(client.source, source, 16);
	memcpy(client.target, v6, 16);
	n = xclient_compose(&client, offered, out);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
}

static void only_what_is_offered_is_said(void **state)
{
	said(XCLIENT_ADDR, v4, "XCLIENT ADDR=203.0.113.7\r\n");
	said(XCLIENT_ADDR | XCLIENT_NAME | XCLIENT_PORT, v4,
		"XCLIENT NAME=[UNAVAILABLE] ADDR=203.0.113.7 PORT=4711\r\n");
	said(~0u, v6,
		"XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8:0:0:0:0:0:9 "
		"PORT=4711 DESTADDR=IPV6:2001:db8:0:0:0:0:0:9 "
		"DESTPORT=25\r\n");
}

static void without_ADDR_nothing_is_said(void **state)
{
	said(0, v4, "");
	said(XCLIENT_NAME | XCLIENT_LOGIN, v4, "");
}

static void offers_are_read_without_regard_to_case_and_order(void **state)
{
	assert_int_equal(xclient_offered(slice_str("NAME ADDR port Proto HELO "
						   "LOGIN DESTADDR DESTPORT")),
		0xff);
	assert_int_equal(xclient_offered(slice_str("  ADDR  X-FOO ADDRESS ")),
		XCLIENT_ADDR);
	assert_int_equal(xclient_offered(slice_str("")), 0);
}

static void XCL_02_xtext_lets_nothing_out(void **state)
{
	uint8_t in[256], out[3 * 256];
	size_t n;

	for (unsigned i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)i;
	n = xclient_xtext(slice_of(in, sizeof in), out, sizeof out);
	for (size_t i = 0; i < n; i++)
		assert_true(out[i] > ' ' && out[i] < 0x7f && out[i] != '=');
	n = xclient_xtext(slice_str("a b\r\nADDR=1+"), out, sizeof out);
	assert_memory_equal(out, "a+20b+0D+0AADDR+3D1+2B", n);
	/* No encoded octet is cut. */
	assert_int_equal(xclient_xtext(slice_str("ab c"), out, 4), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_offered_is_said),
		cmocka_unit_test(without_ADDR_nothing_is_said),
		cmocka_unit_test(
			offers_are_read_without_regard_to_case_and_order),
		cmocka_unit_test(XCL_02_xtext_lets_nothing_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
