/* Bad manners: events that are no login, counted for each source. */
#ifndef POLICY_OFFENCE_H
#define POLICY_OFFENCE_H

#include "../base/octets.h"
#include "core.h"

struct offences;

/* NULL without memory, or when a pattern of the HELO rule is none. Caller
 * frees. */
struct offences *offences_new(const struct policy_conf *conf,
	const struct hash_key *key, const struct domains *domains);
void offences_free(struct offences **offences);
/* Takes new patterns and names over; false: without memory, the old stay. */
bool offences_configure(struct offences *offences,
	const struct policy_conf *conf, const struct hash_key *key,
	const struct domains *domains);

/* Any event that is no login and no order. A CONNECT of a source that is
 * banned, by now or before, is turned away. */
void offence_step(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict);
/* A login failed. true: of a decoy, and its source was banned for it. */
bool offence_decoy(struct policy *policy, mono_ms_t now,
	const struct source *source, uint64_t user);
/* Is this a rule of offences.def, or the decoys'? Its mode; NULL: no. */
const enum policy_mode *offence_mode(
	const struct policy_conf *conf, enum policy_rule rule);

/* For the next core (image.h). false: refused. */
void offences_save(const struct offences *offences, struct octets *out);
bool offences_load(struct offences *offences, struct octets *in);

#endif
