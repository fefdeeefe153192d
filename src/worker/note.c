/*
 * What a session did that somebody should know of: notes to the keeper.
 *
 * A note is a word without a question: nobody waits for it, and what comes of
 * it (a ban, an end) comes as a message like any other. A session that does
 * nothing odd has none.
 *
 * A flood of notes is shed and counted, since it could fill the queue that
 * logins need: each kind has a budget a second, and no source may have more
 * than a part of it, so that none hides behind another's noise.
 */
#include "internal.h"

#include <string.h>

#include "../base/siphash.h"

enum { SECOND_MS = 1000, KIND_MOST = 512, SOURCE_MOST = 64 };

static unsigned bucket_of(const struct worker *w, const struct addr *addr)
{
	const struct conf_source_limit *limit = &w->setup->conf->source_limit;
	struct prefix source = prefix_of(addr, (unsigned)limit->prefix_v4_count,
		(unsigned)limit->prefix_v6_count);

	return (unsigned)(siphash(w->tag_key, source.addr.octets,
				  sizeof source.addr.octets) %
			  NOTE_BUCKETS);
}

/* One more of this kind, of this source? */
static bool may_note(
	struct worker *w, enum note_kind kind, const struct addr *addr)
{
	struct note_budget *budget = &w->notes;
	uint16_t *of_source = &budget->sources[bucket_of(w, addr)];

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
