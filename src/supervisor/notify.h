/*
 * What systemd is told (sd_notify(3)). Without a service manager nothing.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <sys/types.h>

struct listeners;

void notify_ready(void);
void notify_reloading(void); /* until notify_ready() */
void notify_stopping(void);
/* Another process is the service's main one. */
void notify_main(pid_t pid);
/* Sockets that systemd has opened for us (sd_listen_fds(3)), as a set for
 * listeners_new(); NULL: none. What is no TCP socket that listens is closed. */
struct listeners *notify_sockets(void);

#endif
