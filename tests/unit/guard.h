/*
 * Octets that end directly in front of a page that may not be touched.
 *
 * For tests of parsers: one octet read or written behind the end is a
 * SIGSEGV, also without a sanitizer. A guard is mapped on first use, grows,
 * and holds one thing at a time: the next guard_room or guard_copy of the
 * same guard overwrites it. Zero-initialise it: `static struct guard in;`.
 */
#ifndef TESTS_UNIT_GUARD_H
#define TESTS_UNIT_GUARD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
	uint8_t *map;
	size_t room; /* whole pages; the forbidden one lies behind them */
	size_t page;
};

static inline void guard_done(struct guard *guard)
{
	if (guard->map)
		munmap(guard->map, guard->room + guard->page);
	*guard = (struct guard){0};
}

/* `n` octets, their content as it was; aborts where there is no memory. */
static inline uint8_t *guard_room(struct guard *guard, size_t n)
{
	if (!guard->map || n > guard->room) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);
		size_t room = (n / page + 1) * page;
		void *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		guard_done(guard);
		if (map == MAP_FAILED ||
			mprotect((uint8_t *)map + room, page, PROT_NONE) != 0)
			abort();
		*guard = (struct guard){map, room, page};
	}
	return guard->map + guard->room - n;
}

/* A copy of `n` octets; valid until the guard's next use. */
static inline uint8_t *guard_copy(struct guard *guard, const void *p, size_t n)
{
	uint8_t *to = guard_room(guard, n);

	if (n)
		memmove(to, p, n);
	return to;
}

#endif
