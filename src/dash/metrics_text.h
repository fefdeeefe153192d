/*
 * Metrics as text: objects of the control protocol in, the exposition format of
 * Prometheus (version 0.0.4) out. Pure.
 */
#ifndef DASH_METRICS_TEXT_H
#define DASH_METRICS_TEXT_H

#include <jansson.h>
#include <stdint.h>

struct evbuffer;

/* What dash counts by itself. */
struct metrics_own {
	uint64_t requests, refused, wrong_tokens;
	unsigned connections, watchers;
};

/*
 * The answers to status, metrics and backends.list; NULL: none came, and its
 * metrics are left out but postern_up, which is 0 then.
 */
void metrics_text(struct evbuffer *out, const json_t *status,
	const json_t *tallies, const json_t *backends,
	const struct metrics_own *own);

#endif
