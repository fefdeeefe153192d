/*
 * Writes the journal: all that the core is told and says.
 *
 * A call behind each call of the core, in the same order; see journal/row.h
 * for what makes a replay exact.
 */
#ifndef KEEPER_RECORDER_H
#define KEEPER_RECORDER_H

#include "../base/octets.h"
#include "../ipc/message.h"
#include "../journal/row.h"
#include "hub.h"

struct recorder;

struct recorder *recorder_new(void); /* NULL: no memory */
void recorder_free(struct recorder **recorder);

/* Behind the opening of the store, before its rows are restored; waiting:
 * how many rows that will be. */
void recorder_start(struct hub *hub, uint64_t seed, size_t waiting);
/* The same where the core goes on from the keeper before: of the journal it is
 * one run. */
void recorder_continue(struct hub *hub);
/* For the next keeper (memory.h). false: refused. */
void recorder_save(const struct recorder *recorder, struct octets *out);
bool recorder_load(struct recorder *recorder, struct octets *in);
/* hub->conf or hub->own changed and the core was told. */
void recorder_configured(struct hub *hub);

/* session, code: 0: none. verdict: as policy_step() gave it. */
void recorder_event(struct hub *hub, const struct policy_event *event,
	const struct policy_verdict *verdict, uint64_t session, uint32_t code);
void recorder_action(struct hub *hub, const struct policy_action *action);
void recorder_tick(struct hub *hub);
void recorder_refusal(struct hub *hub, const struct message_note *note);

/* What the core is given in a tag's place: keyed anew in each run. */
uint64_t recorder_tag(const struct recorder *recorder, uint64_t tag);

#endif
