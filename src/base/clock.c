/*
 * The clocks. No other file reads one (held by tests/lint).
 *
 * CLOCK_BOOTTIME goes on while a machine is suspended, so a ban of ten minutes
 * is over ten minutes later. Wall-clock time may jump and is never used to
 * decide anything. Both are read without a system call (vDSO); a thread's run
 * time is not, and is for measuring alone.
 */
#include "clock.h"

#include <time.h>

#include "check.h"

static struct timespec clock_read(clockid_t id)
{
	struct timespec ts;

	CHECK(clock_gettime(id, &ts) == 0);
	return ts;
}

mono_ms_t clock_mono_ms(void)
{
	struct timespec ts = clock_read(CLOCK_BOOTTIME);

	return (mono_ms_t)ts.tv_sec * 1000 + (mono_ms_t)ts.tv_nsec / 1000000;
}

uint64_t clock_mono_us(void)
{
	struct timespec ts = clock_read(CLOCK_BOOTTIME);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

wall_s_t clock_wall_s(void)
{
	return (wall_s_t)clock_read(CLOCK_REALTIME).tv_sec;
}

int64_t clock_wall_ms(void)
{
	struct timespec ts = clock_read(CLOCK_REALTIME);

	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t clock_run_us(void)
{
	struct timespec ts = clock_read(CLOCK_THREAD_CPUTIME_ID);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}
