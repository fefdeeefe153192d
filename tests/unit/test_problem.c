/* The list of problems: its order, its cap, and that nothing is said twice. */
#include "../../src/conf/problem.h"

#include "conf_text.h"

static void problems_come_in_the_order_of_the_files(void **state)
{
	struct problems problems = {0};
	struct conf_errors errors;

	problems_file(&problems, "main");
	problems_file(&problems, "also");
	problems_error(&problems, (struct place){"also", 1}, "a%d", 1);
	problems_warn(&problems, (struct place){"main", 20}, "m20");
	problems_error(&problems, (struct place){"main", 3}, "m3 first");
	problems_error(&problems, (struct place){"main", 3}, "m3 second");
	problems_error(&problems, (struct place){"main", 0}, "m0");
	problems_done(&problems, &errors);
	assert_string_equal(errors.text, "main: m0\n"
					 "main:3: m3 first\n"
					 "main:3: m3 second\n"
					 "main:20: warning: m20\n"
					 "also:1: a1\n");
	assert_int_equal(errors.n, strlen(errors.text));
	assert_int_equal(errors.error_count, 4);
	assert_int_equal(errors.warning_count, 1);
	conf_errors_done(&errors);
	assert_null(errors.text);
}

static void the_same_is_said_once(void **state)
{
	struct problems problems = {0};
	struct conf_errors errors;

	problems_file(&problems, "x");
	for (int i = 0; i < 3; i++)
		problems_error(&problems, (struct place){"x", 1}, "twice");
	problems_error(&problems, (struct place){"x", 2}, "twice");
	problems_done(&problems, &errors);
	assert_string_equal(errors.text, "x:1: twice\nx:2: twice\n");
	assert_int_equal(errors.error_count, 2);
	conf_errors_done(&errors);
}

static void more_than_the_cap_are_counted(void **state)
{
	struct problems problems = {0};
	struct conf_errors errors;
	size_t lines = 0;

	problems_file(&problems, "x");
	for (unsigned i = 0; i < PROBLEMS_MOST + 7; i++)
		problems_error(&problems, (struct place){"x", i + 1}, "no");
	problems_done(&problems, &errors);
	for (const char *p = errors.text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, PROBLEMS_MOST + 1);
	assert_non_null(strstr(errors.text, "x: and 7 more\n"));
	assert_int_equal(errors.error_count, PROBLEMS_MOST + 7);
	conf_errors_done(&errors);
}

static void no_problems_are_no_text(void **state)
{
	struct problems problems = {0};
	struct conf_errors errors;

	problems_done(&problems, &errors);
	assert_null(errors.text);
	assert_int_equal(errors.n, 0);
	assert_int_equal(errors.error_count, 0);
	conf_errors_done(&errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(problems_come_in_the_order_of_the_files),
		cmocka_unit_test(the_same_is_said_once),
		cmocka_unit_test(more_than_the_cap_are_counted),
		cmocka_unit_test(no_problems_are_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
