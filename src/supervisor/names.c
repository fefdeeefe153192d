/*
 * Names of servers, looked up in a process of its own.
 *
 * The child writes one record for each address or failure into a pipe, in
 * the order of the configuration, and ends. Records are smaller than what a
 * pipe takes in one piece, so none comes torn. Nothing here waits: the caller
 * polls, and has a deadline.
 */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

enum { RECORDS_MOST = 4096 };

struct record {
	uint32_t place; /* of the name among all servers of the file */
	int32_t error;	/* of getaddrinfo(); 0: there is an address */
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

static bool look_up(void *arg, uint32_t place, const char *text)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	struct record record = {.place = place, .error = EAI_NONAME};
	const char *colon = strrchr(text, ':');
	int fd = *(int *)arg;
	char name[256];

	if (!is_name(text))
		return true;
	if (colon && colon > text && (size_t)(colon - text) < sizeof name) {
		(void)snprintf(
			name, sizeof name, "%.*s", (int)(colon - text), text);
		record.error = getaddrinfo(name, colon + 1, &hints, &list);
	}
	if (record.error != 0)
		return put(fd, &record);
	for (struct addrinfo *at = list; at; at = at->ai_next)
		if (addr_from_sockaddr(at->ai_addr, &record.address.addr,
			    &record.address.port) &&
			!put(fd, &record))
			break;
	freeaddrinfo(list);
	return true;
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
		each(conf, look_up, &fd);
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
			*ret_why = gai_strerror(record->error);
			return false;
		}
		if (n-- == 0) {
			*ret_address = record->address;
			return true;
		}
	}
	return false;
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
