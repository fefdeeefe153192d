/*
 * What systemd is told.
 */
#include "notify.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "../base/clock.h"
#include "listeners.h"

enum { US_PER_MS = 1000, PID_LONGEST = 16 };

void notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)clock_mono_us());
}

void notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void notify_watchdog(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

uint64_t notify_watchdog_ms(void)
{
	uint64_t us;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return 0;
	return us < US_PER_MS ? 1 : us / US_PER_MS;
}

/* systemd goes on waiting when another process is the main one, and does not
 * change what this one has in its environment. */
void notify_watchdog_inherit(void)
{
	char pid[PID_LONGEST];

	if (!getenv("WATCHDOG_PID"))
		return;
	(void)snprintf(pid, sizeof pid, "%d", (int)getpid());
	(void)setenv("WATCHDOG_PID", pid, 1);
}

void notify_main(pid_t pid)
{
	(void)sd_notifyf(0, "MAINPID=%d", (int)pid);
}

/* As our own ones are: see door_socket(). */
static bool adopt(struct listeners **set, int fd)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof sa;
	struct addr addr;
	uint16_t port;
	int one = 1;

	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 ||
		getsockname(fd, (struct sockaddr *)&sa, &n) < 0 ||
		!addr_from_sockaddr((struct sockaddr *)&sa, &addr, &port) ||
		fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return false;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return listeners_adopt(set, &addr, port, fd);
}

struct listeners *notify_sockets(void)
{
	struct listeners *set = NULL;
	int count = sd_listen_fds(1); /* CLOEXEC, and no child believes it */

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count;
		fd++)
		if (!adopt(&set, fd))
			(void)close(fd);
	return set;
}
