/*
 * Where an intercepted client wanted to go.
 *
 * TPROXY leaves the address as it was: it is the accepted socket's own.
 * REDIRECT and DNAT change it, and connection tracking remembers. A client
 * that came without such a rule meant the address that it got.
 */
#include "internal.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* <linux/netfilter_ipv4.h> and its like for IPv6 clash with libc's headers. */
enum { ORIGINAL_DST = 80 };

static bool before_the_rule(int fd, bool v4, struct sockaddr_storage *sa)
{
	socklen_t n = sizeof *sa;

	return getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, ORIGINAL_DST, sa,
		       &n) == 0;
}

static bool own_end(int fd, struct sockaddr_storage *sa)
{
	socklen_t n = sizeof *sa;

	return getsockname(fd, (struct sockaddr *)sa, &n) == 0;
}

void target_find(struct session *s)
{
	enum conf_intercept how = s->listener->conf->intercept;
	bool v4 = addr_is_v4(&s->addr);
	struct sockaddr_storage sa;

	if (how == CONF_INTERCEPT_OFF || s->target_known)
		return; /* a balancer that is believed knows better */
	s->target_known = ((how == CONF_INTERCEPT_REDIRECT &&
				   before_the_rule(s->client.fd, v4, &sa)) ||
				  own_end(s->client.fd, &sa)) &&
			  addr_from_sockaddr((struct sockaddr *)&sa, &s->target,
				  &s->target_port);
}
