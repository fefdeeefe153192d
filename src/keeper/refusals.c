/*
 * The last sessions that were given a reference.
 *
 * A ring of fixed size, searched from its newest end: a person asks seldom,
 * an attack writes often, so writing is what must be cheap. Called by peers
 * (put) and explain (find). An older reference is answered "not known".
 */
#include "refusals.h"

#include <stdlib.h>

struct refusals {
	uint64_t count; /* ever put; the newest is at (count - 1) % MOST */
	struct refusal ring[REFUSALS_MOST];
};

struct refusals *refusals_new(void)
{
	return calloc(1, sizeof(struct refusals));
}

void refusals_free(struct refusals **refusals)
{
	free(*refusals);
	*refusals = NULL;
}

void refusals_put(struct refusals *refusals, const struct refusal *refusal)
{
	refusals->ring[refusals->count++ % REFUSALS_MOST] = *refusal;
}

bool refusals_find(const struct refusals *refusals, uint64_t session,
	struct refusal *ret_refusal)
{
	uint64_t n = refusals->count;

	if (n > REFUSALS_MOST)
		n = REFUSALS_MOST;
	for (uint64_t i = 1; i <= n; i++) {
		const struct refusal *refusal =
			&refusals->ring[(refusals->count - i) % REFUSALS_MOST];

		if (refusal->session == session) {
			*ret_refusal = *refusal;
			return true;
		}
	}
	return false;
}
