/*
 * One hook (see courier.h).
 *
 * A parcel is in the queue or in a job, never in both. A job is a request or a
 * run of a program; it ends within the hook's timeout, whatever the other side
 * does. A parcel that is to be tried again goes to the queue's end: those
 * behind it need not wait.
 */
#include "courier.h"

#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "ration.h"
#include "notice.h"
#include "post.h"
#include "program.h"
#include "queue.h"

enum {
	BACK_OFF_FACTOR = 4,
	BACK_OFF_MOST_MS = 5 * 60 * 1000,
	DROPPED_SAID_EACH_MS = 10000,
	OUTPUT_LINES = 8, /* of a program, in the log */
	ARGS_MOST = 32,
};

struct job {
	struct job *next;
	struct courier *courier;
	struct parcel *parcel;
	struct post *post;	 /* or NULL */
	struct program *program; /* or NULL */
};

struct courier {
	const struct hook_aim *aim;
	struct notice_sender from;
	CURLM *multi;
	struct queue queue;
	struct ration ration;
	struct job *jobs;
	bool finishing, changed;
	uint64_t dropped_unsaid;
	mono_ms_t dropped_said; /* 0: never */
	struct message_hook_state state;
};

struct courier *courier_new(
	const struct hook_aim *aim, const char *node, CURLM *multi)
{
	struct courier *courier = calloc(1, sizeof(*courier));
	size_t n = strlen(aim->conf->title);

	if (!courier)
		return NULL;
	courier->aim = aim;
	courier->from = (struct notice_sender){node, aim->conf->title};
	courier->multi = multi;
	queue_init(&courier->queue, aim->conf->queue_most_count);
	courier->ration.most = aim->conf->limit_count;
	courier->ration.each_ms = aim->conf->limit_each_ms;
	courier->changed = true;
	if (n >= sizeof(courier->state.hook))
		n = sizeof(courier->state.hook) - 1;
	memcpy(courier->state.hook, aim->conf->title, n);
	return courier;
}

/* ---- jobs ---- */

static void job_free(struct job *job)
{
	struct job **place = &job->courier->jobs;

	while (*place != job)
		place = &(*place)->next;
	*place = job->next;
	job->courier->state.running--;
	job->courier->changed = true;
	post_free(&job->post);
	program_free(&job->program);
	parcel_free(&job->parcel);
	free(job);
}

void courier_free(struct courier **courier)
{
	if (!*courier)
		return;
	while ((*courier)->jobs)
		job_free((*courier)->jobs);
	queue_clear(&(*courier)->queue);
	free(*courier);
	*courier = NULL;
}

static void count(struct courier *courier, enum hook_result result)
{
	courier->state.results[result]++;
	courier->changed = true;
}

/* ---- what comes ---- */

static bool wants(const struct courier *courier, unsigned event)
{
	return conf_hook_wants(courier->aim->conf, notice_name(event));
}

/* It is summed up with those beyond the limit: nothing is lost in silence. */
static void drop(struct courier *courier, struct parcel *parcel, mono_ms_t now)
{
	const struct message_hook *what = &parcel->what;

	count(courier, HOOK_DROPPED);
	courier->dropped_unsaid++;
	if (what->event < HOOK_KINDS)
		ration_add(
			&courier->ration, (enum hook_event)what->event, 1, now);
	for (unsigned i = 0; what->event == HOOK_MORE && i < HOOK_KINDS; i++)
		if (what->more[i] > 0)
			ration_add(&courier->ration, (enum hook_event)i,
				what->more[i], now);
	parcel_free(&parcel);
}

static void enqueue(
	struct courier *courier, struct parcel *parcel, mono_ms_t now)
{
	struct parcel *oldest = queue_put(&courier->queue, parcel);

	courier->changed = true;
	if (oldest)
		drop(courier, oldest, now);
}

static void put(
	struct courier *courier, const struct message_hook *what, mono_ms_t now)
{
	struct parcel *parcel = parcel_new(what);

	if (parcel)
		enqueue(courier, parcel, now);
	else
		count(courier, HOOK_DROPPED); /* no memory: nothing to do */
}

/* What the keeper could not tell one by one. */
static void hear_more(
	struct courier *courier, const struct message_hook *what, mono_ms_t now)
{
	for (unsigned i = 0; i < HOOK_KINDS; i++) {
		if (what->more[i] == 0 || !wants(courier, i))
			continue;
		courier->state.results[HOOK_MERGED] += what->more[i];
		courier->changed = true;
		ration_add(&courier->ration, (enum hook_event)i, what->more[i],
			now);
	}
}

void courier_hear(
	struct courier *courier, const struct message_hook *what, mono_ms_t now)
{
	if (what->event == HOOK_MORE) {
		hear_more(courier, what, now);
	} else if (what->event == HOOK_TEST) {
		if (strcmp(what->hook, courier->from.hook) == 0)
			put(courier, what, now);
	} else if (wants(courier, what->event)) {
		if (ration_take(&courier->ration, (enum hook_event)what->event,
			    now))
			put(courier, what, now);
		else
			count(courier, HOOK_MERGED);
	}
}

static void sum_up(struct courier *courier, mono_ms_t now)
{
	struct message_hook what = {.event = HOOK_MORE};

	if (!ration_collect(&courier->ration, now, what.more))
		return;
	what.at = clock_wall_s();
	what.id = (uint64_t)clock_wall_ms();
	put(courier, &what, now);
}

/* ---- how it went ---- */

static void log_end_of(const struct job *job, const char *event,
	enum log_level level, const char *text)
{
	log_begin(level, event);
	log_str("hook", job->courier->from.hook);
	log_str("what", notice_name(job->parcel->what.event));
	log_str("how", text);
	log_int("tries", (int64_t)job->parcel->tries + 1);
	log_end();
}

static uint64_t back_off(const struct courier *courier, unsigned tries)
{
	uint64_t wait = courier->aim->conf->retry_first_ms;

	while (--tries > 0 && wait < BACK_OFF_MOST_MS)
		wait *= BACK_OFF_FACTOR;
	return wait < BACK_OFF_MOST_MS ? wait : BACK_OFF_MOST_MS;
}

static void again(struct job *job, const struct end *end, mono_ms_t now)
{
	struct courier *courier = job->courier;
	struct parcel *parcel = job->parcel;

	count(courier, HOOK_RETRIED);
	log_end_of(job, "hook-retry", LOG_INFO, end->text);
	job->parcel = NULL;
	parcel->tries++;
	parcel->due = now + back_off(courier, parcel->tries);
	enqueue(courier, parcel, now);
}

static void ended(struct job *job, const struct end *end, mono_ms_t now)
{
	struct courier *courier = job->courier;
	bool last = job->parcel->tries + 1 >= courier->aim->conf->tries_count;

	courier->state.last_at = clock_wall_s();
	courier->state.last_ok = end->kind == END_OK;
	memcpy(courier->state.last, end->text, sizeof(courier->state.last));
	if (end->kind == END_AGAIN && !last && !courier->finishing) {
		again(job, end, now);
	} else if (end->kind == END_OK) {
		count(courier, HOOK_DELIVERED);
		log_end_of(job, "hook-delivered", LOG_DEBUG, end->text);
	} else {
		count(courier, HOOK_FAILED);
		log_end_of(job, "hook-failed", LOG_WARN, end->text);
	}
	job_free(job);
}

void courier_posted(void *owner, const struct end *end, mono_ms_t now)
{
	ended(owner, end, now);
}

/* ---- what goes ---- */

static bool by_post(struct job *job, const char *body)
{
	const struct courier *courier = job->courier;
	const struct hook_aim *aim = courier->aim;
	const struct post_aim to = {
		.url = aim->url,
		.ca = aim->conf->tls_ca,
		.secret = aim->secret,
		.timeout_ms = aim->conf->timeout_ms,
	};

	job->post = post_new(courier->multi, &to,
		notice_name(job->parcel->what.event), body, clock_wall_s(),
		job);
	return job->post != NULL;
}

static bool by_program(
	struct job *job, const char *body, mono_ms_t now, struct end *end)
{
	const struct courier *courier = job->courier;
	const struct conf_hook *conf = courier->aim->conf;
	struct notice_variables variables;
	char *argv[ARGS_MOST + 1] = {NULL};
	const struct program_task task = {
		.argv = argv,
		.environment = variables.all,
		.input = body,
		.timeout_ms = conf->timeout_ms,
	};

	for (size_t i = 0; i < conf->exec.count && i < ARGS_MOST; i++)
		argv[i] = conf->exec.items[i];
	notice_variables(&job->parcel->what, &courier->from, &variables);
	job->program = program_new(&task, now, end);
	return job->program != NULL;
}

static void begin(struct job *job, mono_ms_t now)
{
	struct courier *courier = job->courier;
	char *body = notice_json(&job->parcel->what, &courier->from);
	struct end end = {.kind = END_FAILED, .text = "no memory"};
	bool good = false;

	if (body)
		good = courier->aim->url[0] ? by_post(job, body)
					    : by_program(job, body, now, &end);
	free(body);
	if (!good)
		ended(job, &end, now);
}

/* false: no memory; the parcel is gone. */
static bool job_start(
	struct courier *courier, struct parcel *parcel, mono_ms_t now)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job) {
		drop(courier, parcel, now);
		return false;
	}
	job->courier = courier;
	job->parcel = parcel;
	job->next = courier->jobs;
	courier->jobs = job;
	courier->state.running++;
	courier->changed = true;
	begin(job, now);
	return true;
}

/* Line by line, the first ones; the rest is a number of octets. */
static void log_output(const struct job *job)
{
	const char *text;
	size_t n, at = 0;

	text = program_output(job->program, &n);
	for (unsigned i = 0; i < OUTPUT_LINES && at < n; i++) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t some = end ? (size_t)(end - text) - at : n - at;

		log_begin(LOG_INFO, "hook-output");
		log_str("hook", job->courier->from.hook);
		log_peer("text", slice_of(text + at, some));
		at += some + (end != NULL);
		if (i + 1 == OUTPUT_LINES && at < n)
			log_int("more_bytes", (int64_t)(n - at));
		log_end();
	}
}

static void look_at_programs(struct courier *courier, mono_ms_t now)
{
	struct job *next;
	struct end end;

	for (struct job *job = courier->jobs; job; job = next) {
		next = job->next;
		if (!job->program || !program_turn(job->program, now, &end))
			continue;
		log_output(job);
		ended(job, &end, now);
	}
}

static void say_dropped(struct courier *courier, mono_ms_t now)
{
	if (courier->dropped_unsaid == 0 ||
		(courier->dropped_said != 0 &&
			now - courier->dropped_said < DROPPED_SAID_EACH_MS))
		return;
	log_begin(LOG_WARN, "hook-dropped");
	log_str("hook", courier->from.hook);
	log_int("count", (int64_t)courier->dropped_unsaid);
	log_str("why", "more wait than queue_most");
	log_end();
	courier->dropped_unsaid = 0;
	courier->dropped_said = now;
}

void courier_turn(struct courier *courier, mono_ms_t now)
{
	struct parcel *parcel;

	look_at_programs(courier, now);
	sum_up(courier, now);
	/* Not without end: a program that cannot be run ends at once. */
	for (size_t n = courier->aim->conf->at_once_count; n > 0; n--) {
		if (courier->state.running >= courier->aim->conf->at_once_count)
			break;
		parcel = queue_take(&courier->queue, now);
		if (!parcel || !job_start(courier, parcel, now))
			break;
	}
	say_dropped(courier, now);
}

void courier_finish(struct courier *courier, mono_ms_t now)
{
	if (courier->finishing)
		return;
	courier->finishing = true;
	sum_up(courier, now + courier->ration.each_ms);
	for (struct parcel *at = TAILQ_FIRST(&courier->queue.all); at;
		at = TAILQ_NEXT(at, all))
		at->due = 0;
}

/* ---- how it is ---- */

bool courier_idle(const struct courier *courier)
{
	return !courier->jobs && courier->queue.count == 0;
}

size_t courier_left(const struct courier *courier)
{
	return courier->queue.count + courier->state.running;
}

mono_ms_t courier_deadline(const struct courier *courier)
{
	mono_ms_t at = ration_due(&courier->ration);
	bool room = courier->state.running < courier->aim->conf->at_once_count;
	mono_ms_t due = room ? queue_due(&courier->queue) : MONO_NEVER;

	if (due < at)
		at = due;
	for (const struct job *job = courier->jobs; job; job = job->next)
		if (job->program && program_deadline(job->program) < at)
			at = program_deadline(job->program);
	return at;
}

void courier_fds(
	const struct courier *courier, int *out, size_t most, size_t *n)
{
	for (const struct job *job = courier->jobs; job; job = job->next)
		if (job->program && *n + PROGRAM_FDS <= most)
			*n += program_fds(job->program, out + *n);
}

bool courier_state(
	struct courier *courier, struct message_hook_state *ret_state)
{
	if (!courier->changed)
		return false;
	courier->changed = false;
	courier->state.waiting = (uint32_t)courier->queue.count;
	*ret_state = courier->state;
	return true;
}

void courier_again(struct courier *courier)
{
	courier->changed = true;
}
