/*
 * Who has a port: the kernel's tables of listening sockets name an inode, and
 * the process that has it open is the one. What other users' processes have
 * open only root sees.
 *
 * What can go wrong: the tables change under our eyes; then nobody is named.
 */
#include "holder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LISTENING = 0x0a, LINE_LONGEST = 512 };

/* ---- the socket ---- */

/* 8 or 32 hex digits: words of 32 bits, each as this machine has it. */
static bool addr_of_hex(const char *hex, size_t n, struct addr *ret)
{
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t *out = ret->octets;

	if (n != 8 && n != 32)
		return false;
	if (n == 8) {
		memcpy(out, v4, sizeof v4);
		out += sizeof v4;
	}
	for (size_t i = 0; i < n; i += 8) {
		char digits[9] = "";
		uint32_t word;

		memcpy(digits, hex + i, 8);
		word = (uint32_t)strtoul(digits, NULL, 16);
		memcpy(out + i / 2, &word, sizeof word);
	}
	return true;
}

static bool is_any(const struct addr *addr)
{
	static const uint8_t zeros[16];

	return addr_is_v4(addr) ? memcmp(addr->octets + 12, zeros, 4) == 0
				: memcmp(addr->octets, zeros, 16) == 0;
}

/* Can one who has `theirs` keep us from `ours`? [::] may take IPv4 as well. */
static bool overlaps(const struct addr *theirs, const struct addr *ours)
{
	if (addr_eq(theirs, ours) || (is_any(theirs) && !addr_is_v4(theirs)))
		return true;
	return addr_is_v4(theirs) == addr_is_v4(ours) &&
	       (is_any(theirs) || is_any(ours));
}

/* A line of /proc/net/tcp: the inode, 0: of another socket. */
static uint64_t inode_of(
	const char *line, const struct addr *addr, uint16_t port)
{
	const char *local = strchr(line, ':');
	const char *colon = local ? strchr(local + 1, ':') : NULL;
	unsigned their_port, state;
	struct addr theirs;
	uint64_t inode = 0;

	if (!colon)
		return 0;
	local += 1 + strspn(local + 1, " ");
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own table */
	if (sscanf(colon, ":%x %*s %x %*s %*s %*s %*s %*s %" SCNu64,
		    &their_port, &state, &inode) != 3)
		return 0;
	if (state != LISTENING || their_port != port ||
		!addr_of_hex(local, (size_t)(colon - local), &theirs) ||
		!overlaps(&theirs, addr))
		return 0;
	return inode;
}

static uint64_t inode_in(
	const char *path, const struct addr *addr, uint16_t port)
{
	char line[LINE_LONGEST];
	uint64_t inode = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	while (inode == 0 && fgets(line, sizeof line, file))
		inode = inode_of(line, addr, port);
	(void)fclose(file);
	return inode;
}

/* ---- the process ---- */

static bool has_open(long pid, uint64_t inode)
{
	char path[64], wanted[64], link[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	(void)snprintf(path, sizeof path, "/proc/%ld/fd", pid);
	(void)snprintf(wanted, sizeof wanted, "socket:[%" PRIu64 "]", inode);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t n = readlinkat(
			dirfd(dir), entry->d_name, link, sizeof link - 1);

		link[n > 0 ? n : 0] = 0;
		found = strcmp(link, wanted) == 0;
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

static void describe(long pid, struct holder *ret)
{
	char path[64], theirs[PATH_MAX];
	const char *base;
	ssize_t n;
	FILE *file;

	ret->pid = pid;
	(void)snprintf(path, sizeof path, "/proc/%ld/comm", pid);
	file = fopen(path, "re");
	if (file) {
		if (!fgets(ret->name, sizeof ret->name, file))
			ret->name[0] = 0;
		(void)fclose(file);
	}
	for (char *p = ret->name; *p; p++) /* the process chose it */
		if (!isprint((unsigned char)*p))
			*p = p[1] ? '?' : 0;
	(void)snprintf(path, sizeof path, "/proc/%ld/exe", pid);
	n = readlink(path, theirs, sizeof theirs - 1);
	theirs[n > 0 ? n : 0] = 0;
	base = strrchr(theirs, '/');
	/* Also one that was replaced since: "postern (deleted)". */
	ret->is_postern = base && strncmp(base, "/postern", 8) == 0 &&
			  (base[8] == 0 || base[8] == ' ');
}

bool holder_find(
	const struct addr *addr, uint16_t port, struct holder *ret_holder)
{
	struct holder holder = {.pid = 0};
	uint64_t inode = inode_in("/proc/net/tcp", addr, port);
	struct dirent *entry;
	DIR *dir;

	if (inode == 0)
		inode = inode_in("/proc/net/tcp6", addr, port);
	if (inode == 0)
		return false;
	dir = opendir("/proc");
	while (dir && holder.pid == 0 && (entry = readdir(dir))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && has_open(pid, inode))
			describe(pid, &holder);
	}
	if (dir)
		(void)closedir(dir);
	*ret_holder = holder;
	return true;
}

/* ---- the warning ---- */

static bool taken(const struct addr *addr, uint16_t port)
{
	struct sockaddr_storage sa;
	int one = 1;
	socklen_t n = addr_to_sockaddr(addr, port, (struct sockaddr *)&sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is = fd >= 0 &&
		  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ==
			  0 &&
		  bind(fd, (struct sockaddr *)&sa, n) < 0 &&
		  errno == EADDRINUSE;

	if (fd >= 0)
		(void)close(fd);
	return is;
}

static void warn_of(const char *title, const char *bind, const char *path,
	const struct holder *holder, unsigned port, FILE *out)
{
	(void)fprintf(out, "%s: warning: listener %s: ", path, title);
	if (holder->pid > 0)
		(void)fprintf(out,
			"%s (process %ld) listens on %s already; stop it "
			"before postern starts\n",
			holder->name, holder->pid, bind);
	else
		(void)fprintf(out,
			"somebody listens on %s already; as root `ss -ltnp "
			"'sport = :%u'` shows who. If it is no postern, stop "
			"it before postern starts\n",
			bind, port);
}

void holder_warn(const struct conf *conf, const char *path, FILE *out)
{
	for (size_t i = 0; i < conf->listener_count; i++) {
		const struct conf_listener *l = &conf->listeners[i];

		for (size_t j = 0; j < l->bind.count; j++) {
			struct holder holder = {.pid = 0};
			struct addr addr;
			uint16_t port;

			if (!addr_parse_port(l->bind.items[j], &addr, &port) ||
				!taken(&addr, port))
				continue;
			(void)holder_find(&addr, port, &holder);
			if (!holder.is_postern)
				warn_of(l->title, l->bind.items[j], path,
					&holder, port, out);
		}
	}
}
