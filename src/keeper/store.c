/*
 * The store as the loop sees it: the queues to the writer thread.
 *
 * What is written and how is in store_file.c, when in store_writer.c; here is
 * who waits for whom: the loop takes the lock only to append a row or to copy
 * the state. No SQLite call is made under it.
 *
 *   ring: rows that must not be lost. When it is full all is written anew
 *   once the disk works.
 *   backlog: the journal's. When it is full, rows are shed.
 *   day: the newest sums, in place of those before.
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "store_inside.h"

enum { QUEUE_FIRST = 256, BACKLOG_MOST = 65536 };

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

void store_put_ban(struct store *store, const struct store_ban *ban)
{
	struct store_row row = {.word = STORE_ROW_BAN,
		.prefix = ban->prefix,
		.since = ban->since,
		.until = ban->until,
		.repeat_count = ban->repeat_count,
		.failure_count = ban->failure_count,
		.softness = ban->softness};

	text_put(row.rule, sizeof(row.rule), ban->rule);
	text_put(row.note, sizeof(row.note), ban->note);
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

	text_put(row.note, sizeof(row.note), allow->note);
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

	text_put(row.note, sizeof(row.note), passport->user);
	put(store, &row);
}

void store_put_device(struct store *store, const struct store_device *device)
{
	struct store_row row = {.word = STORE_ROW_DEVICE,
		.since = device->since,
		.until = device->until,
		.last = device->last};

	text_put(row.note, sizeof(row.note), device->user);
	text_put(row.name, sizeof(row.name), device->name);
	put(store, &row);
}

void store_delete_passport(
	struct store *store, const char *user, const struct prefix *prefix)
{
	struct store_row row = {
		.word = STORE_ROW_PASSPORT_GONE, .prefix = *prefix};

	text_put(row.note, sizeof(row.note), user);
	put(store, &row);
}

static struct store_row drain_row(
	enum store_word word, const struct store_drain *drain)
{
	struct store_row row = {.word = word,
		.prefix = {.addr = drain->addr, .bits = 128},
		.since = drain->since,
		.repeat_count = drain->port};

	text_put(row.note, sizeof(row.note), drain->backend);
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

void store_put_journal(struct store *store, struct journal_row *row)
{
	struct backlog *backlog = &store->backlog;

	(void)pthread_mutex_lock(&store->lock);
	if (backlog->count == 0)
		store->backlog_since = clock_mono_ms();
	backlog_put(backlog, row);
	/* The thread sleeps until the first is a second old. */
	if (backlog->count <= 2 || backlog->count == STORE_JOURNAL_BATCH)
		(void)pthread_cond_signal(&store->wake);
	(void)pthread_mutex_unlock(&store->lock);
}

void store_put_day(struct store *store, const struct store_day *day)
{
	(void)pthread_mutex_lock(&store->lock);
	store->state.days_shed_total += store->day_waits;
	store->day = *day;
	store->day_waits = true;
	(void)pthread_cond_signal(&store->wake);
	(void)pthread_mutex_unlock(&store->lock);
}

/* Another one of the step in place of that which waits, or a place more; with
 * a disk that fails there are the last ones. */
void store_put_point(
	struct store *store, const struct store_point *point, unsigned most)
{
	struct store_points *points = &store->points;
	size_t i = 0;

	(void)pthread_mutex_lock(&store->lock);
	while (i < points->count && (points->items[i].step_s != point->step_s ||
					    points->items[i].at != point->at))
		i++;
	if (i == STORE_POINTS_WAIT)
		i = STORE_POINTS_WAIT - 1;
	points->items[i] = *point;
	points->most[i] = most;
	if (points->count <= i)
		points->count = i + 1;
	(void)pthread_cond_signal(&store->wake);
	(void)pthread_mutex_unlock(&store->lock);
}

void store_set_keep(struct store *store, const struct store_keep *keep)
{
	(void)pthread_mutex_lock(&store->lock);
	store->keep = *keep;
	store->backlog.most = keep->waiting_count;
	(void)pthread_mutex_unlock(&store->lock);
}

void store_state(struct store *store, struct store_state *ret_state)
{
	(void)pthread_mutex_lock(&store->lock);
	*ret_state = store->state;
	ret_state->waiting_count = store->count + store->batch_count;
	ret_state->journal_waiting_count =
		store->backlog.count + store->journal_batch_count;
	ret_state->journal_shed_total = store->backlog.shed_total;
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

/* ---- open and close ---- */

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
	struct store_say said = {.error = ""};

	if (store == NULL)
		return NULL;
	store->most = queue_most;
	store->backlog.most = BACKLOG_MOST;
	/* Without it the journal answers no question. */
	store->asking.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	store->file = store_file_new(dir);
	if (store->file == NULL || !locks_init(store)) {
		store_file_free(&store->file);
		free(store);
		return NULL;
	}
	if (!store_file_load(store->file, now, readers, &said))
		store->state.failing = true;
	text_put(store->state.error, sizeof(store->state.error), said.error);
	text_put(store->state.set_aside, sizeof(store->state.set_aside),
		said.aside);
	return store;
}

bool store_start(struct store *store)
{
	return store_writer_start(store);
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
	for (size_t i = 0; i < (*store)->asking.answer_count; i++)
		store_answer_done(&(*store)->asking.answers[i]);
	if ((*store)->asking.fd >= 0)
		(void)close((*store)->asking.fd);
	backlog_done(&(*store)->backlog);
	free((*store)->ring);
	free(*store);
	*store = NULL;
}
