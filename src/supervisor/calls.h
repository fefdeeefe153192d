/*
 * Which system calls a process may make: a seccomp filter for each role.
 *
 * A call that is on nobody's list fails with ENOSYS, so that a newer libc
 * takes its other way; a file that a worker wants to read is EACCES. What only
 * somebody in control of the process would call (a program, another process'
 * memory, a netlink socket, a file to write) ends the process with SIGSYS:
 * its supervisor says so and starts a new one. The kernel's log names all.
 */
#ifndef SUPERVISOR_CALLS_H
#define SUPERVISOR_CALLS_H

#include <stdbool.h>

enum calls_role {
	CALLS_WORKER,
	CALLS_WORKER_BINDING, /* its own end of a connection */
	CALLS_KEEPER,
	CALLS_DASH,	     /* it was given its sockets */
	CALLS_FIREWALL,	     /* with libnftables or nothing */
	CALLS_NAMES,	     /* with libc's resolver and what that loads */
	CALLS_FETCH,	     /* with libcurl and what that loads */
	CALLS_FIREWALL_EXEC, /* the filter is also the program's */
};

/* Has this kernel filters of system calls? */
bool calls_possible(void);
/*
 * From here on only the role's calls, for all threads to come; there is no way
 * back. line: the one descriptor on which a keeper may pass others on, else -1.
 * Needs no_new_privs. false: errno; nothing has changed.
 */
bool calls_restrict(enum calls_role role, int line)
	__attribute__((warn_unused_result));

#endif
