/*
 * The worker's line to the keeper: verdicts, bans, and its own notes.
 *
 * Messages gather during a loop turn and leave as one datagram. When the
 * keeper is gone the worker says so once, answers logins as configured and
 * keeps the bans that it knows; the supervisor brings a new line.
 */
#include "internal.h"

#include <unistd.h>

#include "../base/log.h"
#include "../policy/policy.h"

enum { QUEUE_MOST_BYTES = 1 << 20, SYNC_MOST_MS = 3000 };

static struct session *asked(struct worker *w, uint64_t attempt)
{
	struct session *s = w->asks[attempt % ASK_HEADS];

	while (s && s->attempt != attempt)
		s = s->ask_next;
	return s;
}

void worker_ask_link(struct worker *w, struct session *s)
{
	struct session **head = &w->asks[s->attempt % ASK_HEADS];

	s->ask_next = *head;
	*head = s;
	s->ask_linked = true;
}

void worker_ask_unlink(struct worker *w, struct session *s)
{
	struct session **at = &w->asks[s->attempt % ASK_HEADS];

	if (!s->ask_linked)
		return;
	while (*at && *at != s)
		at = &(*at)->ask_next;
	if (*at)
		*at = s->ask_next;
	s->ask_next = NULL;
	s->ask_linked = false;
}

static void got_verdict(struct worker *w, const struct message_verdict *v)
{
	struct session *s = asked(w, v->attempt);

	if (!s || !s->asked_keeper || s->phase != PHASE_DIALOG)
		return; /* the session is over, or the verdict came too late */
	worker_ask_unlink(w, s);
	s->asked_keeper = false;
	if (s->settling)
		settle_verdict(s, v);
	else
		ask_verdict(s, v);
}

/* Sessions that a ban covers end with 421, but never past 354 (D-10). */
static void end_banned(struct worker *w, const struct prefix *prefix)
{
	struct session *s, *next;

	for (s = TAILQ_FIRST(&w->sessions); s; s = next) {
		next = TAILQ_NEXT(s, all);
		if (prefix_holds(prefix, &s->addr) &&
			banlist_bans(w->bans, w->now, &s->addr))
			session_end_soon(s, REPLY_TURNED_AWAY, CLOSE_BANNED);
	}
}

static void got_ban(struct worker *w, const struct message_ban *ban)
{
	if (!banlist_add(w->bans, &ban->prefix, ban->until)) {
		log_say(LOG_ERROR, "no-memory", "a ban could not be kept");
		return;
	}
	if (w->synced)
		end_banned(w, &ban->prefix);
}

static void got_allow(struct worker *w, const struct message_ban *ban)
{
	if (!banlist_allow(w->bans, &ban->prefix))
		log_say(LOG_ERROR, "no-memory",
			"an allow entry could not be kept");
}

static void sync_done(struct worker *w)
{
	struct prefix all = {.bits = 0};

	w->keeper_since = 0;
	banlist_told(w->bans);
	if (w->synced) {
		end_banned(w, &all);
		return;
	}
	w->synced = true;
	acceptors_open(w);
	(void)channel_send(w->supervisor, MESSAGE_READY, NULL, 0);
}

static bool receive(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	struct worker *w = arg;
	const struct message_ban *ban = body;

	(void)n;
	if (fd >= 0)
		(void)close(fd);
	if (type == MESSAGE_VERDICT)
		got_verdict(w, body);
	else if (type == MESSAGE_BAN)
		got_ban(w, ban);
	else if (type == MESSAGE_UNBAN)
		banlist_remove(w->bans, &ban->prefix);
	else if (type == MESSAGE_ALLOW)
		got_allow(w, ban);
	else if (type == MESSAGE_DISALLOW)
		banlist_disallow(w->bans, &ban->prefix);
	else if (type == MESSAGE_SERVER)
		servers_hear(w, body);
	else if (type == MESSAGE_SYNC_DONE)
		sync_done(w);
	else if (type == MESSAGE_SESSIONS_ASK)
		roll_begin(w, body);
	return true;
}

static void link_lost(struct worker *w)
{
	struct session *s;

	(void)event_del(&w->keeper_event);
	roll_end_all(w);
	channel_free(&w->keeper);
	log_say(LOG_WARN, "keeper-away",
		"the keeper is away; logins follow policy_unavailable");
	TAILQ_FOREACH(s, &w->sessions, all)
	if (s->asked_keeper)
		session_clock_at(s, WAIT_VERDICT, w->now);
}

static void keeper_event(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	worker_now(w);
	if (what & EV_READ)
		for (unsigned i = 0; i < 64; i++) {
			enum channel_result r =
				channel_receive(w->keeper, receive, w);
			if (r == CHANNEL_AGAIN)
				break;
			if (r != CHANNEL_OK) {
				link_lost(w);
				return;
			}
		}
	keeper_link_flush(w);
}

bool keeper_link_open(struct worker *w, int fd)
{
	struct message_hello hello = {
		.slot = w->setup->slot, .pid = (uint32_t)getpid()};

	if (w->keeper)
		link_lost(w);
	w->keeper = channel_new(fd, QUEUE_MOST_BYTES);
	if (!w->keeper)
		return false;
	/* What is known stays in force while the keeper tells all anew. */
	w->keeper_since = w->now;
	banlist_telling(w->bans);
	(void)event_assign(&w->keeper_event, w->base, fd, EV_READ | EV_PERSIST,
		keeper_event, w);
	(void)event_add(&w->keeper_event, NULL);
	(void)channel_send(w->keeper, MESSAGE_HELLO, &hello, sizeof hello);
	servers_tell(w);
	keeper_link_flush(w);
	return true;
}

bool keeper_link_send(
	struct worker *w, enum message_type type, const void *body, size_t n)
{
	enum channel_result result;

	if (!w->keeper)
		return false;
	result = channel_send(w->keeper, type, body, n);
	if (result == CHANNEL_FULL)
		limit_reached(w, LIMIT_KEEPER_QUEUE);
	return result == CHANNEL_OK;
}

void keeper_link_flush(struct worker *w)
{
	if (w->keeper && channel_waiting(w->keeper) &&
		channel_flush(w->keeper) == CHANNEL_CLOSED)
		link_lost(w);
}

/*
 * A keeper that does not tell its bans in time must not keep mail away for
 * ever; while it is away the door opens with what is known.
 */
void keeper_link_tick(struct worker *w)
{
	keeper_link_flush(w);
	if (!w->synced && w->now > w->keeper_since + SYNC_MOST_MS) {
		w->synced = true;
		acceptors_open(w);
		(void)channel_send(w->supervisor, MESSAGE_READY, NULL, 0);
	}
	w->stats.tarpit_open = tarpit_count(w->tarpit);
	w->stats.buffers_open = buffer_count();
	w->stats.log_dropped_total = log_dropped_count();
	w->stats.limits[LIMIT_LOG_LINES] = log_suppressed_count();
	if (memcmp(&w->stats, &w->stats_told, sizeof w->stats) == 0)
		return;
	if (keeper_link_send(w, MESSAGE_STATS, &w->stats, sizeof w->stats))
		w->stats_told = w->stats;
	keeper_link_flush(w);
}
