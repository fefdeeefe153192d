/*
 * What a configuration names outside itself: files, folders, users. For
 * `postern check`, so that a start does not find it out.
 */
#ifndef SUPERVISOR_PLACES_H
#define SUPERVISOR_PLACES_H

#include <stdio.h>

#include "../conf/conf.h"

/*
 * Writes a line for each that is not there; returns how many. Looks only; a
 * file that may not be read by who asks is not missing.
 */
unsigned places_missing(const struct conf *conf, FILE *out);

#endif
