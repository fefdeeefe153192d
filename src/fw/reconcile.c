/*
 * Makes what is in force equal to what should be (see reconcile.h).
 *
 * The ground is made good first (somebody may have flushed the rules, or only
 * one of ours), then the entries are listed and the differences applied in one
 * batch. When that fails and the backend believes that beginning afresh will
 * help (a set of another shape under our name), all is thrown away and loaded
 * anew: for less than a second nobody is blocked by the kernel, while postern
 * itself goes on turning the banned away.
 */
#include "reconcile.h"

#include <stdlib.h>

enum {
	FW_SEEN = 1, /* the mark of a wanted entry that is in force */
	/* The keeper rounds to seconds and the kernel counts in ticks of its
	   own: less than this is no difference. */
	FW_TIME_SLACK_MS = 5000,
	FW_CHANGES_FIRST_COUNT = 256,
};

void fw_changes_done(struct fw_changes *changes)
{
	free(changes->items);
	*changes = (struct fw_changes){.items = NULL};
}

void fw_changes_push(struct fw_changes *changes, const struct fw_change *change)
{
	if (changes->failed)
		return;
	if (changes->n == changes->room) {
		size_t room = changes->room ? changes->room * 2
					    : FW_CHANGES_FIRST_COUNT;
		struct fw_change *items =
			realloc(changes->items, room * sizeof(*items));

		if (!items) {
			changes->failed = true;
			return;
		}
		changes->items = items;
		changes->room = room;
	}
	changes->items[changes->n++] = *change;
}

uint32_t fw_ttl_left_s(mono_ms_t deadline, mono_ms_t now)
{
	if (deadline == MONO_NEVER)
		return 0;
	if (deadline <= now)
		return 1; /* 0 would be for ever */
	return (uint32_t)((deadline - now + 999) / 1000);
}

struct fw_comparison {
	struct fw_table *wanted;
	struct fw_changes changes;
	mono_ms_t now;
};

static void fw_compare_add(struct fw_comparison *comparison,
	const struct fw_entry *entry, bool fresh)
{
	const struct fw_change change = {
		.prefix = entry->prefix,
		.add = true,
		.fresh = fresh,
		.ttl_s = fw_ttl_left_s(entry->deadline, comparison->now),
	};

	fw_changes_push(&comparison->changes, &change);
}

static bool fw_same_time(
	const struct fw_entry *entry, int64_t left_ms, mono_ms_t now)
{
	int64_t wanted_ms;

	if (entry->deadline == MONO_NEVER || left_ms == FW_LEFT_FOREVER)
		return entry->deadline == MONO_NEVER &&
		       left_ms == FW_LEFT_FOREVER;
	wanted_ms = (int64_t)entry->deadline - (int64_t)now;
	return llabs(left_ms - wanted_ms) <= FW_TIME_SLACK_MS;
}

static void fw_compare_listed(
	void *arg, const struct prefix *prefix, int64_t left_ms)
{
	struct fw_comparison *comparison = arg;
	struct fw_entry *entry = fw_table_find(comparison->wanted, prefix);
	const struct fw_change lift = {.prefix = *prefix};

	if (!entry) {
		fw_changes_push(&comparison->changes, &lift);
		return;
	}
	entry->mark = FW_SEEN;
	if (!fw_same_time(entry, left_ms, comparison->now))
		fw_compare_add(comparison, entry, false);
}

static void fw_compare_unmark(struct fw_table *wanted)
{
	struct fw_entry *entry;
	size_t cursor = 0;

	while ((entry = fw_table_next(wanted, &cursor)))
		entry->mark = 0;
}

static void fw_compare_missing(struct fw_comparison *comparison)
{
	const struct fw_entry *entry;
	size_t cursor = 0;

	while ((entry = fw_table_next(comparison->wanted, &cursor)))
		if (entry->mark != FW_SEEN)
			fw_compare_add(comparison, entry, true);
}

static enum fw_result fw_reconcile_once(const struct fw_backend *backend,
	void *self, struct fw_table *wanted, mono_ms_t now, bool afresh,
	size_t *ret_drift)
{
	struct fw_comparison comparison = {.wanted = wanted, .now = now};
	enum fw_result result = backend->prepare(self, afresh);

	fw_compare_unmark(wanted);
	if (result == FW_OK)
		result = backend->list(
			self, now, fw_compare_listed, &comparison);
	if (result == FW_OK) {
		fw_compare_missing(&comparison);
		if (comparison.changes.failed)
			result = FW_FAILED;
	}
	if (result == FW_OK && comparison.changes.n > 0)
		result = backend->apply(self, comparison.changes.items,
			comparison.changes.n, now);
	if (result == FW_OK)
		*ret_drift = comparison.changes.n;
	fw_changes_done(&comparison.changes);
	return result;
}

enum fw_result fw_reconcile(const struct fw_backend *backend, void *self,
	struct fw_table *wanted, mono_ms_t now, size_t *ret_drift)
{
	if (fw_reconcile_once(backend, self, wanted, now, false, ret_drift) ==
		FW_OK)
		return FW_OK;
	return fw_reconcile_once(backend, self, wanted, now, true, ret_drift);
}
