/* Campaigns: attacks that no single source gives away. */
#ifndef POLICY_CAMPAIGN_H
#define POLICY_CAMPAIGN_H

#include <stdbool.h>

#include "../base/octets.h"
#include "budget.h"
#include "core.h"
#include "person.h"

enum { CAMPAIGN_QUOTA_MOST = 64 };

struct campaign;

/* NULL without memory. Caller frees. */
struct campaign *campaign_new(void);
void campaign_free(struct campaign **campaign);

/* Who tried, as the sketches know him. */
struct campaign_try {
	uint64_t source, user, tag; /* hashes; 0: unknown */
	struct prefix prefix;	    /* of the source, to say */
	struct slice name;	    /* of the user, likewise */
};

/* A stranger failed at the server, with a guess that had not failed before.
 * Begins campaigns and says so. */
void campaign_failed(
	struct policy *policy, mono_ms_t now, const struct campaign_try *one);
/* A stranger was answered 454 in a campaign: it goes on. */
void campaign_asked(
	struct policy *policy, mono_ms_t now, const struct campaign_try *one);

/* Is there one against this user, or against all? person NULL: nothing is
 * known of the user. */
bool campaign_active(const struct policy *policy, mono_ms_t now,
	const struct person *person);
bool campaign_siege(mono_ms_t now, const struct person *person);
/* Does postern know its people well enough to tell strangers? */
bool campaign_learned(const struct policy *policy, mono_ms_t now);

/* What strangers were granted of late, of the whole server (quota.h). */
uint32_t *campaign_quota(struct policy *policy, enum budget_of budget);

/* For the next core (image.h). false: refused. */
void campaign_save(const struct campaign *campaign, struct octets *out);
bool campaign_load(struct campaign *campaign, struct octets *in);

#endif
