/*
 * Lists of others: files and what is fetched, as bans or as a score.
 *
 * Another process reads them (src/fetch/) and hands their entries on; here they
 * come into force. Nobody waits for that.
 */
#ifndef KEEPER_LISTINGS_H
#define KEEPER_LISTINGS_H

#include <jansson.h>

#include "hub.h"

enum { LISTINGS_NAMES_LONGEST = 200 };

struct listings;

struct listings *listings_new(struct hub *hub); /* NULL: no memory */
void listings_free(struct listings **listings);
/* hub->conf is another. */
void listings_configure(struct hub *hub);
/* A new line to who fetches them; takes the descriptor over. */
void listings_attach(struct hub *hub, int fd);

/* What lists with as = score say of an address, in sum; names: theirs, behind
 * commas, may be NULL. */
unsigned listings_score(struct hub *hub, const struct addr *addr,
	char names[LISTINGS_NAMES_LONGEST]);
/* Is there any list with as = score? */
bool listings_score_any(const struct hub *hub);
/* The lists that ban exactly this prefix, behind commas; "": none. */
const char *listings_who(struct hub *hub, const struct prefix *prefix,
	char names[LISTINGS_NAMES_LONGEST]);
/* Names of all lists that have the address, for `explain`. Caller decrefs. */
json_t *listings_about(struct hub *hub, const struct addr *addr);
json_t *listings_array(struct hub *hub); /* for `status` */

#endif
