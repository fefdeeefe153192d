/*
 * Who asks the daemon for `posternctl top` (see top_asker.h).
 *
 * Answers come in the order of the questions, so a queue of topics says what
 * each is about. A round begins only when the last one was answered whole: a
 * daemon that is slow is not asked more often than it can say.
 */
#include "top_asker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/duration.h"
#include "client.h"

enum {
	PATIENCE_S = 1,
	ASKED_MOST = 16,
	GUESSERS_ASKED = 100,
	SESSIONS_ASKED = 200,
};

struct top_asker {
	const char *path;
	top_answered *answered;
	void *arg;
	struct client *client; /* NULL: no daemon */
	int error;	       /* why */
	bool left;	       /* it was there, and went */
	bool sessions;	       /* are asked for, too */
	enum top_topic asked[ASKED_MOST];
	size_t asked_count;
	mono_ms_t round_at; /* 0: none yet */
	mono_ms_t heard_at; /* the last answer, or a connection */
};

struct top_asker *top_asker_new(
	const char *path, top_answered *answered, void *arg)
{
	struct top_asker *asker = calloc(1, sizeof(*asker));

	if (asker == NULL)
		return NULL;
	asker->path = path;
	asker->answered = answered;
	asker->arg = arg;
	return asker;
}

void top_asker_free(struct top_asker **asker)
{
	if (*asker == NULL)
		return;
	client_close(&(*asker)->client);
	free(*asker);
	*asker = NULL;
}

void top_asker_hang_up(struct top_asker *asker)
{
	client_close(&asker->client);
	asker->asked_count = 0;
}

bool top_asker_connect(struct top_asker *asker, mono_ms_t now)
{
	if (asker->client != NULL)
		return true;
	asker->client = client_open_within(asker->path, PATIENCE_S);
	if (asker->client == NULL) {
		asker->error = errno;
		return false;
	}
	asker->left = false;
	asker->error = 0;
	asker->asked_count = 0;
	asker->heard_at = now;
	return true;
}

int top_asker_fd(const struct top_asker *asker)
{
	return asker->client != NULL ? client_fd(asker->client) : -1;
}

static void lose(struct top_asker *asker)
{
	top_asker_hang_up(asker);
	asker->left = true;
}

bool top_asker_ask(struct top_asker *asker, enum top_topic topic,
	json_t *request, mono_ms_t now)
{
	bool good = request != NULL && top_asker_connect(asker, now) &&
		    asker->asked_count < ASKED_MOST;

	if (good && asker->asked_count == 0)
		asker->heard_at = now;
	good = good && client_say(asker->client, request);
	if (good)
		asker->asked[asker->asked_count++] = topic;
	json_decref(request);
	return good;
}

int top_asker_due_ms(const struct top_asker *asker, mono_ms_t now)
{
	mono_ms_t due = asker->round_at + TOP_ROUND_MS;

	if (asker->round_at == 0)
		return 0;
	return now < due ? (int)(due - now) : 0;
}

void top_asker_sessions(struct top_asker *asker, bool wanted)
{
	asker->sessions = wanted;
}

void top_asker_round(struct top_asker *asker, mono_ms_t now)
{
	if (top_asker_due_ms(asker, now) > 0)
		return;
	asker->round_at = now;
	if (!top_asker_connect(asker, now) || asker->asked_count > 0)
		return;
	(void)top_asker_ask(asker, TOP_STATUS,
		json_pack("{s:s}", "command", "status"), now);
	(void)top_asker_ask(asker, TOP_WATCH,
		json_pack("{s:s, s:i}", "command", "watch", "most",
			(int)GUESSERS_ASKED),
		now);
	(void)top_asker_ask(asker, TOP_BACKENDS,
		json_pack("{s:s}", "command", "backends.list"), now);
	if (asker->sessions) /* last: workers are asked for it */
		(void)top_asker_ask(asker, TOP_SESSIONS,
			json_pack("{s:s, s:i}", "command", "sessions", "limit",
				(int)SESSIONS_ASKED),
			now);
}

void top_asker_hear(struct top_asker *asker, mono_ms_t now)
{
	while (asker->client != NULL) {
		json_t *answer;
		enum top_topic topic;

		switch (client_hear(asker->client, &answer)) {
		case CLIENT_NOTHING: return;
		case CLIENT_GONE: lose(asker); return;
		case CLIENT_ANSWER: break;
		}
		asker->heard_at = now;
		if (asker->asked_count == 0) { /* it says so unasked */
			json_decref(answer);
			lose(asker);
			return;
		}
		topic = asker->asked[0];
		asker->asked_count--;
		memmove(&asker->asked[0], &asker->asked[1],
			asker->asked_count * sizeof(asker->asked[0]));
		asker->answered(asker->arg, topic, answer);
	}
}

const char *top_asker_trouble(const struct top_asker *asker, mono_ms_t now,
	char out[TOP_LINK_LONGEST])
{
	char span[DURATION_TEXT_LONGEST];
	mono_ms_t silent = now - asker->heard_at;

	out[0] = '\0';
	if (asker->client == NULL && (asker->left || asker->error != 0))
		(void)snprintf(out, TOP_LINK_LONGEST,
			"GONE for %s, trying again",
			duration_format(silent - silent % 1000, span));
	else if (asker->client != NULL && asker->asked_count > 0 &&
		 silent >= TOP_SILENT_MS)
		(void)snprintf(out, TOP_LINK_LONGEST, "no answer for %s",
			duration_format(silent - silent % 1000, span));
	return out;
}
