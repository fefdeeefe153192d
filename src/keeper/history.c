/*
 * What the last sources did.
 *
 * A keyed hash of sources that are also in a list by age; an event moves its
 * source to the young end, and a new source beyond the cap takes the oldest
 * one's place. It is for people: nothing is decided from it, so losing the
 * oldest under attack is no harm. Called by judge, decisions and explain.
 *
 *   oldest <-> ... <-> youngest       each: a ring of events
 */
#include "history.h"

#include <stdlib.h>
#include <string.h>

#include "../base/secret.h"
#include "../base/siphash.h"

enum { BUCKET_COUNT = 4096 };

struct source {
	struct source *next; /* in the bucket */
	struct source *older, *younger;
	struct prefix key;
	uint64_t count; /* events ever; newest at (count - 1) % MOST */
	struct history_event ring[HISTORY_EVENTS_MOST];
	wall_s_t line_second;
	unsigned line_count; /* logged in line_second */
	uint64_t suppressed; /* not logged since the last line */
};

struct history {
	uint8_t hash_key[16];
	size_t count;
	struct source *oldest, *youngest;
	struct source *buckets[BUCKET_COUNT];
};

struct history *history_new(void)
{
	struct history *history = calloc(1, sizeof(*history));

	if (history != NULL)
		secret_random(history->hash_key, sizeof(history->hash_key));
	return history;
}

void history_free(struct history **history)
{
	if (*history == NULL)
		return;
	while ((*history)->oldest != NULL) {
		struct source *source = (*history)->oldest;

		(*history)->oldest = source->younger;
		free(source);
	}
	free(*history);
	*history = NULL;
}

static size_t bucket_of(const struct history *history, const struct prefix *key)
{
	uint8_t octets[sizeof(key->addr.octets) + 1];

	memcpy(octets, key->addr.octets, sizeof(key->addr.octets));
	octets[sizeof(octets) - 1] = key->bits;
	return siphash(history->hash_key, octets, sizeof(octets)) %
	       BUCKET_COUNT;
}

static struct source *source_find(
	const struct history *history, const struct prefix *key)
{
	struct source *source = history->buckets[bucket_of(history, key)];

	while (source != NULL && !prefix_eq(&source->key, key))
		source = source->next;
	return source;
}

static void list_unlink(struct history *history, struct source *source)
{
	if (source->older != NULL)
		source->older->younger = source->younger;
	else
		history->oldest = source->younger;
	if (source->younger != NULL)
		source->younger->older = source->older;
	else
		history->youngest = source->older;
	source->older = source->younger = NULL;
}

static void list_append(struct history *history, struct source *source)
{
	source->older = history->youngest;
	if (history->youngest != NULL)
		history->youngest->younger = source;
	else
		history->oldest = source;
	history->youngest = source;
}

static void bucket_unlink(struct history *history, struct source *source)
{
	struct source **place =
		&history->buckets[bucket_of(history, &source->key)];

	while (*place != source)
		place = &(*place)->next;
	*place = source->next;
}

/* A source with nothing in it: fresh memory, or the oldest one's. */
static struct source *source_new(struct history *history)
{
	struct source *source;

	if (history->count < HISTORY_SOURCES_MOST) {
		source = calloc(1, sizeof(*source));
		if (source != NULL)
			history->count++;
		return source;
	}
	source = history->oldest;
	list_unlink(history, source);
	bucket_unlink(history, source);
	memset(source, 0, sizeof(*source));
	return source;
}

/* Found or made, and now the youngest. NULL: no memory. */
static struct source *source_touch(
	struct history *history, const struct prefix *key)
{
	struct source *source = source_find(history, key);
	struct source **place;

	if (source != NULL) {
		list_unlink(history, source);
		list_append(history, source);
		return source;
	}
	source = source_new(history);
	if (source == NULL)
		return NULL;
	source->key = *key;
	place = &history->buckets[bucket_of(history, key)];
	source->next = *place;
	*place = source;
	list_append(history, source);
	return source;
}

void history_add(struct history *history, const struct prefix *key,
	const struct history_event *event)
{
	struct source *source = source_touch(history, key);

	if (source == NULL)
		return;
	source->ring[source->count++ % HISTORY_EVENTS_MOST] = *event;
}

size_t history_find(const struct history *history, const struct prefix *key,
	struct history_event ret_events[HISTORY_EVENTS_MOST])
{
	const struct source *source = source_find(history, key);
	size_t n;

	if (source == NULL)
		return 0;
	n = source->count < HISTORY_EVENTS_MOST ? (size_t)source->count
						: (size_t)HISTORY_EVENTS_MOST;
	for (size_t i = 0; i < n; i++)
		ret_events[i] = source->ring[(source->count - n + i) %
					     HISTORY_EVENTS_MOST];
	return n;
}

bool history_may_log(struct history *history, const struct prefix *key,
	wall_s_t now, uint64_t *ret_suppressed)
{
	struct source *source = source_touch(history, key);

	if (source == NULL) { /* no memory: say it rather than hide it */
		*ret_suppressed = 0;
		return true;
	}
	if (source->line_second != now) {
		source->line_second = now;
		source->line_count = 0;
	}
	if (source->line_count >= HISTORY_LINES_MOST) {
		source->suppressed++;
		return false;
	}
	source->line_count++;
	*ret_suppressed = source->suppressed;
	source->suppressed = 0;
	return true;
}

const char *history_kind_name(enum history_kind kind)
{
	switch (kind) {
	case HISTORY_AUTH_OK: return "auth-ok";
	case HISTORY_LOG_FAILED: return "log-failure";
	case HISTORY_LOG_OK: return "log-success";
	case HISTORY_AUTH_FAILED: return "auth-failed";
	case HISTORY_AUTH_TEMPORARY: return "auth-temporary";
	case HISTORY_AUTH_CANCELLED: return "auth-cancelled";
	case HISTORY_AUTH_OTHER: return "auth-other";
	case HISTORY_AUTH_ABANDONED: return "auth-abandoned";
	case HISTORY_HELD: return "held";
	case HISTORY_ANSWERED: return "answered";
	case HISTORY_REFUSED: return "refused";
	case HISTORY_WITHHELD: return "withheld";
	case HISTORY_TURNED_AWAY: return "turned-away";
	case HISTORY_BAN: return "ban";
	case HISTORY_UNBAN: return "unban";
	case HISTORY_WOULD_BAN: return "would-ban";
	case HISTORY_SPARED: return "spared";
	case HISTORY_EARLY_TALK: return "early-talk";
	case HISTORY_PROTOCOL_ERROR: return "protocol-error";
	case HISTORY_AUTH_REFUSED: return "auth-refused";
	case HISTORY_RECIPIENT_REFUSED: return "recipient-refused";
	case HISTORY_RELAY_REFUSED: return "relay-refused";
	case HISTORY_TLS_FAILURE: return "tls-failure";
	case HISTORY_HELO: return "helo";
	case HISTORY_ALARM: return "alarm";
	case HISTORY_NOTE: return "note";
	}
	return "?";
}

enum history_kind history_settled(enum policy_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_OK: return HISTORY_AUTH_OK;
	case OUTCOME_FAILED: return HISTORY_AUTH_FAILED;
	case OUTCOME_TEMPORARY: return HISTORY_AUTH_TEMPORARY;
	case OUTCOME_CANCELLED: return HISTORY_AUTH_CANCELLED;
	case OUTCOME_OTHER: return HISTORY_AUTH_OTHER;
	case OUTCOME_ABANDONED: return HISTORY_AUTH_ABANDONED;
	}
	return HISTORY_AUTH_OTHER;
}
