/*
 * Put in front of the C library of a process under test (LD_PRELOAD): memory
 * and descriptors run out when the test says so.
 *
 * Orders lie in a file that all processes map, named by STARVE; they are for
 * the one process whose number stands there. Nothing of this is shipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same in vectors/starve.py. */
struct orders {
	_Atomic int64_t pid;	/* 0: nobody */
	_Atomic int64_t first;	/* this allocation fails; 0: none */
	_Atomic int64_t last;	/* and all up to this one */
	_Atomic int64_t count;	/* allocations so far */
	_Atomic int64_t failed; /* of them */
	_Atomic int64_t accept_error, socket_error; /* 0: they work */
	_Atomic int64_t refused;	  /* accepts and sockets that failed */
	_Atomic int64_t turn_octets;	  /* most received of one socket between
					     two looks for events */
	_Atomic int64_t splice_in_error;  /* of a socket; 0: it works */
	_Atomic int64_t splice_out_error; /* into one */
	_Atomic int64_t spliced;	  /* octets into sockets */
};

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t n);
extern void *__libc_realloc(void *p, size_t n);

static struct orders nobody;
static struct orders *orders = &nobody;

__attribute__((constructor)) static void open_orders(void)
{
	const char *path = getenv("STARVE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p = MAP_FAILED;

	if (fd >= 0)
		p = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE,
			MAP_SHARED, fd, 0);
	if (fd >= 0)
		(void)close(fd);
	if (p != MAP_FAILED)
		orders = p;
}

static int is_meant(void)
{
	return orders->pid != 0 && orders->pid == getpid();
}

enum { SOCKETS_MOST = 4096 };

static int64_t received[SOCKETS_MOST]; /* in this turn, by descriptor */

int epoll_wait(int fd, struct epoll_event *events, int most, int ms)
{
	memset(received, 0, sizeof received);
	return (int)syscall(
		SYS_epoll_pwait, fd, events, most, ms, NULL, (size_t)8);
}

ssize_t recv(int fd, void *out, size_t n, int flags)
{
	ssize_t got = syscall(SYS_recvfrom, fd, out, n, flags, NULL, NULL);

	if (got > 0 && !(flags & MSG_PEEK) && fd < SOCKETS_MOST && is_meant()) {
		received[fd] += got;
		if (received[fd] > orders->turn_octets)
			orders->turn_octets = received[fd];
	}
	return got;
}

/* What recv(2) is where the compiler knows the room (_FORTIFY_SOURCE). */
ssize_t __recv_chk(int fd, void *out, size_t n, size_t room, int flags);

ssize_t __recv_chk(int fd, void *out, size_t n, size_t room, int flags)
{
	(void)room;
	return recv(fd, out, n, flags);
}

/* Is this the one that fails? */
static int starves(void)
{
	int64_t at;

	if (!is_meant())
		return 0;
	if (orders->first == 0)
		return 0;
	at = ++orders->count;
	if (at < orders->first || at > orders->last)
		return 0;
	orders->failed++;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t n)
{
	return starves() ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
	return starves() ? NULL : __libc_calloc(count, n);
}

void *realloc(void *p, size_t n)
{
	return starves() ? NULL : __libc_realloc(p, n);
}

void *mmap(void *at, size_t n, int rights, int flags, int fd, off_t offset)
{
	if ((flags & MAP_ANONYMOUS) && starves())
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, n, rights, flags, fd, offset);
}

static int refuses(int64_t error)
{
	if (error == 0 || !is_meant())
		return 0;
	orders->refused++;
	errno = (int)error;
	return 1;
}

int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *n, int flags)
{
	if (refuses(orders->accept_error))
		return -1;
	return (int)syscall(SYS_accept4, fd, addr.__sockaddr__, n, flags);
}

/* Of a pipe there is nothing to getsockopt(2). */
static int is_socket(int fd)
{
	int type = 0;
	socklen_t n = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0;
}

ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t n,
	unsigned flags)
{
	int out = is_socket(to);
	ssize_t moved;

	if (refuses(out ? orders->splice_out_error : orders->splice_in_error))
		return -1;
	moved = syscall(SYS_splice, from, from_at, to, to_at, n, flags);
	if (out && moved > 0 && is_meant())
		orders->spliced += moved;
	return moved;
}

int socket(int family, int type, int protocol)
{
	if (refuses(orders->socket_error))
		return -1;
	return (int)syscall(SYS_socket, family, type, protocol);
}
