/*
 * A time stamp as a log has it, and the head of a line that it stands in.
 *
 * Domino writes dates in the order and with the separators of its host, and no
 * line says whether 05-11 is in May or in November: that is decided for a log
 * as a whole. A head is an optional "[process:thread]" and a date with a time.
 */
#ifndef LOGS_STAMP_H
#define LOGS_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"

enum stamp_order { STAMP_DMY, STAMP_MDY, STAMP_YMD, STAMP_UNKNOWN };

struct stamp {
	bool known;
	char separator;	     /* of the date: . - / */
	uint16_t numbers[3]; /* of the date, as they stand */
	uint32_t ms_of_day;
};

/* Digits as one 0, the rest as it is: the form that a server's heads have. */
enum { HEAD_SHAPE_LONGEST = 48 };

struct head {
	size_t n; /* octets, spaces behind it included */
	struct stamp stamp;
	char shape[HEAD_SHAPE_LONGEST]; /* NUL-terminated */
};

/* Does the line begin with a head? false: *ret_head is not set. */
bool head_read(struct slice line, struct head *ret_head);

/* What this one says about the order: UNKNOWN for 05-11-2022. */
enum stamp_order stamp_order_of(const struct stamp *stamp);
/* What is usual with its separator, when nothing else is known. */
enum stamp_order stamp_order_usual(const struct stamp *stamp);
/* Milliseconds since 1970 as if it were UTC. false: no such day. */
bool stamp_ms(
	const struct stamp *stamp, enum stamp_order order, int64_t *ret_ms);
/* Whole seconds of some clock without regard to the order of the date: equal
 * for equal stamps, and next to each other within a day. */
uint64_t stamp_raw_s(const struct stamp *stamp);

#endif
