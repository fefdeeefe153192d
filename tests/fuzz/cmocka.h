/*
 * In the place of cmocka's header, for what targets share with unit tests:
 * its words, each of which aborts so that libFuzzer keeps the input.
 */
#ifndef TESTS_FUZZ_CMOCKA_H
#define TESTS_FUZZ_CMOCKA_H

#include "fuzz.h"

#define assert_true(what)	   MUST(what)
#define assert_false(what)	   MUST(!(what))
#define assert_int_equal(is, want) MUST((is) == (want))
#define assert_memory_equal(is, want, n)                                       \
	MUST((n) == 0 || memcmp(is, want, n) == 0)
#define fail_msg(...)                                                          \
	do {                                                                   \
		fprintf(stderr, __VA_ARGS__);                                  \
		fputc('\n', stderr);                                           \
		abort();                                                       \
	} while (0)

#endif
