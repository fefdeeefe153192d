/*
 * What the workers answer to "which sessions do you hold?", put together.
 *
 * Every worker that was expected says its rows and an end. A question is ready
 * when all have ended or died, or when they had time enough: then it is
 * answered with what came, and says who was silent. Pure but for memory: the
 * time is an argument.
 */
#ifndef KEEPER_ROSTER_H
#define KEEPER_ROSTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/units.h"
#include "../ipc/message.h"

enum { ROSTER_WAIT_MS = 4000 };

struct roster;

struct roster *roster_new(void); /* NULL: no memory */
void roster_free(struct roster **roster);

/* A question, to be answered or dropped; no number is used twice, by another
 * keeper before or after either. 0: MESSAGE_SESSIONS_MOST are under way. */
uint64_t roster_begin(struct roster *roster, mono_ms_t now, uint32_t limit);
/* This worker is asked. false: no memory. */
bool roster_expect(struct roster *roster, uint64_t question, uint64_t worker,
	uint32_t slot, uint32_t pid);

/* What a worker says; none is believed blindly, and what nobody asks for (any
 * more) is dropped. */
void roster_row(struct roster *roster, uint64_t worker,
	const struct message_session *row);
void roster_end(struct roster *roster, uint64_t worker,
	const struct message_sessions_end *end);
void roster_gone(struct roster *roster, uint64_t worker); /* it died */

bool roster_ready(
	const struct roster *roster, uint64_t question, mono_ms_t now);
/* The answer (docs/control.md), and the question's end. Caller decrefs. NULL:
 * no memory, or no such question. */
json_t *roster_answer(struct roster *roster, uint64_t question);
/* Nobody waits for it; any number will do. */
void roster_drop(struct roster *roster, uint64_t question);

#endif
