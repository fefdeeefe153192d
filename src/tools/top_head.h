/*
 * What stands above the panes of `posternctl top`: how postern is, in words.
 *
 * Pure: no terminal, no socket, no clock.
 */
#ifndef TOOLS_TOP_HEAD_H
#define TOOLS_TOP_HEAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "../base/units.h"
#include "top_row.h"

enum {
	TOP_ITEMS_MOST = 32,
	TOP_ITEM_LONGEST = 160, /* with NUL */
	TOP_RATE_SAMPLES = 6,	/* so a rate is that of the last five seconds */
};

enum top_rate {
	TOP_RATE_CONNECTIONS,
	TOP_RATE_LOGINS_OK,
	TOP_RATE_LOGINS_FAILED,
	TOP_RATE_MESSAGES,
	TOP_RATE_TURNED_AWAY,
	TOP_RATES,
};

/* Counters as they were, the oldest first. All 0: none yet. */
struct top_rates {
	struct {
		mono_ms_t at;
		json_int_t counts[TOP_RATES];
	} samples[TOP_RATE_SAMPLES];
	size_t count;
	json_int_t pid; /* another keeper counts anew */
};

void top_rates_take(
	struct top_rates *rates, const json_t *status, mono_ms_t now);
/* Per second; negative: not known yet. */
double top_rates_of(const struct top_rates *rates, enum top_rate rate);

/* Printable words that belong together. */
struct top_item {
	char text[TOP_ITEM_LONGEST];
	enum top_mood mood;
	bool line; /* begins a line */
};

/*
 * Fills `items`, the most important first; returns how many. answers: as of
 * top_rows_fill(). link: why there are no answers now, "": there are.
 */
size_t top_head(const struct top_rates *rates, json_t *const *answers,
	wall_s_t now, const char *link, bool paused,
	struct top_item items[TOP_ITEMS_MOST]);

#endif
