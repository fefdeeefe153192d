/* Numbers as operators write them: "30s", "10m", "64k". */
#ifndef CONF_UNIT_H
#define CONF_UNIT_H

#include <stddef.h>
#include <stdint.h>

enum unit_kind {
	UNIT_COUNT, /* no unit */
	UNIT_MS,    /* ms s m h d; a bare 0 is fine */
	UNIT_BYTES, /* k M G of 1024, or none */
};

enum unit_result {
	UNIT_OK = 0,
	UNIT_NO_NUMBER,
	UNIT_MISSING,
	UNIT_UNKNOWN,
	UNIT_TOO_LARGE, /* for 64 bits */
};

enum { UNIT_TEXT_LONGEST = 32 }; /* with NUL */

enum unit_result unit_read(const char *text, enum unit_kind kind,
	uint64_t *ret_number) __attribute__((warn_unused_result));

/* In the largest unit that needs no fraction. Returns `out`. */
const char *unit_format(
	uint64_t number, enum unit_kind kind, char out[UNIT_TEXT_LONGEST]);

#endif
