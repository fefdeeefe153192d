/*
 * Copies of the databases of places, for the keeper, which cannot open paths.
 */
#ifndef SUPERVISOR_ATLAS_H
#define SUPERVISOR_ATLAS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../conf/conf.h"
#include "../ipc/message.h"

struct supervisor;

struct atlas {
	int fds[GEO_KIND_COUNT]; /* -1: none wanted, or none that is good */
	bool trouble[GEO_KIND_COUNT];
	uint64_t marks[GEO_KIND_COUNT]; /* other content, another number */
};

/* What cannot be read is logged and left out. */
void atlas_begin(struct atlas *atlas, const struct conf *conf);
void atlas_done(struct atlas *atlas);
bool atlas_same(const struct atlas *a, const struct atlas *b);
/* For `postern check`: a line for each that cannot be used; how many. */
unsigned atlas_wrong(const struct conf *conf, FILE *out);
/* The keeper is new, or the plan: tells it everything. */
void atlas_tell(struct supervisor *s);

#endif
