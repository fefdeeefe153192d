/*
 * The judge: the policy core in its place between workers, store and kernel.
 *
 * Feeds it events, and carries out what it decides: store, workers, firewall,
 * log, history. Whoever else wants to know something asks judge_policy().
 */
#ifndef KEEPER_JUDGE_H
#define KEEPER_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/octets.h"
#include "../ipc/message.h"
#include "../logs/entry.h"
#include "../policy/policy.h"
#include "hub.h"
#include "listings.h"
#include "store.h"

struct judge;

struct judge *judge_new(struct hub *hub); /* NULL: no memory */
void judge_free(struct judge **judge);

uint64_t judge_seed(const struct judge *judge); /* of its core */
/* For questions; never step it from outside. */
const struct policy *judge_policy(const struct judge *judge);

/* How judge_ban() went. */
enum judge_result {
	JUDGE_DONE,
	JUDGE_OBSERVED, /* mode is not enforce: would be banned */
	JUDGE_ALLOWED,	/* on the allow list: not banned */
	JUDGE_FULL,	/* no room */
};

/* Before anything else, and before there is anybody to tell. */
void judge_restore_ban(struct hub *hub, const struct store_ban *ban);
void judge_restore_allow(struct hub *hub, const struct prefix *prefix);
void judge_restore_passport(
	struct hub *hub, const struct store_passport *passport);
void judge_restore_device(struct hub *hub, const struct store_device *device);

/* peer: unique for each channel; makes the attempt ids of workers unique. */
void judge_ask(struct hub *hub, uint64_t peer, const struct message_ask *ask,
	struct policy_verdict *ret_verdict);
/* ask: what was asked, NULL when not known (the keeper was restarted). */
void judge_settle(struct hub *hub, uint64_t peer, const struct message_ask *ask,
	const struct message_settle *settle,
	struct policy_verdict *ret_verdict);
void judge_note(struct hub *hub, const struct message_note *note);
/* What lists in the DNS say of an address, and for how long; lists: their
 * titles, for the journal. */
void judge_score(struct hub *hub, const struct addr *addr, unsigned score,
	uint64_t span_ms, const char *lists);
/* What the server's log tells. false: nothing that the core wants to hear. */
bool judge_hear(struct hub *hub, const struct entry *entry);

/* span_ms: 0: as configured; MONO_NEVER: for ever. */
enum judge_result judge_ban(struct hub *hub, const struct prefix *prefix,
	uint64_t span_ms, const char *note);
/* Returns how many bans were lifted. */
size_t judge_unban(struct hub *hub, const struct prefix *prefix);
/* false: no room. */
bool judge_allow(
	struct hub *hub, const struct prefix *prefix, const char *note);
void judge_disallow(struct hub *hub, const struct prefix *prefix);
/* A list of others names a prefix, or no list does any more; neither the log
 * nor the journal has it. */
enum policy_list_result judge_list_ban(
	struct hub *hub, const struct prefix *prefix, uint64_t span_ms);
bool judge_list_lift(struct hub *hub, const struct prefix *prefix);
/* Why a ban is there: an operator's words, or the names of lists. NULL, "":
 * nothing was said. Borrowed. */
const char *judge_note_of(struct hub *hub, const struct policy_ban *ban,
	char names[LISTINGS_NAMES_LONGEST]);
/* All that is held against a user name. */
void judge_forget(struct hub *hub, struct slice user);

/* Where an allow entry comes from; the first that has it. */
enum judge_origin {
	JUDGE_ORIGIN_NONE,
	JUDGE_ORIGIN_OWN, /* loopback, own addresses, servers */
	JUDGE_ORIGIN_CONF,
	JUDGE_ORIGIN_OPERATOR,
};
enum judge_origin judge_allow_origin(
	const struct judge *judge, const struct prefix *prefix);
/* All entries: own, configured, the operator's. *cursor starts at 0. */
bool judge_allow_next(const struct judge *judge, size_t *cursor,
	struct prefix *ret_prefix, enum judge_origin *ret_origin);

/* hub->conf has changed from old_conf. */
void judge_configure(struct hub *hub, const struct conf *old_conf);
/* At the end of a loop turn: lets time pass. */
void judge_tick(struct hub *hub);
mono_ms_t judge_deadline(const struct judge *judge);
/* Puts everything into the store anew (store_wants_all()). */
void judge_store_all(struct hub *hub);

/* For the next keeper (memory.h): what is not in the core itself. Into a fresh
 * one. false: refused. */
void judge_save(const struct judge *judge, struct octets *out);
bool judge_load(struct judge *judge, struct octets *in);
/* The core of the keeper before, into one that was made with its seed. false:
 * refused. */
bool judge_inherit(struct hub *hub, const void *image, size_t n);
/* What the numbers of now have lifted of it is carried out, and what operators
 * said of a ban is known again. */
void judge_inherited(struct hub *hub);
void judge_restore_note(struct hub *hub, const struct store_ban *ban);

/* The key that a source is counted under now. */
struct prefix judge_source(const struct hub *hub, const struct addr *addr);
uint64_t judge_would_bans(const struct judge *judge); /* in observe */
uint64_t judge_spared(const struct judge *judge);
uint64_t judge_alarms(const struct judge *judge);
uint64_t judge_notes(const struct judge *judge);

#endif
