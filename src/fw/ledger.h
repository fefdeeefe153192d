/*
 * What should be in force: takes records, has them brought about.
 *
 * The helper without its descriptor: the guard's judgement, the mirror, the
 * sync that is being told, the changes that wait for the end of a datagram,
 * and the backend. helper.c feeds it; the unit tests feed it too.
 */
#ifndef FW_LEDGER_H
#define FW_LEDGER_H

#include <stddef.h>

#include "../base/units.h"
#include "fw_conf.h"
#include "record.h"

struct fw_ledger;

typedef void fw_answer_cb(void *arg, const struct fw_answer *answer);

/*
 * NULL without memory. conf is borrowed until the free. Prepares the backend;
 * when that fails it is logged and tried again at the next sync.
 */
struct fw_ledger *fw_ledger_new(
	const struct fw_conf *conf, fw_answer_cb *answer, void *arg);
/* What is in force stays in force. */
void fw_ledger_free(struct fw_ledger **ledger);

/* Judges one record. An ADD or a DELETE waits for fw_ledger_settle(). */
void fw_ledger_take(struct fw_ledger *ledger, const struct fw_record *record,
	mono_ms_t now);

/* Octets that are no records came. */
void fw_ledger_garbage(struct fw_ledger *ledger, size_t bytes, mono_ms_t now);

/* Does what waits, in one batch; lifts what has ended. */
void fw_ledger_settle(struct fw_ledger *ledger, mono_ms_t now);

/* When to settle without a record; MONO_NEVER: not needed. */
mono_ms_t fw_ledger_deadline(const struct fw_ledger *ledger);

size_t fw_ledger_count(const struct fw_ledger *ledger);

#endif
