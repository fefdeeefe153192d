/*
 * What a keeper has in memory, for the keeper that comes after it: the core
 * (policy/image.h), the workers it hears and their logins under way, sums since
 * the start, keys.
 *
 * A file without a name, which the supervisor hands on when a new program takes
 * over (docs/decisions/0016-upgrade.md).
 */
#ifndef KEEPER_MEMORY_H
#define KEEPER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "hub.h"

struct memory;

/* All of it into the file; fd -1: nothing. Nobody may be served any more. What
 * cannot be written is said in the log, and the next one has the store. */
void memory_write(struct hub *hub, int fd);

/* The file is closed. NULL: none, or not one that is understood, which is said
 * in the log. Caller frees. */
struct memory *memory_read(int fd);
void memory_free(struct memory **memory);
/* For the core. */
uint64_t memory_seed(const struct memory *memory);
/* Into fresh parts. false: refused, which is said in the log, and those are to
 * be made anew. */
bool memory_take(struct hub *hub);

#endif
