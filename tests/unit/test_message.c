/*
 * Texts for people: joined, cut, made fit for a log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../../tls/message.h"

static void texts_are_joined_and_cut(void **state)
{
	char out[12] = "";

	(void)state;
	message_add(out, sizeof(out), "%s", "one");
	assert_string_equal(out, "one");
	message_add(out, sizeof(out), "%d", 2);
	assert_string_equal(out, "one; 2");
	message_append(out, sizeof(out), "%s", "34");
	assert_string_equal(out, "one; 234");
	message_add(out, sizeof(out), "%s", "five");
	assert_string_equal(out, "one; 234; f");
	message_add(out, sizeof(out), "%s", "six");
	message_add_foreign(out, sizeof(out), "seven", 5);
	assert_string_equal(out, "one; 234; f");
}

static void foreign_octets_are_made_printable(void **state)
{
	static const char octets[] = "a\r\n\0 \x1b\x7f\xc3\xa4~b";
	char out[32] = "";

	(void)state;
	message_add_foreign(out, sizeof(out), octets, sizeof(octets) - 1);
	assert_string_equal(out, "a????????~b");
}

static void first_cause_is_told_and_the_queue_emptied(void **state)
{
	char out[100] = "";

	(void)state;
	ERR_clear_error();
	ERR_raise(ERR_LIB_SSL, SSL_R_HTTP_REQUEST);
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
	message_of_openssl(out, sizeof(out));
	assert_string_equal(out, "the peer speaks HTTP, not TLS");
	assert_int_equal(ERR_peek_error(), 0);
}

static void alert_of_the_peer_is_told_as_such(void **state)
{
	char out[100] = "";

	(void)state;
	ERR_raise(ERR_LIB_SSL, SSL_R_TLSV1_ALERT_UNKNOWN_CA);
	message_of_openssl(out, sizeof(out));
	assert_string_equal(out, "the peer refused: unknown CA");
}

static void empty_queue_is_no_trouble(void **state)
{
	char out[100] = "";

	(void)state;
	ERR_clear_error();
	message_of_openssl(out, sizeof(out));
	assert_string_equal(out, "unknown error in OpenSSL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_joined_and_cut),
		cmocka_unit_test(foreign_octets_are_made_printable),
		cmocka_unit_test(first_cause_is_told_and_the_queue_emptied),
		cmocka_unit_test(alert_of_the_peer_is_told_as_such),
		cmocka_unit_test(empty_queue_is_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
