/*
 * The processes that are not workers: keeper, firewall helper, dash, hook and
 * fetch.
 *
 * They are the same binary, executed anew: their memory never held a key, and
 * their addresses are not those of the workers. They get the configuration as
 * text in a descriptor and their channels as numbers on the command line.
 */
#ifndef SUPERVISOR_ROLE_H
#define SUPERVISOR_ROLE_H

#include <stddef.h>

#include "web.h"

enum role { ROLE_KEEPER, ROLE_FIREWALL, ROLE_DASH, ROLE_HOOK, ROLE_FETCH };
enum { ROLE_DOORS_MOST = 16 };

struct role_fds {
	int conf;	/* memfd: the configuration's text */
	int supervisor; /* channel; -1: none */
	int firewall;	/* keeper: to the helper; helper: to the keeper */
	int control;	/* keeper: listening Unix socket; dash, hook, fetch: its
			   line to the keeper; else -1 */
	int log;
	int memory; /* keeper: of the one before; -1: nothing */
	/* dash: listening sockets */
	int doors[WEB_COUNT][ROLE_DOORS_MOST];
	size_t door_counts[WEB_COUNT];
};

/* In the child of a fork: becomes the role. Does not return. */
_Noreturn void role_exec(enum role role, const struct role_fds *fds);
/* main() of a role, from its command line; exit code. */
int role_main(int argc, char **argv);

#endif
