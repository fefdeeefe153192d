/*
 * One hook: what waits for it, what is on its way, how it went.
 *
 * Bounded in all: a queue, so many at a time, so many tries, a time for each,
 * so many of a kind in a minute.
 */
#ifndef HOOK_COURIER_H
#define HOOK_COURIER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "../base/units.h"
#include "../conf/conf.h"
#include "end.h"
#include "hook.h"

struct courier;

/* aim and node are borrowed until courier_free(). NULL: no memory. */
struct courier *courier_new(
	const struct hook_aim *aim, const char *node, CURLM *multi);
void courier_free(struct courier **courier); /* kills what runs */

/* An event, which it may not want. */
void courier_hear(struct courier *courier, const struct message_hook *what,
	mono_ms_t now);
/* Sends what is due and looks at programs. */
void courier_turn(struct courier *courier, mono_ms_t now);
/* One of its requests is over; owner: what post_next() gave. */
void courier_posted(void *owner, const struct end *end, mono_ms_t now);
/* From now on nothing is tried again, and what is summed up is told at once. */
void courier_finish(struct courier *courier, mono_ms_t now);

/* Nothing waits and nothing is on its way. */
bool courier_idle(const struct courier *courier);
/* When to call courier_turn(); MONO_NEVER: only for descriptors. */
mono_ms_t courier_deadline(const struct courier *courier);
/* Descriptors of its programs, into out[*n] on, up to `most` in all. */
void courier_fds(
	const struct courier *courier, int *out, size_t most, size_t *n);
/* false: it is as it was when asked last. */
bool courier_state(
	struct courier *courier, struct message_hook_state *ret_state);
/* Tell it all again: who asks is new. */
void courier_again(struct courier *courier);
/* How many events are lost when it ends now. */
size_t courier_left(const struct courier *courier);

#endif
