/* How posternctl ends: one table for all commands (posternctl(1)). */
#ifndef TOOLS_EXIT_CODE_H
#define TOOLS_EXIT_CODE_H

enum exit_code {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1, /* or not found; doctor: warnings */
	EXIT_USAGE = 2,	  /* the words make no sense */
	EXIT_NO_DAEMON = 3,
	EXIT_FAILURES = 4, /* doctor found some */
};

#endif
