/* posternctl doctor: looks for what goes wrong in real sites, before it does.
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "../base/addr.h"
#include "client.h"
#include "finding.h"

enum { DOCTOR_PLACES_MOST = 16, DOCTOR_FAILURES_MOST = 100 };

/* What is asked for. */
struct doctor_words {
	const char *as;		/* NULL: addresses that nobody has */
	unsigned failure_count; /* logins that fail on purpose; 0: none */
	const char *login;	/* a user whose password is right, or NULL */
	const char *password;	/* his */
};

struct doctor {
	struct findings findings;
	json_t *config, *status; /* the daemon's answers */
	struct addr as[2];	 /* a stranger's IPv6 and IPv4 address */
	const struct doctor_words *words;
};

struct doctor_place {
	struct addr addr;
	uint16_t port;
};

/* Exit code: 0 all is well, 1 warnings, 2 failures, 3 the daemon gave no
 * answer. */
int doctor_run(
	struct client *client, const struct doctor_words *words, bool json);

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
void doctor_log(struct doctor *doctor); /* the second ear */
/* Why answers to clients' addresses do not come back: the fault's name. */
void doctor_return_path(struct doctor *doctor, const char *server, bool v4);

/* doctor_server.c: the servers, as postern and as a stranger see them */
void doctor_servers(struct doctor *doctor);
void doctor_relay(struct doctor *doctor);
/* "HOST:PORT", an address or a name. How many addresses it has. */
size_t doctor_places(
	const char *text, struct doctor_place out[DOCTOR_PLACES_MOST]);

/* doctor_lists.c: lists in the DNS */
void doctor_lists(struct doctor *doctor);
/* doctor_hooks.c: webhooks and programs */
void doctor_hooks(struct doctor *doctor);

/* doctor_lockout.c: can one guesser lock postern's address? */
void doctor_lockout(struct doctor *doctor);

#endif
