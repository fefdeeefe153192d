/*
 * The workers: their questions, and what all of them must know.
 */
#ifndef KEEPER_PEERS_H
#define KEEPER_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/octets.h"
#include "../ipc/message.h"
#include "../policy/policy.h"
#include "hub.h"

struct peers;

struct peer_info {
	uint32_t slot, pid; /* pid 0: has not greeted yet */
	size_t attempts_count;
	struct message_stats stats;
};

struct peers *peers_new(void); /* NULL: no memory */
void peers_free(struct peers **peers);
/* Takes the descriptor over, whatever happens. pid: of a worker that has
 * greeted the keeper before this one, and is told all at once; 0: it will
 * greet. */
void peers_add(struct hub *hub, int fd, uint32_t slot, uint32_t pid);
/* For the next keeper (memory.h): what is known of each, and of those that are
 * gone. Whoever is added with the slot and pid of one of them is that one; who
 * has not come soon, never comes. false: refused. */
void peers_save(const struct peers *peers, struct octets *out);
bool peers_load(struct peers *peers, struct octets *in);
/* Each worker's channel, with its slot and pid, to who comes next. */
void peers_give(struct hub *hub);

void peers_tell_ban(struct hub *hub, const struct prefix *prefix,
	mono_ms_t until, enum policy_rule rule);
/* UNBAN, ALLOW or DISALLOW. */
void peers_tell_prefix(
	struct hub *hub, enum message_type type, const struct prefix *prefix);

void peers_tell_server(struct hub *hub, const struct message_server *server);
/* Open sessions at a server, by its row in backends; of all workers. */
uint64_t peers_server_count(const struct peers *peers, size_t row);
void peers_forget_server(struct peers *peers, size_t row);

/* At the end of a loop turn: sends, and buries who is gone. */
void peers_flush(struct hub *hub);

/* One by one: *cursor starts at 0. */
bool peers_next(
	const struct peers *peers, size_t *cursor, struct peer_info *ret_info);
/* Of the living and, but for what is open, of the dead. */
void peers_totals(const struct peers *peers, struct message_stats *ret_stats);
/* Whoever is there owes the roster an answer. false: no memory. */
bool peers_ask_sessions(
	struct hub *hub, const struct message_sessions_ask *ask);

#endif
