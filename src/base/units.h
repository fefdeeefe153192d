/* Units that are types (house style: every number says its unit). */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdint.h>

/* Milliseconds of a clock that never goes back; 0 is some time in the past. */
typedef uint64_t mono_ms_t;

/* Seconds since 1970, for people and for the disk only. */
typedef int64_t wall_s_t;

#define MONO_NEVER UINT64_MAX

#endif
