/*
 * Sockets to name servers.
 *
 * Each is connected, so that the kernel lets in what the name server sends and
 * nothing else, and has a port that the kernel chose at random. The keeper gets
 * it and can ask there, and nowhere else: it may connect nothing, and its
 * filter knows no sending with an address.
 *
 * Nothing is read from them here. /etc/resolv.conf is read anew for each
 * request, since it changes with the network; c-ares does it as names.c has it.
 */
#include "resolver.h"

#include <ares.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/log.h"
#include "internal.h"

enum {
	SERVERS_MOST = 4,
	PORT_DNS = 53,
	AT_ONCE_MOST = 16,
	A_SECOND_MOST = 64, /* who wants more is out of order */
	SECOND_MS = 1000,
};

struct servers {
	struct addr addrs[SERVERS_MOST];
	uint16_t ports[SERVERS_MOST];
	size_t count;
};

static void add(struct servers *servers, const struct addr *addr, uint16_t port)
{
	if (servers->count == SERVERS_MOST)
		return;
	servers->addrs[servers->count] = *addr;
	servers->ports[servers->count++] = port;
}

static void add_configured(struct servers *servers, const struct conf *conf)
{
	const struct conf_list *list = &conf->dns_lists.resolvers;

	for (size_t i = 0; i < list->count; i++) {
		struct addr addr;
		uint16_t port = PORT_DNS;

		if (addr_parse(list->items[i], &addr) ||
			addr_parse_port(list->items[i], &addr, &port))
			add(servers, &addr, port);
	}
}

static void add_one(
	struct servers *servers, const struct ares_addr_port_node *node)
{
	struct sockaddr_storage storage = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
	struct addr addr;

	storage.ss_family = (sa_family_t)node->family;
	if (node->family == AF_INET)
		v4->sin_addr = node->addr.addr4;
	else
		memcpy(&v6->sin6_addr, &node->addr.addr6, sizeof v6->sin6_addr);
	if (addr_from_sockaddr((struct sockaddr *)&storage, &addr, NULL))
		add(servers, &addr,
			node->udp_port > 0 ? (uint16_t)node->udp_port
					   : (uint16_t)PORT_DNS);
}

/* Those of /etc/resolv.conf. */
static void add_system(struct servers *servers)
{
	struct ares_addr_port_node *all = NULL;
	ares_channel channel;

	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return;
	if (ares_init(&channel) == ARES_SUCCESS) {
		if (ares_get_servers_ports(channel, &all) == ARES_SUCCESS)
			for (const struct ares_addr_port_node *at = all; at;
				at = at->next)
				add_one(servers, at);
		ares_free_data(all);
		ares_destroy(channel);
	}
	ares_library_cleanup();
}

/* -1: errno. */
static int connected(const struct addr *addr, uint16_t port)
{
	struct sockaddr_storage to;
	unsigned n = addr_to_sockaddr(addr, port, (struct sockaddr *)&to);
	int fd = socket(
		to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, n) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

static void send_one(
	struct child *keeper, const struct servers *servers, size_t turn)
{
	struct message_resolver body = {.error = 0};
	int fd = -1;

	if (servers->count > 0) {
		body.addr = servers->addrs[turn % servers->count];
		body.port = servers->ports[turn % servers->count];
		fd = connected(&body.addr, body.port);
		if (fd < 0)
			body.error = (uint32_t)errno;
	}
	/* What cannot be sent the keeper asks for again. */
	if (fd < 0)
		(void)channel_send(
			keeper->channel, MESSAGE_RESOLVER, &body, sizeof body);
	else
		(void)channel_send_fd(keeper->channel, MESSAGE_RESOLVER, &body,
			sizeof body, fd);
	if (fd >= 0)
		(void)close(fd);
}

/* One more in this second? */
static bool may_send(struct supervisor *s)
{
	if (s->now - s->sockets_since >= SECOND_MS) {
		s->sockets_since = s->now;
		s->sockets_sent = 0;
	}
	return s->sockets_sent++ < A_SECOND_MOST;
}

void resolver_answer(
	struct supervisor *s, const struct message_resolver_ask *ask)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	/* While a reload is prepared the old one is in force. */
	const struct plan *plan = s->old_plan ? s->old_plan : s->plan;
	struct servers servers = {.count = 0};

	/* Who has no list to ask has nobody to talk to. */
	if (!keeper || !keeper->channel || plan->conf->dns_zone_count == 0)
		return;
	add_configured(&servers, plan->conf);
	if (servers.count == 0)
		add_system(&servers);
	for (uint32_t i = 0; i < ask->count && i < AT_ONCE_MOST; i++)
		if (may_send(s))
			send_one(keeper, &servers, s->socket_turn++);
	(void)channel_flush(keeper->channel);
}
