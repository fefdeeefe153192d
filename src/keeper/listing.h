/*
 * The roll of one list of others: who stands in it, for how long that counts.
 *
 * Filled in slices, for it may have a hundred thousand entries and logins wait
 * meanwhile. Another process read them from the internet, so nothing of them is
 * believed: neither their order nor their width nor what they are.
 */
#ifndef KEEPER_LISTING_H
#define KEEPER_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/addr.h"
#include "../policy/lengths.h"

struct listing {
	struct prefix *items; /* in the order of prefix_order() */
	size_t count;
	struct lengths lengths;
};

/* One that is being read. */
struct listing_reading {
	int fd; /* -1: none */
	struct listing fresh;
	size_t wanted;
};

enum listing_result {
	LISTING_MORE, /* a slice was read */
	LISTING_DONE, /* all of it: fresh is whole */
	LISTING_BAD,  /* what is there is no list */
};

void listing_done(struct listing *roll);
/* Takes the descriptor over. false: no memory. */
bool listing_begin(struct listing_reading *reading, int fd, size_t count);
enum listing_result listing_read(struct listing_reading *reading);
void listing_stop(struct listing_reading *reading);

/* Does exactly this prefix stand in it? */
bool listing_has(const struct listing *roll, const struct prefix *prefix);
/* Does any that holds the address? */
bool listing_holds(const struct listing *roll, const struct addr *addr);
bool listing_same(const struct listing *a, const struct listing *b);

#endif
