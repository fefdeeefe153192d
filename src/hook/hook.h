/*
 * The process that tells webhooks and programs what happens.
 *
 * It hears the keeper's events over a channel and says how its hooks are; it
 * reads nothing else of postern's. Whatever a server or a program does to it,
 * the keeper does not wait. The supervisor executes it anew and calls
 * hook_run() when its walls stand.
 */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H

#include <stddef.h>

#include "../conf/conf.h"
#include "../ipc/message.h"

enum { HOOK_SECRET_LONGEST = 257 /* with NUL */, HOOK_GOAL_LONGEST = 1024 };

/* A hook, and what came out of its files. */
struct hook_aim {
	const struct conf_hook *conf;
	char url[HOOK_GOAL_LONGEST];	  /* "": a program */
	char secret[HOOK_SECRET_LONGEST]; /* "": none */
};

/* All is borrowed until hook_run() returns. */
struct hook_setup {
	/* A channel, taken over. In: MESSAGE_CHANNEL, a new line to the keeper.
	 * Its end is the end of this process. */
	int supervisor_fd;
	int keeper_fd; /* a channel, taken over: MESSAGE_HOOK in, _STATE out */
	const char *node; /* the name of this host, in what is sent */
	const struct hook_aim *aims;
	size_t count; /* HOOKS_MOST at most */
};

/* Runs until SIGTERM or the end of the supervisor's channel; what is under way
 * at a SIGTERM has two seconds. Exit code: 0, or 71: no memory. */
int hook_run(const struct hook_setup *setup);

#endif
