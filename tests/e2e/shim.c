/*
 * What a system may answer, on demand: preloaded into postern by the tests.
 *
 * Orders stand in the file that TROUBLE names, shared by all its processes; a
 * test writes them while postern runs. Without orders every call is the real.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct order {
	int32_t error;
	_Atomic int32_t left; /* how often */
};

struct orders {
	int64_t wall_offset_s;
	struct order accept, fork, exec, random;
	_Atomic uint32_t storm; /* 0: none; else recv and send stumble */
	_Atomic uint32_t storm_count;
};

static struct orders none, *orders = &none;

__attribute__((constructor)) static void orders_open(void)
{
	const char *path = getenv("TROUBLE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at;

	if (fd < 0)
		return;
	at = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		0);
	if (at != MAP_FAILED)
		orders = at;
	(void)close(fd);
}

static int fails(struct order *order)
{
	int32_t left = atomic_load(&order->left);

	while (left > 0)
		if (atomic_compare_exchange_weak(
			    &order->left, &left, left - 1)) {
			errno = order->error;
			return 1;
		}
	return 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = REAL(clock_gettime)(id, ts);

	if (r == 0 && id == CLOCK_REALTIME)
		ts->tv_sec += (time_t)orders->wall_offset_s;
	return r;
}

int accept4(int fd, struct sockaddr *sa, socklen_t *n, int flags)
{
	return fails(&orders->accept) ? -1 : REAL(accept4)(fd, sa, n, flags);
}

pid_t fork(void)
{
	return fails(&orders->fork) ? -1 : REAL(fork)();
}

int execv(const char *path, char *const argv[])
{
	return fails(&orders->exec) ? -1 : REAL(execv)(path, argv);
}

ssize_t getrandom(void *out, size_t n, unsigned flags)
{
	return fails(&orders->random) ? -1 : REAL(getrandom)(out, n, flags);
}

/* 0: as it is; -1 with errno; else so many octets at most. */
static int stumble(int flags)
{
	if (!atomic_load(&orders->storm) || (flags & MSG_PEEK))
		return 0;
	switch (atomic_fetch_add(&orders->storm_count, 1) % 5) {
	case 0: errno = EINTR; return -1;
	case 1: errno = EAGAIN; return -1;
	case 2: return 1;
	case 3: return 7;
	default: return 0;
	}
}

static int is_stream(int fd)
{
	int type = 0, error = errno;
	socklen_t n = sizeof type;

	(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n);
	errno = error;
	return type == SOCK_STREAM;
}

ssize_t recv(int fd, void *out, size_t n, int flags)
{
	int most = is_stream(fd) ? stumble(flags) : 0;

	if (most < 0)
		return -1;
	return REAL(recv)(
		fd, out, most && n > (size_t)most ? (size_t)most : n, flags);
}

ssize_t send(int fd, const void *data, size_t n, int flags)
{
	int most = is_stream(fd) ? stumble(flags) : 0;

	if (most < 0)
		return -1;
	return REAL(send)(
		fd, data, most && n > (size_t)most ? (size_t)most : n, flags);
}
