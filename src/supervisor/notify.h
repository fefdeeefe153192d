/*
 * What systemd is told (sd_notify(3)). Without a service manager nothing.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <sys/types.h>

void notify_ready(void);
void notify_reloading(void); /* until notify_ready() */
void notify_stopping(void);
/* Another process is the service's main one. */
void notify_main(pid_t pid);

#endif
