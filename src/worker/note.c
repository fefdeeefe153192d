/*
 * What a session did that somebody should know of: notes to the keeper.
 *
 * A note is a word without a question: nobody waits for it, and what comes of
 * it (a ban, an end) comes as a message like any other. A session that does
 * nothing odd has none, but a part of one where connections are counted.
 *
 * A flood of notes is shed and counted, since it could fill the queue that
 * logins need: each kind has a budget a second, and no source may have more
 * than a part of it, so that none hides behind another's noise.
 */
#include "internal.h"

#include <string.h>

#include "../base/siphash.h"
#include "../policy/pattern.h"

enum {
	SECOND_MS = 1000,
	MINUTE_MS = 60000,
	KIND_MOST = 512,
	SOURCE_MOST = 64,
	CONNECT_PARTS = 8, /* of its limit: connections are told by them */
};

static uint64_t hash_of(const struct worker *w, const struct addr *addr)
{
	const struct conf_source_limit *limit = &w->setup->conf->source_limit;
	struct prefix source = prefix_of(addr, (unsigned)limit->prefix_v4_count,
		(unsigned)limit->prefix_v6_count);

	return siphash(
		w->tag_key, source.addr.octets, sizeof source.addr.octets);
}

/* One more of this kind, of this source? */
static bool may_note(
	struct worker *w, enum note_kind kind, const struct addr *addr)
{
	struct note_budget *budget = &w->notes;
	uint16_t *of_source = &budget->sources[hash_of(w, addr) % NOTE_BUCKETS];

	if (w->now - budget->since_ms >= SECOND_MS) {
		memset(budget, 0, sizeof *budget);
		budget->since_ms = w->now;
	}
	if (budget->kinds[kind] >= KIND_MOST || *of_source >= SOURCE_MOST) {
		limit_reached(w, LIMIT_NOTES);
		return false;
	}
	budget->kinds[kind]++;
	++*of_source;
	return true;
}

void note_address(struct worker *w, const struct addr *addr, uint64_t id,
	enum note_kind kind, enum reply_id reply)
{
	struct message_note note = {
		.addr = *addr, .session = id, .kind = kind, .reply = reply};

	if (may_note(w, kind, addr))
		(void)keeper_link_send(w, MESSAGE_NOTE, &note, sizeof note);
}

/*
 * Connections are told by the part of their limit, summed up, so that plain
 * sessions cost the keeper nothing. What is not told in a window is forgotten,
 * as is whose place another source takes: so a ban may come an eighth of the
 * limit early or late, and later where the workers share the connections.
 */
void note_connection(struct worker *w, const struct addr *addr)
{
	const struct conf_connections *conf = &w->setup->conf->connections;
	struct message_note note = {.addr = *addr, .kind = NOTE_CONNECT};
	uint64_t part = conf->times_count / CONNECT_PARTS /
			(w->setup->worker_count ? w->setup->worker_count : 1);
	uint64_t source = hash_of(w, addr);
	struct note_tally *tally =
		&w->tallies[source / NOTE_BUCKETS % NOTE_TALLIES];

	if (conf->mode == CONF_MODE_OFF || banlist_allows(w->bans, addr))
		return;
	if (part > MESSAGE_TIMES_MOST)
		part = MESSAGE_TIMES_MOST;
	if (tally->source != source || tally->count == 0 ||
		w->now - tally->since_ms >= conf->window_ms)
		*tally = (struct note_tally){source, w->now, 0};
	if (++tally->count < part)
		return;
	note.times = (uint16_t)tally->count;
	tally->count = 0;
	if (may_note(w, NOTE_CONNECT, addr))
		(void)keeper_link_send(w, MESSAGE_NOTE, &note, sizeof note);
}

bool note_arrivals_matter(const struct conf *conf)
{
	bool found = conf->dns_zone_count > 0;

	for (size_t i = 0; i < conf->address_list_count; i++)
		found = found ||
			conf->address_lists[i].as == CONF_LIST_AS_SCORE;
	return found && conf->dns_lists.mode != CONF_MODE_OFF;
}

/*
 * Lists in the DNS are asked while the client is greeted. Once a minute for a
 * source: the keeper knows by itself what it has asked. Where no login is
 * offered nobody is asked about.
 */
void note_arrival(struct worker *w, const struct conf_listener *listener,
	const struct addr *addr)
{
	struct note_arrived *arrived;
	uint64_t source;

	if (!w->arrivals_matter || listener->auth == CONF_AUTH_HIDE ||
		listener->tls == CONF_LISTENER_TLS_PASSTHROUGH ||
		banlist_allows(w->bans, addr))
		return;
	source = hash_of(w, addr);
	arrived = &w->arrivals[source / NOTE_BUCKETS % NOTE_TALLIES];
	if (arrived->source == source && w->now - arrived->at_ms < MINUTE_MS)
		return;
	*arrived = (struct note_arrived){source, w->now};
	note_address(w, addr, 0, NOTE_SEEN, REPLY_NONE);
}

static bool known_name(const struct worker *w, struct slice name)
{
	const struct worker_setup *setup = w->setup;

	for (size_t i = 0; i < setup->helo_name_count; i++)
		if (pattern_match(setup->helo_names[i], name) == PATTERN_MATCH)
			return true;
	return false;
}

/* Once a session, also where it greets again inside TLS. */
void note_name(struct session *s, struct slice name)
{
	struct worker *w = s->worker;
	struct message_note note = {
		.addr = s->addr, .session = s->id, .kind = NOTE_HELO};

	if (w->setup->conf->helo.mode == CONF_MODE_OFF)
		return;
	name = slice_head(name, sizeof note.name);
	if (!known_name(w, name) || known_name(w, slice_str(s->helo)) ||
		!may_note(w, NOTE_HELO, &s->addr))
		return;
	note.name_n = (uint16_t)name.n;
	memcpy(note.name, name.p, name.n);
	(void)keeper_link_send(w, MESSAGE_NOTE, &note, sizeof note);
}

void note_session(struct session *s, enum note_kind kind)
{
	note_address(s->worker, &s->addr, s->id, kind, REPLY_NONE);
}

void note_refusal(struct session *s, enum reply_id reply)
{
	note_address(s->worker, &s->addr, s->id, NOTE_REFUSAL, reply);
	if (reply == REPLY_RELAY_DENIED)
		note_session(s, NOTE_RELAY_REFUSED);
}

/* Ends by which a client has shown what it is. */
void note_end(struct session *s, enum close_reason reason)
{
	static const bool odd[CLOSE_COUNT] = {
		[CLOSE_STARTTLS_INJECTION] = true,
		[CLOSE_ALIEN] = true,
		[CLOSE_PIPELINING] = true,
		[CLOSE_LINE_BAD] = true,
		[CLOSE_BAD_CHUNK] = true,
		[CLOSE_BARE_NEWLINE] = true,
		[CLOSE_TOO_MANY_ERRORS] = true,
	};

	if (odd[reason])
		note_session(s, NOTE_PROTOCOL_ERROR);
}

/*
 * A recipient that the server does not take from who has not logged in. By
 * the code alone, since texts are any server's own: 554 is what Domino says
 * to one elsewhere.
 */
void note_recipient(struct session *s, unsigned code)
{
	if (code == 550 || code == 551 || code == 553)
		note_session(s, NOTE_RECIPIENT_REFUSED);
	else if (code == 554)
		note_session(s, NOTE_RELAY_REFUSED);
}
