/*
 * The workers.
 *
 * A worker greets, is told all bans and allow entries, then asks and settles.
 * Questions are answered in the turn in which they are read, in one datagram
 * a worker (peers_flush). A message that no sound worker sends is dropped:
 * workers talk to the world, so none is believed blindly.
 *
 * A worker that is gone: its open attempts are settled as temporary. Their
 * outcome is unknown, the cause is a fault of ours, and counting a failure
 * would punish people who typed the right password at that moment; a guesser
 * gains the few tries that were under way.
 *
 * Death in two steps: a peer that is gone is marked and reclaimed at the end
 * of the turn, so that a broadcast in the middle of a callback is safe.
 */
#include "peers.h"

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "../base/log.h"
#include "../ipc/channel.h"
#include "attempts.h"
#include "backends.h"
#include "dns_lists.h"
#include "judge.h"
#include "overseer.h"
#include "recorder.h"
#include "refusals.h"
#include "roster.h"
#include "tally.h"

enum {
	PEER_MAGIC = 0x70656572,
	DATAGRAMS_A_TURN = 64, /* of one worker; then the others */
	QUEUE_SPARE_BYTES = 4 * 1024 * 1024,
	ATTEMPTS_MOST = 131072,
	AWAITED_MS = 10000, /* from the start; they come with it */
};

struct peer {
	unsigned magic;
	struct hub *hub;
	struct peer *next;
	struct channel *channel;
	struct event *readable, *writable;
	uint64_t id; /* never used twice */
	uint32_t slot, pid;
	bool greeted, gone;
	unsigned rolls_open; /* questions about sessions that it owes an end */
	bool behind;	     /* a broadcast was refused: tell all again */
	struct attempts *attempts;
	struct message_stats stats;
	uint32_t server_counts[BACKENDS_ROWS_MOST];
};

/* A worker as the keeper before knew it. */
struct inherited {
	struct inherited *next;
	uint64_t id;
	uint32_t slot, pid;
	struct message_stats stats;
	struct attempts *attempts;
};

struct peers {
	struct peer *first;
	struct inherited *awaited;
	uint64_t last_id;
	struct message_stats dead; /* sums of those who are gone */
};

struct peers *peers_new(void)
{
	return calloc(1, sizeof(struct peers));
}

static void peer_free(struct peer *peer)
{
	if (peer->readable != NULL)
		event_free(peer->readable);
	if (peer->writable != NULL)
		event_free(peer->writable);
	channel_free(&peer->channel);
	attempts_free(&peer->attempts);
	peer->magic = 0;
	free(peer);
}

static void inherited_free(struct inherited *one)
{
	attempts_free(&one->attempts);
	free(one);
}

void peers_free(struct peers **peers)
{
	if (*peers == NULL)
		return;
	while ((*peers)->first != NULL) {
		struct peer *peer = (*peers)->first;

		(*peers)->first = peer->next;
		peer_free(peer);
	}
	while ((*peers)->awaited != NULL) {
		struct inherited *one = (*peers)->awaited;

		(*peers)->awaited = one->next;
		inherited_free(one);
	}
	free(*peers);
	*peers = NULL;
}

/* ---- telling ---- */

static void tell_body(
	struct peer *peer, enum message_type type, const void *body, size_t n)
{
	enum channel_result result = channel_send(peer->channel, type, body, n);

	if (result == CHANNEL_CLOSED)
		peer->gone = true;
	if (result == CHANNEL_FULL && !peer->behind) {
		peer->behind = true;
		log_begin(LOG_ERROR, "worker-behind");
		log_int("slot", (int64_t)peer->slot);
		log_int("pid", (int64_t)peer->pid);
		log_str("text", "does not read what the keeper tells it");
		log_end();
	}
}

static void tell(struct peer *peer, enum message_type type,
	const struct message_ban *body)
{
	tell_body(peer, type, body, body != NULL ? sizeof(*body) : 0);
}

void peers_tell_server(struct hub *hub, const struct message_server *server)
{
	for (struct peer *peer = hub->peers->first; peer != NULL;
		peer = peer->next)
		if (peer->greeted && !peer->gone)
			tell_body(
				peer, MESSAGE_SERVER, server, sizeof(*server));
}

static void broadcast(
	struct hub *hub, enum message_type type, const struct message_ban *body)
{
	for (struct peer *peer = hub->peers->first; peer != NULL;
		peer = peer->next)
		if (peer->greeted && !peer->gone)
			tell(peer, type, body);
}

void peers_tell_ban(struct hub *hub, const struct prefix *prefix,
	mono_ms_t until, enum policy_rule rule)
{
	broadcast(hub, MESSAGE_BAN,
		&(struct message_ban){
			.prefix = *prefix,
			.until = until,
			.rule = rule,
		});
}

/* One that owes as many answers as it can work at hears no more of it. */
static void ask_sessions(
	struct peer *peer, const struct message_sessions_ask *ask)
{
	if (peer->rolls_open >= MESSAGE_SESSIONS_MOST)
		return;
	/* FULL: it is silent, and no ban is lost by it. */
	switch (channel_send(
		peer->channel, MESSAGE_SESSIONS_ASK, ask, sizeof(*ask))) {
	case CHANNEL_OK: peer->rolls_open++; break;
	case CHANNEL_CLOSED: peer->gone = true; break;
	case CHANNEL_AGAIN:
	case CHANNEL_FULL: break;
	}
}

bool peers_ask_sessions(struct hub *hub, const struct message_sessions_ask *ask)
{
	for (struct peer *peer = hub->peers->first; peer != NULL;
		peer = peer->next) {
		if (!peer->greeted || peer->gone)
			continue;
		if (!roster_expect(hub->roster, ask->question, peer->id,
			    peer->slot, peer->pid))
			return false;
		ask_sessions(peer, ask);
	}
	return true;
}

void peers_tell_prefix(
	struct hub *hub, enum message_type type, const struct prefix *prefix)
{
	broadcast(hub, type, &(struct message_ban){.prefix = *prefix});
}

/* What is not as a new worker takes it to be. */
static void tell_servers(struct peer *peer)
{
	struct message_server message;
	size_t cursor = 0;

	while (backends_next_word(peer->hub->backends, &cursor, &message))
		tell_body(peer, MESSAGE_SERVER, &message, sizeof(message));
}

static void tell_all(struct peer *peer)
{
	struct judge *judge = peer->hub->judge;
	enum judge_origin origin;
	struct policy_ban ban;
	struct prefix prefix;
	size_t cursor = 0;

	peer->behind = false;
	while (judge_allow_next(judge, &cursor, &prefix, &origin))
		tell(peer, MESSAGE_ALLOW,
			&(struct message_ban){.prefix = prefix});
	cursor = 0;
	while (policy_ban_next(judge_policy(judge), &cursor, &ban))
		if (!ban.soft) /* that one acts at AUTH, which is asked */
			tell(peer, MESSAGE_BAN,
				&(struct message_ban){
					.prefix = ban.prefix,
					.until = ban.until,
					.rule = ban.rule,
				});
	tell_servers(peer);
	tell(peer, MESSAGE_SYNC_DONE, NULL);
}

/* ---- hearing ---- */

static void hear_hello(struct peer *peer, const struct message_hello *hello)
{
	peer->pid = hello->pid;
	peer->slot = hello->slot;
	peer->greeted = true;
	tell_all(peer);
}

static void answer(struct peer *peer, uint64_t attempt,
	const struct policy_verdict *verdict)
{
	const struct message_verdict body = {
		.attempt = attempt,
		.kind = verdict->kind,
		.wait_ms = verdict->wait_ms > UINT32_MAX
				   ? UINT32_MAX
				   : (uint32_t)verdict->wait_ms,
		.rule = verdict->rule,
		.mode = verdict->mode,
		.failure_count = verdict->failure_count,
	};

	/* FULL: it does not read; its own time-out answers the client. */
	if (channel_send(peer->channel, MESSAGE_VERDICT, &body, sizeof(body)) ==
		CHANNEL_CLOSED)
		peer->gone = true;
}

static void hear_ask(struct peer *peer, const struct message_ask *ask)
{
	struct policy_verdict verdict;

	if (ask->user_n > MESSAGE_USER_LONGEST ||
		ask->helo_n > MESSAGE_HELO_LONGEST)
		return; /* no sound worker */
	judge_ask(peer->hub, peer->id, ask, &verdict);
	tally_verdict(peer->hub, ask, &verdict);
	dns_lists_see(peer->hub, &ask->addr); /* for the next one */
	if (verdict.kind == VERDICT_PASS)
		attempts_put(peer->attempts, ask);
	answer(peer, ask->attempt, &verdict);
}

static void hear_settle(struct peer *peer, const struct message_settle *settle)
{
	struct policy_verdict verdict;
	struct message_ask ask;
	bool known;

	if (settle->outcome > OUTCOME_ABANDONED)
		return; /* no sound worker */
	known = attempts_take(peer->attempts, settle->attempt, &ask);
	judge_settle(
		peer->hub, peer->id, known ? &ask : NULL, settle, &verdict);
	tally_verdict(peer->hub, NULL, &verdict);
	if (known)
		tally_outcome(
			peer->hub, &ask, (enum policy_outcome)settle->outcome);
	answer(peer, settle->attempt, &verdict);
}

static void hear_note(struct peer *peer, const struct message_note *note)
{
	if (note->kind == NOTE_SEEN) {
		dns_lists_see(peer->hub, &note->addr);
		return;
	}
	if (note->kind != NOTE_REFUSAL) {
		judge_note(peer->hub, note);
		return;
	}
	refusals_put(peer->hub->refusals, &(struct refusal){
						  .session = note->session,
						  .addr = note->addr,
						  .at = hub_wall(peer->hub),
						  .reply = note->reply,
					  });
	recorder_refusal(peer->hub, note);
}

static void hear_server(struct peer *peer, const struct message_server *server)
{
	int row = backends_hear(peer->hub, peer->slot == 1, server);

	if (row >= 0 && server->word == SERVER_COUNT)
		peer->server_counts[row] = server->session_count;
}

static void hear_sessions_end(
	struct peer *peer, const struct message_sessions_end *end)
{
	if (peer->rolls_open > 0)
		peer->rolls_open--;
	roster_end(peer->hub->roster, peer->id, end);
}

static bool on_message(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	struct peer *peer = arg;

	if (fd >= 0)
		(void)close(fd); /* a worker has none to give */
	switch (type) {
	case MESSAGE_HELLO: hear_hello(peer, body); break;
	case MESSAGE_ASK: hear_ask(peer, body); break;
	case MESSAGE_SETTLE: hear_settle(peer, body); break;
	case MESSAGE_NOTE: hear_note(peer, body); break;
	case MESSAGE_STATS:
		peer->stats = *(const struct message_stats *)body;
		break;
	case MESSAGE_SERVER: hear_server(peer, body); break;
	case MESSAGE_SESSION:
		roster_row(peer->hub->roster, peer->id, body);
		break;
	case MESSAGE_SESSIONS_END: hear_sessions_end(peer, body); break;
	case MESSAGE_NONE:
	case MESSAGE_VERDICT:
	case MESSAGE_BAN:
	case MESSAGE_UNBAN:
	case MESSAGE_ALLOW:
	case MESSAGE_DISALLOW:
	case MESSAGE_SYNC_DONE:
	case MESSAGE_SESSIONS_ASK:
	case MESSAGE_CHANNEL:
	case MESSAGE_RELOAD_ASK:
	case MESSAGE_RELOAD_DONE:
	case MESSAGE_CONF:
	case MESSAGE_OWN:
	case MESSAGE_DRAIN:
	case MESSAGE_READY:
	case MESSAGE_ADDRESSES:
	case MESSAGE_HOOK:
	case MESSAGE_HOOK_STATE:
	case MESSAGE_EAR:
	case MESSAGE_GEO:
	case MESSAGE_UPGRADE_ASK:
	case MESSAGE_UPGRADE_DONE:
	case MESSAGE_HAND_OVER:
	case MESSAGE_PING:
	case MESSAGE_PONG:
	case MESSAGE_RESOLVER_ASK:
	case MESSAGE_RESOLVER:
	case MESSAGE_TAP_ASK:
	case MESSAGE_TAP:
	case MESSAGE_LIST:
	case MESSAGE_COUNT: break; /* not a worker's to say */
	}
	return !peer->gone;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;

	if (peer->magic != PEER_MAGIC || peer->gone)
		return;
	for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
		enum channel_result result =
			channel_receive(peer->channel, on_message, peer);

		if (result == CHANNEL_CLOSED)
			peer->gone = true;
		if (result != CHANNEL_OK)
			break;
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	const struct peer *peer = arg;

	if (peer->magic != PEER_MAGIC)
		return;
	/* peers_flush() at the end of this turn does it. */
}

/* ---- coming and going ---- */

/* All bans of a full table must find room, and what is said meanwhile. */
static size_t queue_most(const struct hub *hub)
{
	return (size_t)hub->conf->source_limit.bans_most_count *
		       (sizeof(struct message_head) +
			       sizeof(struct message_ban)) +
	       QUEUE_SPARE_BYTES;
}

static bool peer_arm(struct peer *peer)
{
	struct event_base *base = peer->hub->base;
	int fd = channel_fd(peer->channel);

	peer->readable =
		event_new(base, fd, EV_READ | EV_PERSIST, on_readable, peer);
	peer->writable = event_new(base, fd, EV_WRITE, on_writable, peer);
	return peer->readable != NULL && peer->writable != NULL &&
	       event_add(peer->readable, NULL) == 0;
}

/* It is one that the keeper before knew: its logins under way go on. */
static void claim(struct peers *peers, struct peer *peer)
{
	struct inherited **place = &peers->awaited;
	struct inherited *one;

	while (*place != NULL &&
		((*place)->slot != peer->slot || (*place)->pid != peer->pid))
		place = &(*place)->next;
	one = *place;
	if (one == NULL)
		return;
	*place = one->next;
	peer->id = one->id;
	peer->stats = one->stats;
	attempts_free(&peer->attempts);
	peer->attempts = one->attempts;
	one->attempts = NULL;
	inherited_free(one);
}

void peers_add(struct hub *hub, int fd, uint32_t slot, uint32_t pid)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL) {
		(void)close(fd);
		return;
	}
	*peer = (struct peer){
		.magic = PEER_MAGIC,
		.hub = hub,
		.id = ++hub->peers->last_id,
		.slot = slot,
		.pid = pid,
		.greeted = pid != 0,
		.channel = channel_new(fd, queue_most(hub)),
		.attempts = attempts_new(ATTEMPTS_MOST),
	};
	if (peer->channel == NULL)
		(void)close(fd);
	if (peer->channel == NULL || peer->attempts == NULL ||
		!peer_arm(peer)) {
		log_say(LOG_ERROR, "worker-refused",
			"no memory for the channel to worker %u",
			(unsigned)slot);
		peer_free(peer);
		return;
	}
	if (pid != 0)
		claim(hub->peers, peer);
	peer->next = hub->peers->first;
	hub->peers->first = peer;
	if (peer->greeted)
		tell_all(peer);
}

/* One that has not been heard yet will greet again: its words still wait. */
void peers_give(struct hub *hub)
{
	for (struct peer *peer = hub->peers->first; peer != NULL;
		peer = peer->next) {
		const struct message_channel body = {
			.slot = peer->slot,
			.pid = peer->greeted ? peer->pid : 0,
		};

		if (!peer->gone)
			(void)overseer_give(hub, MESSAGE_CHANNEL, &body,
				sizeof(body), channel_fd(peer->channel));
	}
}

static void stats_add(struct message_stats *sum,
	const struct message_stats *stats, bool alive)
{
	if (alive) {
		sum->sessions_open += stats->sessions_open;
		sum->buffers_open += stats->buffers_open;
		sum->tarpit_open += stats->tarpit_open;
	}
	sum->sessions_total += stats->sessions_total;
	sum->messages_total += stats->messages_total;
	sum->turned_away_total += stats->turned_away_total;
	sum->server_errors_total += stats->server_errors_total;
	sum->log_dropped_total += stats->log_dropped_total;
	sum->auth_ok_total += stats->auth_ok_total;
	sum->auth_failed_total += stats->auth_failed_total;
	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		sum->limits[i] += stats->limits[i];
	for (unsigned i = 0; i < MESSAGE_LISTENERS_MOST; i++)
		sum->connections[i] += stats->connections[i];
	for (unsigned i = 0; i < LEG_COUNT * HANDSHAKE_COUNT * 2; i++)
		(&sum->handshakes[0][0][0])[i] +=
			(&stats->handshakes[0][0][0])[i];
	for (unsigned i = 0; i < MESSAGE_BUCKETS; i++)
		sum->replies[i] += stats->replies[i];
	sum->replies_total += stats->replies_total;
	sum->replies_ms += stats->replies_ms;
	if (stats->loop_stall_longest_ms > sum->loop_stall_longest_ms)
		sum->loop_stall_longest_ms = stats->loop_stall_longest_ms;
	if (stats->loop_run_longest_ms > sum->loop_run_longest_ms)
		sum->loop_run_longest_ms = stats->loop_run_longest_ms;
}

/* See the head of the file for why TEMPORARY. */
static void settle_open(struct hub *hub, uint64_t id, struct attempts *attempts)
{
	struct policy_verdict ignored;
	struct message_ask ask;

	while (attempts_take_any(attempts, &ask))
		judge_settle(hub, id, &ask,
			&(struct message_settle){
				.attempt = ask.attempt,
				.addr = ask.addr,
				.session = ask.session,
				.outcome = OUTCOME_TEMPORARY,
			},
			&ignored);
}

static void bury(struct peers *peers, struct peer *peer)
{
	log_begin(LOG_INFO, "worker-gone");
	log_int("slot", (int64_t)peer->slot);
	log_int("pid", (int64_t)peer->pid);
	log_int("attempts", (int64_t)attempts_count(peer->attempts));
	log_end();
	roster_gone(peer->hub->roster, peer->id);
	settle_open(peer->hub, peer->id, peer->attempts);
	stats_add(&peers->dead, &peer->stats, false);
	peer_free(peer);
}

static void flush_one(struct peer *peer)
{
	enum channel_result result;

	if (peer->gone || !channel_waiting(peer->channel))
		return;
	result = channel_flush(peer->channel);
	if (result == CHANNEL_CLOSED)
		peer->gone = true;
	if (result == CHANNEL_AGAIN)
		(void)event_add(peer->writable, NULL); /* no memory: at the
							  next turn */
	if (result == CHANNEL_OK && peer->behind) {
		tell_all(peer);
		(void)event_add(peer->writable, NULL);
	}
}

/* Whose lines have not come: they died while one keeper gave to the other. */
static void bury_awaited(struct hub *hub)
{
	struct peers *peers = hub->peers;

	if (hub_now(hub) - hub->started < AWAITED_MS)
		return;
	while (peers->awaited != NULL) {
		struct inherited *one = peers->awaited;

		peers->awaited = one->next;
		settle_open(hub, one->id, one->attempts);
		stats_add(&peers->dead, &one->stats, false);
		inherited_free(one);
	}
}

void peers_flush(struct hub *hub)
{
	struct peer **place = &hub->peers->first;

	bury_awaited(hub);
	while (*place != NULL) {
		struct peer *peer = *place;

		flush_one(peer);
		if (!peer->gone) {
			place = &peer->next;
			continue;
		}
		*place = peer->next;
		bury(hub->peers, peer);
	}
	/* Settling what the dead left open may have told the others more. */
	for (struct peer *peer = hub->peers->first; peer != NULL;
		peer = peer->next)
		flush_one(peer);
}

bool peers_next(
	const struct peers *peers, size_t *cursor, struct peer_info *ret_info)
{
	const struct peer *peer = peers->first;

	for (size_t i = 0; i < *cursor && peer != NULL; i++)
		peer = peer->next;
	if (peer == NULL)
		return false;
	*ret_info = (struct peer_info){
		.slot = peer->slot,
		.pid = peer->pid,
		.attempts_count = attempts_count(peer->attempts),
		.stats = peer->stats,
	};
	(*cursor)++;
	return true;
}

uint64_t peers_server_count(const struct peers *peers, size_t row)
{
	uint64_t sum = 0;

	for (const struct peer *peer = peers->first; peer != NULL;
		peer = peer->next)
		sum += peer->server_counts[row];
	return sum;
}

void peers_forget_server(struct peers *peers, size_t row)
{
	for (struct peer *peer = peers->first; peer != NULL; peer = peer->next)
		peer->server_counts[row] = 0;
}

void peers_totals(const struct peers *peers, struct message_stats *ret_stats)
{
	struct message_stats sum = peers->dead;

	for (const struct peer *peer = peers->first; peer != NULL;
		peer = peer->next)
		stats_add(&sum, &peer->stats, true);
	for (const struct inherited *one = peers->awaited; one != NULL;
		one = one->next)
		stats_add(&sum, &one->stats, true);
	*ret_stats = sum;
}

/* ---- the next keeper ---- */

static void save_one(const struct peer *peer, struct octets *out)
{
	octets_put_number(out, peer->id);
	octets_put_number(out, peer->slot);
	octets_put_number(out, peer->pid);
	octets_put(out, &peer->stats, sizeof(peer->stats));
	attempts_save(peer->attempts, out);
}

/* One that never greeted has asked nothing, and will greet. */
void peers_save(const struct peers *peers, struct octets *out)
{
	uint64_t count = 0;

	octets_put_number(out, peers->last_id);
	octets_put(out, &peers->dead, sizeof(peers->dead));
	for (const struct peer *peer = peers->first; peer != NULL;
		peer = peer->next)
		count += peer->greeted;
	octets_put_number(out, count);
	for (const struct peer *peer = peers->first; peer != NULL;
		peer = peer->next)
		if (peer->greeted)
			save_one(peer, out);
}

static bool load_one(struct peers *peers, struct octets *in)
{
	struct inherited *one = calloc(1, sizeof(*one));

	if (one == NULL)
		return false;
	one->next = peers->awaited;
	peers->awaited = one;
	one->attempts = attempts_new(ATTEMPTS_MOST);
	one->id = octets_take_number(in, peers->last_id);
	one->slot = (uint32_t)octets_take_number(in, UINT32_MAX);
	one->pid = (uint32_t)octets_take_number(in, UINT32_MAX);
	(void)octets_take(in, &one->stats, sizeof(one->stats));
	return one->attempts != NULL && attempts_load(one->attempts, in);
}

bool peers_load(struct peers *peers, struct octets *in)
{
	uint64_t count;

	peers->last_id = octets_take_number(in, UINT64_MAX / 2);
	(void)octets_take(in, &peers->dead, sizeof(peers->dead));
	count = octets_take_number(in, UINT32_MAX);
	while (count-- > 0 && !in->failed)
		if (!load_one(peers, in))
			octets_fail(in);
	return !in->failed;
}
