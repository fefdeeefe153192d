/*
 * The process that fetches lists of others: files, and what is at a URL.
 *
 * It talks to the internet and reads what strangers wrote, so it can do nothing
 * but that: it hands the keeper sorted prefixes, which that one checks again.
 * Nobody waits for it. What it keeps from one start to the next is a copy of
 * each list as it was when it was last good (copy.h).
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/addr.h"
#include "../conf/conf.h"

enum { FETCH_TOKEN_LONGEST = 256 };

struct fetch_setup {
	const struct conf *conf;    /* borrowed until fetch_run() returns */
	int keeper_fd;		    /* a channel, taken over */
	int copies_fd;		    /* a folder, taken over; -1: no copies */
	const struct prefix *never; /* no list may touch these */
	size_t never_count;
	/* One for each list; "": none. */
	char (*tokens)[FETCH_TOKEN_LONGEST];
};

/* What may not be done any more once rights are gone: reads the tokens. false:
 * no memory. One that cannot be read is logged, and its list is not fetched. */
bool fetch_tokens(const struct conf *conf, struct fetch_setup *setup);

/* Until the keeper's line ends. Returns the exit code: 0, or 71. */
int fetch_run(const struct fetch_setup *setup);

#endif
