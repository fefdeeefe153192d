/* Runs the samples of a file of patterns: they are its tests. */
#ifndef LOGS_SAMPLES_H
#define LOGS_SAMPLES_H

#include <stdio.h>

#include "patterns.h"

/*
 * Every sample must find what it says. Then strangers' names are put in the
 * place of each sample's user (addresses, brackets, newlines, whole lines, ten
 * thousand octets): the address found must stay the sample's. Says what is
 * wrong, a line each with its place. Returns how many; *ret_tried: records
 * that were read.
 */
unsigned samples_check(const struct patterns *patterns, const char *name,
	FILE *out, unsigned *ret_tried);

#endif
