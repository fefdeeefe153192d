/*
 * The store: the queue to the writer thread, and the thread.
 *
 * What is written and how is in store_file.c; here is who waits for whom: the
 * loop takes the lock only to append a row or to copy the state, the thread
 * only to take all rows or to say how it went. No SQLite call is made under
 * the lock, no log line in the thread (the log belongs to the loop).
 *
 * What can go wrong: the disk is full, read-only or gone (rows wait, the
 * thread tries again, at last rows are lost and all is written anew when it
 * works), the file is damaged (set aside, all is written anew).
 *
 *   queue: ring of rows; the thread swaps a batch out and keeps it until the
 *   batch is on disk.
 */
#include "store.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../base/clock.h"
#include "store_file.h"

enum {
	BATCH_MOST = 4096, /* rows in a transaction */
	RETRY_FIRST_S = 1, /* after a failure; doubles */
	RETRY_LONGEST_S = 30,
	QUEUE_FIRST = 256,
};

struct store {
	pthread_t thread;
	bool has_thread;
	struct store_file *file; /* the thread's, once it runs */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	struct store_row *ring;
	size_t ring_size, head, count, most;
	size_t batch_count; /* taken by the thread, not yet on disk */
	bool stop, lost, wants_all;
	struct store_state state;
};

wall_s_t store_left(wall_s_t since, wall_s_t until, wall_s_t now)
{
	wall_s_t span, left;

	if (until == STORE_NEVER)
		return STORE_NEVER;
	if (until <= since || until <= now)
		return 0;
	span = until - since;
	left = until - now;
	return left < span ? left : span;
}

/* Under the lock. false: cap or memory. */
static bool ring_grow(struct store *store)
{
	size_t size = store->ring_size == 0 ? (size_t)QUEUE_FIRST
					    : store->ring_size * 2;
	struct store_row *ring;

	if (store->count >= store->most)
		return false;
	if (size > store->most)
		size = store->most;
	ring = calloc(size, sizeof(*ring));
	if (ring == NULL)
		return false;
	for (size_t i = 0; i < store->count; i++)
		ring[i] = store->ring[(store->head + i) % store->ring_size];
	free(store->ring);
	store->ring = ring;
	store->ring_size = size;
	store->head = 0;
	return true;
}

static void put(struct store *store, const struct store_row *row)
{
	(void)pthread_mutex_lock(&store->lock); /* cannot fail: no error check
						   type */
	if (store->count < store->ring_size || ring_grow(store)) {
		store->ring[(store->head + store->count) % store->ring_size] =
			*row;
		store->count++;
	} else {
		store->state.lost_total++;
		store->lost = true;
	}
	(void)pthread_cond_signal(&store->wake);
	(void)pthread_mutex_unlock(&store->lock);
}

static void copy_text(char *out, size_t room, const char *text)
{
	(void)snprintf(out, room, "%s", text == NULL ? "" : text); /* cut */
}

void store_put_ban(struct store *store, const struct store_ban *ban)
{
	struct store_row row = {.word = STORE_ROW_BAN,
		.prefix = ban->prefix,
		.since = ban->since,
		.until = ban->until,
		.repeat_count = ban->repeat_count,
		.failure_count = ban->failure_count};

	copy_text(row.rule, sizeof(row.rule), ban->rule);
	copy_text(row.note, sizeof(row.note), ban->note);
	put(store, &row);
}

void store_delete_ban(struct store *store, const struct prefix *prefix)
{
	put(store, &(struct store_row){
			   .word = STORE_ROW_UNBAN, .prefix = *prefix});
}

void store_put_allow(struct store *store, const struct store_allow *allow)
{
	struct store_row row = {.word = STORE_ROW_ALLOW,
		.prefix = allow->prefix,
		.since = allow->since};

	copy_text(row.note, sizeof(row.note), allow->note);
	put(store, &row);
}

void store_delete_allow(struct store *store, const struct prefix *prefix)
{
	put(store, &(struct store_row){
			   .word = STORE_ROW_DISALLOW, .prefix = *prefix});
}

void store_put_passport(
	struct store *store, const struct store_passport *passport)
{
	struct store_row row = {.word = STORE_ROW_PASSPORT,
		.prefix = passport->prefix,
		.since = passport->since,
		.until = passport->until,
		.last = passport->last};

	copy_text(row.note, sizeof(row.note), passport->user);
	put(store, &row);
}

void store_delete_passport(
	struct store *store, const char *user, const struct prefix *prefix)
{
	struct store_row row = {
		.word = STORE_ROW_PASSPORT_GONE, .prefix = *prefix};

	copy_text(row.note, sizeof(row.note), user);
	put(store, &row);
}

static struct store_row drain_row(
	enum store_word word, const struct store_drain *drain)
{
	struct store_row row = {.word = word,
		.prefix = {.addr = drain->addr, .bits = 128},
		.since = drain->since,
		.repeat_count = drain->port};

	copy_text(row.note, sizeof(row.note), drain->backend);
	return row;
}

void store_put_drain(struct store *store, const struct store_drain *drain)
{
	struct store_row row = drain_row(STORE_ROW_DRAIN, drain);

	put(store, &row);
}

void store_delete_drain(struct store *store, const struct store_drain *drain)
{
	struct store_row row = drain_row(STORE_ROW_UNDRAIN, drain);

	put(store, &row);
}

void store_purge(struct store *store, wall_s_t before, wall_s_t now)
{
	put(store,
		&(struct store_row){
			.word = STORE_ROW_PURGE, .until = before, .last = now});
}

void store_reset(struct store *store, wall_s_t now)
{
	put(store, &(struct store_row){.word = STORE_ROW_RESET, .until = now});
}

void store_state(struct store *store, struct store_state *ret_state)
{
	(void)pthread_mutex_lock(&store->lock);
	*ret_state = store->state;
	ret_state->waiting_count = store->count + store->batch_count;
	(void)pthread_mutex_unlock(&store->lock);
}

bool store_wants_all(struct store *store)
{
	bool wants;

	(void)pthread_mutex_lock(&store->lock);
	wants = store->wants_all;
	store->wants_all = false;
	(void)pthread_mutex_unlock(&store->lock);
	return wants;
}

/* ---- the thread ---- */

/* Waits for rows or the end; moves a batch out. Returns its size. */
static size_t batch_take(struct store *store, struct store_row *batch)
{
	size_t n = 0;

	(void)pthread_mutex_lock(&store->lock);
	while (store->count == 0 && !store->stop)
		(void)pthread_cond_wait(&store->wake, &store->lock);
	while (n < BATCH_MOST && store->count > 0) {
		batch[n++] = store->ring[store->head];
		store->head = (store->head + 1) % store->ring_size;
		store->count--;
	}
	store->batch_count = n;
	(void)pthread_mutex_unlock(&store->lock);
	return n;
}

static void say_written(struct store *store, size_t n)
{
	(void)pthread_mutex_lock(&store->lock);
	store->batch_count = 0;
	store->state.written_total += n;
	store->state.failing = false;
	if (store->lost)
		store->wants_all = true;
	store->lost = false;
	(void)pthread_mutex_unlock(&store->lock);
}

/* A new empty file took a damaged one's place: all must be put anew. */
static void say_set_aside(struct store *store, const char *name)
{
	(void)pthread_mutex_lock(&store->lock);
	copy_text(store->state.set_aside, sizeof(store->state.set_aside), name);
	store->lost = true;
	(void)pthread_mutex_unlock(&store->lock);
}

static void say_failed(struct store *store, const char *error)
{
	(void)pthread_mutex_lock(&store->lock);
	store->state.failing = true;
	copy_text(store->state.error, sizeof(store->state.error), error);
	(void)pthread_mutex_unlock(&store->lock);
}

/* Sleeps between two tries. false: the store is being closed. */
static bool retry_wait(struct store *store, unsigned wait_s)
{
	struct timespec until;
	bool stop;
	int result = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)wait_s;
	(void)pthread_mutex_lock(&store->lock);
	while (!store->stop && result != ETIMEDOUT)
		result = pthread_cond_timedwait(
			&store->wake, &store->lock, &until);
	stop = store->stop;
	(void)pthread_mutex_unlock(&store->lock);
	return !stop;
}

/* Until the batch is on disk; false: closing and it cannot be. */
static bool batch_write(
	struct store *store, const struct store_row *batch, size_t n)
{
	unsigned wait_s = RETRY_FIRST_S;

	for (;;) {
		char error[sizeof(store->state.error)] = "";
		char aside[sizeof(store->state.set_aside)] = "";

		if (store_file_write(store->file, batch, n, clock_wall_s(),
			    error, sizeof(error), aside, sizeof(aside))) {
			if (aside[0] != '\0')
				say_set_aside(store, aside);
			say_written(store, n);
			return true;
		}
		if (aside[0] != '\0')
			say_set_aside(store, aside);
		say_failed(store, error);
		if (!retry_wait(store, wait_s))
			return false;
		wait_s = wait_s * 2 > RETRY_LONGEST_S ? RETRY_LONGEST_S
						      : wait_s * 2;
	}
}

static void *writer_main(void *arg)
{
	struct store *store = arg;
	struct store_row *batch = calloc(BATCH_MOST, sizeof(*batch));
	size_t n;

	if (batch == NULL) {
		say_failed(store, "no memory");
		return NULL;
	}
	while ((n = batch_take(store, batch)) > 0)
		if (!batch_write(store, batch, n))
			break;
	free(batch);
	return NULL;
}

/* ---- open and close ---- */

/* Signals are the loop's: the thread must not take them. */
static bool writer_start(struct store *store)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	store->has_thread =
		pthread_create(&store->thread, NULL, writer_main, store) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return store->has_thread;
}

static bool locks_init(struct store *store)
{
	pthread_condattr_t attr;
	bool good;

	if (pthread_mutex_init(&store->lock, NULL) != 0)
		return false;
	if (pthread_condattr_init(&attr) != 0)
		return false;
	/* A wall clock that steps must not stretch a retry. */
	good = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	       pthread_cond_init(&store->wake, &attr) == 0;
	(void)pthread_condattr_destroy(&attr);
	return good;
}

struct store *store_open(const char *dir, size_t queue_most, wall_s_t now,
	const struct store_readers *readers)
{
	struct store *store = calloc(1, sizeof(*store));

	if (store == NULL)
		return NULL;
	store->most = queue_most;
	store->file = store_file_new(dir);
	if (store->file == NULL || !locks_init(store)) {
		store_file_free(&store->file);
		free(store);
		return NULL;
	}
	if (!store_file_load(store->file, now, readers, store->state.error,
		    sizeof(store->state.error), store->state.set_aside,
		    sizeof(store->state.set_aside)))
		store->state.failing = true;
	if (!writer_start(store))
		store_close(&store);
	return store;
}

void store_close(struct store **store)
{
	if (*store == NULL)
		return;
	(void)pthread_mutex_lock(&(*store)->lock);
	(*store)->stop = true;
	(void)pthread_cond_signal(&(*store)->wake);
	(void)pthread_mutex_unlock(&(*store)->lock);
	if ((*store)->has_thread)
		(void)pthread_join((*store)->thread, NULL);
	store_file_free(&(*store)->file);
	(void)pthread_cond_destroy(&(*store)->wake);
	(void)pthread_mutex_destroy(&(*store)->lock);
	free((*store)->ring);
	free(*store);
	*store = NULL;
}
