/*
 * pingpong: what one hop over loopback costs: N round trips of B octets
 * between two processes over TCP, with no relay or one blocking relay (one
 * read and one write each way) between them, on one CPU and on two.
 *
 * pingpong [-n N] [-b BYTES] [-e]; -e: an epoll_wait before every read, as in
 * any server. Prints microseconds a round trip as JSON.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BYTES_MOST = 65536 };

static bool with_epoll;
static int trip_count = 50000, trip_bytes = 30;
static char buffer[BYTES_MOST];

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	exit(2);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	sched_setaffinity(0, sizeof set, &set);
}

static void tcp_pair(int ret_fds[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *any = (struct sockaddr *)&address;
	socklen_t n = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (bind(listener, any, n) < 0 || listen(listener, 1) < 0 ||
		getsockname(listener, any, &n) < 0)
		die("listen");
	ret_fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(ret_fds[0], any, n) < 0)
		die("connect");
	ret_fds[1] = accept(listener, NULL, NULL);
	for (int i = 0; i < 2; i++)
		setsockopt(
			ret_fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	close(listener);
}

static int epoll_of(int a, int b)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = epoll_create1(0);

	epoll_ctl(fd, EPOLL_CTL_ADD, a, &event);
	if (b != a)
		epoll_ctl(fd, EPOLL_CTL_ADD, b, &event);
	return fd;
}

static bool pass(int epoll_fd, int from, int to)
{
	size_t n = (size_t)trip_bytes;
	struct epoll_event event;

	if (with_epoll)
		epoll_wait(epoll_fd, &event, 1, -1);
	return read(from, buffer, n) == (ssize_t)n &&
	       write(to, buffer, n) == (ssize_t)n;
}

/* A process that relays a to b and b to a; a == b echoes. */
static void fork_relay(int a, int b, int cpu, int close_fd)
{
	int epoll_fd;

	if (fork() != 0)
		return;
	close(close_fd);
	pin(cpu);
	epoll_fd = epoll_of(a, b);
	for (int i = 0; i < trip_count; i++) {
		if (!pass(epoll_fd, a, b))
			break;
		if (b != a && !pass(epoll_fd, b, a))
			break;
	}
	_exit(0);
}

static double trips_us(int fd)
{
	int epoll_fd = epoll_of(fd, fd);
	struct epoll_event event;
	size_t n = (size_t)trip_bytes;
	double began_s = now_s();

	for (int i = 0; i < trip_count; i++) {
		if (write(fd, buffer, n) != (ssize_t)n)
			die("write");
		if (with_epoll)
			epoll_wait(epoll_fd, &event, 1, -1);
		if (read(fd, buffer, n) != (ssize_t)n)
			die("read");
	}
	close(epoll_fd);
	return (now_s() - began_s) / trip_count * 1e6;
}

/* One row: with or without a relay, the middle or the far end on `cpu`. */
static double measure_us(bool relayed, int cpu)
{
	int near[2], far[2] = {-1, -1};
	double us;

	tcp_pair(near);
	if (relayed) {
		tcp_pair(far);
		fork_relay(near[1], far[0], cpu, near[0]);
		fork_relay(far[1], far[1], 0, near[0]);
	} else {
		fork_relay(near[1], near[1], cpu, near[0]);
	}
	pin(0);
	us = trips_us(near[0]);
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < 2; i++) {
		close(near[i]);
		close(far[i]);
	}
	return us;
}

int main(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "n:b:e")) != -1) {
		switch (letter) {
		case 'n': trip_count = atoi(optarg); break;
		case 'b': trip_bytes = atoi(optarg); break;
		case 'e': with_epoll = true; break;
		default: return 2; /* getopt has said why */
		}
	}
	if (trip_bytes < 1 || trip_bytes > BYTES_MOST || trip_count < 1)
		return 2;
	printf("{\"direct_cpu0\":%.2f", measure_us(false, 0));
	printf(",\"direct_cpu1\":%.2f", measure_us(false, 1));
	printf(",\"relay_cpu0\":%.2f", measure_us(true, 0));
	printf(",\"relay_cpu1\":%.2f}\n", measure_us(true, 1));
	return 0;
}
