/*
 * Whom a RCPT is for: a local domain, read so strictly that no other program
 * can find another in it.
 *
 * The forms by which relays were found open for thirty years (percent hack,
 * bang paths, source routes, quoted paths, literals) all live on two parsers
 * that differ. So only one form is taken, RFC 5321's Mailbox with a domain;
 * whatever else it may mean, it is not local.
 */
#ifndef PROTO_RECIPIENT_H
#define PROTO_RECIPIENT_H

#include "slice.h"

enum recipient {
	RECIPIENT_LOCAL = 0,
	RECIPIENT_FOREIGN, /* well-formed, of a domain that is not listed */
	RECIPIENT_UNCLEAR, /* no form that all read alike */
};

/* "example.com" is that name; ".example.com" every name below it. */
struct recipient_domains {
	const char *const *items;
	size_t count; /* 0: nothing is local */
};

/*
 * args: what stands behind "RCPT ". LOCAL also for "<Postmaster>", which every
 * server takes for its own (RFC 5321 §4.5.1). A quoted local part may hold
 * what needs no quotes, and SP.
 */
enum recipient recipient_read(
	struct slice args, const struct recipient_domains *domains);

#endif
