/* The inside of struct store: for store.c (the loop's side) and the thread. */
#ifndef KEEPER_STORE_INSIDE_H
#define KEEPER_STORE_INSIDE_H

#include <pthread.h>

#include "backlog.h"
#include "store.h"
#include "store_file.h"
#include "store_find.h"
#include "store_point.h"

enum {
	STORE_JOURNAL_WAIT_MS = 1000,
	STORE_JOURNAL_BATCH = 4096,
	STORE_QUESTIONS_MOST = 8,
};

/* Questions and answers, those under way apart. */
struct store_asking {
	int fd; /* eventfd: there are answers */
	uint64_t last_id;
	struct store_question questions[STORE_QUESTIONS_MOST];
	uint64_t ids[STORE_QUESTIONS_MOST];
	size_t question_count;
	struct store_answer answers[STORE_QUESTIONS_MOST];
	size_t answer_count;
};

struct store {
	pthread_t thread;
	bool has_thread;
	struct store_file *file; /* the thread's, once it runs */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t wake;
	struct store_row *ring;
	size_t ring_size, head, count, most;
	/* Taken by the thread, not yet on disk. */
	size_t batch_count, journal_batch_count;
	bool stop, lost, wants_all;
	struct backlog backlog;
	uint64_t backlog_since; /* ms; its first row came then */
	struct store_day day;
	bool day_waits;
	struct store_points points;
	struct store_keep keep;
	struct store_asking asking;
	struct store_state state;
};

/* Starts the thread; it ends behind `stop`. false: it cannot be. */
bool store_writer_start(struct store *store);

#endif
