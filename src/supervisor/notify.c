/*
 * What systemd is told.
 */
#include "notify.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "../base/clock.h"
#include "listeners.h"

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
