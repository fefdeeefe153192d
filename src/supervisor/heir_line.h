/*
 * The line between a supervisor and the one that takes over from it.
 *
 * Lines of text, each with a descriptor or none: two versions of postern speak
 * here, so nothing crosses as it lies in memory.
 */
#ifndef SUPERVISOR_HEIR_LINE_H
#define SUPERVISOR_HEIR_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEIR_LINE_LONGEST = 2048 };

/* What both understand; another one is refused. */
#define HEIR_LINE_VERSION "postern-heir-1"

/* Waits for room, two seconds at most. passed: -1: none; it stays ours. */
bool heir_say(int line, int passed, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
enum heir_heard { HEIR_HEARD, HEIR_NOTHING, HEIR_GONE };
/* wait_ms: 0: only what is there. ret_passed: the caller's; -1: none. */
enum heir_heard heir_hear(int line, int wait_ms,
	char ret_text[HEIR_LINE_LONGEST], int *ret_passed);
/* Is it this word, alone or with a rest behind it? ret_rest: the rest. */
bool heir_word(const char *text, const char *word, const char **ret_rest);

/* The number from 0 to `most` that stands next in *text; goes behind it. */
bool heir_number(
	const char **text, int base, uint64_t most, uint64_t *ret_number);

#endif
