/* The inside of struct judge: for judge.c, hearing.c, orders.c and recall.c. */
#ifndef KEEPER_JUDGE_INSIDE_H
#define KEEPER_JUDGE_INSIDE_H

#include "allowed.h"
#include "judge.h"

struct judge {
	struct policy *policy;
	struct allowed allowed; /* what policy got as conf.allow */
	uint64_t seed;
	uint8_t key[16];	      /* of attempt ids */
	bool restoring;		      /* nobody is told */
	bool lifting;		      /* an end is an order, not an expiry */
	const struct prefix *ordered; /* the order under way; NULL: none */
	enum judge_result ban_result; /* how it goes */
	size_t lifted_count;
	uint64_t would_total, spared_total, alarm_total, note_total;
};

/*
 * What the core is told, which the journal has as well; its actions wait.
 * session, code (of the server's reply): 0: none.
 */
void judge_tell(struct hub *hub, uint64_t session, uint32_t code,
	const struct policy_event *event, struct policy_verdict *ret_verdict);
/* Carries out the actions that wait. */
void judge_drain(struct hub *hub);
/* Both, of a session and of none. */
void judge_step_of(struct hub *hub, uint64_t session,
	const struct policy_event *event, struct policy_verdict *ret_verdict);
void judge_step(struct hub *hub, const struct policy_event *event,
	struct policy_verdict *ret_verdict);

wall_s_t judge_store_time(struct hub *hub, mono_ms_t at);
void judge_store_ban(struct hub *hub, const struct policy_ban *ban);

#endif
