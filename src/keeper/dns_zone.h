/* The zone of a list: does it do what RFC 5782 asks of it, and answer? */
#ifndef KEEPER_DNS_ZONE_H
#define KEEPER_DNS_ZONE_H

#include "dns_query.h"

enum { DNS_ZONE_WHY_LONGEST = 128 };

/* The test entries of RFC 5782 §5. */
enum dns_test {
	DNS_TEST_LISTED,    /* 127.0.0.2 */
	DNS_TEST_CLEAN,	    /* 127.0.0.1 */
	DNS_TEST_LISTED_V6, /* ::ffff:7f00:2 */
	DNS_TEST_CLEAN_V6,
	DNS_TEST_COUNT,
};

struct dns_zone_test {
	struct dns_query query; /* first: the query is found again by it */
	struct dns_zone *zone;
	struct dns_reply reply;
};

struct dns_zone {
	char *name;
	uint64_t timeout_ms;
	bool on;    /* only then it is asked */
	bool on_v6; /* and about IPv6 */
	bool tested;
	char why[DNS_ZONE_WHY_LONGEST]; /* it is off */
	wall_s_t since;			/* of `on` */
	mono_ms_t test_at;
	unsigned silent; /* questions in a row without an answer */
	uint64_t asked, hits, failures;
	struct dns_zone_test tests[DNS_TEST_COUNT];
	unsigned tests_busy;
	struct hub *hub;
	uint64_t test_each_ms;
};

/* Copies the name. false: no memory. */
bool dns_zone_init(struct dns_zone *zone, struct hub *hub, const char *name,
	uint64_t test_each_ms);
void dns_zone_done(struct dns_zone *zone);
/* Begins a test when it is time for one. */
void dns_zone_tick(struct dns_zone *zone, struct dns_queries *queries);
/*
 * What a question got: is it listed? *ret_known false: it did not answer (that
 * may switch it off).
 */
bool dns_zone_hears(
	struct dns_zone *zone, const struct dns_reply *reply, bool *ret_known);

#endif
