/* Sessions by source over several processes. */
#include "../../src/base/census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct prefix source(const char *text, unsigned number)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	p.addr.octets[13] = (uint8_t)(number >> 16);
	p.addr.octets[14] = (uint8_t)(number >> 8);
	p.addr.octets[15] = (uint8_t)number;
	return p;
}

static struct census *census_of(unsigned rows)
{
	struct census *c = census_new(rows);

	assert_non_null(c);
	for (unsigned row = 0; row < rows; row++)
		census_clear(c, row);
	return c;
}

static void rows_add_up(void **state)
{
	struct census *c = census_of(3);
	struct prefix a = source("203.0.113.1", 1), b = source("::1", 2);

	(void)state;
	assert_int_equal(census_enter(c, 0, &a), 1);
	assert_int_equal(census_enter(c, 2, &a), 2);
	assert_int_equal(census_enter(c, 1, &b), 1);
	assert_int_equal(census_enter(c, 0, &a), 3);
	census_leave(c, 2, &a);
	assert_int_equal(census_count(c, &a), 2);
	assert_int_equal(census_count(c, &b), 1);
	census_free(&c);
	assert_null(c);
}

static void cleared_row_is_forgotten(void **state)
{
	struct census *c = census_of(2);
	struct prefix a = source("203.0.113.1", 1);

	(void)state;
	(void)census_enter(c, 0, &a);
	(void)census_enter(c, 1, &a);
	census_clear(c, 1);
	assert_int_equal(census_count(c, &a), 1);
	assert_int_equal(census_enter(c, 1, &a), 2);
	census_free(&c);
}

/* Many sources with a session each do not add up to one with many. */
static void crowd_of_single_ones_hurts_nobody(void **state)
{
	struct census *c = census_of(1);
	uint32_t worst = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct prefix one = source("203.0.113.1", i);
		uint32_t seen = census_enter(c, 0, &one);

		worst = seen > worst ? seen : worst;
	}
	assert_in_range(worst, 1, 8);
	for (unsigned i = 0; i < 20000; i++) {
		struct prefix one = source("203.0.113.1", i);

		census_leave(c, 0, &one);
		assert_in_range(census_count(c, &one), 0, 8);
	}
	for (unsigned i = 0; i < 20000; i++) {
		struct prefix one = source("203.0.113.1", i);

		assert_int_equal(census_count(c, &one), 0);
	}
	census_free(&c);
}

static void other_processes_see_it(void **state)
{
	struct census *c = census_of(2);
	struct prefix a = source("2001:db8::", 1);
	int status;
	pid_t pid;

	(void)state;
	(void)census_enter(c, 0, &a);
	pid = fork();
	if (pid == 0)
		_exit(census_enter(c, 1, &a) == 2 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(census_count(c, &a), 2);
	census_free(&c);
}

/* Two programs take and give back rows of one census. */
static void one_that_is_adopted_is_the_same(void **state)
{
	struct census *c = census_new(3), *other;
	struct prefix a = source("203.0.113.1", 1);
	unsigned first, second, third;

	(void)state;
	assert_true(census_take_row(c, &first));
	(void)census_enter(c, first, &a);
	assert_null(census_adopt(dup(census_fd(c)), 4));
	other = census_adopt(dup(census_fd(c)), 3);
	assert_non_null(other);
	assert_true(census_take_row(other, &second));
	assert_int_not_equal(first, second);
	assert_int_equal(census_enter(other, second, &a), 2);
	assert_int_equal(census_count(c, &a), 2);
	assert_true(census_take_row(c, &third));
	assert_false(census_take_row(c, &third));
	census_give_row(other, first, getpid());
	assert_int_equal(census_count(c, &a), 1);
	assert_true(census_take_row(other, &third));
	assert_int_equal(third, first);
	census_free(&c);
	assert_int_equal(census_count(other, &a), 1);
	census_free(&other);
}

static void rows_of_the_dead_are_given_back_and_no_others(void **state)
{
	struct census *c = census_new(2);
	struct prefix a = source("203.0.113.1", 1);
	unsigned dead, alive, again;
	pid_t pid;

	(void)state;
	assert_true(census_take_row(c, &dead));
	assert_true(census_take_row(c, &alive));
	(void)census_enter(c, alive, &a);
	pid = fork();
	if (pid == 0)
		_exit(census_enter(c, dead, &a) == 2 ? 0 : 1);
	census_set_owner(c, dead, pid);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(census_count(c, &a), 2);
	census_bury(c);
	assert_int_equal(census_count(c, &a), 1);
	assert_true(census_take_row(c, &again));
	assert_int_equal(again, dead);
	census_give_row(c, again, pid); /* late: it is another's now */
	assert_false(census_take_row(c, &again));
	census_free(&c);
}

static void what_can_be_cut_is_no_census(void **state)
{
	struct census *c = census_new(1);
	int fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat st;

	(void)state;
	assert_int_equal(fstat(census_fd(c), &st), 0);
	assert_int_equal(ftruncate(census_fd(c), 0), -1);
	assert_int_equal(ftruncate(fd, st.st_size), 0);
	assert_null(census_adopt(fd, 1)); /* closed */
	census_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_add_up),
		cmocka_unit_test(cleared_row_is_forgotten),
		cmocka_unit_test(crowd_of_single_ones_hurts_nobody),
		cmocka_unit_test(other_processes_see_it),
		cmocka_unit_test(one_that_is_adopted_is_the_same),
		cmocka_unit_test(rows_of_the_dead_are_given_back_and_no_others),
		cmocka_unit_test(what_can_be_cut_is_no_census),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
