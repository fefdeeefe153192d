/*
 * postern's own addresses, read from where the system keeps them. Called at
 * start and at each reload, by processes that still may read.
 */
#include "own.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct own {
	struct prefix *out;
	size_t count;
};

static void own_add(struct own *own, const struct addr *addr)
{
	static const struct addr none4 = {.octets = {[10] = 0xff, [11] = 0xff}};
	static const struct addr none6;

	if (own->count >= OWN_MOST || addr_eq(addr, &none4) ||
		addr_eq(addr, &none6))
		return;
	own->out[own->count++] = prefix_of(addr, 32, 128);
}

static void own_add_text(struct own *own, const char *text)
{
	struct prefix prefix;

	if (own->count < OWN_MOST && prefix_parse(text, &prefix))
		own->out[own->count++] = prefix;
}

static void own_interfaces(struct own *own)
{
	struct ifaddrs *list, *at;
	struct addr addr;

	if (getifaddrs(&list) < 0)
		return;
	for (at = list; at; at = at->ifa_next)
		if (at->ifa_addr &&
			addr_from_sockaddr(at->ifa_addr, &addr, NULL))
			own_add(own, &addr);
	freeifaddrs(list);
}

/* /proc/net/route: destination and gateway in hex, as the machine has them. */
static void own_gateway4(struct own *own)
{
	FILE *f = fopen("/proc/net/route", "re");
	char line[256];

	if (!f)
		return;
	while (fgets(line, sizeof line, f)) {
		unsigned destination, gateway;
		struct sockaddr_in sin = {.sin_family = AF_INET};
		struct addr addr;

		if (sscanf(line, "%*s %x %x", &destination, &gateway) != 2 ||
			destination != 0 || gateway == 0)
			continue;
		sin.sin_addr.s_addr = gateway;
		if (addr_from_sockaddr((struct sockaddr *)&sin, &addr, NULL))
			own_add(own, &addr);
	}
	(void)fclose(f);
}

static bool hex_addr(const char *hex, struct addr *ret_addr)
{
	for (size_t i = 0; i < 16; i++) {
		unsigned octet;
		if (sscanf(hex + 2 * i, "%2x", &octet) != 1)
			return false;
		ret_addr->octets[i] = (uint8_t)octet;
	}
	return true;
}

/* /proc/net/ipv6_route: destination, its length, source, its length, gateway */
static void own_gateway6(struct own *own)
{
	FILE *f = fopen("/proc/net/ipv6_route", "re");
	char line[256], gateway[40];
	unsigned bits;

	if (!f)
		return;
	while (fgets(line, sizeof line, f)) {
		struct addr addr;
		if (sscanf(line, "%*32s %x %*32s %*2s %32s", &bits, gateway) ==
				2 &&
			bits == 0 && hex_addr(gateway, &addr))
			own_add(own, &addr);
	}
	(void)fclose(f);
}

static void own_resolvers(struct own *own)
{
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[256], text[64];
	struct addr addr;

	if (!f)
		return;
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "nameserver %63[0-9a-fA-F.:]", text) == 1 &&
			addr_parse(text, &addr))
			own_add(own, &addr);
	(void)fclose(f);
}

size_t own_collect(struct prefix out[OWN_MOST])
{
	struct own own = {.out = out};

	own_add_text(&own, "127.0.0.0/8");
	own_add_text(&own, "::1");
	own_interfaces(&own);
	own_gateway4(&own);
	own_gateway6(&own);
	own_resolvers(&own);
	return own.count;
}
