/*
 * The screen of `posternctl top`: the one file that knows ncurses.
 */
#ifndef TOOLS_TOP_VIEW_H
#define TOOLS_TOP_VIEW_H

#include <stdbool.h>

#include "../base/units.h"
#include "top_state.h"

enum { TOP_LEAST_WIDTH = 40, TOP_LEAST_HEIGHT = 10 };

enum top_key {
#define KEY(id, code, other, name, word, text) TOP_KEY_##id,
#include "top_keys.def"
#undef KEY
	TOP_KEY_OTHER,
};

/* A key that was pressed. */
struct top_press {
	enum top_key key;
	char text[8]; /* the character in the locale's octets; "": it has none
		       */
	bool enter, backspace;
};

/* Takes the terminal over. NULL: done; else why it cannot. */
const char *top_view_open(void);
/* Gives it back as it was. */
void top_view_close(void);

/* Draws all of it. link: as of top_head(). Scrolls the state. */
void top_view_draw(struct top_state *state, wall_s_t now, const char *link);
/* On the next draw each character is sent, whatever should be there. */
void top_view_redraw(void);
/* The next key that is there; false: none. Never waits. */
bool top_view_press(struct top_press *ret_press);

#endif
