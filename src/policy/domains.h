/* Domains that user names may end with: anna@example.com is anna. */
#ifndef POLICY_DOMAINS_H
#define POLICY_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>

#include "../../proto/slice.h"

struct domains;

/* Copies them; ".example.com" stands for all names below it. NULL without
 * memory. Caller frees. */
struct domains *domains_new(const char *const *items, size_t count);
void domains_free(struct domains **domains);

/* The part before the last @, if one of the domains stands behind it; else the
 * name as it is. */
struct slice domains_bare(const struct domains *domains, struct slice user);

#endif
