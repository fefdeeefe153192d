/* The outage guard: it is the server that is ill, not the people. */
#ifndef POLICY_OUTAGE_H
#define POLICY_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/units.h"

struct policy;

enum { OUTAGE_USERS_MOST = 16 };

/* Of the whole server. Zero at first. */
struct outage {
	struct {
		uint64_t user;
		mono_ms_t at;	     /* 0: free */
	} failed[OUTAGE_USERS_MOST]; /* passport holders, each once */
	mono_ms_t last_success;
	mono_ms_t since;		 /* 0: the server is well */
	mono_ms_t last_failure;		 /* of a holder, while it is ill */
	mono_ms_t void_from, void_until; /* the last one that is over */
};

/* Is the server ill now, as far as is known? */
bool outage_active(const struct outage *outage);
/* Was it ill at that time, in an outage that is over? What it refused then is
 * held against nobody. */
bool outage_covers(const struct outage *outage, mono_ms_t at);

/* A passport holder failed, or anybody succeeded. */
void outage_failure(struct policy *policy, mono_ms_t now, uint64_t user);
void outage_success(struct policy *policy, mono_ms_t now);
/* Ends one that nobody speaks of any more. */
void outage_expire(struct policy *policy, mono_ms_t now);

#endif
