/* prefix-limit: an attacker who rotates through the addresses of a prefix. */
#ifndef POLICY_PREFIX_LIMIT_H
#define POLICY_PREFIX_LIMIT_H

#include "core.h"
#include "evidence.h"

/* Makes its table; evidence->prefixes is NULL without memory. */
void prefix_limit_init(
	struct evidence *evidence, const struct policy_conf *conf);

/* What a source is banned with: the prefix, or the narrower one inside it
 * that holds all who failed. */
struct prefix prefix_limit_wide(
	const struct policy *policy, const struct prefix *source);
struct prefix prefix_limit_narrow(
	const struct policy *policy, const struct prefix *source);

/* How near the prefix of a strange source is to its ban. */
struct prefix_limit_state {
	struct prefix prefix;  /* that would be banned */
	unsigned limit;	       /* at so many failed sources */
	unsigned failed_count; /* sources that did */
	bool failed_before;    /* this source is one of them */
};
/* false: its failures ban no prefix: it is no stranger, or people are known
 * around it. */
bool prefix_limit_state(const struct policy *policy, mono_ms_t now,
	const struct prefix *source, struct prefix_limit_state *ret_state);

/* A failure of this source was counted; may ban its prefix. */
void prefix_limit_failed(
	struct policy *policy, mono_ms_t now, const struct prefix *source);
/* It is no stranger after all. */
void prefix_limit_forget(struct policy *policy, const struct prefix *source);
/* The operator pardons a source, or a prefix that was banned. */
void prefix_limit_pardon(struct policy *policy, const struct prefix *prefix);

/* For keyed_load(). More than are kept here: the first of them. */
bool prefix_limit_sound(void *value, size_t value_bytes);

#endif
