/*
 * How TLS that is passed through begins, however it is cut, and when it may be
 * ended.
 */
#include "../../proto/passthrough.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "guard.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ROW(...)                                                               \
	{                                                                      \
		(const uint8_t[]){__VA_ARGS__},                                \
			COUNT(((uint8_t[]){__VA_ARGS__}))                      \
	}
#define TEXT(words)                                                            \
	{                                                                      \
		(const uint8_t *)(words), sizeof(words) - 1                    \
	}

struct row {
	const uint8_t *p;
	size_t n;
};

/* clang-format off */
static const struct row hellos[] = {
	ROW(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc),
	ROW(0x16, 3, 0, 0, 0x2d, 1),
	ROW(0x16, 3, 3, 0, 1, 1, 0x16, 3, 3, 0, 1, 0), /* an octet a record */
	ROW(0x16, 3, 4, 0x40, 0, 1),
};
static const struct row others[] = {
	TEXT("EHLO x\r\n"), TEXT("MAIL FROM:<a@b>\r\n"), TEXT("\r\n"),
	TEXT("QUIT\r\n"), TEXT("GET / HTTP/1.0\r\n"), TEXT("SSH-2.0-x\r\n"),
	ROW(0x80, 0x2e, 1, 0, 2), /* an SSLv2 hello */
	ROW(0x15, 3, 1, 0, 2, 1, 0), /* an alert */
	ROW(0x17, 3, 3, 0, 2, 1), /* data */
	ROW(0x16, 2, 1, 0, 2, 1), ROW(0x16, 3, 5, 0, 2, 1),
	ROW(0x16, 3, 1, 0x41, 0, 1),
	ROW(0x16, 3, 1, 0, 2, 2), /* a server's hello */
	ROW(0x16, 'E', 'H', 'L', 'O', ' '), ROW(0x16, 3, 'E', 'H', 'L', 'O'),
	ROW(0x16, 3, 1, 'E', 'H', 'L'), ROW(0x16, 3, 1, 0, 'E', 'H'),
};
/* clang-format on */

static struct slice piece(const struct row *row, size_t at, size_t n)
{
	static struct guard guard;

	return slice_of(guard_copy(&guard, row->p + at, n), n);
}

/* In pieces of that many octets; what did the last one get? */
static enum passthrough_result give(
	struct passthrough *p, const struct row *row, size_t step)
{
	enum passthrough_result result = PASSTHROUGH_OK;

	for (size_t at = 0; at < row->n && result == PASSTHROUGH_OK; at += step)
		result = passthrough_client(
			p, piece(row, at,
				   row->n - at < step ? row->n - at : step));
	return result;
}

static void hello_passes_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hellos); i++)
		for (size_t step = 1; step <= hellos[i].n; step++) {
			struct passthrough p = {0};

			assert_int_equal(
				give(&p, &hellos[i], step), PASSTHROUGH_OK);
			assert_int_equal(p.stage, PASSTHROUGH_ANSWER);
		}
}

static void nothing_else_passes_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(others); i++)
		for (size_t step = 1; step <= others[i].n; step++) {
			struct passthrough p = {0};

			if (give(&p, &others[i], step) != PASSTHROUGH_CLEAR)
				fail_msg("row %zu in pieces of %zu", i, step);
			assert_int_equal(p.stage, PASSTHROUGH_HELLO);
		}
}

static void server_is_silent_before_the_hello(void **state)
{
	const struct row word = ROW(0x16, 3, 3, 0, 1);
	struct passthrough p = {0};

	(void)state;
	assert_int_equal(
		passthrough_server(&p, piece(&word, 0, 1)), PASSTHROUGH_CLEAR);
	for (size_t at = 0; at < 5; at++) {
		assert_int_equal(
			passthrough_client(&p, piece(&hellos[0], at, 1)),
			PASSTHROUGH_OK);
		assert_int_equal(passthrough_server(&p, piece(&word, 0, 1)),
			PASSTHROUGH_CLEAR);
	}
	assert_int_equal(passthrough_client(&p, piece(&hellos[0], 5, 1)),
		PASSTHROUGH_OK);
	assert_int_equal(
		passthrough_server(&p, piece(&word, 0, 1)), PASSTHROUGH_OK);
}

static void the_answer_is_a_handshake_or_an_alert(void **state)
{
	const struct row good[] = {
		ROW(0x16, 3, 3, 0, 60, 2), ROW(0x15, 3, 1, 0, 2, 2, 40)};
	const struct row bad[] = {TEXT("220 x\r\n"), TEXT("250-x\r\n"),
		ROW(0x16, 2, 0, 0), ROW(0x17, 3, 3, 0),
		ROW(0x16, 3, '2', '2', '0')};

	(void)state;
	for (size_t i = 0; i < COUNT(good) + COUNT(bad); i++) {
		bool right = i < COUNT(good);
		const struct row *row =
			right ? &good[i] : &bad[i - COUNT(good)];

		for (size_t step = 1; step <= row->n; step++) {
			enum passthrough_result result = PASSTHROUGH_OK;
			struct passthrough p = {0};

			assert_int_equal(
				give(&p, &hellos[0], 9), PASSTHROUGH_OK);
			for (size_t at = 0;
				at < row->n && result == PASSTHROUGH_OK;
				at += step)
				result = passthrough_server(&p,
					piece(row, at,
						row->n - at < step ? row->n - at
								   : step));
			assert_int_equal(result,
				right ? PASSTHROUGH_OK : PASSTHROUGH_CLEAR);
		}
	}
}

static void no_octets_change_nothing(void **state)
{
	const struct slice none = slice_of(NULL, 0);
	struct passthrough p = {0};

	(void)state;
	assert_int_equal(passthrough_client(&p, none), PASSTHROUGH_OK);
	assert_int_equal(passthrough_server(&p, none), PASSTHROUGH_OK);
	assert_int_equal(p.stage, PASSTHROUGH_HELLO);
	assert_false(p.client_last);
}

/* Not while a verdict may be under way; a handshake holds none. */
static void may_end_unless_the_client_spoke_last(void **state)
{
	const struct row octets = TEXT("\x16\x03\x03");
	struct slice in = slice_of(octets.p, octets.n);
	struct passthrough p = {0};

	(void)state;
	assert_true(passthrough_may_end(&p));
	assert_int_equal(give(&p, &hellos[0], 9), PASSTHROUGH_OK);
	assert_true(passthrough_may_end(&p));
	assert_int_equal(passthrough_server(&p, in), PASSTHROUGH_OK);
	assert_int_equal(p.stage, PASSTHROUGH_KEY);
	assert_true(passthrough_may_end(&p));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(passthrough_client(&p, in), PASSTHROUGH_OK);
		assert_int_equal(p.stage, PASSTHROUGH_OPEN);
		assert_false(passthrough_may_end(&p));
		assert_int_equal(passthrough_server(&p, in), PASSTHROUGH_OK);
		assert_int_equal(p.stage, PASSTHROUGH_OPEN);
		assert_true(passthrough_may_end(&p));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_passes_however_it_is_cut),
		cmocka_unit_test(nothing_else_passes_however_it_is_cut),
		cmocka_unit_test(server_is_silent_before_the_hello),
		cmocka_unit_test(the_answer_is_a_handshake_or_an_alert),
		cmocka_unit_test(no_octets_change_nothing),
		cmocka_unit_test(may_end_unless_the_client_spoke_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
