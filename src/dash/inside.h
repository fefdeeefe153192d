/*
 * What the parts of dash share.
 */
#ifndef DASH_INSIDE_H
#define DASH_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/units.h"
#include "dash.h"

struct event_base;
struct asker;
struct doors;
struct live;
struct lists;

struct dash {
	const struct dash_setup *setup;
	struct event_base *base;
	struct asker *asker; /* the line to the keeper */
	struct doors *doors; /* connections */
	struct live *live;   /* who watches */
	struct lists *lists; /* feeds, and who waits for them */
	uint64_t request_total, refused_total, wrong_token_total;
	bool stop;
};

#endif
