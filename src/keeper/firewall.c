/*
 * The keeper's side of the firewall helper.
 *
 * Records gather in a buffer and leave in datagrams of whole records. The
 * helper works in a blocking loop and may be slow; what it does not take waits
 * up to a cap, beyond which single records are dropped and a sync is due,
 * which says it all. Nothing here knows nftables. Called by judge, overseer
 * and the loop.
 *
 *   out: 0 ... head (sent) ... tail (room)    always whole records
 */
#include "firewall.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/log.h"
#include "../fw/record.h"
#include "judge.h"

enum {
	FIREWALL_MAGIC = 0x66697265,
	SYNC_EVERY_MS = 60000,
	SYNC_SOON_MS = 2000,	  /* what is too much for single records */
	SYNC_SHARE = 4,		  /* of the helper's time, for such syncs */
	ANSWER_WITHIN_MS = 30000, /* to a sync; then it is a failure */
	MS_PER_S = 1000,
	SINGLES_MOST = 65536, /* records that wait beside a sync */
	ANSWERS_A_TURN = 16,  /* datagrams */
	AWAY_MOST_MS = 5000,  /* without a helper; then it is a failure */
};

struct firewall {
	unsigned magic;
	struct hub *hub;
	int fd; /* -1: none */
	struct event *readable, *writable;
	struct fw_record *out;
	size_t head, tail, room; /* in records */
	uint32_t token;		 /* of the last sync */
	bool sync_due;
	mono_ms_t sync_at;    /* the next one by time */
	mono_ms_t sync_began; /* the last one */
	uint64_t sync_ms;     /* that it took */
	mono_ms_t answer_by;  /* 0: none is waited for */
	mono_ms_t pinged;     /* 0: not since its last answer to that */
	mono_ms_t away_since; /* a helper was lost; 0: not since the last */
	bool failing;	      /* said in the log */
	struct firewall_state state;
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

/* ---- coming and going ---- */

static void disconnect(struct firewall *firewall)
{
	if (firewall->readable != NULL)
		event_free(firewall->readable);
	if (firewall->writable != NULL)
		event_free(firewall->writable);
	firewall->readable = firewall->writable = NULL;
	if (firewall->fd >= 0)
		(void)close(firewall->fd); /* nothing to save */
	firewall->fd = -1;
	firewall->head = firewall->tail = 0;
	firewall->answer_by = firewall->pinged = 0;
	firewall->state.connected = firewall->state.syncing = false;
}

static bool connect_fd(struct firewall *firewall, int fd)
{
	struct event_base *base = firewall->hub->base;
	int flags = fcntl(fd, F_GETFL);

	firewall->fd = fd;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return false;
	firewall->readable = event_new(
		base, fd, EV_READ | EV_PERSIST, on_readable, firewall);
	firewall->writable =
		event_new(base, fd, EV_WRITE, on_writable, firewall);
	if (firewall->readable == NULL || firewall->writable == NULL ||
		event_add(firewall->readable, NULL) != 0)
		return false;
	firewall->state.connected = true;
	firewall->sync_due = true;
	return true;
}

struct firewall *firewall_new(struct hub *hub, int fd)
{
	struct firewall *firewall = calloc(1, sizeof(*firewall));

	if (firewall == NULL)
		return NULL;
	firewall->magic = FIREWALL_MAGIC;
	firewall->hub = hub;
	firewall->fd = -1;
	if (fd >= 0 && !connect_fd(firewall, fd))
		firewall_free(&firewall);
	return firewall;
}

void firewall_free(struct firewall **firewall)
{
	if (*firewall == NULL)
		return;
	disconnect(*firewall);
	free((*firewall)->out);
	(*firewall)->magic = 0;
	free(*firewall);
	*firewall = NULL;
}

void firewall_attach(struct hub *hub, int fd)
{
	disconnect(hub->firewall);
	if (!connect_fd(hub->firewall, fd)) {
		log_say(LOG_ERROR, "firewall-lost",
			"cannot use the new helper's channel: %s",
			strerror(errno));
		disconnect(hub->firewall);
	}
}

/* ---- saying ---- */

static bool out_room(struct firewall *firewall, size_t n)
{
	size_t room = firewall->room;
	struct fw_record *out;

	if (firewall->tail + n <= room)
		return true;
	while (room < firewall->tail + n)
		room = room == 0 ? 64 : room * 2;
	out = realloc(firewall->out, room * sizeof(*out));
	if (out == NULL)
		return false;
	firewall->out = out;
	firewall->room = room;
	return true;
}

/* false: no memory. */
static bool put(struct firewall *firewall, enum fw_word word,
	const struct prefix *prefix, uint32_t ttl_s, uint32_t token)
{
	struct fw_record *record;

	if (!out_room(firewall, 1))
		return false;
	record = &firewall->out[firewall->tail++];
	*record = (struct fw_record){
		.magic = FW_RECORD_MAGIC,
		.word = (uint8_t)word,
		.ttl_s = ttl_s,
		.token = token,
	};
	if (prefix != NULL) {
		record->bits = prefix->bits;
		memcpy(record->octets, prefix->addr.octets,
			sizeof(record->octets));
	}
	return true;
}

/* 0: no time-out; else at least a second. */
static uint32_t ttl_of(mono_ms_t until, mono_ms_t now)
{
	uint64_t ttl_s;

	if (until == MONO_NEVER)
		return 0;
	if (until <= now)
		return 1;
	ttl_s = (until - now + MS_PER_S - 1) / MS_PER_S;
	return ttl_s > FW_TTL_LONGEST_S ? (uint32_t)FW_TTL_LONGEST_S
					: (uint32_t)ttl_s;
}

/*
 * Does a ban hold an allowed address? The workers look at the address, the
 * kernel only at the ban: what it would drop with the rest stays ours (S-07).
 */
static bool spares(struct hub *hub, const struct prefix *ban)
{
	enum judge_origin unused;
	struct prefix allowed;
	size_t cursor = 0;

	if (ban->bits == 128) /* then there would be no ban */
		return false;
	while (judge_allow_next(hub->judge, &cursor, &allowed, &unused))
		if (prefix_overlaps(ban, &allowed))
			return true;
	return false;
}

/* One ban or unban; what finds no room is left to a sync. */
static void put_single(struct hub *hub, enum fw_word word,
	const struct prefix *prefix, uint32_t ttl_s)
{
	struct firewall *firewall = hub->firewall;

	if (firewall->fd < 0 || firewall->sync_due)
		return; /* the sync will say it */
	if (firewall->tail - firewall->head >= SINGLES_MOST ||
		!put(firewall, word, prefix, ttl_s, 0))
		firewall->sync_due = true;
}

void firewall_add(struct hub *hub, const struct prefix *prefix, mono_ms_t until)
{
	if (!spares(hub, prefix))
		put_single(hub, FW_ADD, prefix, ttl_of(until, hub_now(hub)));
}

void firewall_delete(struct hub *hub, const struct prefix *prefix)
{
	put_single(hub, FW_DELETE, prefix, 0);
}

void firewall_sync(struct hub *hub)
{
	hub->firewall->sync_due = true;
}

/* Behind what waits for it: it is asked again when that is sent. */
void firewall_ping(struct hub *hub)
{
	struct firewall *firewall = hub->firewall;

	if (firewall->fd >= 0 && firewall->pinged == 0 &&
		firewall->head == firewall->tail &&
		put(firewall, FW_PING, NULL, 0, 0))
		firewall->pinged = hub_now(hub);
}

uint32_t firewall_silent_ms(struct hub *hub)
{
	mono_ms_t since = hub->firewall->pinged;
	uint64_t silent_ms = since != 0 ? hub_now(hub) - since : 0;

	return silent_ms < UINT32_MAX ? (uint32_t)silent_ms : UINT32_MAX;
}

void firewall_allowed(struct hub *hub, const struct prefix *prefix)
{
	const struct policy *policy = judge_policy(hub->judge);
	struct policy_ban ban;
	size_t cursor = 0;

	while (policy_ban_next(policy, &cursor, &ban))
		if (!ban.soft && prefix_overlaps(&ban.prefix, prefix)) {
			firewall_sync(hub);
			return;
		}
}

static void put_sync(struct firewall *firewall)
{
	const struct policy *policy = judge_policy(firewall->hub->judge);
	mono_ms_t now = hub_now(firewall->hub);
	size_t start = firewall->tail;
	struct policy_ban ban;
	size_t cursor = 0;
	bool good;

	good = put(firewall, FW_SYNC_BEGIN, NULL, 0, 0);
	while (good && policy_ban_next(policy, &cursor, &ban))
		if (!ban.soft && !spares(firewall->hub, &ban.prefix))
			good = put(firewall, FW_ADD, &ban.prefix,
				ttl_of(ban.until, now), 0);
	good = good && put(firewall, FW_SYNC_END, NULL, 0, firewall->token + 1);
	firewall->sync_at = now + SYNC_EVERY_MS;
	firewall->sync_began = now;
	if (!good) { /* no memory: half a sync would lift bans */
		firewall->tail = start;
		return;
	}
	firewall->token++;
	firewall->sync_due = false;
	firewall->state.syncing = true;
	firewall->answer_by = now + ANSWER_WITHIN_MS;
}

/* false: the helper is gone. */
static bool send_out(struct firewall *firewall)
{
	const size_t most =
		FW_DATAGRAM_LONGEST_BYTES / sizeof(struct fw_record);

	while (firewall->head < firewall->tail) {
		size_t n = firewall->tail - firewall->head;

		if (n > most)
			n = most;
		if (send(firewall->fd, firewall->out + firewall->head,
			    n * sizeof(struct fw_record),
			    MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno != EAGAIN && errno != ENOBUFS &&
				errno != EINTR)
				return false;
			(void)event_add(firewall->writable, NULL); /* else the
							  next turn */
			return true;
		}
		firewall->head += n;
	}
	firewall->head = firewall->tail = 0;
	return true;
}

/* ---- failures ---- */

static void failed(struct firewall *firewall, const char *what)
{
	struct firewall_state *state = &firewall->state;

	state->failed_at = hub_wall(firewall->hub);
	(void)snprintf(state->failure, sizeof(state->failure), "%s", what);
	if (firewall->failing)
		return; /* said; a good sync ends it */
	firewall->failing = true;
	log_say(LOG_ERROR, "firewall-failed",
		"%s (bans go on without the kernel; trying again each minute)",
		what);
}

static void lost(struct firewall *firewall)
{
	disconnect(firewall);
	/* No failure yet: a reload renews it, and one that died is started
	 * again at once. */
	firewall->away_since = hub_now(firewall->hub);
	log_say(LOG_INFO, "firewall-away",
		"the firewall helper is gone; another one is on its way");
}

void firewall_flush(struct hub *hub)
{
	struct firewall *firewall = hub->firewall;
	mono_ms_t now = hub_now(hub);

	if (firewall->fd < 0) {
		if (firewall->away_since != 0 &&
			now >= firewall->away_since + AWAY_MOST_MS)
			failed(firewall, "the firewall helper is gone");
		return;
	}
	firewall->away_since = 0;
	if (firewall->answer_by != 0 && now >= firewall->answer_by) {
		firewall->answer_by = 0;
		failed(firewall, "the firewall helper does not answer");
	}
	/* Not behind a sync that still waits: it would only grow. */
	if ((firewall->sync_due || now >= firewall->sync_at) &&
		firewall->head == firewall->tail)
		put_sync(firewall);
	if (!send_out(firewall))
		lost(firewall);
}

/* ---- hearing ---- */

static const char *word_name(unsigned word)
{
	switch (word) {
	case FW_ADD: return "add";
	case FW_DELETE: return "delete";
	case FW_SYNC_END: return "sync";
	case FW_FLUSH: return "flush";
	default: return "record"; /* a number from outside, not our enum */
	}
}

/*
 * More bans a second than the helper takes one by one (a botnet, an operator's
 * list) need not wait for a minute; nor may they keep it busy.
 */
static void sync_soon(struct firewall *firewall)
{
	uint64_t pause_ms = firewall->sync_ms * (SYNC_SHARE - 1);
	mono_ms_t at;

	if (pause_ms < SYNC_SOON_MS)
		pause_ms = SYNC_SOON_MS;
	at = hub_now(firewall->hub) + pause_ms;
	if (at < firewall->sync_at)
		firewall->sync_at = at;
}

static void hear_failure(
	struct firewall *firewall, const struct fw_answer *answer)
{
	bool refused = answer->status == FW_STATUS_REFUSED;
	char text[PREFIX_TEXT_LONGEST] = "";
	struct prefix prefix = {.bits = answer->bits};
	char what[sizeof(firewall->state.failure)];

	memcpy(prefix.addr.octets, answer->octets, sizeof(answer->octets));
	if ((answer->word == FW_ADD || answer->word == FW_DELETE) &&
		answer->bits <= 128)
		(void)prefix_format(&prefix, text);
	(void)snprintf(what, sizeof(what), "%s%s%s: %s",
		word_name(answer->word), text[0] != '\0' ? " " : "", text,
		refused ? "refused by the helper (never-block list or a limit)"
			: "the kernel or the program said no");
	if (refused)
		firewall->state.refused_total++;
	else
		firewall->state.failed_total++;
	failed(firewall, what);
}

static void count_sync(struct firewall_state *state, uint64_t ms)
{
	static const uint64_t bounds[MESSAGE_BUCKETS] = MESSAGE_BUCKETS_MS;

	for (unsigned i = 0; i < MESSAGE_BUCKETS; i++)
		if (ms <= bounds[i]) {
			state->syncs[i]++;
			return;
		}
}

static void hear_sync(struct firewall *firewall, const struct fw_answer *answer)
{
	struct firewall_state *state = &firewall->state;

	if (answer->token != firewall->token)
		return; /* an older one */
	firewall->answer_by = 0;
	firewall->sync_ms = hub_now(firewall->hub) - firewall->sync_began;
	state->syncing = false;
	state->sync_count++;
	state->sync_ms_total += firewall->sync_ms;
	count_sync(state, firewall->sync_ms);
	if (answer->status != FW_STATUS_OK)
		return; /* hear_failure() said it */
	state->synced_at = hub_wall(firewall->hub);
	state->drift_count = answer->drift;
	state->drift_total += answer->drift;
	if (firewall->failing) {
		firewall->failing = false;
		log_say(LOG_INFO, "firewall-synced",
			"the firewall is equal to the ban table again");
	}
}

static void hear(struct firewall *firewall, const struct fw_answer *answer)
{
	if (answer->magic != FW_RECORD_MAGIC)
		return;
	firewall->state.entries_count = answer->count;
	if (answer->word == FW_PING) {
		firewall->pinged = 0;
		return; /* what is out of order is said by what failed */
	}
	if (answer->status == FW_STATUS_LATER) {
		firewall->state.refused_total++;
		sync_soon(firewall);
	} else if (answer->status != FW_STATUS_OK)
		hear_failure(firewall, answer);
	if (answer->word == FW_SYNC_END)
		hear_sync(firewall, answer);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct firewall *firewall = arg;
	struct fw_answer answers[FW_ANSWERS_MOST];

	if (firewall->magic != FIREWALL_MAGIC)
		return;
	for (int i = 0; i < ANSWERS_A_TURN; i++) {
		ssize_t n = recv(fd, answers, sizeof(answers), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			lost(firewall);
			return;
		}
		for (size_t k = 0; k < (size_t)n / sizeof(answers[0]); k++)
			hear(firewall, &answers[k]);
	}
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	const struct firewall *firewall = arg;

	if (firewall->magic != FIREWALL_MAGIC)
		return;
	/* firewall_flush() at the end of this turn does it. */
}

void firewall_state(
	const struct firewall *firewall, struct firewall_state *ret_state)
{
	*ret_state = firewall->state;
}
