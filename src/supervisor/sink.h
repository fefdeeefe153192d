/*
 * Where log lines end: stderr, a file, or syslog.
 *
 * All processes write their lines into one SOCK_SEQPACKET pair; the supervisor
 * alone touches the destination. A destination that does not take lines costs
 * lines, never a session.
 */
#ifndef SUPERVISOR_SINK_H
#define SUPERVISOR_SINK_H

#include <stdbool.h>

struct sink;

/* to: "stderr", "syslog" or a path. NULL: errno says why. */
struct sink *sink_new(const char *to);
void sink_free(struct sink **sink); /* drains first */
/* Could lines be written there? false: errno. A file may be made. */
bool sink_possible(const char *to);
/* Another destination; the old one stays when it fails (errno). */
bool sink_change(struct sink *sink, const char *to);
/* A file is opened again (after it was moved away). false: errno, and the old
 * one goes on. */
bool sink_reopen(struct sink *sink);
int sink_write_fd(const struct sink *sink); /* for log_init() */
int sink_read_fd(const struct sink *sink);  /* poll for reading */
/* Takes fd over, a SOCK_SEQPACKET: a copy of all lines goes there, until the
 * other end is closed. What finds no room is counted, and told there. */
void sink_tap(struct sink *sink, int fd);
/* Writes what waits, without ever waiting for the destination; what finds no
 * room there is counted, and told once lines are taken again. */
void sink_drain(struct sink *sink);

#endif
