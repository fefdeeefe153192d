/* posternctl policy-filter: the core on standard input and output. */
#ifndef TOOLS_FILTER_H
#define TOOLS_FILTER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "rehearsal.h"

/*
 * Answers each line of standard input on standard output until the end.
 * seed: digits; config: a file, NULL for the defaults. 0; 1: a bad line, a bad
 * configuration or no way to write, said on standard error; 2: a bad seed.
 */
int filter_run(const char *seed, const char *config);

enum { FILTER_ERROR_LONGEST = 256 };

struct filter; /* a core and the time of its last line */

struct filter *filter_new(const struct conf *conf, uint64_t seed);
void filter_free(struct filter **filter);
/* One line without its end. Caller decrefs. NULL: it is bad, and error says in
 * what way. */
json_t *filter_answer(struct filter *filter, const char *line, size_t n,
	char error[FILTER_ERROR_LONGEST]);

#endif
