/* The way of a login through the rules that know people from guessers. */
#ifndef POLICY_GATE_H
#define POLICY_GATE_H

#include <stdbool.h>

#include "core.h"
#include "passport.h"

/* What a login that begins is, and what it was granted. */
struct gate_pass {
	uint64_t user, tag; /* 0: unknown; tag 0 too then */
	uint64_t device;    /* the name in EHLO; 0: none */
	enum relation relation;
	bool doubtful; /* by his place he would be a holder */
	bool excused;  /* its failure is the user's affair, not the source's */
	uint8_t spent;
};

/* How a login ended that had been passed. */
struct gate_end {
	uint64_t user, tag, device;
	struct addr addr;
	struct slice name; /* as tried; empty: not known any more */
	struct slice helo; /* the name in EHLO, likewise */
	enum relation relation;
	uint8_t spent;
	enum policy_outcome outcome;
};

/*
 * EVENT_AUTH_BEGINS, not of an allowed address. ban: of its address, when that
 * is soft; NULL: none. true: it goes on to the ladder, `verdict` at most says
 * what would have been; false: `verdict` is final.
 */
bool gate_begin(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, const struct ban *ban,
	struct policy_verdict *verdict, struct gate_pass *ret_pass);
/* It is on its way to the server. */
void gate_opened(struct policy *policy, mono_ms_t now,
	const struct gate_pass *pass, struct attempt *attempt);
/* What gate_settled() wants, of an open attempt. */
struct gate_end gate_end_of(const struct policy *policy,
	const struct attempt *attempt, enum policy_outcome outcome);
void gate_settled(struct policy *policy, mono_ms_t now,
	const struct gate_end *end, struct policy_verdict *verdict);
/* EVENT_LOG_SUCCESS: somebody got in elsewhere. false: not to be believed. */
bool gate_heard(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);
/* EVENT_OPERATOR_FORGET. */
void gate_forget(
	struct policy *policy, mono_ms_t now, const struct policy_event *event);

#endif
