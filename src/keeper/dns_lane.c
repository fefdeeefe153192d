/*
 * One connected socket to a name server, and c-ares on it.
 *
 * The keeper may make no socket and connect none: the supervisor did both, and
 * c-ares gets what is there (ares_set_socket_functions). So there is one
 * server, one try and no TCP, and the caller decides what a failure means.
 * Without TCP a truncated answer is none: a list's is some octets long, and
 * who makes it long wants to be heard over a way that has no filter here.
 *
 * The kernel drops what comes from anywhere but the server. Against forged
 * senders stand the port, and an id of the system's random numbers: c-ares'
 * own come of a weak generator in the version of Debian 12. What comes and has
 * no question's id is a stray; so many of them, and the lane is broken.
 *
 * Called by dns_pool and dns_query. What can go wrong: no memory; the server
 * is away (the socket says so: broken); a flood of strays, of which a bounded
 * number is read in a turn.
 */
#include "dns_lane.h"

#include <ares.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../base/secret.h"

enum {
	LANE_MAGIC = 0x6c616e65,
	CLASS_IN = 1,
	TYPE_A = 1,
	READS_A_TURN = 16,
	STRAYS_MOST = 64,
	HEAD_BYTES = 12,
	FORGOTTEN_MS = 60000, /* when c-ares gives up what nobody waits for */
};

struct dns_flight {
	TAILQ_ENTRY(dns_flight) link;
	struct dns_lane *lane;
	dns_lane_cb *cb; /* NULL: forgotten */
	void *arg;
	uint16_t id;
	bool sending, lost;
};

struct dns_lane {
	unsigned magic;
	struct dns_server server;
	mono_ms_t born;
	int fd;	    /* -1: closed, broken */
	bool given; /* c-ares has it */
	struct event *readable;
	ares_channel channel;
	TAILQ_HEAD(dns_flights, dns_flight) flights;
	unsigned asked, under_way;
	unsigned strays, strays_told;
	unsigned reads; /* left in this turn */
};

/* ---- what c-ares calls instead of the system ---- */

static ares_socket_t give_socket(int family, int type, int protocol, void *arg)
{
	struct dns_lane *lane = arg;

	if (type != SOCK_DGRAM || lane->fd < 0 || lane->given) {
		errno = EACCES;
		return -1;
	}
	lane->given = true;
	return lane->fd;
}

static int take_socket(ares_socket_t fd, void *arg)
{
	struct dns_lane *lane = arg;

	if (lane->fd != fd)
		return 0;
	(void)event_del(lane->readable);
	lane->fd = -1;
	return close(fd);
}

static int stay_connected(ares_socket_t fd, const struct sockaddr *to,
	ares_socklen_t n, void *arg)
{
	return 0;
}

static bool has_question(const struct dns_lane *lane, const uint8_t *octets)
{
	const struct dns_flight *flight;
	unsigned id = (unsigned)octets[0] << 8 | octets[1];

	TAILQ_FOREACH(flight, &lane->flights, link)
	if (flight->id == id)
		return true;
	return false;
}

static ares_ssize_t receive(ares_socket_t fd, void *buffer, size_t room,
	int flags, struct sockaddr *from, ares_socklen_t *from_n, void *arg)
{
	struct dns_lane *lane = arg;

	while (lane->reads > 0) {
		ares_socklen_t from_room = *from_n;
		ssize_t n = recvfrom(
			fd, buffer, room, flags | MSG_DONTWAIT, from, from_n);

		lane->reads--;
		if (n < 0)
			return n;
		if (n >= HEAD_BYTES && has_question(lane, buffer))
			return n;
		lane->strays++;
		*from_n = from_room;
	}
	errno = EAGAIN; /* the loop comes back at once */
	return -1;
}

static ares_ssize_t send_parts(
	ares_socket_t fd, const struct iovec *parts, int count, void *arg)
{
	return writev(fd, parts, count);
}

static const struct ares_socket_functions functions = {
	.asocket = give_socket,
	.aclose = take_socket,
	.aconnect = stay_connected,
	.arecvfrom = receive,
	.asendv = send_parts,
};

/* ---- life ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct dns_lane *lane = arg;

	if (lane->magic != LANE_MAGIC || lane->fd < 0)
		return;
	lane->reads = READS_A_TURN;
	ares_process_fd(lane->channel, fd, ARES_SOCKET_BAD);
	/* Without a question under way c-ares may not look at all. */
	if (lane->fd >= 0 && lane->reads == READS_A_TURN) {
		uint8_t octet;

		lane->strays +=
			recv(fd, &octet, sizeof(octet), MSG_DONTWAIT) >= 0;
	}
	if (lane->strays >= STRAYS_MOST && lane->fd >= 0)
		(void)event_del(lane->readable);
}

/* Everything is given, so that it looks for no file of the system. */
static bool make_channel(struct dns_lane *lane)
{
	char lookups[] = "b";
	struct in_addr dummy = {0};
	struct ares_options options = {
		.flags = ARES_FLAG_IGNTC | ARES_FLAG_STAYOPEN |
			 ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH,
		.timeout = FORGOTTEN_MS,
		.tries = 1,
		.ndots = 1,
		.lookups = lookups,
		.servers = &dummy,
		.nservers = 1,
	};
	const int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
			  ARES_OPT_NDOTS | ARES_OPT_LOOKUPS | ARES_OPT_SERVERS |
			  ARES_OPT_DOMAINS | ARES_OPT_SORTLIST;
	struct ares_addr_port_node server = {.family = AF_INET6};

	if (ares_init_options(&lane->channel, &options, given) != ARES_SUCCESS)
		return false;
	if (addr_is_v4(&lane->server.addr)) {
		server.family = AF_INET;
		memcpy(&server.addr.addr4, lane->server.addr.octets + 12, 4);
	} else {
		memcpy(&server.addr.addr6, lane->server.addr.octets, 16);
	}
	server.udp_port = server.tcp_port = lane->server.port;
	if (ares_set_servers_ports(lane->channel, &server) != ARES_SUCCESS) {
		ares_destroy(lane->channel);
		return false;
	}
	ares_set_socket_functions(lane->channel, &functions, lane);
	return true;
}

struct dns_lane *dns_lane_new(struct event_base *base, int fd,
	const struct dns_server *server, mono_ms_t now)
{
	struct dns_lane *lane = calloc(1, sizeof(*lane));

	if (lane == NULL) {
		(void)close(fd);
		return NULL;
	}
	lane->magic = LANE_MAGIC;
	lane->server = *server;
	lane->born = now;
	lane->fd = fd;
	TAILQ_INIT(&lane->flights);
	lane->readable =
		event_new(base, fd, EV_READ | EV_PERSIST, on_readable, lane);
	if (lane->readable == NULL || event_add(lane->readable, NULL) != 0 ||
		!make_channel(lane)) {
		if (lane->readable != NULL)
			event_free(lane->readable);
		(void)close(fd);
		free(lane);
		return NULL;
	}
	return lane;
}

void dns_lane_free(struct dns_lane **lane)
{
	struct dns_lane *gone = *lane;

	if (gone == NULL)
		return;
	ares_destroy(gone->channel); /* calls all that are under way back */
	if (gone->fd >= 0) {
		(void)event_del(gone->readable);
		(void)close(gone->fd); /* c-ares never had it */
	}
	event_free(gone->readable);
	gone->magic = 0;
	free(gone);
	*lane = NULL;
}

/* ---- questions ---- */

static void answered(
	void *arg, int status, int timeouts, unsigned char *octets, int n)
{
	struct dns_flight *flight = arg;
	struct dns_lane *lane = flight->lane;
	struct dns_reply reply = {.end = DNS_SILENCE};
	dns_lane_cb *cb = flight->cb;
	void *cb_arg = flight->arg;

	if (flight->sending) { /* dns_lane_ask() says it */
		flight->lost = true;
		return;
	}
	TAILQ_REMOVE(&lane->flights, flight, link);
	free(flight);
	if (cb == NULL)
		return;
	lane->under_way--;
	if (octets != NULL && n > 0)
		dns_reply_read(octets, (size_t)n, &reply);
	cb(cb_arg, &reply);
}

static uint16_t fresh_id(const struct dns_lane *lane)
{
	uint8_t octets[2];

	do
		secret_random(octets, sizeof(octets));
	while (has_question(lane, octets));
	return (uint16_t)(octets[0] << 8 | octets[1]);
}

static void send_question(
	struct dns_lane *lane, struct dns_flight *flight, const char *name)
{
	unsigned char *octets = NULL;
	int n = 0;

	flight->lost = true;
	if (ares_create_query(name, CLASS_IN, TYPE_A, flight->id, 1, &octets,
		    &n, 0) != ARES_SUCCESS)
		return;
	flight->lost = false;
	flight->sending = true;
	ares_send(lane->channel, octets, n, answered, flight);
	flight->sending = false;
	ares_free_string(octets);
}

struct dns_flight *dns_lane_ask(
	struct dns_lane *lane, const char *name, dns_lane_cb *cb, void *arg)
{
	struct dns_flight *flight;

	if (dns_lane_broken(lane))
		return NULL;
	flight = calloc(1, sizeof(*flight));
	if (flight == NULL)
		return NULL;
	*flight = (struct dns_flight){
		.lane = lane, .cb = cb, .arg = arg, .id = fresh_id(lane)};
	send_question(lane, flight, name);
	if (flight->lost) {
		free(flight);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&lane->flights, flight, link);
	lane->asked++;
	lane->under_way++;
	return flight;
}

void dns_flight_forget(struct dns_flight *flight)
{
	flight->cb = NULL;
	flight->lane->under_way--;
}

/* ---- what others want to know ---- */

const struct dns_server *dns_lane_server(const struct dns_lane *lane)
{
	return &lane->server;
}

mono_ms_t dns_lane_born(const struct dns_lane *lane)
{
	return lane->born;
}

unsigned dns_lane_asked(const struct dns_lane *lane)
{
	return lane->asked;
}

unsigned dns_lane_under_way(const struct dns_lane *lane)
{
	return lane->under_way;
}

bool dns_lane_broken(const struct dns_lane *lane)
{
	return lane->fd < 0 || lane->strays >= STRAYS_MOST;
}

unsigned dns_lane_take_strays(struct dns_lane *lane)
{
	unsigned strays = lane->strays - lane->strays_told;

	lane->strays_told = lane->strays;
	return strays;
}
