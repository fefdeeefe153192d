/* posternctl doctor: looks for what goes wrong in real sites, before it does.
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "../base/addr.h"
#include "client.h"
#include "finding.h"

struct doctor {
	struct findings findings;
	json_t *config, *status; /* the daemon's answers */
	struct addr as[2];	 /* a stranger's IPv6 and IPv4 address */
};

/*
 * as: an address that no client and no host of ours has, or NULL for those of
 * the documentation networks. Exit code: 0 all is well, 1 warnings, 2
 * failures, 3 the daemon gave no answer.
 */
int doctor_run(struct client *client, const char *as, bool json);

/* What an option of a block says; "" and 0 when it is not there. */
const char *doctor_text(const json_t *block, const char *option);
long doctor_number(const json_t *block, const char *option);
bool doctor_transparent(const struct doctor *doctor); /* any backend */

/* doctor_host.c: this host and the processes on it */
void doctor_rights(struct doctor *doctor);
void doctor_firewall(struct doctor *doctor);
void doctor_intercept(struct doctor *doctor);
void doctor_certificates(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
/* Why answers to clients' addresses do not come back: the fault's name. */
void doctor_return_path(struct doctor *doctor, const char *server, bool v4);

/* doctor_server.c: the servers, as postern and as a stranger see them */
void doctor_servers(struct doctor *doctor);
void doctor_relay(struct doctor *doctor);
void doctor_lockout(struct doctor *doctor);

#endif
