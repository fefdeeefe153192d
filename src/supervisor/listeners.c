/*
 * Listening sockets.
 *
 * A descriptor may be in two sets at a time, the old configuration's and the
 * new one's: each `struct door` counts its users.
 */
#include "listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADOPTED_MOST = 1024 };

/* All sockets of one address, at least one for each worker. */
struct door {
	struct addr addr;
	uint16_t port;
	bool tproxy;
	unsigned users;
	size_t count;
	int *fds;
};

/* A door as one set knows it: sockets that came later are not its own. */
struct held {
	struct door *door;
	size_t count;
};

/* What one worker watches of a listener. */
struct share {
	size_t count;
	int *fds;
};

struct listeners {
	struct held **doors; /* [listener][bind] */
	size_t *door_counts;
	size_t listener_count, workers;
	struct share **shares; /* [listener][worker] */
};

/*
 * Packets to whatever address may end in it, when a TPROXY rule says so.
 * Accepted sockets inherit it.
 */
static bool door_transparent(const struct addr *addr, int fd)
{
	int one = 1;

	return addr_is_v4(addr) ? setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT,
					  &one, sizeof one) == 0
				: setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT,
					  &one, sizeof one) == 0;
}

static int door_socket(
	const struct addr *addr, uint16_t port, bool shared, bool tproxy)
{
	struct sockaddr_storage sa;
	int one = 1, fd;
	socklen_t n = addr_to_sockaddr(addr, port, (struct sockaddr *)&sa);

	fd = socket(
		sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
		(shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one,
				   sizeof one) < 0) ||
		(sa.ss_family == AF_INET6 &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
				sizeof one) < 0) ||
		(tproxy && !door_transparent(addr, fd)) ||
		bind(fd, (struct sockaddr *)&sa, n) < 0) {
		int error = errno;
		(void)close(fd);
		errno = error;
		return -1;
	}
	/* Accepted sockets inherit it: replies are small and must not wait. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

/*
 * SO_REUSEPORT would let a second postern of the same user bind beside the
 * first and take half of its clients. A socket without it finds out.
 */
static bool door_free_for_us(
	const struct addr *addr, uint16_t port, bool tproxy)
{
	int fd = door_socket(addr, port, false, tproxy);

	if (fd < 0)
		return false;
	if (listen(fd, 1) < 0) {
		int error = errno;
		(void)close(fd);
		errno = error;
		return false;
	}
	(void)close(fd);
	return true;
}

static void door_release(struct door *door)
{
	if (!door || --door->users > 0)
		return;
	for (size_t i = 0; i < door->count; i++)
		(void)close(door->fds[i]);
	free(door->fds);
	free(door);
}

static bool door_fill(struct door *door, size_t workers)
{
	int *grown;

	if (workers <= door->count)
		return true;
	grown = realloc(door->fds, workers * sizeof *grown);
	if (!grown)
		return false;
	door->fds = grown;
	while (door->count < workers) {
		int fd = door_socket(
			&door->addr, door->port, true, door->tproxy);
		/* One that systemd has opened need not share its port. */
		if (fd < 0 && door->count > 0)
			fd = fcntl(door->fds[0], F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return false;
		if (listen(fd, SOMAXCONN) < 0) {
			(void)close(fd);
			return false;
		}
		door->fds[door->count++] = fd;
	}
	return true;
}

static struct door *door_new(
	const struct addr *addr, uint16_t port, bool tproxy, size_t workers)
{
	struct door *door;

	if (!door_free_for_us(addr, port, tproxy))
		return NULL;
	door = calloc(1, sizeof *door);
	if (!door)
		return NULL;
	door->addr = *addr;
	door->port = port;
	door->tproxy = tproxy;
	door->users = 1;
	if (door_fill(door, workers))
		return door;
	door_release(door);
	return NULL;
}

static struct door *door_of_old(
	struct listeners *old, const struct addr *addr, uint16_t port)
{
	for (size_t i = 0; old && i < old->listener_count; i++)
		for (size_t j = 0; j < old->door_counts[i]; j++) {
			struct door *door = old->doors[i][j].door;
			if (door && door->port == port &&
				addr_eq(&door->addr, addr))
				return door;
		}
	return NULL;
}

/* Sockets that a reload keeps. It stays when a later one is without: it means
 * nothing where no rule sends packets here. */
static bool door_tproxy(struct door *door)
{
	for (size_t i = 0; i < door->count && !door->tproxy; i++)
		if (!door_transparent(&door->addr, door->fds[i]))
			return false;
	door->tproxy = true;
	return true;
}

static const char *advice(int error)
{
	if (error == EADDRINUSE)
		return "; another program (a second postern?) listens there";
	if (error == EACCES)
		return "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
	if (error == EPERM)
		return "; intercept = tproxy needs root, CAP_NET_ADMIN or "
		       "CAP_NET_RAW";
	if (error == EADDRNOTAVAIL)
		return "; no interface of this machine has that address";
	return "";
}

/* errno stays. */
static void refused(const char *bind, uint16_t port, char *error)
{
	int why = errno;
	int n = snprintf(error, LISTENERS_ERROR_LONGEST,
		"cannot listen on %s: %s%s", bind, strerror(why), advice(why));

	if (why == EADDRINUSE && n > 0 && n < LISTENERS_ERROR_LONGEST)
		(void)snprintf(error + n, (size_t)(LISTENERS_ERROR_LONGEST - n),
			": `ss -ltnp 'sport = :%u'` shows which", port);
	errno = why;
}

static struct door *door_get(const char *bind, bool tproxy, size_t workers,
	struct listeners *old, char *error)
{
	struct addr addr;
	struct door *door;
	uint16_t port;

	if (!addr_parse_port(bind, &addr, &port)) {
		(void)snprintf(error, LISTENERS_ERROR_LONGEST,
			"%s is not ADDRESS:PORT", bind);
		errno = 0;
		return NULL;
	}
	door = door_of_old(old, &addr, port);
	if (door && (!tproxy || door_tproxy(door)) &&
		door_fill(door, workers)) {
		door->users++;
		return door;
	}
	if (!door)
		door = door_new(&addr, port, tproxy, workers);
	else
		door = NULL;
	if (!door)
		refused(bind, port, error);
	return door;
}

/*
 * More sockets than workers: a reload has taken workers away. None is closed,
 * for that would reset the clients that wait in it or are just connecting.
 */
static bool share_fill(
	const struct listeners *l, size_t i, size_t worker, struct share *share)
{
	size_t most = 0;

	for (size_t j = 0; j < l->door_counts[i]; j++)
		most += l->doors[i][j].count / l->workers + 1;
	share->fds = calloc(most + 1, sizeof *share->fds);
	if (!share->fds)
		return false;
	for (size_t j = 0; j < l->door_counts[i]; j++)
		for (size_t k = worker; k < l->doors[i][j].count;
			k += l->workers)
			share->fds[share->count++] =
				l->doors[i][j].door->fds[k];
	return true;
}

static bool listeners_share(struct listeners *l)
{
	for (size_t i = 0; i < l->listener_count; i++) {
		l->shares[i] = calloc(l->workers, sizeof **l->shares);
		if (!l->shares[i])
			return false;
		for (size_t w = 0; w < l->workers; w++)
			if (!share_fill(l, i, w, &l->shares[i][w]))
				return false;
	}
	return true;
}

static bool listeners_open(struct listeners *l, const struct conf *conf,
	struct listeners *old, char *error)
{
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_list *bind = &conf->listeners[i].bind;

		l->doors[i] = calloc(bind->count + 1, sizeof **l->doors);
		if (!l->doors[i])
			return false;
		for (size_t j = 0; j < bind->count; j++) {
			struct door *door = door_get(bind->items[j],
				conf->listeners[i].intercept ==
					CONF_INTERCEPT_TPROXY,
				l->workers, old, error);

			if (!door)
				return false;
			l->doors[i][j] = (struct held){door, door->count};
			l->door_counts[i]++;
		}
	}
	return listeners_share(l);
}

struct listeners *listeners_new(const struct conf *conf, size_t workers,
	struct listeners *old, char error[LISTENERS_ERROR_LONGEST])
{
	struct listeners *l = calloc(1, sizeof *l);
	int why;

	(void)snprintf(error, LISTENERS_ERROR_LONGEST, "no memory");
	if (!l)
		return NULL;
	l->workers = workers;
	l->listener_count = conf->listener_count;
	l->doors = calloc(conf->listener_count + 1, sizeof(struct held *));
	l->door_counts =
		calloc(conf->listener_count + 1, sizeof *l->door_counts);
	l->shares = calloc(conf->listener_count + 1, sizeof(struct share *));
	if (l->doors && l->door_counts && l->shares &&
		listeners_open(l, conf, old, error))
		return l;
	why = errno;
	listeners_free(&l);
	errno = why;
	return NULL;
}

static void shares_free(struct listeners *l, size_t i)
{
	for (size_t w = 0; l->shares[i] && w < l->workers; w++)
		free(l->shares[i][w].fds);
	free(l->shares[i]);
}

void listeners_free(struct listeners **listeners)
{
	struct listeners *l = *listeners;

	if (!l)
		return;
	for (size_t i = 0; i < l->listener_count; i++) {
		for (size_t j = 0; l->door_counts && j < l->door_counts[i]; j++)
			door_release(l->doors[i][j].door);
		if (l->doors)
			free(l->doors[i]);
		if (l->shares)
			shares_free(l, i);
	}
	free(l->doors);
	free(l->door_counts);
	free(l->shares);
	free(l);
	*listeners = NULL;
}

void listeners_each(const struct listeners *l, listeners_each_cb *cb, void *arg)
{
	for (size_t i = 0; i < l->listener_count; i++)
		for (size_t j = 0; j < l->door_counts[i]; j++) {
			const struct door *door = l->doors[i][j].door;

			for (size_t k = 0; k < door->count; k++)
				cb(arg, &door->addr, door->port, door->fds[k]);
		}
}

/* One listener with room for all the doors. */
static struct listeners *adopting_new(void)
{
	struct listeners *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->workers = l->listener_count = 1;
	l->doors = calloc(1, sizeof(struct held *));
	l->door_counts = calloc(1, sizeof *l->door_counts);
	l->shares = calloc(1, sizeof(struct share *));
	if (l->doors && l->door_counts && l->shares) {
		l->doors[0] = calloc(ADOPTED_MOST, sizeof **l->doors);
		if (l->doors[0])
			return l;
	}
	listeners_free(&l);
	return NULL;
}

static struct door *adopting_door(
	struct listeners *l, const struct addr *addr, uint16_t port)
{
	struct door *door = door_of_old(l, addr, port);

	if (door || l->door_counts[0] == ADOPTED_MOST)
		return door;
	door = calloc(1, sizeof *door);
	if (!door)
		return NULL;
	door->addr = *addr;
	door->port = port;
	door->users = 1;
	l->doors[0][l->door_counts[0]++].door = door;
	return door;
}

bool listeners_adopt(
	struct listeners **set, const struct addr *addr, uint16_t port, int fd)
{
	struct door *door;
	int *grown;

	if (!*set)
		*set = adopting_new();
	door = *set ? adopting_door(*set, addr, port) : NULL;
	grown = door ? realloc(door->fds, (door->count + 1) * sizeof *grown)
		     : NULL;
	if (!grown)
		return false;
	door->fds = grown;
	door->fds[door->count++] = fd;
	return true;
}

void listeners_trim(struct listeners *l)
{
	for (size_t i = 0; i < l->listener_count; i++)
		for (size_t j = 0; j < l->door_counts[i]; j++) {
			struct held *held = &l->doors[i][j];

			while (held->door->count > held->count)
				(void)close(
					held->door->fds[--held->door->count]);
		}
}

const int *listeners_fds(
	const struct listeners *l, size_t i, size_t w, size_t *ret_count)
{
	*ret_count = l->shares[i][w].count;
	return l->shares[i][w].fds;
}
