/*
 * Who asks the daemon for `posternctl top`: a round of questions, at most one
 * a second, over one connection that is made anew when the daemon is gone.
 * Never waits for an answer.
 */
#ifndef TOOLS_TOP_ASKER_H
#define TOOLS_TOP_ASKER_H

#include <jansson.h>
#include <stdbool.h>

#include "../base/units.h"
#include "top_row.h"

enum {
	TOP_ROUND_MS = 1000,
	TOP_SILENT_MS = 5000, /* no answer for so long is worth a word */
	TOP_LINK_LONGEST = 200,
};

struct top_asker;

/* Of an answer; takes it over. */
typedef void top_answered(void *arg, enum top_topic topic, json_t *answer);

/* path: borrowed while it lives. NULL: no memory. Caller frees. */
struct top_asker *top_asker_new(
	const char *path, top_answered *answered, void *arg);
void top_asker_free(struct top_asker **asker);

/* false: errno says why there is no daemon. */
bool top_asker_connect(struct top_asker *asker, mono_ms_t now);
void top_asker_hang_up(struct top_asker *asker);
/* To be polled for input; -1: there is no connection. */
int top_asker_fd(const struct top_asker *asker);

/* Milliseconds until top_asker_round() has something to do. */
int top_asker_due_ms(const struct top_asker *asker, mono_ms_t now);
/* Connects and asks when a second is over and all was answered. */
void top_asker_round(struct top_asker *asker, mono_ms_t now);
/* From the next round on: are the sessions asked for? */
void top_asker_sessions(struct top_asker *asker, bool wanted);
/* One more question; it takes the request over. false: no daemon. */
bool top_asker_ask(struct top_asker *asker, enum top_topic topic,
	json_t *request, mono_ms_t now);
/* Takes what has come and calls `answered` for each. */
void top_asker_hear(struct top_asker *asker, mono_ms_t now);

/* Why nothing comes, in words; "" when all is well. Returns `out`. */
const char *top_asker_trouble(const struct top_asker *asker, mono_ms_t now,
	char out[TOP_LINK_LONGEST]);

#endif
