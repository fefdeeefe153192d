/*
 * Whose address a connection to the server has: the client's own, a fixed one
 * of this host, or what the system chooses.
 *
 * The kernel sends from a foreign address (IP_TRANSPARENT, CAP_NET_RAW). It
 * does not see to it that the answers come back here: that is routing, and
 * where it is wrong each connection times out (docs/domino.md).
 */
#include "internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../base/log.h"

static const struct worker_backend *backend_of(const struct session *s)
{
	return &s->worker->setup->backends[s->listener->backend];
}

static bool transparent(const struct session *s)
{
	return backend_of(s)->conf->client_address ==
	       CONF_CLIENT_ADDRESS_TRANSPARENT;
}

/*
 * A client of this very host has an address that only this host knows, and no
 * server could answer to it. To a server that is a client here its own address
 * would look forged.
 */
static bool borrows(const struct session *s, const struct addr *server)
{
	return transparent(s) &&
	       (!addr_is_loopback(&s->addr) || addr_is_loopback(server)) &&
	       !addr_eq(&s->addr, server);
}

bool origin_suits(const struct session *s, const struct addr *server)
{
	return !borrows(s, server) ||
	       addr_is_v4(&s->addr) == addr_is_v4(server);
}

static int make_transparent(int fd, bool v4)
{
	int one = 1;

	return v4 ? setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof one)
		  : setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one,
			    sizeof one);
}

/*
 * An intercepted client named the server's own address: its connection and
 * ours differ in the client's port only. Were that the same by chance, the
 * kernel's connection tracking would take one for the other.
 */
static int other_port(const struct session *s, int fd)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof sa;
	struct addr addr;
	uint16_t port = 0;

	if (getsockname(fd, (struct sockaddr *)&sa, &n) < 0 ||
		!addr_from_sockaddr((struct sockaddr *)&sa, &addr, &port))
		return EADDRNOTAVAIL;
	return port == s->port ? EADDRINUSE : 0;
}

static int bind_to(int fd, const struct addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t n = addr_to_sockaddr(addr, 0, (struct sockaddr *)&sa);

	return bind(fd, (struct sockaddr *)&sa, n) < 0 ? errno : 0;
}

int origin_bind_own(
	const struct worker_backend *b, int fd, const struct addr *server)
{
	bool v4 = addr_is_v4(server);
	int one = 1;

	if (!b->source_known[v4])
		return 0;
	/* All connections share this address: connect chooses the port, since
	 * it knows the server. */
	(void)setsockopt(
		fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	return bind_to(fd, &b->sources[v4]);
}

int origin_bind(const struct session *s, int fd, const struct addr *server)
{
	int error;

	if (!borrows(s, server))
		return origin_bind_own(backend_of(s), fd, server);
	if (make_transparent(fd, addr_is_v4(server)) < 0)
		return errno;
	error = bind_to(fd, &s->addr);
	return error ? error : other_port(s, fd);
}

void origin_warn(const struct session *s)
{
	bool v4 = addr_is_v4(&s->addr);

	if (s->worker->family_said)
		return;
	s->worker->family_said = true;
	log_begin(LOG_WARN, "no-server");
	session_log_id(s);
	log_addr("src", &s->addr);
	log_str("backend", backend_of(s)->conf->title);
	log_str("why", v4 ? "client_address = transparent, and no server has "
			    "an IPv4 address; add one to servers, or do not "
			    "listen on IPv4"
			  : "client_address = transparent, and no server has "
			    "an IPv6 address; add one to servers, or do not "
			    "listen on IPv6");
	log_end();
}

const char *origin_why(const struct session *s, int error)
{
	if (error == ETIMEDOUT && transparent(s))
		return "timeout; do its answers come back through this host? "
		       "posternctl doctor looks";
	if (error == EPERM && transparent(s))
		return "CAP_NET_RAW is missing: client_address = transparent "
		       "needs it";
	if (error == EADDRNOTAVAIL && backend_of(s)->conf->source.count > 0)
		return "source is no address of this host";
	return error == ETIMEDOUT ? "timeout" : strerror(error);
}
