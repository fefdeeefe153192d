/*
 * The only file that reads a clock. A loop reads it once a turn and hands
 * `now` down; nothing below asks for the time.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "units.h"

mono_ms_t clock_mono_ms(void); /* CLOCK_BOOTTIME: suspended time counts */
uint64_t clock_mono_us(void);
wall_s_t clock_wall_s(void);
int64_t clock_wall_ms(void);
/* Run time of this thread. A system call, unlike the others. */
uint64_t clock_run_us(void);

#endif
