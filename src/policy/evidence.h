/* What the rules beside the ladder count in, and what they hear. */
#ifndef POLICY_EVIDENCE_H
#define POLICY_EVIDENCE_H

#include "../base/octets.h"
#include "core.h"
#include "keyed.h"

/* One table a rule. All of them keep the sizes of policy_new(). */
struct evidence {
	struct keyed_table *said;     /* sentence.c */
	struct keyed_table *days;     /* source_days.c */
	struct keyed_table *prefixes; /* prefix_limit.c */
	unsigned prefix_sources_most; /* kept of each prefix */
	struct offences *offences;    /* offence.c */
	struct places *places;	      /* place.c */
	struct keyed_table *scores;   /* list_score.c */
};

/* NULL without memory. Caller frees. */
struct evidence *evidence_new(const struct policy_conf *conf,
	const struct hash_key *key, const struct domains *domains);
void evidence_free(struct evidence **evidence);

/* One more failure of this source counted, of a guess that had none. Returns
 * the rule of a ban of the source that began, or `banned_by`. */
enum policy_rule evidence_failed(struct policy *policy, mono_ms_t now,
	struct source *source, uint64_t user, uint64_t tag,
	enum policy_rule banned_by);
void evidence_succeeded(
	struct policy *policy, mono_ms_t now, const struct source *source);
/* The operator pardons what lies inside the prefix. */
void evidence_pardon(struct policy *policy, const struct prefix *prefix);

/* For the next core (image.h). false: refused. */
void evidence_save(const struct evidence *evidence, struct octets *out);
bool evidence_load(struct evidence *evidence, struct octets *in);

#endif
