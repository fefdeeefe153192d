/*
 * The last sessions that were given a reference: who was behind it.
 */
#ifndef KEEPER_REFUSALS_H
#define KEEPER_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/addr.h"
#include "../base/units.h"

enum { REFUSALS_MOST = 4096 }; /* the oldest is overwritten */

struct refusal {
	uint64_t session;
	struct addr addr;
	wall_s_t at;
	uint32_t reply; /* enum reply_id of the worker */
};

struct refusals;

struct refusals *refusals_new(void); /* NULL: no memory */
void refusals_free(struct refusals **refusals);
void refusals_put(struct refusals *refusals, const struct refusal *refusal);
/* The newest of that session. */
bool refusals_find(const struct refusals *refusals, uint64_t session,
	struct refusal *ret_refusal);

#endif
