/*
 * Is everybody there? Keeper, workers and dash are asked over their lines, the
 * firewall helper by the keeper. Who does not answer hangs, and is started
 * anew; while all answer the service manager is told so (WatchdogSec).
 */
#ifndef SUPERVISOR_WATCHDOG_H
#define SUPERVISOR_WATCHDOG_H

#include <stdint.h>

#include "../base/units.h"
#include "../ipc/message.h"

struct supervisor;
struct child;

struct watchdog {
	uint64_t period_ms; /* the service manager's; 0: it has none */
	mono_ms_t due;	    /* something to do */
	mono_ms_t ask_at, tell_at;
	mono_ms_t looked; /* when the last turn was */
};

void watchdog_init(struct supervisor *s);
void watchdog_tick(struct supervisor *s); /* each turn */
/* A process was started. */
void watchdog_started(const struct supervisor *s, struct child *c);
/* The keeper ended, and so will its helper. */
void watchdog_keeper_gone(struct supervisor *s);
/* It answered. */
void watchdog_heard(
	struct supervisor *s, struct child *c, const struct message_pong *pong);

#endif
