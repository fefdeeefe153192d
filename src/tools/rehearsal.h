/*
 * The policy core, asked in the words of the filter (docs/protection.md).
 *
 * What is asked becomes an event of the core, its verdict becomes an answer.
 * Time is the asker's. Whoever teaches the core a new event or verdict, teaches
 * it to rehearsal.c.
 */
#ifndef TOOLS_REHEARSAL_H
#define TOOLS_REHEARSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/addr.h"
#include "../conf/conf.h"
#include "../policy/policy.h"

enum rehearsal_ask_kind {
	REHEARSAL_CONNECT,
	REHEARSAL_AUTH_BEGIN,
	REHEARSAL_AUTH_SETTLED,
	REHEARSAL_AUTH_ABANDONED,
	REHEARSAL_LIST_SCORE,
};

struct rehearsal_ask {
	enum rehearsal_ask_kind kind;
	uint64_t t_ms; /* since the asker's beginning */
	uint64_t id;
	uint64_t conn;	 /* 0: not said */
	struct addr src; /* all zero: that of the attempt */
	uint16_t listener;
	struct slice helo, user;
	uint64_t tag;	/* 0: unknown */
	unsigned code;	/* of the reply; 0: the server was lost */
	bool lockout;	/* the server locks users out */
	bool has_other; /* AUTH_BEGIN: what would it be with other_tag? */
	uint64_t other_tag;
	unsigned score;	  /* LIST_SCORE: of src, */
	uint64_t span_ms; /* and for how long it holds */
};

struct rehearsal_answer {
	const char *verdict; /* NULL: none */
	const char *why;     /* NULL: none */
	uint64_t wait_ms;
};

struct rehearsal;

/* conf is borrowed. NULL without memory. Caller frees. */
struct rehearsal *rehearsal_new(const struct conf *conf, uint64_t seed);
void rehearsal_free(struct rehearsal **rehearsal);

/*
 * What would be answered to an AUTH_BEGIN if its secret were the other one; the
 * core is as it was before. Done in a copy of the process. false: no process,
 * errno says why.
 */
bool rehearsal_suppose(struct rehearsal *rehearsal,
	const struct rehearsal_ask *ask, struct rehearsal_answer *ret_answer)
	__attribute__((warn_unused_result));
/* false: no memory. */
bool rehearsal_step(struct rehearsal *rehearsal,
	const struct rehearsal_ask *ask, struct rehearsal_answer *ret_answer)
	__attribute__((warn_unused_result));
/*
 * What the last step decided besides, until false; take all of it. A ban's
 * `until` is in the asker's time, MONO_NEVER for ever.
 */
bool rehearsal_next(
	struct rehearsal *rehearsal, struct policy_action *ret_action);

#endif
