/*
 * Taking over from another supervisor: the side of the one that comes
 * (docs/decisions/0016-upgrade.md).
 */
#ifndef SUPERVISOR_HEIR_H
#define SUPERVISOR_HEIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../conf/conf.h"

struct listeners;
struct supervisor;

enum { HEIR_LINES_MOST = 1024 };

struct heir {
	int line; /* to the one before; -1: there is none */
	struct listeners *doors;
	int control, state, ear; /* descriptors; -1: none */
	char *ear_path;
	bool said; /* that we serve */
	struct {
		uint32_t slot, pid;
		int fd;
	} lines[HEIR_LINES_MOST]; /* of its workers, for our keeper */
	size_t line_count;
};

void heir_init(struct heir *heir, int line);
void heir_free(struct heir *heir);
/* Asks for what is handed over. false: `failed` was said. */
bool heir_receive(struct supervisor *s, const struct conf *conf);
/* All is there but the store and the workers' lines: waits for those. */
bool heir_wait(struct supervisor *s);
void heir_failed(struct heir *heir, const char *why);
/* The keeper was started: it gets those lines. */
void heir_keeper(struct supervisor *s);
/* One of ours, which before we serve is a failure. */
void heir_child_died(struct supervisor *s);
void heir_ready(struct supervisor *s); /* we serve */
void heir_read(struct supervisor *s);  /* the line may have something */
void heir_stop(struct supervisor *s);  /* the one before is to stop, too */

#endif
