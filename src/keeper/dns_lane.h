/*
 * A lane: one connected socket to one name server, and c-ares on it.
 *
 * Each lane has a source port of its own, so that questions can be spread, and
 * a lane given up when somebody may know its port.
 */
#ifndef KEEPER_DNS_LANE_H
#define KEEPER_DNS_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/addr.h"
#include "../base/units.h"
#include "dns_reply.h"

struct event_base;
struct dns_lane;
struct dns_flight;

/* Where a lane leads to. */
struct dns_server {
	struct addr addr;
	uint16_t port;
};

/* Called once for each question that is not forgotten, and never from inside
 * of dns_lane_ask(). */
typedef void dns_lane_cb(void *arg, const struct dns_reply *reply);

/* Takes the descriptor over, also when it fails: NULL. */
struct dns_lane *dns_lane_new(struct event_base *base, int fd,
	const struct dns_server *server, mono_ms_t now);
/* Questions under way end with DNS_SILENCE. Not from inside of a callback. */
void dns_lane_free(struct dns_lane **lane);

/* NULL: it could not be sent. Borrowed until the callback. */
struct dns_flight *dns_lane_ask(
	struct dns_lane *lane, const char *name, dns_lane_cb *cb, void *arg);
/* The answer is not wanted any more: no callback. */
void dns_flight_forget(struct dns_flight *flight);

const struct dns_server *dns_lane_server(const struct dns_lane *lane);
mono_ms_t dns_lane_born(const struct dns_lane *lane);
unsigned dns_lane_asked(const struct dns_lane *lane);	  /* so far */
unsigned dns_lane_under_way(const struct dns_lane *lane); /* not forgotten */
bool dns_lane_broken(const struct dns_lane *lane);	  /* of no use */
unsigned dns_lane_take_strays(struct dns_lane *lane); /* since the last time */

#endif
