/*
 * One log line for each decision, and not more lines than can be read.
 */
#ifndef KEEPER_DECISIONS_H
#define KEEPER_DECISIONS_H

#include <stdbool.h>

#include "../ipc/message.h"
#include "../policy/policy.h"
#include "history.h"
#include "hub.h"

struct decisions;

struct decisions *decisions_new(void); /* NULL: no memory */
void decisions_free(struct decisions **decisions);

void decisions_ban(struct hub *hub, const struct policy_action *action);
/* lifted: by an order, not by time. */
void decisions_unban(
	struct hub *hub, const struct policy_action *action, bool lifted);
void decisions_would_ban(struct hub *hub, const struct policy_action *action);
void decisions_spared(struct hub *hub, const struct policy_action *action);
void decisions_limit(struct hub *hub, const struct policy_action *action);
/* For who runs the place, and for the help desk. */
void decisions_alarm(struct hub *hub, const struct policy_action *action);
void decisions_note(struct hub *hub, const struct policy_action *action);
void decisions_verdict(struct hub *hub, const struct message_ask *ask,
	const struct policy_verdict *verdict);
/* The server took the login, the client hears 421. */
void decisions_withheld(struct hub *hub, const struct message_ask *ask,
	const struct policy_verdict *verdict);
void decisions_auth_failed(struct hub *hub, const struct message_ask *ask,
	const struct message_settle *settle,
	const struct policy_verdict *verdict);

/* A failure that the server's log told of. */
void decisions_heard(struct hub *hub, const struct message_ask *ask,
	const char *service, const struct policy_verdict *verdict);

/* A name's stand-in where the log may not show it: the same for the same name,
 * in any case of its letters, until the next start. Returns `out`. */
const char *decisions_pseudonym(const struct hub *hub, struct slice user,
	char out[HISTORY_USER_LONGEST]);
/* The user's name as the log may show it: whole, hashed or not at all. */
void decisions_user(const struct hub *hub, const struct message_ask *ask,
	char out[HISTORY_USER_LONGEST]);

/* Of proto's enum auth_mech. Static. */
const char *decisions_mech(unsigned mech);

#endif
