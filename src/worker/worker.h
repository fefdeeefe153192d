/*
 * A worker: one process, one event_base, many sessions, no rights.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "../base/units.h"
#include "../conf/conf.h"
#include "../../tls/context.h"

struct census;
struct pattern;

enum { TICKETS_EACH_MS = 6 * 3600 * 1000 };

struct worker_server {
	struct addr addr;
	uint16_t port;
	const char *name; /* as configured, for the log */
};

struct worker_backend {
	const struct conf_backend *conf;
	struct worker_server *servers; /* in order of preference */
	size_t server_count;
	struct addr sources[2]; /* for IPv6 and IPv4 servers, if known */
	bool source_known[2];
	struct tls_context *tls;      /* NULL: off */
	struct pattern **auth_failed; /* of final AUTH replies */
	size_t auth_failed_count;
};

struct worker_listener {
	const struct conf_listener *conf;
	size_t backend;		 /* index */
	struct tls_context *tls; /* NULL: none */
	int *fds; /* this worker's listening sockets, non-blocking */
	size_t fd_count;
};

/* All is borrowed until worker_run returns (it never does before the end). */
struct worker_setup {
	unsigned slot; /* from 1 */
	size_t worker_count;
	const struct conf *conf;
	const char *hostname;
	struct worker_listener *listeners;
	size_t listener_count;
	struct worker_backend *backends;
	size_t backend_count;
	struct pattern **helo_names; /* that are noted */
	size_t helo_name_count;
	int keeper_fd, supervisor_fd; /* taken over */
	/* Ticket keys change when this clock time is reached and then each
	 * TICKETS_EACH_MS: all that share the contexts do it alike, so that a
	 * ticket of one worker opens in the others. */
	mono_ms_t tickets_at_ms;
	/* Of the tags of secrets: the same for all workers of a start, or the
	 * same wrong password would count once for each. In memory only. */
	uint8_t tag_key[16];
	struct census *census; /* of all workers; census_row is ours */
	unsigned census_row;
};

/* Serves until it is told to stop and its sessions are over. Exit code. */
int worker_run(const struct worker_setup *setup);

#endif
