/* An answer of a name server to a question for addresses (A). */
#ifndef KEEPER_DNS_REPLY_H
#define KEEPER_DNS_REPLY_H

#include <stddef.h>
#include <stdint.h>

enum { DNS_REPLY_MOST = 32 }; /* addresses; more than any list gives */

enum dns_end {
	DNS_ADDRESSES,
	DNS_NOTHING,   /* there is no such name, or no address */
	DNS_FAILURE,   /* SERVFAIL, REFUSED and the like */
	DNS_TRUNCATED, /* the rest would come over TCP, which nobody asks */
	DNS_GARBAGE,
	DNS_SILENCE, /* none in time, or the socket was lost */
};

struct dns_reply {
	enum dns_end end;
	uint32_t addresses[DNS_REPLY_MOST]; /* as numbers */
	size_t count;			    /* with DNS_ADDRESSES: 1 and more */
	uint32_t ttl_s;			    /* the least */
};

/* What came; any octets. */
void dns_reply_read(
	const uint8_t *octets, size_t n, struct dns_reply *ret_reply);
const char *dns_end_name(enum dns_end end); /* for people */

#endif
