/*
 * What is never banned by configuration.
 *
 * BAN-01: loopback, what the supervisor found to be our own, the addresses we
 * listen on, the servers behind us, the balancers before us, and the allow
 * list. Names that are not literal addresses are the supervisor's to look up:
 * nothing here may wait for a name server. Called by judge.
 */
#include "allowed.h"

#include <stdlib.h>

enum { LOOPBACK_COUNT = 2, V4_WHOLE = 32, V6_WHOLE = 128 };

bool allowed_has(const struct allowed *allowed, const struct prefix *prefix)
{
	for (size_t i = 0; i < allowed->count; i++)
		if (prefix_eq(&allowed->items[i], prefix))
			return true;
	return false;
}

static void add(struct allowed *allowed, const struct prefix *prefix)
{
	if (!allowed_has(allowed, prefix))
		allowed->items[allowed->count++] = *prefix;
}

static void add_text(struct allowed *allowed, const char *text)
{
	struct prefix prefix;

	if (prefix_parse(text, &prefix))
		add(allowed, &prefix);
}

static bool unspecified(const struct addr *addr)
{
	struct addr v4, v6;

	return (addr_parse("0.0.0.0", &v4) && addr_eq(addr, &v4)) ||
	       (addr_parse("::", &v6) && addr_eq(addr, &v6));
}

/* "192.0.2.1:25" and the like; "0.0.0.0:25" says nothing about an address. */
static void add_list(struct allowed *allowed, const struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct prefix prefix;
		struct addr addr;
		uint16_t port;

		if (!addr_parse_port(list->items[i], &addr, &port) ||
			unspecified(&addr))
			continue;
		prefix = prefix_of(&addr, V4_WHOLE, V6_WHOLE);
		add(allowed, &prefix);
	}
}

/*
 * Behind a balancer are all clients: a ban of it is one of everybody. One that
 * is to be believed from anywhere is no balancer, and shelters nobody.
 */
static void add_proxies(
	struct allowed *allowed, const struct conf_listener *listener)
{
	for (size_t i = 0; i < listener->proxy_from.count; i++)
		if (prefix_length(&listener->proxy_from.items[i]) > 0)
			add(allowed, &listener->proxy_from.items[i]);
}

static size_t count_most(const struct conf *conf, size_t own_count)
{
	size_t n = LOOPBACK_COUNT + own_count + conf->global.allow.count;

	for (size_t i = 0; i < conf->listener_count; i++)
		n += conf->listeners[i].bind.count +
		     conf->listeners[i].proxy_from.count;
	for (size_t i = 0; i < conf->backend_count; i++)
		n += conf->backends[i].servers.count;
	return n;
}

bool allowed_fill(struct allowed *allowed, const struct conf *conf,
	const struct prefix *own, size_t own_count)
{
	struct prefix *items =
		calloc(count_most(conf, own_count), sizeof(*items));

	if (items == NULL)
		return false;
	*allowed = (struct allowed){.items = items};
	add_text(allowed, "127.0.0.0/8");
	add_text(allowed, "::1");
	for (size_t i = 0; i < own_count; i++)
		add(allowed, &own[i]);
	for (size_t i = 0; i < conf->listener_count; i++)
		add_list(allowed, &conf->listeners[i].bind);
	for (size_t i = 0; i < conf->backend_count; i++)
		add_list(allowed, &conf->backends[i].servers);
	for (size_t i = 0; i < conf->listener_count; i++)
		add_proxies(allowed, &conf->listeners[i]);
	allowed->own_count = allowed->count;
	for (size_t i = 0; i < conf->global.allow.count; i++)
		add(allowed, &conf->global.allow.items[i]);
	return true;
}

void allowed_done(struct allowed *allowed)
{
	free(allowed->items);
	*allowed = (struct allowed){0};
}
