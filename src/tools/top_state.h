/*
 * What `posternctl top` knows and shows: answers, panes, cursors, the filter,
 * the question that is open.
 *
 * Pure: no terminal, no socket, no clock.
 */
#ifndef TOOLS_TOP_STATE_H
#define TOOLS_TOP_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "../base/units.h"
#include "top_head.h"
#include "top_row.h"

enum top_doing {
	TOP_LOOKING,
	TOP_FILTERING, /* keys are letters of the filter */
	TOP_ASKING,    /* y, or else no */
	TOP_HELPING,
};

enum { TOP_SAID_LONGEST = 240 };

struct top_state {
	json_t *answers[TOP_TOPICS]; /* owned; NULL: none yet */
	struct top_rates rates;
	enum top_pane pane;
	struct top_rows rows; /* of the pane */
	size_t cursor, first; /* of the rows; first: the upmost one shown */
	char key[TOP_CELL_LONGEST]; /* of the row under the cursor */
	char filter[TOP_FILTER_LONGEST];
	enum top_doing doing;
	bool paused;
	char said[TOP_SAID_LONGEST]; /* the last line; printable */
	enum top_mood said_mood;
	/* Of its own: no answer that comes meanwhile may stand in its place. */
	char question[TOP_SAID_LONGEST];
	json_t *order; /* what y would send; NULL: nothing */
};

void top_state_done(struct top_state *state);

/* Takes the answer over. A refusal is kept out: false, and said; and so is
 * what is of no use any more. */
bool top_state_take(struct top_state *state, enum top_topic topic,
	json_t *answer, mono_ms_t now);
/* Are the bans that it has no longer those that the daemon has? */
bool top_state_wants_bans(const struct top_state *state);

/* Makes the rows of the pane anew; the cursor stays with its row. */
void top_state_fill(struct top_state *state, wall_s_t now);
/* NULL: there are none. */
const struct top_row *top_state_row(const struct top_state *state);
void top_state_show(struct top_state *state, enum top_pane pane);
/* Down, or up; as far as there are rows. */
void top_state_move(struct top_state *state, long by);
/* Scrolls so that the cursor is among the `height` rows that are shown. */
void top_state_scroll(struct top_state *state, size_t height);

/* A character more, as the locale writes it, or the last one less. */
void top_state_filter_more(struct top_state *state, const char *character);
void top_state_filter_less(struct top_state *state);

/*
 * Opens the question of an order about the row under the cursor, with address
 * and duration in it; false: there is nothing to ask, and it says why.
 */
bool top_state_ask_unban(struct top_state *state);
/* Needs the answer to TOP_CONFIG: for how long. */
bool top_state_ask_ban(struct top_state *state);
/* Closes the question. The order, caller decrefs; NULL: the answer was no. */
json_t *top_state_answer(struct top_state *state, bool yes);

void top_state_say(struct top_state *state, enum top_mood mood,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
