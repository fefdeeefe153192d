/*
 * What systemd is told.
 */
#include "notify.h"

#include <systemd/sd-daemon.h>

#include "../base/clock.h"

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
