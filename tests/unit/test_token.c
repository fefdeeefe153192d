/* Who has the token: headers that fit, and those that nearly do. */
#include "../../src/dash/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/dash/dash.h"

#define TOKEN "0123456789abcdef"

static void only_the_whole_token_fits(void **state)
{
	assert_true(token_fits("Bearer " TOKEN, TOKEN));
	assert_true(token_fits("bearer   " TOKEN, TOKEN));
	assert_false(token_fits("Bearer " TOKEN "x", TOKEN));
	assert_false(token_fits("Bearer 0123456789abcde", TOKEN));
	assert_false(token_fits("Bearer 0123456789abcdeF", TOKEN));
	assert_false(token_fits("Bearer", TOKEN));
	assert_false(token_fits("Bearer ", TOKEN));
	assert_false(token_fits("Basic " TOKEN, TOKEN));
	assert_false(token_fits(TOKEN, TOKEN));
	assert_false(token_fits("", TOKEN));
	assert_false(token_fits(NULL, TOKEN));
}

static void without_a_token_nobody_has_it(void **state)
{
	assert_false(token_fits("Bearer ", ""));
	assert_false(token_fits("Bearer x", ""));
	assert_false(token_fits(NULL, ""));
}

/* One that is longer than any is not cut to one that fits. */
static void the_longest_fits_and_a_longer_one_does_not(void **state)
{
	char token[DASH_TOKEN_LONGEST], header[DASH_TOKEN_LONGEST + 32];

	memset(token, 'a', sizeof(token) - 1);
	token[sizeof(token) - 1] = '\0';
	strcpy(header, "Bearer ");
	strcat(header, token);
	assert_true(token_fits(header, token));
	strcat(header, "a");
	assert_false(token_fits(header, token));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_whole_token_fits),
		cmocka_unit_test(without_a_token_nobody_has_it),
		cmocka_unit_test(the_longest_fits_and_a_longer_one_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
