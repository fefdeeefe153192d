/*
 * Which paths a process may use, and which ports and processes it may reach:
 * Landlock, where the kernel has it. What the kernel is too old for is left
 * out; the filter of calls (calls.h) and the user's rights hold without it.
 */
#ifndef SUPERVISOR_PATHS_H
#define SUPERVISOR_PATHS_H

#include <stdbool.h>
#include <stddef.h>

struct paths {
	const char *const *read; /* files and folders with all below */
	size_t read_count;
	const char *write; /* one folder with all below; NULL: none */
	bool binds; /* an address of its choice, the port is the system's */
};

/* Has this kernel Landlock, and is it switched on? */
bool paths_possible(void);
/*
 * From here on nothing but these, no port of its own, no signal and no
 * abstract socket to processes outside; there is no way back. Needs
 * no_new_privs. A path that is not there is left out. false: errno.
 */
bool paths_restrict(const struct paths *paths)
	__attribute__((warn_unused_result));

#endif
