/*
 * Where log lines end.
 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "../base/clock.h"

enum { DATAGRAM_LONGEST = 65536, PIPE_SURE = 4096, QUEUE_BYTES = 4 << 20 };

struct sink {
	int fds[2]; /* read, write */
	int out;    /* -1: syslog */
	char *path; /* of a file; else NULL */
	uint64_t lost_count;
};

/* -1 with errno, or the descriptor; *ret_path is set for a file. */
static int sink_open(const char *to, char **ret_path)
{
	int fd;

	*ret_path = NULL;
	if (strcmp(to, "stderr") == 0)
		return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	fd = open(to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		0640);
	if (fd >= 0)
		*ret_path = strdup(to);
	return fd;
}

static bool is_syslog(const char *to)
{
	return strcmp(to, "syslog") == 0;
}

struct sink *sink_new(const char *to)
{
	struct sink *s = calloc(1, sizeof *s);
	int room = QUEUE_BYTES;

	if (!s)
		return NULL;
	s->out = -1;
	if (!is_syslog(to)) {
		s->out = sink_open(to, &s->path);
		if (s->out < 0) {
			free(s);
			return NULL;
		}
	} else {
		openlog("postern", LOG_PID | LOG_NDELAY, LOG_MAIL);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0, s->fds) < 0) {
		free(s->path);
		free(s);
		return NULL;
	}
	/* Room for a burst; without the right to force it, what is given. */
	if (setsockopt(s->fds[1], SOL_SOCKET, SO_SNDBUFFORCE, &room,
		    sizeof room) < 0)
		(void)setsockopt(
			s->fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	return s;
}

bool sink_possible(const char *to)
{
	char *path = NULL;
	int fd;

	if (is_syslog(to))
		return true;
	fd = sink_open(to, &path);
	if (fd < 0)
		return false;
	(void)close(fd);
	free(path);
	return true;
}

bool sink_change(struct sink *s, const char *to)
{
	char *path = NULL;
	int out = -1;

	if (!is_syslog(to)) {
		out = sink_open(to, &path);
		if (out < 0)
			return false;
	} else {
		openlog("postern", LOG_PID | LOG_NDELAY, LOG_MAIL);
	}
	if (s->out >= 0)
		(void)close(s->out);
	free(s->path);
	s->out = out;
	s->path = path;
	return true;
}

void sink_reopen(struct sink *s)
{
	char *path;
	int out;

	if (!s->path)
		return;
	out = sink_open(s->path, &path);
	if (out < 0)
		return; /* the old one goes on */
	free(path);
	(void)close(s->out);
	s->out = out;
}

int sink_write_fd(const struct sink *s)
{
	return s->fds[1];
}

int sink_read_fd(const struct sink *s)
{
	return s->fds[0];
}

static void put_syslog(const char *text, size_t n)
{
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t k = end ? (size_t)(end - text) : n;

		syslog(LOG_INFO, "%.*s", (int)k, text);
		if (!end)
			return;
		n -= k + 1;
		text = end + 1;
	}
}

/*
 * A pipe that is ready takes PIPE_SURE octets at least without blocking (POSIX:
 * PIPE_BUF); larger pieces are cut at that.
 */
static void put_file(struct sink *s, const char *text, size_t n)
{
	while (n > 0) {
		struct pollfd p = {.fd = s->out, .events = POLLOUT};
		size_t k = n < PIPE_SURE ? n : PIPE_SURE;
		ssize_t done;

		if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLOUT)) {
			s->lost_count++;
			return;
		}
		done = write(s->out, text, k);
		if (done <= 0) {
			s->lost_count++;
			return;
		}
		text += done;
		n -= (size_t)done;
	}
}

static void tell_lost(struct sink *s)
{
	char text[128];
	int n;

	if (s->lost_count == 0 || s->out < 0)
		return;
	n = snprintf(text, sizeof text,
		"postern: %llu pieces of the log could not be written\n",
		(unsigned long long)s->lost_count);
	s->lost_count = 0;
	if (n > 0)
		put_file(s, text, (size_t)n);
}

void sink_drain(struct sink *s)
{
	static char text[DATAGRAM_LONGEST];
	ssize_t n;

	while ((n = recv(s->fds[0], text, sizeof text, MSG_DONTWAIT)) > 0) {
		if (s->out < 0)
			put_syslog(text, (size_t)n);
		else
			put_file(s, text, (size_t)n);
	}
	tell_lost(s);
}

void sink_free(struct sink **sink)
{
	struct sink *s = *sink;

	if (!s)
		return;
	sink_drain(s);
	(void)close(s->fds[0]);
	(void)close(s->fds[1]);
	if (s->out >= 0)
		(void)close(s->out);
	free(s->path);
	free(s);
	*sink = NULL;
}
