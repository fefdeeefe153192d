/*
 * The zone of a list, and its health.
 *
 * Lists die: the domain is sold and answers everything, the operator lists the
 * whole world so that people notice, or it has had enough of this site's
 * questions. So a zone is off until its test entries are as they must be, and
 * they are asked for again and again. One answer that no list gives, or ten
 * questions in a row without any, switch it off as well. What is off is not
 * asked and counts for nothing.
 *
 * Called by dns_lists. What can go wrong is what is said in `why`.
 */
#include "dns_zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/check.h"
#include "../base/dnsxl.h"
#include "../base/log.h"

enum { SILENT_MOST = 10, SILENT_AGAIN_MS = 10000 };

static const char *const test_entries[DNS_TEST_COUNT] = {
	[DNS_TEST_LISTED] = "127.0.0.2",
	[DNS_TEST_CLEAN] = "127.0.0.1",
	[DNS_TEST_LISTED_V6] = "::ffff:127.0.0.2",
	[DNS_TEST_CLEAN_V6] = "::ffff:127.0.0.1",
};

bool dns_zone_init(struct dns_zone *zone, struct hub *hub, const char *name,
	uint64_t test_each_ms)
{
	*zone = (struct dns_zone){
		.name = strdup(name),
		.hub = hub,
		.test_each_ms = test_each_ms,
		.since = hub_wall(hub),
		.why = "its test entries are not known yet",
	};
	for (size_t i = 0; i < DNS_TEST_COUNT; i++)
		zone->tests[i].zone = zone;
	return zone->name != NULL;
}

void dns_zone_done(struct dns_zone *zone)
{
	for (size_t i = 0; i < DNS_TEST_COUNT; i++)
		dns_query_stop(&zone->tests[i].query);
	free(zone->name);
	zone->name = NULL;
}

/* ---- on and off ---- */

static void log_state(const struct dns_zone *zone)
{
	log_begin(zone->on ? LOG_INFO : LOG_WARN, "dns-list");
	log_str("zone", zone->name);
	log_str("state", zone->on ? "on" : "off");
	if (zone->on)
		log_bool("ipv6", zone->on_v6);
	else
		log_str("why", zone->why);
	log_end();
}

static void turn(struct dns_zone *zone, bool on, const char *why)
{
	bool same =
		zone->tested && zone->on == on && strcmp(zone->why, why) == 0;

	if (zone->on != on || !zone->tested)
		zone->since = hub_wall(zone->hub);
	zone->tested = true;
	zone->on = on;
	zone->silent = 0;
	(void)snprintf(zone->why, sizeof(zone->why), "%s", why);
	if (!same)
		log_state(zone);
}

/* It may be back soon, where the others need somebody's hand. */
static void turn_silent(struct dns_zone *zone, const char *why)
{
	mono_ms_t soon = hub_now(zone->hub) + SILENT_AGAIN_MS;

	turn(zone, false, why);
	if (soon < zone->test_at)
		zone->test_at = soon;
}

/* An answer that is no list's. */
static void turn_odd(struct dns_zone *zone, const struct dns_reply *reply)
{
	char why[DNS_ZONE_WHY_LONGEST];
	uint32_t odd = reply->addresses[0];

	for (size_t i = 0; i < reply->count; i++)
		if (dnsxl_judge(&reply->addresses[i], 1) > DNSXL_LISTED)
			odd = reply->addresses[i];
	(void)snprintf(why, sizeof(why),
		dnsxl_judge(&odd, 1) == DNSXL_REFUSED
			? "it refuses to answer us (%u.%u.%u.%u)"
			: "it is no list any more (it answers %u.%u.%u.%u)",
		odd >> 24, odd >> 16 & 0xff, odd >> 8 & 0xff, odd & 0xff);
	turn(zone, false, why);
}

/* ---- its tests ---- */

static enum dnsxl_word word_of(const struct dns_reply *reply)
{
	return reply->end == DNS_ADDRESSES
		       ? dnsxl_judge(reply->addresses, reply->count)
		       : DNSXL_CLEAN;
}

static bool answers(const struct dns_reply *reply)
{
	return reply->end == DNS_ADDRESSES || reply->end == DNS_NOTHING;
}

/* Is the entry that must be there, there, and the other one not? */
static bool passes(
	const struct dns_zone *zone, enum dns_test listed, enum dns_test clean)
{
	return word_of(&zone->tests[listed].reply) == DNSXL_LISTED &&
	       zone->tests[clean].reply.end == DNS_NOTHING;
}

static void judge(struct dns_zone *zone)
{
	const struct dns_reply *listed = &zone->tests[DNS_TEST_LISTED].reply;
	const struct dns_reply *clean = &zone->tests[DNS_TEST_CLEAN].reply;

	zone->on_v6 = passes(zone, DNS_TEST_LISTED_V6, DNS_TEST_CLEAN_V6);
	if (!answers(listed))
		turn_silent(zone, dns_end_name(listed->end));
	else if (!answers(clean))
		turn_silent(zone, dns_end_name(clean->end));
	else if (word_of(listed) > DNSXL_LISTED)
		turn_odd(zone, listed);
	else if (clean->end == DNS_ADDRESSES)
		turn(zone, false,
			"it has 127.0.0.1, so it may have the whole world");
	else if (listed->end == DNS_NOTHING)
		turn(zone, false,
			"it has no 127.0.0.2, so it may be empty, or no list");
	else
		turn(zone, true, "");
}

static void tested(struct dns_query *query, const struct dns_reply *reply)
{
	struct dns_zone_test *test = (struct dns_zone_test *)query;

	test->reply = *reply;
	if (--test->zone->tests_busy == 0)
		judge(test->zone);
}

void dns_zone_tick(struct dns_zone *zone, struct dns_queries *queries)
{
	mono_ms_t now = hub_now(zone->hub);

	if (zone->tests_busy > 0 || now < zone->test_at)
		return;
	zone->test_at = now + zone->test_each_ms;
	zone->tests_busy = DNS_TEST_COUNT;
	for (size_t i = 0; i < DNS_TEST_COUNT; i++) {
		struct dns_query *query = &zone->tests[i].query;

		*query = (struct dns_query){
			.zone = zone->name,
			.nibbles = i >= DNS_TEST_LISTED_V6,
			.timeout_ms = zone->timeout_ms,
			.cb = tested,
		};
		CHECK(addr_parse(test_entries[i], &query->addr));
		dns_query_begin(queries, query, now);
	}
}

/* ---- questions ---- */

bool dns_zone_hears(
	struct dns_zone *zone, const struct dns_reply *reply, bool *ret_known)
{
	enum dnsxl_word word = word_of(reply);

	*ret_known = false;
	zone->asked++;
	if (!answers(reply)) {
		zone->failures++;
		if (++zone->silent >= SILENT_MOST && zone->on)
			turn_silent(zone, dns_end_name(reply->end));
		return false;
	}
	zone->silent = 0;
	if (word > DNSXL_LISTED) {
		zone->failures++;
		turn_odd(zone, reply);
		return false;
	}
	*ret_known = true;
	zone->hits += word == DNSXL_LISTED;
	return word == DNSXL_LISTED;
}
