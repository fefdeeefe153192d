/*
 * The control commands: a request object in, an answer object out.
 */
#ifndef KEEPER_COMMANDS_H
#define KEEPER_COMMANDS_H

#include <jansson.h>
#include <stdint.h>

#include "../ipc/message.h"
#include "../policy/policy.h"
#include "hub.h"
#include "log_filter.h"

/* Who asks; for the log. */
struct commands_caller {
	int64_t uid, pid; /* -1: not known */
	bool page; /* dash: may look, ban, unban and allow, for its clients */
};

/* Why a request failed: "code" of the answer, and posternctl's exit code. */
enum commands_code {
	COMMANDS_USAGE,	      /* "usage": the request makes no sense */
	COMMANDS_NOT_FOUND,   /* "not-found" */
	COMMANDS_REFUSED,     /* "refused" */
	COMMANDS_UNAVAILABLE, /* "unavailable": not now */
};

enum { COMMANDS_SUBJECT_LONGEST = 512 };

/* What the answer waits for; all 0: nothing. */
struct commands_later {
	bool reload;	 /* commands_reload_answer() will be it */
	bool upgrade;	 /* commands_upgrade_answer() will be it */
	uint64_t roster; /* roster_answer() will be it */
	/* Lines of the log that it wants, as they come; the client's. */
	struct log_filter *follow;
	uint64_t question; /* store_ask(); explain_answer(subject) will be */
	bool by_name;	   /* the subject is a user */
	char subject[COMMANDS_SUBJECT_LONGEST];
};

/*
 * Carries the request out. Caller decrefs the answer. NULL without memory, or
 * when *ret_later says what it waits for.
 */
json_t *commands_run(struct hub *hub, const json_t *request,
	const struct commands_caller *caller, struct commands_later *ret_later);
json_t *commands_reload_answer(const struct message_text *text);
json_t *commands_upgrade_answer(const struct message_text *text);
/* {"ok":false,"code":…,"error":…,"hint":…}; NULL without memory. */
json_t *commands_error(
	enum commands_code code, const char *error, const char *hint);

/* {"prefix","since","until","left_s","rule","text","repeat","failures",
 * "note"}; until and left_s are null for ever. For explain as well. */
json_t *commands_ban(struct hub *hub, const struct policy_ban *ban);
const char *commands_origin(unsigned origin); /* of enum judge_origin */

#endif
