/*
 * Where log lines end.
 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"

enum {
	DATAGRAM_LONGEST = 65536,
	PIPE_SURE = 4096,
	QUEUE_BYTES = 4 << 20,
	SYSLOG_HEAD_LONGEST = 64,
	SYSLOG_LINE_LONGEST = 8192,
	NOTICE_LONGEST = 1024,
	SYSLOG_MAIL_INFO = 2 << 3 | 6 /* RFC 3164 4.1.1 */
};

struct sink {
	int fds[2]; /* read, write */
	int out;    /* syslog: -1 while nobody listens there */
	bool syslog;
	bool torn;	     /* the last line lacks its end */
	char *path;	     /* of a file; else NULL */
	uint64_t lost_count; /* lines, not yet told */
	int tap;	     /* -1: nobody follows */
	uint64_t tap_lost_count;
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

/*
 * syslog(3) waits for a daemon that does not read; this socket does not.
 * -1: no daemon is there now, which is asked again with each line.
 */
static int syslog_open(void)
{
	static const struct sockaddr_un sun = {
		.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 ||
		connect(fd, (const struct sockaddr *)&sun, sizeof sun) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* A new file needs no end of what the old one's last line lacks. */
static bool is_new(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == 0;
}

/* false: errno, and the old destination stays. */
static bool sink_direct(struct sink *s, const char *to)
{
	bool syslog = is_syslog(to);
	char *path = NULL;
	int out = syslog ? syslog_open() : sink_open(to, &path);

	if (out < 0 && !syslog)
		return false;
	if (s->out >= 0)
		(void)close(s->out);
	free(s->path);
	s->out = out;
	s->path = path;
	s->syslog = syslog;
	s->torn = s->torn && !is_new(out);
	return true;
}

struct sink *sink_new(const char *to)
{
	struct sink *s = calloc(1, sizeof *s);
	int room = QUEUE_BYTES;

	if (!s)
		return NULL;
	s->out = s->tap = s->fds[0] = s->fds[1] = -1;
	if (!sink_direct(s, to) ||
		socketpair(AF_UNIX,
			SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			s->fds) < 0) {
		int error = errno;
		sink_free(&s);
		errno = error;
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
	return sink_direct(s, to);
}

bool sink_reopen(struct sink *s)
{
	char *path;
	int out;

	if (!s->path)
		return true;
	out = sink_open(s->path, &path);
	if (out < 0)
		return false;
	free(path);
	(void)close(s->out);
	s->out = out;
	s->torn = s->torn && !is_new(out);
	return true;
}

int sink_write_fd(const struct sink *s)
{
	return s->fds[1];
}

int sink_read_fd(const struct sink *s)
{
	return s->fds[0];
}

static uint64_t lines_in(const char *text, size_t n)
{
	uint64_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += text[i] == '\n';
	return count;
}

static bool syslog_send(struct sink *s, struct iovec parts[2])
{
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	return s->out >= 0 &&
	       sendmsg(s->out, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* A daemon that was started anew is found again. */
static bool syslog_line(struct sink *s, const char *text, size_t n)
{
	char head[SYSLOG_HEAD_LONGEST], when[32] = "";
	time_t now = (time_t)clock_wall_s();
	struct iovec parts[2];
	struct tm tm;
	int k;

	if (localtime_r(&now, &tm))
		(void)strftime(when, sizeof when, "%b %e %H:%M:%S ", &tm);
	k = snprintf(head, sizeof head, "<%d>%spostern[%d]: ", SYSLOG_MAIL_INFO,
		when, (int)getpid());
	parts[0] = (struct iovec){head, (size_t)k};
	parts[1] = (struct iovec){(void *)(uintptr_t)text,
		n < SYSLOG_LINE_LONGEST ? n : SYSLOG_LINE_LONGEST};
	if (syslog_send(s, parts))
		return true;
	if (s->out >= 0 && errno == EAGAIN)
		return false;
	if (s->out >= 0)
		(void)close(s->out);
	s->out = syslog_open();
	return syslog_send(s, parts);
}

/*
 * A pipe that is ready takes PIPE_SURE octets at least without blocking (POSIX:
 * PIPE_BUF); larger pieces are cut at that. Returns what was written.
 */
static size_t file_write(struct sink *s, const char *text, size_t n)
{
	size_t left = n;

	while (left > 0) {
		struct pollfd p = {.fd = s->out, .events = POLLOUT};
		ssize_t done;

		if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLOUT))
			break;
		done = write(s->out, text, left < PIPE_SURE ? left : PIPE_SURE);
		if (done <= 0)
			break;
		s->torn = text[done - 1] != '\n';
		text += done;
		left -= (size_t)done;
	}
	return n - left;
}

/* Word of what was lost, before the next line. false: it would be, too. */
static bool told_lost(struct sink *s)
{
	char text[NOTICE_LONGEST];
	size_t n;

	if (s->lost_count == 0)
		return true;
	n = log_dropped_line(s->lost_count, text, sizeof text);
	if (n == 0)
		return true;
	if (s->syslog ? !syslog_line(s, text, n - 1)
		      : file_write(s, text, n) < n)
		return false;
	s->lost_count = 0;
	return true;
}

static void put_syslog(struct sink *s, const char *text, size_t n)
{
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t k = end ? (size_t)(end - text) : n;

		if (!told_lost(s) || !syslog_line(s, text, k))
			s->lost_count++;
		if (!end)
			return;
		n -= k + 1;
		text = end + 1;
	}
}

/* A line that a full disk or pipe has cut in two is ended before the next one
 * begins. */
static void put_file(struct sink *s, const char *text, size_t n)
{
	size_t done = 0;

	if ((!s->torn || file_write(s, "\n", 1) == 1) && told_lost(s))
		done = file_write(s, text, n);
	s->lost_count += lines_in(text + done, n - done);
}

void sink_tap(struct sink *s, int fd)
{
	if (s->tap >= 0)
		(void)close(s->tap);
	s->tap = fd;
	s->tap_lost_count = 0;
}

/* false: it was not taken. */
static bool tap_send(struct sink *s, const char *text, size_t n)
{
	if (send(s->tap, text, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno != EAGAIN && errno != ENOBUFS && errno != EMSGSIZE)
		sink_tap(s, -1); /* who followed is gone */
	return false;
}

static void put_tap(struct sink *s, const char *text, size_t n)
{
	char word[NOTICE_LONGEST];
	size_t k;

	if (s->tap < 0)
		return;
	if (s->tap_lost_count > 0) {
		k = log_dropped_line(s->tap_lost_count, word, sizeof word);
		if (k > 0 && tap_send(s, word, k))
			s->tap_lost_count = 0;
	}
	if (s->tap >= 0 && (s->tap_lost_count > 0 || !tap_send(s, text, n)))
		s->tap_lost_count += lines_in(text, n);
}

void sink_drain(struct sink *s)
{
	static char text[DATAGRAM_LONGEST];
	ssize_t n;

	while ((n = recv(s->fds[0], text, sizeof text, MSG_DONTWAIT)) > 0) {
		if (s->syslog)
			put_syslog(s, text, (size_t)n);
		else
			put_file(s, text, (size_t)n);
		put_tap(s, text, (size_t)n);
	}
	if (s->lost_count > 0 && !s->torn)
		(void)told_lost(s); /* there may be no line for long */
}

void sink_free(struct sink **sink)
{
	struct sink *s = *sink;

	if (!s)
		return;
	if (s->fds[0] >= 0) {
		sink_drain(s);
		(void)close(s->fds[0]);
		(void)close(s->fds[1]);
	}
	if (s->out >= 0)
		(void)close(s->out);
	if (s->tap >= 0)
		(void)close(s->tap);
	free(s->path);
	free(s);
	*sink = NULL;
}
