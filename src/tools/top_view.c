/*
 * The screen of `posternctl top` (see top_view.h).
 *
 * All text goes out through put(), which cuts it and lets nothing through that
 * steers a terminal. Colours are besides: what matters is bold or reversed as
 * well, so that it is seen without them. Called by top.
 */
#include "top_view.h"

#define NCURSES_NOMACROS /* of names like move and clear */
#include <curses.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "printable.h"

enum {
	ESCAPE_WAIT_MS = 50, /* for the rest of a key that begins with it */
	TEXT_LONGEST = 1024,
	HEAD_LINES_MOST = 8,
	PANE_LINES_LEAST = 4,
	NEWS_LINES_LEAST = 4,
	NEWS_KIND_WIDTH = 9,
	KEY_WIDTH = 8,
	TOP_ESCAPE = 27,
	TOP_CONTROL_L = 12,
	DELETE = 127,
};

static const struct {
	wint_t code, other;
	const char *name, *word, *text;
} keys[] = {
#define KEY(id, code, other, name, word, text)                                 \
	[TOP_KEY_##id] = {(code), (other), (name), (word), (text)},
#include "top_keys.def"
#undef KEY
};

static SCREEN *screen; /* NULL: the terminal is not ours */

/* ---- the terminal ---- */

static void use_colours(void)
{
	const char *none = getenv("NO_COLOR"); /* no-color.org */

	if ((none != NULL && none[0] != '\0') || !has_colors() ||
		start_color() == ERR)
		return;
	(void)use_default_colors();
	(void)init_pair(TOP_GOOD, COLOR_GREEN, -1);
	(void)init_pair(TOP_WARN, COLOR_YELLOW, -1);
	(void)init_pair(TOP_BAD, COLOR_RED, -1);
	(void)init_pair(TOP_DIM, COLOR_CYAN, -1);
}

const char *top_view_open(void)
{
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL)
		return "the terminal cannot be taken over";
	(void)set_term(screen);
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)curs_set(0);
	(void)intrflush(stdscr, FALSE);
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)set_escdelay(ESCAPE_WAIT_MS);
	use_colours();
	return NULL;
}

void top_view_close(void)
{
	if (screen == NULL)
		return;
	(void)endwin();
	delscreen(screen);
	screen = NULL;
}

void top_view_redraw(void)
{
	(void)clearok(stdscr, TRUE);
}

/* ---- words on it ---- */

static attr_t attributes_of(enum top_mood mood)
{
	attr_t attributes = A_NORMAL;

	if (mood == TOP_BAD || mood == TOP_WARN)
		attributes |= A_BOLD;
	if (mood != TOP_PLAIN && COLORS > 0 && COLOR_PAIRS > TOP_DIM)
		attributes |= (attr_t)COLOR_PAIR((int)mood);
	return attributes;
}

/* Text in `width` columns at a place; what is cut ends in "~". */
static void put(int y, size_t x, size_t width, attr_t attributes, bool right,
	const char *text)
{
	char out[TEXT_LONGEST];
	size_t columns = printable_columns(text);
	bool cut = columns > width;

	if (width == 0)
		return;
	columns =
		printable_copy(text, cut ? width - 1 : width, out, sizeof(out));
	if (right && !cut)
		x += width - columns;
	(void)attrset((int)attributes);
	(void)mvaddstr(y, (int)x, out);
	if (cut)
		(void)mvaddch(y, (int)(x + columns), '~' | attributes);
	(void)attrset(A_NORMAL);
}

static void putf(int y, size_t x, size_t width, attr_t attributes,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

static void putf(int y, size_t x, size_t width, attr_t attributes,
	const char *format, ...)
{
	char text[TEXT_LONGEST];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut */
	va_end(args);
	put(y, x, width, attributes, false, text);
}

static void fill_line(int y, attr_t attributes)
{
	(void)attrset((int)attributes);
	(void)mvhline(y, 0, ' ' | attributes, COLS);
	(void)attrset(A_NORMAL);
}

/* ---- its parts ---- */

/* Items side by side, as many lines as they need; returns the next line. */
static int draw_head(const struct top_state *state, wall_s_t now,
	const char *link, int lines_most)
{
	struct top_item items[TOP_ITEMS_MOST];
	size_t count = top_head(
		&state->rates, state->answers, now, link, state->paused, items);
	size_t x = 0, width = (size_t)COLS;
	int y = 0;

	for (size_t i = 0; i < count; i++) {
		size_t columns = printable_columns(items[i].text);

		if (x > 0 && (items[i].line || x + columns > width)) {
			x = 0;
			y++;
		}
		if (y == lines_most)
			return y;
		put(y, x, width - x, attributes_of(items[i].mood), false,
			items[i].text);
		x += columns + TOP_GAP + 1;
		if (x >= width)
			x = width; /* the next begins a line */
	}
	return y + 1;
}

static void draw_tabs(const struct top_state *state, int y)
{
	static const enum top_key keys_of[TOP_PANES] = {
		[TOP_PANE_ATTACK] = TOP_KEY_ATTACK,
		[TOP_PANE_SESSIONS] = TOP_KEY_SESSIONS,
		[TOP_PANE_BANS] = TOP_KEY_BANS,
		[TOP_PANE_SERVERS] = TOP_KEY_SERVERS,
	};
	size_t x = 0, width = (size_t)COLS;

	fill_line(y, A_REVERSE);
	for (unsigned i = 0; i < TOP_PANES && x < width; i++) {
		json_int_t count =
			top_pane_count((enum top_pane)i, state->answers);
		char text[64], number[24] = "";
		bool open = state->pane == (enum top_pane)i;

		if (count >= 0)
			(void)snprintf(number, sizeof(number), " %" PRId64,
				(int64_t)count);
		(void)snprintf(text, sizeof(text), " %s %s%s ",
			keys[keys_of[i]].name, top_pane_name((enum top_pane)i),
			number);
		put(y, x, width - x, open ? A_BOLD : A_REVERSE, false, text);
		x += strlen(text) + 1;
	}
	if (state->filter[0] != '\0' && x < width)
		putf(y, x, width - x, A_REVERSE | A_BOLD, "%zu of %zu: %s",
			state->rows.count,
			state->rows.count + state->rows.hidden, state->filter);
}

static void draw_row(int y, const struct top_column *columns,
	const char (*cells)[TOP_CELL_LONGEST], const size_t *widths,
	attr_t attributes)
{
	size_t x = 0;

	for (size_t i = 0; i < TOP_COLUMNS_MOST && columns[i].head; i++) {
		if (widths[i] == 0)
			continue;
		put(y, x, widths[i], attributes, columns[i].number,
			cells != NULL ? cells[i] : columns[i].head);
		x += widths[i] + TOP_GAP;
	}
}

/* From line y down to `end`; returns the first line that is free. */
static int draw_rows(struct top_state *state, int y, int end)
{
	const struct top_column *columns = top_columns(state->pane);
	size_t widths[TOP_COLUMNS_MOST];

	top_rows_widths(&state->rows, state->pane, (size_t)COLS, widths);
	draw_row(y++, columns, NULL, widths, A_UNDERLINE);
	top_state_scroll(state, end > y ? (size_t)(end - y) : 0);
	for (size_t i = state->first; i < state->rows.count && y < end; i++) {
		const struct top_row *row = &state->rows.all[i];
		attr_t attributes = attributes_of(row->mood);

		if (i == state->cursor) {
			attributes |= A_REVERSE;
			fill_line(y, attributes);
		}
		draw_row(y++, columns, row->cells, widths, attributes);
	}
	if (state->rows.count == 0 && y < end)
		put(y++, 0, (size_t)COLS, A_NORMAL, false,
			state->rows.hidden > 0
				? "no line has these letters"
				: top_pane_empty(state->pane, state->answers));
	return y;
}

/* What was decided lately, below those who guess, where there is room. */
static void draw_news(
	const struct top_state *state, wall_s_t now, int y, int end)
{
	struct top_rows news = {.all = NULL};
	size_t width = (size_t)COLS;

	if (state->pane != TOP_PANE_ATTACK || end - y < NEWS_LINES_LEAST)
		return;
	top_rows_news(&news, state->answers, now);
	if (news.count > 0)
		put(++y, 0, width, A_UNDERLINE, false, "LAST DECISIONS");
	for (size_t i = 0; i < news.count && y + 1 < end; i++) {
		const struct top_row *row = &news.all[i];

		y++;
		put(y, 0, 8, A_NORMAL, true, row->cells[0]);
		put(y, 10, NEWS_KIND_WIDTH, attributes_of(row->mood), false,
			row->cells[1]);
		putf(y, 12 + NEWS_KIND_WIDTH, width - 12 - NEWS_KIND_WIDTH,
			A_NORMAL, "%s%s%s", row->cells[2],
			row->cells[2][0] != '\0' ? "  " : "", row->cells[3]);
	}
	top_rows_done(&news);
}

static void draw_footer(const struct top_state *state, int y)
{
	size_t x = 0, width = (size_t)COLS;

	if (state->doing == TOP_FILTERING) {
		putf(y, 0, width, A_BOLD,
			"lines with: %s_   Enter keeps it, Esc shows all",
			state->filter);
		return;
	}
	if (state->doing == TOP_ASKING) {
		put(y, 0, width, A_BOLD | A_REVERSE, false, state->question);
		return;
	}
	if (state->said[0] != '\0') {
		put(y, 0, width, attributes_of(state->said_mood), false,
			state->said);
		return;
	}
	for (size_t i = 0; i < TOP_KEY_OTHER && x < width; i++) {
		if (keys[i].word[0] == '\0')
			continue;
		put(y, x, width - x, A_BOLD, false, keys[i].name);
		x += strlen(keys[i].name) + 1;
		if (x < width)
			put(y, x, width - x, A_NORMAL, false, keys[i].word);
		x += strlen(keys[i].word) + TOP_GAP;
	}
}

static void draw_help(void)
{
	size_t width = (size_t)COLS;
	int y = 0;

	put(y++, 0, width, A_BOLD, false,
		"posternctl top: what happens at postern, once a second");
	for (size_t i = 0; i < TOP_KEY_OTHER && y < LINES - 1; i++, y++) {
		put(y, 2, KEY_WIDTH, A_BOLD, false, keys[i].name);
		if (width > KEY_WIDTH + 3)
			put(y, KEY_WIDTH + 3, width - KEY_WIDTH - 3, A_NORMAL,
				false, keys[i].text);
	}
	put(LINES - 1, 0, width, A_REVERSE, false, "any key goes back");
}

static void draw_whole(struct top_state *state, wall_s_t now, const char *link)
{
	int head_most = LINES - PANE_LINES_LEAST - 3;
	int y, end = LINES - 1;

	if (head_most > HEAD_LINES_MOST)
		head_most = HEAD_LINES_MOST;
	y = draw_head(state, now, link, head_most);
	draw_tabs(state, y++);
	y = draw_rows(state, y, end);
	draw_news(state, now, y, end);
	draw_footer(state, end);
}

void top_view_draw(struct top_state *state, wall_s_t now, const char *link)
{
	(void)erase();
	if (COLS < TOP_LEAST_WIDTH || LINES < TOP_LEAST_HEIGHT)
		putf(0, 0, (size_t)COLS, A_NORMAL, "%dx%d: too small (%dx%d)",
			COLS, LINES, TOP_LEAST_WIDTH, TOP_LEAST_HEIGHT);
	else if (state->doing == TOP_HELPING)
		draw_help();
	else
		draw_whole(state, now, link);
	(void)refresh();
}

/* ---- keys ---- */

static enum top_key key_of(wint_t code, bool function)
{
	for (unsigned i = 0; i < TOP_KEY_OTHER; i++) {
		/* KEY_ codes are of another kind than characters. */
		if (keys[i].code == code &&
			(keys[i].code >= KEY_MIN) == function)
			return (enum top_key)i;
		if (keys[i].other == code && code != 0 && !function)
			return (enum top_key)i;
	}
	return TOP_KEY_OTHER;
}

static void set_text(struct top_press *press, wint_t code)
{
	char octets[MB_LEN_MAX];
	mbstate_t state = {0};
	size_t n = wcrtomb(octets, (wchar_t)code, &state);

	if (n < sizeof(press->text) && code >= ' ' && code != DELETE)
		memcpy(press->text, octets, n); /* the rest is NUL */
}

bool top_view_press(struct top_press *ret_press)
{
	struct top_press press = {.key = TOP_KEY_OTHER};
	wint_t code;
	int kind;

	do {
		kind = get_wch(&code);
		if (kind == ERR)
			return false;
	} while (kind == KEY_CODE_YES && code == KEY_RESIZE); /* nobody's */
	press.key = key_of(code, kind == KEY_CODE_YES);
	press.enter = kind == KEY_CODE_YES ? code == KEY_ENTER
					   : code == '\r' || code == '\n';
	press.backspace = kind == KEY_CODE_YES ? code == KEY_BACKSPACE
					       : code == DELETE || code == '\b';
	if (kind != KEY_CODE_YES)
		set_text(&press, code);
	*ret_press = press;
	return true;
}
