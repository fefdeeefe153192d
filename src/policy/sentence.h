/* From evidence to a ban: mode, allow list, people, growth. */
#ifndef POLICY_SENTENCE_H
#define POLICY_SENTENCE_H

#include <stdbool.h>

#include "core.h"

enum { SENTENCE_SAID_MOST = 4096, SENTENCE_BYTES = sizeof(mono_ms_t) };

/* Carries out what a rule found: bans the prefix (span_ms, growing with each
 * repeat), or says that it would. true: a ban began or was made longer, in
 * earnest or observed. */
bool sentence_pass(struct policy *policy, mono_ms_t now,
	const struct prefix *prefix, enum policy_rule rule, uint64_t span_ms,
	unsigned count);

#endif
