/*
 * Names of servers, looked up in a process of its own.
 *
 * The child writes one record for each address or failure into a pipe, in
 * the order of the configuration, and ends. Records are smaller than what a
 * pipe takes in one piece, so none comes torn. Nothing here waits: the caller
 * polls, and has a deadline.
 *
 * c-ares instead of getaddrinfo(3), since that keeps the TTL for itself. It
 * reads /etc/resolv.conf and /etc/hosts; other sources of the system are not
 * asked.
 */
#include "names.h"

#include <ares.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

enum {
	RECORDS_MOST = 4096,
	ASK_MS = 1500, /* the first time; then twice as long */
	ASK_TIMES = 2,
	MS_PER_S = 1000,
};

struct record {
	uint32_t place; /* of the name among all servers of the file */
	int32_t error;	/* of ares_getaddrinfo(); 0: there is an address */
	int32_t ttl_s;	/* less than 1: no word on it */
	uint32_t pad;
	struct name_address address;
};

struct names {
	const struct conf *conf;
	int fd;
	pid_t pid;
	size_t count;
	struct record records[RECORDS_MOST];
};

/* Calls back for each server by its place, until that says false. */
typedef bool each_fn(void *arg, uint32_t place, const char *text);

static void each(const struct conf *conf, each_fn *fn, void *arg)
{
	uint32_t place = 0;

	for (size_t i = 0; i < conf->backend_count; i++) {
		const struct conf_list *servers = &conf->backends[i].servers;
		for (size_t j = 0; j < servers->count; j++)
			if (!fn(arg, place++, servers->items[j]))
				return;
	}
}

static bool is_name(const char *text)
{
	struct addr addr;
	uint16_t port;

	return !addr_parse_port(text, &addr, &port);
}

static bool found_name(void *arg, uint32_t place, const char *text)
{
	bool *found = arg;

	(void)place;
	*found = is_name(text);
	return !*found;
}

bool names_wanted(const struct conf *conf)
{
	bool found = false;

	each(conf, found_name, &found);
	return found;
}

/* ---- the child ---- */

static bool put(int fd, const struct record *record)
{
	return write(fd, record, sizeof *record) == sizeof *record;
}

/* What is being asked for: it goes to the parent when it is known. */
struct question {
	ares_channel channel;
	int fd;
	uint32_t place;
};

static int32_t least_ttl(const struct ares_addrinfo *found)
{
	int32_t ttl_s = INT32_MAX;

	for (const struct ares_addrinfo_node *at = found->nodes; at;
		at = at->ai_next)
		if (at->ai_ttl < ttl_s)
			ttl_s = at->ai_ttl;
	for (const struct ares_addrinfo_cname *at = found->cnames; at;
		at = at->next)
		if (at->ttl < ttl_s)
			ttl_s = at->ttl;
	return ttl_s;
}

static void answered(
	void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
	const struct question *q = arg;
	struct record record = {.place = q->place, .error = status};

	(void)timeouts;
	if (status != ARES_SUCCESS || !found) {
		(void)put(q->fd, &record);
		return;
	}
	record.ttl_s = least_ttl(found);
	for (struct ares_addrinfo_node *at = found->nodes; at; at = at->ai_next)
		if (addr_from_sockaddr(at->ai_addr, &record.address.addr,
			    &record.address.port) &&
			!put(q->fd, &record))
			break;
	ares_freeaddrinfo(found);
}

static bool look_up(void *arg, uint32_t place, const char *text)
{
	static struct question questions[RECORDS_MOST];
	const struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
	const char *colon = strrchr(text, ':');
	const struct question *how = arg;
	char name[256];

	if (!is_name(text) || place >= RECORDS_MOST)
		return true;
	questions[place] = *how;
	questions[place].place = place;
	if (!colon || colon == text || (size_t)(colon - text) >= sizeof name) {
		answered(&questions[place], ARES_EBADNAME, 0, NULL);
		return true;
	}
	(void)snprintf(name, sizeof name, "%.*s", (int)(colon - text), text);
	ares_getaddrinfo(how->channel, name, colon + 1, &hints, answered,
		&questions[place]);
	return true;
}

/* All questions are under way at once; until each has its answer. */
static void wait_for_answers(ares_channel channel)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];

	for (;;) {
		struct pollfd polls[ARES_GETSOCK_MAXNUM];
		/* Its macros shift an int into the sign. */
		unsigned wanted = (unsigned)ares_getsock(
			channel, sockets, ARES_GETSOCK_MAXNUM);
		struct timeval tv, *in = ares_timeout(channel, NULL, &tv);
		nfds_t n = 0;

		if (!in)
			return;
		for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
			short events = 0;

			if (wanted >> i & 1)
				events |= POLLIN;
			if (wanted >> (i + ARES_GETSOCK_MAXNUM) & 1)
				events |= POLLOUT;
			if (events)
				polls[n++] = (struct pollfd){
					.fd = sockets[i], .events = events};
		}
		(void)poll(polls, n,
			(int)(in->tv_sec * MS_PER_S + in->tv_usec / MS_PER_S +
				1));
		for (nfds_t i = 0; i < n; i++)
			ares_process_fd(channel,
				polls[i].revents & ~POLLOUT ? polls[i].fd
							    : ARES_SOCKET_BAD,
				polls[i].revents & POLLOUT ? polls[i].fd
							   : ARES_SOCKET_BAD);
		ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	}
}

static void look_all_up(const struct conf *conf, int fd)
{
	struct ares_options options = {.timeout = ASK_MS, .tries = ASK_TIMES};
	struct question how = {.fd = fd};

	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
		ares_init_options(&how.channel, &options,
			ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS)
		return;
	each(conf, look_up, &how);
	wait_for_answers(how.channel);
}

static _Noreturn void names_main(
	const struct conf *conf, const struct rights_user *user, int fd)
{
	sigset_t none;
	int keep[] = {fd};

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setpgid(0, 0);
	rights_close_others(keep, 1);
	(void)prctl(PR_SET_NAME, "postern-names", 0, 0, 0);
	if (rights_drop(user, RIGHTS_NONE) && sandbox_names()) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		look_all_up(conf, fd);
	}
	_exit(0);
}

/* ---- the parent ---- */

struct names *names_new(const struct conf *conf, const struct rights_user *user)
{
	struct names *names = calloc(1, sizeof *names);
	int pipes[2], error;

	if (!names)
		return NULL;
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		free(names);
		return NULL;
	}
	names->conf = conf;
	names->fd = pipes[0];
	names->pid = fork();
	error = errno;
	if (names->pid == 0)
		names_main(conf, user, pipes[1]);
	(void)close(pipes[1]);
	(void)fcntl(names->fd, F_SETFL, O_NONBLOCK); /* cannot fail */
	if (names->pid > 0)
		return names;
	names_free(&names);
	errno = error;
	return NULL;
}

void names_free(struct names **names)
{
	if (!*names)
		return;
	if ((*names)->fd >= 0)
		(void)close((*names)->fd);
	/* Who reaps all children may have been quicker: then it is not ours. */
	if ((*names)->pid > 0 && waitpid((*names)->pid, NULL, WNOHANG) == 0) {
		(void)kill((*names)->pid, SIGKILL);
		(void)waitpid((*names)->pid, NULL, 0); /* at once */
	}
	free(*names);
	*names = NULL;
}

int names_fd(const struct names *names)
{
	return names->fd;
}

bool names_read(struct names *names)
{
	struct record record;
	ssize_t n;

	while ((n = read(names->fd, &record, sizeof record)) == sizeof record)
		if (names->count < RECORDS_MOST)
			names->records[names->count++] = record;
	return n >= 0 || (errno != EAGAIN && errno != EINTR);
}

struct wanted {
	const char *text;
	uint32_t place;
	bool found;
};

static bool place_of(void *arg, uint32_t place, const char *text)
{
	struct wanted *wanted = arg;

	wanted->place = place;
	wanted->found = strcmp(text, wanted->text) == 0;
	return !wanted->found;
}

bool names_find(const struct names *names, const char *text, unsigned n,
	struct name_address *ret_address, const char **ret_why)
{
	struct wanted wanted = {.text = text};

	*ret_why = "no answer in time";
	each(names->conf, place_of, &wanted);
	for (size_t i = 0; wanted.found && i < names->count; i++) {
		const struct record *record = &names->records[i];

		if (record->place != wanted.place)
			continue;
		if (record->error != 0) {
			if (record->error != ARES_ETIMEOUT)
				*ret_why = ares_strerror(record->error);
			return false;
		}
		if (n-- == 0) {
			*ret_address = record->address;
			return true;
		}
	}
	return false;
}

uint64_t names_ttl_ms(const struct names *names)
{
	uint64_t ttl_ms = NAMES_TTL_LONGEST_MS;

	for (size_t i = 0; i < names->count; i++) {
		const struct record *record = &names->records[i];
		uint64_t ms = record->error == 0 && record->ttl_s > 0
				      ? (uint64_t)record->ttl_s * MS_PER_S
				      : 0;

		if (ms < ttl_ms)
			ttl_ms = ms;
	}
	if (names->count == 0 || ttl_ms < NAMES_TTL_LEAST_MS)
		return NAMES_TTL_LEAST_MS;
	return ttl_ms;
}

struct missing {
	const struct names *names;
	bool some;
};

static bool missing_name(void *arg, uint32_t place, const char *text)
{
	struct missing *missing = arg;
	struct name_address address;
	const char *why;

	(void)place;
	missing->some = is_name(text) &&
			!names_find(missing->names, text, 0, &address, &why);
	return !missing->some;
}

bool names_missing(const struct names *names)
{
	struct missing missing = {.names = names};

	each(names->conf, missing_name, &missing);
	return missing.some;
}
