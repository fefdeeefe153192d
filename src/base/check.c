/*
 * What happens when a bug of ours is found: say where, and abort.
 *
 * Written with write(2) alone: the state of the process is not to be trusted
 * any more, so neither the log nor stdio is used. The supervisor sees the
 * signal and starts the process again; a core file shows the rest.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void check_failed(const char *what, const char *file, int line)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "postern: bug: %s:%d: %s\n", file,
		line, what);

	if (n >= (int)sizeof(text))
		n = (int)sizeof(text) - 1;
	/* Nobody is left to hear of an error here. */
	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		abort();
	abort();
}
