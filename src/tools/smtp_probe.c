/*
 * One SMTP dialogue at a time, blocking, as a stranger would hold it.
 *
 * Never says DATA: a server that would take the message has been found out by
 * then. Each step has a time limit, so a silent server costs seconds.
 */
#include "smtp_probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int bind_as(int fd, const struct addr *as)
{
	bool v4 = addr_is_v4(as);
	struct sockaddr_storage sa;
	int one = 1;
	socklen_t n = addr_to_sockaddr(as, 0, (struct sockaddr *)&sa);

	if (setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		    v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &one,
		    sizeof(one)) == 0)
		return bind(fd, (struct sockaddr *)&sa, n);
	/* One of ours needs no right. */
	if (errno == EPERM && bind(fd, (struct sockaddr *)&sa, n) == 0)
		return 0;
	if (errno == EADDRNOTAVAIL)
		errno = EPERM; /* not ours: what is missing is the right */
	return -1;
}

bool smtp_probe_open(struct smtp_probe *p, const struct addr *server,
	uint16_t port, const struct addr *as)
{
	const struct timeval wait = {.tv_sec = SMTP_PROBE_WAIT_S};
	struct sockaddr_storage sa;
	socklen_t n = addr_to_sockaddr(server, port, (struct sockaddr *)&sa);

	*p = (struct smtp_probe){.fd = -1};
	p->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd >= 0 &&
		setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &wait,
			sizeof(wait)) == 0 &&
		setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &wait,
			sizeof(wait)) == 0 &&
		(as == NULL || bind_as(p->fd, as) == 0) &&
		connect(p->fd, (struct sockaddr *)&sa, n) == 0)
		return true;
	/* SO_SNDTIMEO ends connect(2) with the one or the other. */
	p->error = errno == EINPROGRESS || errno == EAGAIN ? ETIMEDOUT : errno;
	smtp_probe_close(p);
	return false;
}

/* Is the reply whole? RFC 5321 §4.2: the last line has a space or nothing. */
static int whole(const char *text, size_t n)
{
	const char *line = text;
	const char *end;

	while ((end = memchr(line, '\n', n - (size_t)(line - text))) != NULL) {
		if (end - line >= 4 && line[3] != '-')
			return (int)strtol(line, NULL, 10);
		line = end + 1;
	}
	return 0;
}

void smtp_probe_send(struct smtp_probe *probe, const void *octets, size_t n)
{
	(void)send(probe->fd, octets, n, MSG_NOSIGNAL);
}

int smtp_probe_say(struct smtp_probe *p, const char *line)
{
	size_t n = 0;

	p->code = 0;
	p->text[0] = '\0';
	if (line != NULL &&
		(send(p->fd, line, strlen(line), MSG_NOSIGNAL | MSG_MORE) < 0 ||
			send(p->fd, "\r\n", 2, MSG_NOSIGNAL) < 0))
		return 0;
	while (p->code == 0 && n + 1 < sizeof(p->text)) {
		ssize_t got =
			recv(p->fd, p->text + n, sizeof(p->text) - n - 1, 0);

		if (got <= 0)
			return 0;
		n += (size_t)got;
		p->text[n] = '\0';
		p->code = whole(p->text, n);
	}
	return p->code;
}

void smtp_probe_close(struct smtp_probe *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}
