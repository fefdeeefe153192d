/*
 * The net and the clock of fuzz_session: the worker is the real one, its
 * system calls go here.
 *
 * Time is a number: epoll_wait(2) never sleeps. When nothing is ready the
 * script goes on (net_idle), and when that waits as well, time jumps to the
 * next timer. accept4(2) and connect(2) give one end of a socket pair each;
 * reads and writes may be short, writes may have to be tried again.
 *
 * libevent is a shared library: epoll_wait and clock_gettime are replaced as
 * symbols, all else with --wrap, behind which the sanitizer's own are.
 */
#ifndef TESTS_FUZZ_SESSION_NET_H
#define TESTS_FUZZ_SESSION_NET_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum {
	NET_BEGIN_MS = 1000000,
	TURNS_MOST = 200000, /* of the loop in one instant: else it spins */
	SNDBUF_BYTES = 4608, /* the least the kernel takes */
};

enum net_connect {
	NET_CONNECT_OK = 0,
	NET_CONNECT_REFUSED,
	NET_CONNECT_SILENT, /* no answer: neither yes nor no */
};

static struct {
	uint64_t now_ms;
	unsigned turns;
	int door; /* the listening socket's place */
	bool door_open, client_waits;
	int client, server;		  /* our ends; -1: none */
	int client_theirs, server_theirs; /* the worker's */
	bool accepted;
	bool server_reset;	   /* it asked for a RST */
	enum net_connect connects; /* what comes of the next connect */
	unsigned short_most;	   /* octets a call moves; 0: all */
	bool again;		   /* every other write: EAGAIN */
	unsigned write_count;
} net;

/*
 * What the peers do when the worker has nothing to do. True: something was
 * done; false: only time can go on, by at most *most_ms.
 */
static bool net_idle(uint64_t *most_ms);
static void net_connected(void); /* net.server is new */

int __real_accept4(int fd, struct sockaddr *sa, socklen_t *n, int flags);
int __real_close(int fd);
int __real_connect(int fd, const struct sockaddr *sa, socklen_t n);
ssize_t __real_recv(int fd, void *p, size_t n, int flags);
ssize_t __real_send(int fd, const void *p, size_t n, int flags);
int __real_setsockopt(
	int fd, int level, int name, const void *value, socklen_t n);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *n, int flags);
int __wrap_close(int fd);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t n);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
int __wrap_setsockopt(
	int fd, int level, int name, const void *value, socklen_t n);

/* The wall clock is libFuzzer's, too. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id == CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(net.now_ms / 1000);
	ts->tv_nsec = (long)(net.now_ms % 1000) * 1000000;
	return 0;
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	uint64_t most_ms = timeout < 0 ? 1000u : (unsigned)timeout;
	int n;

	do {
		n = (int)syscall(SYS_epoll_pwait, fd, events, most, 0, NULL, 0);
		MUST(n >= 0 || errno == EINTR);
		MUST(++net.turns < TURNS_MOST);
		if (n > 0)
			return n;
	} while (timeout != 0 && net_idle(&most_ms));
	if (timeout != 0) {
		net.now_ms += most_ms;
		if (most_ms > 0)
			net.turns = 0;
	}
	return 0;
}

static inline void net_pair(int ends[2])
{
	int room = SNDBUF_BYTES;

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		     ends) == 0);
	for (int i = 0; i < 2; i++)
		MUST(__real_setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &room,
			     sizeof room) == 0);
}

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *n, int flags)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = 4321};
	uint64_t count;
	int ends[2];

	if (fd != net.door)
		return __real_accept4(fd, sa, n, flags);
	if (!net.client_waits) {
		errno = EAGAIN;
		return -1;
	}
	MUST(read(fd, &count, sizeof count) == sizeof count);
	net.client_waits = false;
	net_pair(ends);
	net.client = ends[0];
	net.client_theirs = ends[1];
	net.accepted = true;
	in.sin_addr.s_addr = htonl(0xcb007107); /* 203.0.113.7 */
	memcpy(sa, &in, sizeof in);
	*n = sizeof in;
	return ends[1];
}

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t n)
{
	enum net_connect how = net.connects;
	int ends[2];

	(void)sa;
	(void)n;
	net.connects = NET_CONNECT_OK;
	if (how == NET_CONNECT_REFUSED) {
		errno = ECONNREFUSED;
		return -1;
	}
	if (how == NET_CONNECT_SILENT) { /* never writable */
		int full = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		uint64_t most = UINT64_MAX - 1;

		MUST(write(full, &most, sizeof most) == sizeof most);
		MUST(dup3(full, fd, O_CLOEXEC) == fd);
		(void)__real_close(full);
		net.server_theirs = fd;
		errno = EINPROGRESS;
		return -1;
	}
	net_pair(ends);
	MUST(dup3(ends[1], fd, O_CLOEXEC) == fd);
	(void)__real_close(ends[1]);
	if (net.server >= 0)
		(void)__real_close(net.server);
	net.server = ends[0];
	net.server_theirs = fd;
	net.server_reset = false;
	net_connected();
	return 0;
}

static inline size_t net_short(size_t n)
{
	return net.short_most && n > net.short_most ? net.short_most : n;
}

ssize_t __wrap_recv(int fd, void *p, size_t n, int flags)
{
	return __real_recv(fd, p, net_short(n), flags);
}

ssize_t __wrap_send(int fd, const void *p, size_t n, int flags)
{
	int type = 0;
	socklen_t size = sizeof type;

	(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	if (type != SOCK_STREAM) /* a message is whole or not at all */
		return __real_send(fd, p, n, flags);
	if (net.again && net.write_count++ % 2 == 0) {
		errno = EAGAIN;
		return -1;
	}
	return __real_send(fd, p, net_short(n), flags);
}

int __wrap_setsockopt(
	int fd, int level, int name, const void *value, socklen_t n)
{
	if (fd == net.server_theirs && name == SO_LINGER)
		net.server_reset = true;
	return __real_setsockopt(fd, level, name, value, n);
}

int __wrap_close(int fd)
{
	if (fd == net.door)
		net.door_open = false;
	if (fd == net.client_theirs)
		net.client_theirs = -1;
	if (fd == net.server_theirs)
		net.server_theirs = -1;
	return __real_close(fd);
}

static inline void net_begin(void)
{
	uint64_t one = 1;

	memset(&net, 0, sizeof net);
	net.now_ms = NET_BEGIN_MS;
	net.client = net.server = -1;
	net.client_theirs = net.server_theirs = -1;
	net.door = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	MUST(net.door >= 0);
	net.door_open = net.client_waits = true;
	MUST(write(net.door, &one, sizeof one) == sizeof one);
}

static inline void net_close(int *fd)
{
	if (*fd >= 0)
		(void)__real_close(*fd);
	*fd = -1;
}

static inline void net_end(void)
{
	net_close(&net.client);
	net_close(&net.server);
	if (net.door_open)
		(void)__real_close(net.door);
}

#endif
