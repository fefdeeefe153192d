/*
 * The store's writer: the only thread of the program, the only one who waits
 * for the disk.
 *
 * It takes what waits, gives it to store_file.c in one transaction each, and
 * says under the lock how that went; it writes no log line (the log belongs
 * to the loop). In this order: rows that must not be lost, the day's sums, the
 * journal.
 *
 * What can go wrong: the disk is full, read-only or gone. Rows wait and are
 * tried again; when more come than there is room for, all is written anew once
 * it works. Sums wait for the next ones. Rows of the journal are tried once,
 * then they are shed: they must not stand in the way of a ban. A damaged file
 * is set aside and all is written anew.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "store_day.h"
#include "store_point.h"
#include "store_inside.h"
#include "store_journal.h"

enum {
	BATCH_MOST = 4096, /* rows in a transaction */
	RETRY_FIRST_S = 1, /* after a failure; doubles */
	RETRY_LONGEST_S = 30,
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
};

/* What the thread has taken. */
struct work {
	struct store_row *rows;
	size_t n;
	struct backlog journal;
	struct store_keep keep;
	struct store_day day;
	bool has_day;
	struct store_points points;
	struct store_question question;
	uint64_t question_id; /* 0: none */
};

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
	text_put(store->state.set_aside, sizeof(store->state.set_aside), name);
	store->lost = true;
	(void)pthread_mutex_unlock(&store->lock);
}

static void say_failed(struct store *store, const char *error)
{
	(void)pthread_mutex_lock(&store->lock);
	store->state.failing = true;
	text_put(store->state.error, sizeof(store->state.error), error);
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

static int nothing(sqlite3 *db, void *arg)
{
	(void)db;
	(void)arg;
	return SQLITE_OK;
}

/* A file that was set aside at a write is followed by a new one now, not at the
 * next write: the bans in force are on no disk until then. */
static void begin_anew(struct store *store)
{
	struct store_say said = {.error = ""};

	if (store_file_do(store->file, clock_wall_s(), nothing, NULL, &said))
		say_written(store, 0);
}

static void say_result(
	struct store *store, bool written, const struct store_say *said)
{
	if (said->aside[0] != '\0')
		say_set_aside(store, said->aside);
	if (written)
		return;
	say_failed(store, said->error);
	if (said->aside[0] != '\0')
		begin_anew(store);
}

/* Until the batch is on disk; false: closing and it cannot be. */
static bool rows_write(struct store *store, const struct work *work)
{
	unsigned wait_s = RETRY_FIRST_S;

	for (;;) {
		struct store_say said = {.error = ""};
		bool written = store_file_write(store->file, work->rows,
			work->n, clock_wall_s(), &said);

		say_result(store, written, &said);
		if (written) {
			say_written(store, work->n);
			return true;
		}
		if (!retry_wait(store, wait_s))
			return false;
		wait_s = wait_s * 2 > RETRY_LONGEST_S ? RETRY_LONGEST_S
						      : wait_s * 2;
	}
}

/* Tried once: the next ones say all of it again. */
static void day_write(struct store *store, struct work *work)
{
	struct store_say said = {.error = ""};
	bool written = store_file_do(store->file, clock_wall_s(),
		store_day_write, &work->day, &said);

	say_result(store, written, &said);
	if (written) {
		say_written(store, 0);
		return;
	}
	(void)pthread_mutex_lock(&store->lock);
	store->state.days_shed_total++;
	(void)pthread_mutex_unlock(&store->lock);
}

/* Tried once, too: a graph with a gap is no harm. */
static void points_write(struct store *store, struct work *work)
{
	struct store_say said = {.error = ""};
	bool written = store_file_do(store->file, clock_wall_s(),
		store_point_write, &work->points, &said);

	say_result(store, written, &said);
	if (written)
		say_written(store, 0);
}

/*
 * A part of what was taken, so that rows that must not be lost wait for a part
 * at most. Tried once: when the disk fails, all of it is shed.
 */
static void journal_write(struct store *store, struct work *work)
{
	struct backlog *journal = &work->journal;
	size_t left = journal->count - journal->head;
	struct store_journal_work part = {
		.rows = journal->rows + journal->head,
		.count =
			left < STORE_JOURNAL_BATCH ? left : STORE_JOURNAL_BATCH,
		.keep = work->keep,
		.now = clock_wall_s(),
	};
	struct store_say said = {.error = ""};
	bool written = store_file_do(
		store->file, clock_wall_s(), store_journal_write, &part, &said);

	say_result(store, written, &said);
	if (written)
		say_written(store, 0);
	(void)pthread_mutex_lock(&store->lock);
	if (written) {
		store->state.journal_written_total += part.count;
		store->state.file_bytes = part.file_bytes;
	} else {
		backlog_shed(&store->backlog, journal);
	}
	store->journal_batch_count = written ? left - part.count : 0;
	(void)pthread_mutex_unlock(&store->lock);
	if (written)
		backlog_skip(journal, part.count);
	if (journal->head == journal->count)
		backlog_done(journal);
}

/* One at a time, so that what must not be lost waits for one at most. */
static void question_answer(struct store *store, struct work *work)
{
	const uint64_t one = 1;
	struct store_asking *asking = &store->asking;
	struct store_answer answer = {.id = work->question_id};
	struct store_find_work find = {&work->question, &answer};
	struct store_say said = {.error = ""};

	if (!store_file_do(
		    store->file, clock_wall_s(), store_find, &find, &said))
		answer.good = false; /* a write will say why */
	(void)pthread_mutex_lock(&store->lock);
	if (asking->answer_count < STORE_QUESTIONS_MOST) {
		asking->answers[asking->answer_count++] = answer;
		memset(&answer, 0, sizeof(answer));
	}
	(void)pthread_mutex_unlock(&store->lock);
	store_answer_done(&answer); /* nobody has taken the last eight */
	if (write(asking->fd, &one, sizeof(one)) < 0)
		return; /* full: the loop has been told */
}

/* ---- taking ---- */

/* Under the lock, as the rest. Time that is left until the journal is due, in
 * ms; UINT64_MAX: it has no rows. */
static uint64_t journal_left(const struct store *store, const struct work *work)
{
	uint64_t now, due;

	if (work->journal.count > 0) /* the rest of what was taken */
		return 0;
	if (store->backlog.count == 0)
		return UINT64_MAX;
	now = clock_mono_ms();
	due = store->backlog_since + STORE_JOURNAL_WAIT_MS;
	if (store->stop || store->asking.question_count > 0 ||
		store->backlog.count >= STORE_JOURNAL_BATCH || due <= now)
		return 0;
	return due - now;
}

static void wait_ms(struct store *store, uint64_t left_ms)
{
	struct timespec until;

	if (left_ms == UINT64_MAX) {
		(void)pthread_cond_wait(&store->wake, &store->lock);
		return;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(left_ms / MS_PER_S);
	until.tv_nsec += (long)(left_ms % MS_PER_S) * NS_PER_MS;
	if (until.tv_nsec >= (long)MS_PER_S * NS_PER_MS) {
		until.tv_sec++;
		until.tv_nsec -= (long)MS_PER_S * NS_PER_MS;
	}
	(void)pthread_cond_timedwait(&store->wake, &store->lock, &until);
}

static void rows_take(struct store *store, struct work *work)
{
	work->n = 0;
	while (work->n < BATCH_MOST && store->count > 0) {
		work->rows[work->n++] = store->ring[store->head];
		store->head = (store->head + 1) % store->ring_size;
		store->count--;
	}
	store->batch_count = work->n;
}

static void question_take(struct store *store, struct work *work)
{
	struct store_asking *asking = &store->asking;

	work->question_id = 0;
	if (asking->question_count == 0 || store->stop)
		return;
	/* What it asks for may be among the rows that wait. */
	if (work->journal.count - work->journal.head > STORE_JOURNAL_BATCH)
		return;
	asking->question_count--;
	work->question = asking->questions[asking->question_count];
	work->question_id = asking->ids[asking->question_count];
}

/* Waits for something to do. false: nothing is left, and the end has come. */
static bool work_take(struct store *store, struct work *work)
{
	uint64_t left_ms;
	bool any;

	(void)pthread_mutex_lock(&store->lock);
	while ((left_ms = journal_left(store, work)) > 0 && store->count == 0 &&
		!store->day_waits && store->points.count == 0 &&
		store->asking.question_count == 0 && !store->stop)
		wait_ms(store, left_ms);
	rows_take(store, work);
	if (left_ms == 0 && work->journal.count == 0) {
		backlog_take(&store->backlog, &work->journal);
		store->journal_batch_count = work->journal.count;
	}
	work->has_day = store->day_waits;
	work->day = store->day;
	store->day_waits = false;
	work->points = store->points;
	store->points.count = 0;
	work->keep = store->keep;
	question_take(store, work);
	any = work->n > 0 || work->journal.count > 0 || work->has_day ||
	      work->points.count > 0 || work->question_id != 0;
	(void)pthread_mutex_unlock(&store->lock);
	return any;
}

static bool work_do(struct store *store, struct work *work)
{
	bool going_on = work->n == 0 || rows_write(store, work);

	if (going_on && work->has_day)
		day_write(store, work);
	if (going_on && work->points.count > 0)
		points_write(store, work);
	if (going_on && work->journal.count > 0)
		journal_write(store, work);
	if (going_on && work->question_id != 0)
		question_answer(store, work);
	return going_on;
}

static void *writer_main(void *arg)
{
	struct store *store = arg;
	struct work work = {.rows = calloc(BATCH_MOST, sizeof(*work.rows))};

	if (work.rows == NULL) {
		say_failed(store, "no memory");
		return NULL;
	}
	while (work_take(store, &work) && work_do(store, &work))
		continue;
	backlog_done(&work.journal);
	free(work.rows);
	return NULL;
}

/* Signals are the loop's: the thread must not take them. */
bool store_writer_start(struct store *store)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	store->has_thread =
		pthread_create(&store->thread, NULL, writer_main, store) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return store->has_thread;
}
