/*
 * Names of servers, looked up in a process of its own: who asks for an address
 * may wait for long, and what a DNS server answers is not read by root.
 */
#ifndef SUPERVISOR_NAMES_H
#define SUPERVISOR_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/addr.h"
#include "../conf/conf.h"
#include "rights.h"

struct names;

struct name_address {
	struct addr addr;
	uint16_t port;
};

/* Does it name a server otherwise than by its address? */
bool names_wanted(const struct conf *conf);
/* Begins to look up all names of conf, as that user. NULL: errno. */
struct names *names_new(
	const struct conf *conf, const struct rights_user *user);
void names_free(struct names **names);	 /* ends the process, too */
int names_fd(const struct names *names); /* poll for reading */
/* Takes what is there. true: that is all that will come. */
bool names_read(struct names *names);
/*
 * The n-th address (from 0) of "NAME:PORT", in the resolver's order. false:
 * there are no more; for n = 0 *ret_why says why there is none.
 */
bool names_find(const struct names *names, const char *text, unsigned n,
	struct name_address *ret_address, const char **ret_why);
/*
 * When to ask again: the least TTL, within bounds. A name that was not found is
 * asked for soon.
 */
enum { NAMES_TTL_LEAST_MS = 5000, NAMES_TTL_LONGEST_MS = 3600 * 1000 };
uint64_t names_ttl_ms(const struct names *names);
/* Is there a name without an address? */
bool names_missing(const struct names *names);

#endif
