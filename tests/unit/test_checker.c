/* The words that the checks of all kinds of block have in common. */
#include "../../src/conf/checker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void an_address_to_bind_has_a_port(void **state)
{
	static const char *const wrong[] = {"", "1.2.3.4", "1.2.3.4:0",
		"1.2.3.4:65536", "::1:25", "localhost:25", "[::1]:25 "};
	struct endpoint endpoint;
	char text[ADDR_TEXT_LONGEST];

	(void)state;
	assert_true(check_bind_parse("192.0.2.7:65535", &endpoint));
	assert_int_equal(endpoint.port, 65535);
	addr_format(&endpoint.addr, text);
	assert_string_equal(text, "192.0.2.7");
	assert_true(check_bind_parse("[2001:db8::1]:25", &endpoint));
	assert_int_equal(endpoint.port, 25);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(check_bind_parse(wrong[i], &endpoint));
}

static void a_name_of_a_host_has_known_letters(void **state)
{
	static const char *const wrong[] = {
		"", ".a", "-a", "a b", "a/b", "a:25", "\xc3\xa4.example"};
	char longest[255] = "";

	(void)state;
	assert_true(check_name_sound("mail-1.example.com", 18));
	assert_true(check_name_sound("mail:25", 4)); /* as far as asked */
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(check_name_sound(wrong[i], strlen(wrong[i])));
	memset(longest, 'a', sizeof(longest) - 1);
	assert_true(check_name_sound(longest, 253));
	assert_false(check_name_sound(longest, 254));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_to_bind_has_a_port),
		cmocka_unit_test(a_name_of_a_host_has_known_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
