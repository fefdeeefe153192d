/*
 * The rows of the panes of `posternctl top`, made of the daemon's answers.
 *
 * Pure: no terminal, no socket, no clock.
 */
#ifndef TOOLS_TOP_ROW_H
#define TOOLS_TOP_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "../base/addr.h"
#include "../base/units.h"

enum top_pane {
	TOP_PANE_ATTACK,
	TOP_PANE_SESSIONS,
	TOP_PANE_BANS,
	TOP_PANE_SERVERS,
	TOP_PANES,
};

/* What is asked once a second, and what else is asked. */
enum top_topic {
	TOP_STATUS,
	TOP_WATCH,
	TOP_BACKENDS,
	TOP_BANS,
	TOP_SESSIONS, /* while its pane is shown */
	TOP_CONFIG,   /* before an order */
	TOP_ORDER,
	TOP_TOPICS,
};

enum top_mood { TOP_PLAIN, TOP_GOOD, TOP_WARN, TOP_BAD, TOP_DIM };

enum {
	TOP_COLUMNS_MOST = 9,
	TOP_GAP = 2,		 /* blanks between columns */
	TOP_LEFT_LONGEST = 48,	 /* with NUL */
	TOP_CELL_LONGEST = 160,	 /* with NUL */
	TOP_ROWS_MOST = 4096,	 /* of a pane; what is more is not shown */
	TOP_FILTER_LONGEST = 64, /* with NUL */
};

struct top_row {
	/* Printable, whatever strangers chose; "" behind the last. */
	char cells[TOP_COLUMNS_MOST][TOP_CELL_LONGEST];
	char key[TOP_CELL_LONGEST];	  /* the same a second later */
	char source[PREFIX_TEXT_LONGEST]; /* whom to ban; "": nobody */
	char ban[PREFIX_TEXT_LONGEST];	  /* what holds it; "": nothing */
	char left[TOP_LEFT_LONGEST];	  /* of that ban */
	enum top_mood mood;
};

struct top_rows {
	struct top_row *all; /* all 0: none yet */
	size_t count, room;
	size_t hidden; /* that the filter left out */
};

struct top_column {
	const char *head;   /* NULL: there are no more */
	unsigned narrowest; /* may be cut to so many columns; 0: never */
	bool number;	    /* stands at the right */
};

const struct top_column *top_columns(enum top_pane pane);
const char *top_pane_name(enum top_pane pane);
/* How many the pane has, as the daemon counts; -1: it has not said. */
json_int_t top_pane_count(enum top_pane pane, json_t *const *answers);
/* Of a pane without rows: there are none, or nobody has said yet. */
const char *top_pane_empty(enum top_pane pane, json_t *const *answers);

/*
 * answers: TOP_TOPICS objects, NULL where there is none yet. Rows in the order
 * of the daemon's answer, servers that are down first. filter: only those that
 * have it in one of their cells, whatever its case; "": all.
 */
void top_rows_fill(struct top_rows *rows, enum top_pane pane,
	json_t *const *answers, wall_s_t now, const char *filter);
/*
 * Columns of a terminal that is `width` wide for each column of the pane, two
 * blanks between them; 0: there is no room for it. The widest that may be cut
 * is cut first; when all are, those at the right go.
 */
void top_rows_widths(const struct top_rows *rows, enum top_pane pane,
	size_t width, size_t widths[TOP_COLUMNS_MOST]);
void top_rows_done(struct top_rows *rows);
/* The last decisions, newest first, for the room that the attack pane leaves:
 * a cell each for age, kind, whom and why. */
void top_rows_news(struct top_rows *rows, json_t *const *answers, wall_s_t now);

#endif
