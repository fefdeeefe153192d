/*
 * What the process of the hooks is told, and what it says of itself.
 *
 * Telling costs no time: what its line does not take is counted, and told as a
 * number once there is room. Without a hook that wants it nothing is said.
 */
#ifndef KEEPER_HOOKS_H
#define KEEPER_HOOKS_H

#include <jansson.h>
#include <stdbool.h>

#include "../ipc/message.h"
#include "../policy/policy.h"
#include "hub.h"

struct hooks *hooks_new(struct hub *hub); /* NULL: no memory */
void hooks_free(struct hooks **hooks);
/* A new line, a channel; taken over. The one before it goes. */
void hooks_attach(struct hub *hub, int fd);

/* user: as it may be shown, or "". reason: a sentence. */
void hooks_decision(struct hub *hub, enum hook_event event,
	const struct policy_action *action, const char *user,
	const char *reason);
/* place: its address as text. */
void hooks_server(struct hub *hub, bool down,
	const struct message_server *server, const char *place);
/* An event for this hook alone. false: there is none, or nobody to tell. */
bool hooks_test(struct hub *hub, const char *name);

/* At the end of a loop turn. */
void hooks_flush(struct hub *hub);

/* Of the status: one object a hook. */
json_t *hooks_array(const struct hub *hub);
/* For metrics: {"hook","result","count"} each. */
json_t *hooks_results(const struct hub *hub);

#endif
