/*
 * Is there a terminal that `posternctl top` can draw on (see top_terminal.h)?
 *
 * Apart from top_view.c, since <term.h> takes a thousand short names for
 * itself. Called by top before anything is drawn.
 */
#include "top_terminal.h"

#include <curses.h>
#include <stdlib.h>
#include <unistd.h>

#include <term.h>

const char *top_terminal_check(void)
{
	const char *term = getenv("TERM");
	bool moves;
	int found;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return "top needs a terminal; for scripts there is "
		       "posternctl --json status";
	if (term == NULL || term[0] == '\0')
		return "top needs to know the terminal: TERM is not set";
	if (setupterm(NULL, STDOUT_FILENO, &found) == ERR)
		return "top does not know the terminal that TERM names";
	moves = cursor_address != NULL;
	(void)del_curterm(cur_term);
	if (!moves)
		return "top needs a terminal whose cursor can be moved";
	return NULL;
}
