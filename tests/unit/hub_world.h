/*
 * Parts of a keeper beside each other, without sockets, disk and time: the
 * test turns the clock (hub->turn_now, hub->turn_wall_ms).
 */
#ifndef TESTS_UNIT_HUB_WORLD_H
#define TESTS_UNIT_HUB_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../../src/conf/conf.h"
#include "../../src/keeper/firewall.h"
#include "../../src/keeper/hub.h"
#include "../../src/keeper/judge.h"
#include "../../src/keeper/peers.h"
#include "../../src/keeper/tally.h"
#include "../../src/keeper/trend.h"
#include "../../src/keeper/watch.h"

enum { HUB_WALL_S = 1700000040 }; /* a minute begins, an hour does not */

static inline void hub_init(struct hub *hub)
{
	struct conf_errors errors = {0};

	memset(hub, 0, sizeof(*hub));
	hub->conf = hub->conf_own = conf_parse(
		"listener mx {\n bind = {\"127.0.0.1:1\"}\n backend = b\n}\n"
		"backend b {\n servers = {\"198.51.100.25:25\"}\n}\n",
		"test", &errors);
	assert_non_null(hub->conf);
	hub->turn_now = 1000000;
	hub->turn_wall_ms = INT64_C(1000) * HUB_WALL_S;
	hub->peers = peers_new();
	hub->watch = watch_new();
	hub->trend = trend_new();
	hub->tally = tally_new();
	hub->judge = judge_new(hub);
	hub->firewall = firewall_new(hub, -1);
	assert_true(hub->peers && hub->watch && hub->trend && hub->tally &&
		    hub->judge && hub->firewall);
}

static inline void hub_done(struct hub *hub)
{
	firewall_free(&hub->firewall);
	peers_free(&hub->peers);
	judge_free(&hub->judge);
	tally_free(&hub->tally);
	trend_free(&hub->trend);
	watch_free(&hub->watch);
	conf_free(&hub->conf_own);
}

static inline void hub_pass(struct hub *hub, uint64_t s)
{
	hub->turn_now += s * 1000;
	hub->turn_wall_ms += (int64_t)s * 1000;
}

/* As if workers had said so, and gone. */
static inline void hub_count(struct hub *hub, const struct message_stats *stats)
{
	static uint8_t room[sizeof(*stats) + 64];
	struct octets out = octets_to(room, sizeof(room));
	struct octets in;

	octets_put_number(&out, 0);
	octets_put(&out, stats, sizeof(*stats));
	octets_put_number(&out, 0);
	in = octets_of(room, out.n);
	assert_true(peers_load(hub->peers, &in));
}

#endif
