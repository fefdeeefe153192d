/*
 * Builds with sanitizers or coverage are for tests: their runtimes write
 * reports into files and look at the process from a copy of it, which the
 * sandbox of a release forbids.
 */
#ifndef SUPERVISOR_INSTRUMENTED_H
#define SUPERVISOR_INSTRUMENTED_H

#ifdef POSTERN_INSTRUMENTED
enum { INSTRUMENTED = 1 };
#else
enum { INSTRUMENTED = 0 };
#endif

/* Before an _exit(2), which writes no counts by itself. */
#ifdef POSTERN_COVERAGE
void __gcov_dump(void);
static inline void instrumented_end(void)
{
	__gcov_dump();
}
#else
static inline void instrumented_end(void)
{
}
#endif

#endif
