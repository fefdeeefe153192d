/*
 * The slab: objects are zero, apart from each other and aligned; the cap
 * holds; memory goes back; a stray pointer stops the program.
 */
#include "../../src/base/slab.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 1000 };

static const size_t sizes[] = {1, 8, 24, 1024, 1000, 4096, 16384, 70000};

static void check_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			fail_msg("octet %zu is %u", i, p[i]);
}

static void objects_are_zero_aligned_and_apart(void **state)
{
	static uint8_t *taken[MANY];

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct slab *slab = slab_new(sizes[s], 0);

		for (unsigned i = 0; i < MANY; i++) {
			taken[i] = slab_take(slab);
			assert_non_null(taken[i]);
			assert_int_equal((uintptr_t)taken[i] % 16, 0);
			check_zero(taken[i], sizes[s]);
			memset(taken[i], (int)(i % 251) + 1, sizes[s]);
		}
		assert_int_equal(slab_count(slab), MANY);
		for (unsigned i = 0; i < MANY; i++) {
			assert_int_equal(taken[i][0], i % 251 + 1);
			assert_int_equal(taken[i][sizes[s] - 1], i % 251 + 1);
			slab_give(slab, taken[i]);
		}
		assert_int_equal(slab_count(slab), 0);
		slab_free(&slab);
		assert_null(slab);
	}
}

/* A small generator: the same order in each run. */
static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

static void objects_are_zero_again_in_any_order(void **state)
{
	static uint8_t *taken[MANY];
	struct slab *slab = slab_new(1000, 0);
	unsigned seed = 7, live = 0;

	for (unsigned step = 0; step < 20000; step++) {
		uint8_t **slot = &taken[next_random(&seed) % MANY];

		if (*slot) {
			slab_give(slab, *slot);
			*slot = NULL;
			live--;
		} else {
			*slot = slab_take(slab);
			check_zero(*slot, 1000);
			memset(*slot, 0xff, 1000);
			live++;
		}
		assert_int_equal(slab_count(slab), live);
	}
	for (unsigned i = 0; i < MANY; i++) {
		slab_give(slab, taken[i]);
		taken[i] = NULL;
	}
	slab_free(&slab);
}

static void cap_holds_and_opens_again(void **state)
{
	struct slab *slab = slab_new(100, 3);
	void *a = slab_take(slab), *b = slab_take(slab), *c = slab_take(slab);

	assert_non_null(c);
	assert_null(slab_take(slab));
	slab_give(slab, b);
	b = slab_take(slab);
	assert_non_null(b);
	assert_null(slab_take(slab));
	slab_give(slab, a);
	slab_give(slab, b);
	slab_give(slab, c);
	slab_give(slab, NULL);
	assert_int_equal(slab_count(slab), 0);
	slab_free(&slab);
	slab_free(&slab);
}

static size_t mapped_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void memory_goes_back_but_for_one_block(void **state)
{
	enum { OBJECTS = 16000 };
	static void *taken[OBJECTS];
	struct slab *slab = slab_new(1024, 0);
	size_t before = mapped_kib();

	for (unsigned i = 0; i < OBJECTS; i++)
		taken[i] = slab_take(slab);
	assert_true(mapped_kib() >= before + OBJECTS);
	for (unsigned i = 0; i < OBJECTS; i++)
		slab_give(slab, taken[i]);
	assert_in_range(mapped_kib(), 0, before + 256);
	slab_free(&slab);
}

static void stray_pointer(struct slab *slab)
{
	slab_give(slab, (uint8_t *)slab_take(slab) + 16);
}

static void other_slab(struct slab *slab)
{
	slab_give(slab, slab_take(slab_new(64, 0)));
}

static void free_with_live_object(struct slab *slab)
{
	if (slab_take(slab))
		slab_free(&slab);
}

static void bugs_stop_the_program(void **state)
{
	void (*const bugs[])(struct slab *) = {
		stray_pointer, other_slab, free_with_live_object};

	for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			struct rlimit none = {0, 0};

			setrlimit(RLIMIT_CORE, &none);
			signal(SIGABRT, SIG_DFL);
			close(STDERR_FILENO); /* it says why; not here */
			bugs[i](slab_new(64, 0));
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_zero_aligned_and_apart),
		cmocka_unit_test(objects_are_zero_again_in_any_order),
		cmocka_unit_test(cap_holds_and_opens_again),
		cmocka_unit_test(memory_goes_back_but_for_one_block),
		cmocka_unit_test(bugs_stop_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
