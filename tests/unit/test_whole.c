/* A file read or written whole. */
#include "../../src/base/whole.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int file(const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(whole_write(fd, text, strlen(text)));
	return fd;
}

static void what_is_written_is_read(void **state)
{
	int fd = file("0123456789");
	char out[4] = "";

	(void)state;
	assert_true(whole_read(fd, out, 3, 2));
	assert_string_equal(out, "234");
	assert_true(whole_read(fd, out, 0, 99));
	assert_false(whole_read(fd, out, 3, 8)); /* two are left */
	close(fd);
	assert_false(whole_read(fd, out, 1, 0));
	assert_false(whole_write(fd, out, 1));
}

static void a_text_is_all_of_a_file_that_is_not_too_long(void **state)
{
	int fd = file("abc"), ends[2];
	size_t n = 0;
	char *text = whole_text(fd, 3, &n);

	(void)state;
	assert_non_null(text);
	assert_string_equal(text, "abc");
	assert_int_equal(n, 3);
	free(text);
	assert_null(whole_text(fd, 2, NULL));
	close(fd);
	assert_int_equal(pipe(ends), 0);
	assert_null(whole_text(ends[0], 100, NULL));
	close(ends[0]);
	close(ends[1]);
}

/* A pipe takes 64 KiB at once: the rest is written when somebody reads. */
static void short_writes_are_gone_on_with(void **state)
{
	enum { MANY = 300000 };
	static uint8_t out[MANY], in[MANY];
	int ends[2];
	size_t n = 0;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		out[i] = (uint8_t)(i % 251);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		_exit(whole_write(ends[1], out, MANY) ? 0 : 1);
	}
	close(ends[1]);
	while (n < MANY) {
		ssize_t got = read(ends[0], in + n, MANY - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
	assert_memory_equal(in, out, MANY);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_text_is_all_of_a_file_that_is_not_too_long),
		cmocka_unit_test(short_writes_are_gone_on_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
