/*
 * Makes what is in force equal to what should be, by differences.
 *
 * Called by ledger.c at the end of a sync, and once after a change failed.
 */
#ifndef FW_RECONCILE_H
#define FW_RECONCILE_H

#include "backend.h"
#include "table.h"

/* A list that grows; after a failed growth it takes no more. */
struct fw_changes {
	struct fw_change *items;
	size_t n;
	size_t room;
	bool failed;
};

void fw_changes_done(struct fw_changes *changes);
void fw_changes_push(
	struct fw_changes *changes, const struct fw_change *change);

/* Seconds to go, rounded up, at least 1; 0 for MONO_NEVER. */
uint32_t fw_ttl_left_s(mono_ms_t deadline, mono_ms_t now);

/*
 * wanted: its marks are overwritten. *ret_drift: differences that were put
 * right. FW_FAILED: backend->why() says why; a part may have been done.
 */
enum fw_result fw_reconcile(const struct fw_backend *backend, void *self,
	struct fw_table *wanted, mono_ms_t now, size_t *ret_drift);

#endif
