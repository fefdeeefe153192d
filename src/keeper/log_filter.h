/* Which lines of the log a follower wants. */
#ifndef KEEPER_LOG_FILTER_H
#define KEEPER_LOG_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include "../../proto/slice.h"

struct log_filter;

/*
 * Of a request's `event`, `from`, `user`, `rule`; what is absent wants all.
 * Caller frees. NULL: *ret_wrong says why, which the caller decrefs.
 */
struct log_filter *log_filter_new(const json_t *request, json_t **ret_wrong);
void log_filter_free(struct log_filter **filter);
/* Is the line (without its newline) wanted? */
bool log_filter_wants(const struct log_filter *filter, struct slice line);

#endif
