/*
 * What systemd is told (sd_notify(3)). Without a service manager nothing.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdint.h>
#include <sys/types.h>

struct listeners;

void notify_ready(void);
void notify_reloading(void); /* until notify_ready() */
void notify_stopping(void);
void notify_watchdog(void); /* all is well */
/* Within so long that is to be said again; 0: nobody waits for it. */
uint64_t notify_watchdog_ms(void);
/* In a child that will be the service's main process: it is for it now. */
void notify_watchdog_inherit(void);
/* Another process is the service's main one. */
void notify_main(pid_t pid);
/* Sockets that systemd has opened for us (sd_listen_fds(3)), as a set for
 * listeners_new(); NULL: none. What is no TCP socket that listens is closed. */
struct listeners *notify_sockets(void);

#endif
