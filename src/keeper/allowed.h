/* What is never banned by configuration: own addresses and the allow list. */
#ifndef KEEPER_ALLOWED_H
#define KEEPER_ALLOWED_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/addr.h"
#include "../conf/conf.h"

struct allowed {
	struct prefix *items; /* first own_count of our own, then the list */
	size_t count, own_count;
};

/* Fills an empty one; own: the machine's addresses. false: no memory, and it
 * stays empty. */
bool allowed_fill(struct allowed *allowed, const struct conf *conf,
	const struct prefix *own, size_t own_count)
	__attribute__((warn_unused_result));
void allowed_done(struct allowed *allowed);
bool allowed_has(const struct allowed *allowed, const struct prefix *prefix);

#endif
