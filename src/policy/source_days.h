/* source-days: failures on many days from where nobody ever logged in. */
#ifndef POLICY_SOURCE_DAYS_H
#define POLICY_SOURCE_DAYS_H

#include <stdbool.h>

#include "core.h"

enum { SOURCE_DAYS_MOST = 8 };

/* Quarter-days (of the clock's own counting) in which the source failed, each
 * with the guess that failed first in it. Oldest first. */
struct source_days {
	uint32_t guesses[SOURCE_DAYS_MOST];
	uint16_t quarters[SOURCE_DAYS_MOST];
	uint32_t count;
};

enum { SOURCE_DAYS_BYTES = sizeof(struct source_days) };

/* A failure of this source was counted. true: it is banned for its days. */
bool source_days_failed(struct policy *policy, mono_ms_t now,
	const struct source *source, uint64_t user, uint64_t tag);
void source_days_forget(struct policy *policy, const struct prefix *source);

/* For keyed_load(). */
bool source_days_sound(void *value, size_t value_bytes);

#endif
