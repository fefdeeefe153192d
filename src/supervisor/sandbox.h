/*
 * The walls around a process that has all it needs: which system calls, which
 * paths, how many processes. Users and capabilities are rights.h, fw/rights.h.
 *
 * Called once rights are dropped and before the first octet of a peer is read.
 * A layer that this kernel does not have is left out. false: errno, and the
 * process must end.
 */
#ifndef SUPERVISOR_SANDBOX_H
#define SUPERVISOR_SANDBOX_H

#include <stdbool.h>

#include "../conf/conf.h"

/* binds: its connections have an address of its choice. */
bool sandbox_worker(bool binds) __attribute__((warn_unused_result));
/* line: to its supervisor, on which it may pass descriptors on. */
bool sandbox_keeper(const char *state_dir, int line)
	__attribute__((warn_unused_result));
/* Nothing but the sockets that it has. */
bool sandbox_dash(void) __attribute__((warn_unused_result));
/* Goes out to the world; programs: and runs those of the operator's. */
bool sandbox_hook(bool programs) __attribute__((warn_unused_result));
bool sandbox_firewall(enum conf_firewall_kind backend)
	__attribute__((warn_unused_result));
/* reads: folders that its lists and certificates lie in. copies: where it keeps
 * its own; NULL: nowhere. */
bool sandbox_fetch(const char *const *reads, size_t count, const char *copies)
	__attribute__((warn_unused_result));
/* The child that asks for names: libc's resolver reads what it likes. */
bool sandbox_names(void) __attribute__((warn_unused_result));

/* Does this build on this kernel have the layer? */
bool sandbox_has_seccomp(void);
bool sandbox_has_landlock(void);
/* What to tell the operator of each that is missing, else NULL. */
const char *sandbox_lacks_seccomp(void);
const char *sandbox_lacks_landlock(void);

#endif
