/* Is there a terminal that `posternctl top` can draw on? */
#ifndef TOOLS_TOP_TERMINAL_H
#define TOOLS_TOP_TERMINAL_H

/* NULL: there is; else why not, a sentence. Writes nothing. */
const char *top_terminal_check(void);

#endif
