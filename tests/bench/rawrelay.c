/*
 * rawrelay: the least a proxy in user space can do: one thread, epoll, recv
 * and send, no look at the octets. The yardstick for "close to the limit".
 *
 * -r LISTEN: accept and reset at once (the least a refusal costs).
 * -z: splice(2) through a pipe instead of copying. -b N: octets a read.
 * Sockets are edge-triggered; a pair is freed at the end of the loop turn,
 * since later events of the same turn may still point to it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64, BACKLOG = 65535, PIPE_BYTES = 1 << 18 };
enum flow { FLOW_BLOCKED, FLOW_DONE, FLOW_ENDED, FLOW_AGAIN };

struct pair;

struct side {
	int fd;
	int pipe[2]; /* -z; -1: none yet */
	bool eof;
	struct side *peer;
	struct pair *pair;
	char *held; /* what the peer has not taken yet */
	size_t held_off, held_n, piped_n;
};

struct pair {
	struct side sides[2];
	bool dead;
	struct pair *next;
};

static int epoll_fd;
static bool zero_copy, reject_all;
static struct pair *graves;
static char scratch[1 << 20];
static size_t chunk_bytes = 128 * 1024;
static struct sockaddr_in backend;

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	exit(2);
}

static struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	const char *colon = strchr(text, ':');
	char host[64];

	if (!colon || (size_t)(colon - text) >= sizeof host)
		die("ADDR:PORT");
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	address.sin_port = htons((unsigned short)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		die(text);
	return address;
}

static void bury(struct pair *pair)
{
	if (pair->dead)
		return;
	pair->dead = true;
	pair->next = graves;
	graves = pair;
	for (int i = 0; i < 2; i++) {
		struct side *side = &pair->sides[i];

		close(side->fd);
		free(side->held);
		if (side->pipe[0] >= 0) {
			close(side->pipe[0]);
			close(side->pipe[1]);
		}
	}
}

static void free_graves(void)
{
	while (graves) {
		struct pair *pair = graves;

		graves = pair->next;
		free(pair);
	}
}

/* A peer that is not connected yet takes nothing, but is not lost. */
static bool would_block(void)
{
	return errno == EAGAIN || errno == ENOTCONN;
}

static enum flow drain_pipe(struct side *side)
{
	while (side->piped_n > 0) {
		ssize_t did = splice(side->pipe[0], NULL, side->peer->fd, NULL,
			side->piped_n, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

		if (did <= 0)
			return did < 0 && errno == EAGAIN ? FLOW_BLOCKED
							  : FLOW_ENDED;
		side->piped_n -= (size_t)did;
	}
	return FLOW_DONE;
}

/* What is held of this side goes to its peer. */
static enum flow drain(struct side *side)
{
	if (side->piped_n > 0) {
		enum flow flow = drain_pipe(side);

		if (flow != FLOW_DONE)
			return flow;
	}
	while (side->held_off < side->held_n) {
		ssize_t did = send(side->peer->fd, side->held + side->held_off,
			side->held_n - side->held_off, MSG_NOSIGNAL);

		if (did < 0)
			return would_block() ? FLOW_BLOCKED : FLOW_ENDED;
		side->held_off += (size_t)did;
	}
	free(side->held);
	side->held = NULL;
	side->held_off = side->held_n = 0;
	return FLOW_DONE;
}

static bool hold(struct side *side, const char *p, size_t n)
{
	side->held = malloc(n);
	if (!side->held)
		return false;
	memcpy(side->held, p, n);
	side->held_n = n;
	side->held_off = 0;
	return true;
}

static enum flow pump_splice(struct side *side)
{
	ssize_t did;

	if (side->pipe[0] < 0) {
		if (pipe2(side->pipe, O_NONBLOCK) < 0)
			return FLOW_ENDED;
		fcntl(side->pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
	}
	did = splice(side->fd, NULL, side->pipe[1], NULL, PIPE_BYTES,
		SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (did < 0)
		return errno == EAGAIN ? FLOW_BLOCKED : FLOW_ENDED;
	side->eof = did == 0;
	side->piped_n = (size_t)did;
	return FLOW_AGAIN;
}

static enum flow pump_copy(struct side *side)
{
	ssize_t sent, got = recv(side->fd, scratch, chunk_bytes, 0);

	if (got < 0)
		return errno == EAGAIN ? FLOW_BLOCKED : FLOW_ENDED;
	if (got == 0) {
		side->eof = true;
		return FLOW_AGAIN;
	}
	sent = send(side->peer->fd, scratch, (size_t)got, MSG_NOSIGNAL);
	if (sent < 0) {
		if (!would_block())
			return FLOW_ENDED;
		sent = 0;
	}
	if (sent < got)
		return hold(side, scratch + sent, (size_t)(got - sent))
			       ? FLOW_BLOCKED
			       : FLOW_ENDED;
	/* Edge-triggered: a short read drained the socket. */
	return (size_t)got < chunk_bytes ? FLOW_BLOCKED : FLOW_AGAIN;
}

/* false: the pair is over. */
static bool pump(struct side *side)
{
	enum flow flow;

	do {
		flow = drain(side);
		if (flow != FLOW_DONE)
			break;
		if (side->eof) {
			shutdown(side->peer->fd, SHUT_WR);
			return !side->peer->eof;
		}
		flow = zero_copy ? pump_splice(side) : pump_copy(side);
	} while (flow == FLOW_AGAIN);
	return flow != FLOW_ENDED;
}

static void on_event(struct side *side, uint32_t events)
{
	struct side *peer = side->peer;
	bool waits = peer->held || peer->piped_n > 0;

	if (side->pair->dead)
		return;
	if ((events & EPOLLOUT) && waits && !pump(peer))
		bury(side->pair);
	else if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !pump(side))
		bury(side->pair);
}

static void reset(int fd)
{
	struct linger linger = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(fd);
}

static struct pair *pair_new(int client_fd, int backend_fd)
{
	struct pair *pair = calloc(1, sizeof *pair);

	if (!pair)
		die("calloc");
	for (int i = 0; i < 2; i++) {
		struct side *side = &pair->sides[i];

		side->fd = i ? backend_fd : client_fd;
		side->pipe[0] = side->pipe[1] = -1;
		side->peer = &pair->sides[!i];
		side->pair = pair;
	}
	return pair;
}

static void relay(int client_fd)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
	struct pair *pair;
	int one = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	pair = pair_new(client_fd, fd);
	if (connect(fd, (struct sockaddr *)&backend, sizeof backend) < 0 &&
		errno != EINPROGRESS) {
		bury(pair);
		return;
	}
	for (int i = 0; i < 2; i++) {
		event.data.ptr = &pair->sides[i];
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pair->sides[i].fd, &event);
	}
}

static void accept_some(int listener)
{
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(
			listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (reject_all)
			reset(fd);
		else
			relay(fd);
	}
}

static int listen_on(const char *text)
{
	struct sockaddr_in address = address_of(text);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	/* Accepted sockets inherit it. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
		listen(fd, BACKLOG) < 0)
		die("listen");
	return fd;
}

static void take_options(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "rzb:")) != -1) {
		switch (letter) {
		case 'r': reject_all = true; break;
		case 'z': zero_copy = true; break;
		case 'b': chunk_bytes = strtoul(optarg, NULL, 10); break;
		default: exit(2); /* getopt has said why */
		}
	}
	if (chunk_bytes < 1 || chunk_bytes > sizeof scratch ||
		argc - optind < (reject_all ? 1 : 2)) {
		fputs("usage: rawrelay [-z] [-b N] LISTEN BACKEND | "
		      "-r LISTEN\n",
			stderr);
		exit(2);
	}
	if (!reject_all)
		backend = address_of(argv[optind + 1]);
}

static void process_init(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	signal(SIGPIPE, SIG_IGN);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		die("epoll_create1");
}

int main(int argc, char **argv)
{
	struct epoll_event event = {.events = EPOLLIN}, events[256];
	int listener;

	take_options(argc, argv);
	process_init();
	listener = listen_on(argv[optind]);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, 256, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				on_event(events[i].data.ptr, events[i].events);
			else
				accept_some(listener);
		}
		free_graves();
	}
}
