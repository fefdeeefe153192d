/*
 * What the backends share: room, and a memory of what was done.
 *
 * exec and null have nobody to ask what is in force, so they note each change
 * that went well in a table of their own and list that. It must not be the
 * helper's mirror: that one holds what *should* be in force.
 */
#include "backend.h"

#include "table.h"

size_t fw_backend_room(const struct fw_conf *conf)
{
	return 2 * (size_t)conf->entries_most;
}

bool fw_backend_note(
	struct fw_table *memory, const struct fw_change *change, mono_ms_t now)
{
	mono_ms_t deadline = MONO_NEVER;

	if (!change->add) {
		/* Not there is as good as lifted. */
		(void)fw_table_delete(memory, &change->prefix);
		return true;
	}
	if (change->ttl_s)
		deadline = now + (mono_ms_t)change->ttl_s * 1000;
	return fw_table_put(memory, &change->prefix, deadline, 0) ==
	       FW_TABLE_OK;
}

void fw_backend_recall(const struct fw_table *memory, mono_ms_t now,
	fw_listed_cb *listed, void *arg)
{
	const struct fw_entry *entry;
	size_t cursor = 0;

	while ((entry = fw_table_next(memory, &cursor))) {
		int64_t left_ms = FW_LEFT_FOREVER;

		if (entry->deadline != MONO_NEVER)
			left_ms = (int64_t)entry->deadline - (int64_t)now;
		listed(arg, &entry->prefix, left_ms);
	}
}
