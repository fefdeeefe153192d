/*
 * The process that speaks HTTP: page, metrics, feeds.
 *
 * It has sockets, tokens and one line to the keeper, by which it may look, ban,
 * unban and allow; it holds no key of SMTP, no file, and no other right. The
 * supervisor executes it anew and calls dash_run() when its walls stand.
 */
#ifndef DASH_DASH_H
#define DASH_DASH_H

#include <stddef.h>
#include <stdint.h>

#include "../../tls/context.h"

enum {
	DASH_TOKEN_LONGEST = 257, /* with NUL */
	DASH_DOORS = 2,		  /* that of the page, that of the feeds */
};

struct dash_door {
	const int *fds; /* listening, taken over */
	size_t fd_count;
	struct tls_context *tls; /* NULL: none */
	const char *token;	 /* "": none */
};

/* All is borrowed until dash_run() returns. */
struct dash_setup {
	/* A channel, taken over. In: MESSAGE_CHANNEL, a new line to the keeper.
	 * Its end is the end of dash. */
	int supervisor_fd;
	int keeper_fd; /* a stream of the control protocol, taken over */
	struct dash_door doors[DASH_DOORS];
	uint64_t connections_most;
	const char *const *hosts; /* names of the page */
	size_t host_count;
};

/* Runs until SIGTERM or the end of the supervisor's channel. Exit code: 0, or
 * 71: no memory, no event loop. */
int dash_run(const struct dash_setup *setup);

#endif
