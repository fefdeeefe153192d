/*
 * The helper's own judgement: what it does not do, whoever asks.
 *
 * The keeper is believed in nothing: a taken-over keeper must not be able to
 * lock out the server, the administrator or half the world, nor to keep the
 * kernel busy. Pure: no clock, no log, no descriptor; unit-tested.
 */
#ifndef FW_GUARD_H
#define FW_GUARD_H

#include <stdbool.h>

#include "../base/units.h"
#include "fw_conf.h"
#include "record.h"

enum fw_verdict {
	FW_VERDICT_PASS = 0,
	FW_VERDICT_GARBAGE,   /* not a record of ours: no answer */
	FW_VERDICT_MALFORMED, /* ours, but a field is out of its range */
	FW_VERDICT_WIDE,      /* would block too much of the world */
	FW_VERDICT_SPECIAL,   /* loopback, unspecified, multicast… */
	FW_VERDICT_NEVER,     /* overlaps the never-block list */
	FW_VERDICT_TOO_FAST,  /* waits for the next sync */
	FW_VERDICT_FULL,      /* entries_most are there */
	FW_VERDICT_UNBEGUN,   /* SYNC_END without a SYNC_BEGIN */
};

enum { FW_V4_SHORTEST_BITS = 8, FW_V6_SHORTEST_BITS = 16 };

struct fw_guard {
	const struct prefix *never; /* borrowed */
	size_t never_count;
	uint32_t changes_most_per_s;
	mono_ms_t second_began;
	uint32_t second_count;
};

void fw_guard_init(struct fw_guard *guard, const struct fw_conf *conf);

/* Is it a record at all, with fields in their ranges? PASS, GARBAGE or
   MALFORMED. *ret_prefix: only with PASS, of an ADD or a DELETE. */
enum fw_verdict fw_guard_read(
	const struct fw_record *record, struct prefix *ret_prefix);

/* May it be blocked? PASS, WIDE, SPECIAL or NEVER. */
enum fw_verdict fw_guard_judge(
	const struct fw_guard *guard, const struct prefix *prefix);

/* Counts one single change: PASS or TOO_FAST. */
enum fw_verdict fw_guard_hurry(struct fw_guard *guard, mono_ms_t now);

const char *fw_verdict_text(enum fw_verdict verdict);

#endif
