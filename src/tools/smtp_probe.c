/*
 * One SMTP dialogue at a time, blocking, as a stranger would hold it.
 *
 * Never says DATA: a server that would take the message has been found out by
 * then. Each step has a time limit, so a silent server costs seconds.
 */
#include "smtp_probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
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

/* TLS wants to read: is there something, or will there be in time? A call may
 * have brought nothing because it was a ticket or a part of a flight. */
static bool more_comes(const struct smtp_probe *p)
{
	struct pollfd one = {.fd = p->fd, .events = POLLIN};

	return tls_pending(p->tls) > 0 ||
	       poll(&one, 1, SMTP_PROBE_WAIT_S * 1000) == 1;
}

bool smtp_probe_tls(
	struct smtp_probe *p, struct tls_context *context, const char **ret_why)
{
	enum tls_result result;

	p->code = 0;
	p->tls = tls_connect_new(context, p->fd);
	if (p->tls == NULL) {
		*ret_why = "no memory";
		return false;
	}
	do
		result = tls_handshake(p->tls);
	while (result == TLS_WANT_READ && more_comes(p));
	if (result == TLS_OK)
		return true;
	*ret_why = result == TLS_WANT_READ || result == TLS_WANT_WRITE
			   ? "no answer to TLS in time"
			   : tls_error(p->tls);
	return false;
}

static bool put(struct smtp_probe *p, const char *line)
{
	char text[SMTP_PROBE_LINE];
	int n = snprintf(text, sizeof(text), "%s\r\n", line);
	size_t sent = 0, done = 0;

	if (n < 0 || (size_t)n >= sizeof(text))
		return false;
	if (p->tls == NULL)
		return send(p->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
	while (done < (size_t)n && tls_write(p->tls, text + done,
					   (size_t)n - done, &sent) == TLS_OK)
		done += sent;
	return done == (size_t)n;
}

/* 0: nothing more comes. */
static size_t get(struct smtp_probe *p, char *out, size_t room)
{
	enum tls_result result = TLS_WANT_READ;
	size_t n = 0;
	ssize_t got;

	if (p->tls != NULL) {
		while (result == TLS_WANT_READ && more_comes(p))
			result = tls_read(p->tls, out, room, &n);
		return result == TLS_OK ? n : 0;
	}
	got = recv(p->fd, out, room, 0);
	return got > 0 ? (size_t)got : 0;
}

int smtp_probe_say(struct smtp_probe *p, const char *line)
{
	size_t n = 0;

	p->code = 0;
	p->text[0] = '\0';
	if (line != NULL && !put(p, line))
		return 0;
	while (p->code == 0 && n + 1 < sizeof(p->text)) {
		size_t got = get(p, p->text + n, sizeof(p->text) - n - 1);

		if (got == 0)
			return 0;
		n += got;
		p->text[n] = '\0';
		p->code = whole(p->text, n);
	}
	return p->code;
}

void smtp_probe_close(struct smtp_probe *p)
{
	tls_free(&p->tls);
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}
