/*
 * The supervisor: starts all the others, restarts what dies, reloads, stops.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "../conf/conf.h"

/*
 * Runs postern with `conf` (taken over) that was read from `path`, until it is
 * told to stop. heir_line: to the supervisor that it takes over from; -1: there
 * is none. Exit code: 0, 71 (the system refused something), 77 (rights),
 * 78 (configuration).
 */
int supervisor_run(const char *path, struct conf *conf, int heir_line);

#endif
