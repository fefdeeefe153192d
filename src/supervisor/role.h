/*
 * The processes that are not workers: keeper and firewall helper.
 *
 * They are the same binary, executed anew: their memory never held a key, and
 * their addresses are not those of the workers. They get the configuration as
 * text in a descriptor and their channels as numbers on the command line.
 */
#ifndef SUPERVISOR_ROLE_H
#define SUPERVISOR_ROLE_H

enum role { ROLE_KEEPER, ROLE_FIREWALL };

struct role_fds {
	int conf;	/* memfd: the configuration's text */
	int supervisor; /* channel; -1: none */
	int firewall;	/* keeper: to the helper; helper: to the keeper */
	int control;	/* listening Unix socket; keeper only, else -1 */
	int log;
};

/* In the child of a fork: becomes the role. Does not return. */
_Noreturn void role_exec(enum role role, const struct role_fds *fds);
/* main() of a role, from its command line; exit code. */
int role_main(int argc, char **argv);

#endif
