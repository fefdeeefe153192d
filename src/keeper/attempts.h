/*
 * The logins that one worker has under way: what it asked, until it settles.
 *
 * For the log line of the outcome (the question had the user, the answer has
 * not) and for a worker that dies with attempts open.
 */
#ifndef KEEPER_ATTEMPTS_H
#define KEEPER_ATTEMPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/octets.h"
#include "../ipc/message.h"

struct attempts;

struct attempts *attempts_new(size_t most); /* NULL: no memory */
void attempts_free(struct attempts **attempts);
size_t attempts_count(const struct attempts *attempts);
/* Copies. At the cap it is not kept: its time-out in the policy decides. */
void attempts_put(struct attempts *attempts, const struct message_ask *ask);
/* Removes and copies. false: not known. */
bool attempts_take(struct attempts *attempts, uint64_t attempt,
	struct message_ask *ret_ask);
/* Any one, removed. false: none left. */
bool attempts_take_any(struct attempts *attempts, struct message_ask *ret_ask);
/* For the next keeper (memory.h); into an empty one. false: refused. */
void attempts_save(const struct attempts *attempts, struct octets *out);
bool attempts_load(struct attempts *attempts, struct octets *in);

#endif
