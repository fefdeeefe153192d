/*
 * What the workers answer to "which sessions do you hold?", put together.
 *
 * Bounded: MESSAGE_SESSIONS_MOST questions, and of each worker twice the rows
 * that were asked for (of sessions, and in the tarpit). What is beyond is
 * counted by the workers, not kept.
 */
#include "roster.h"

#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/reference.h"

enum { CLOCK_SHIFT = 20, ROWS_FIRST = 64 };

struct expected {
	uint64_t worker;
	uint32_t slot, pid;
	uint32_t row_count;
	bool ended, gone;
	struct message_sessions_end end;
};

struct row {
	uint32_t slot, pid;
	struct message_session body;
};

struct question {
	uint64_t id; /* 0: the place is free */
	mono_ms_t until;
	uint32_t limit;
	struct expected *workers;
	size_t worker_count;
	struct row *rows;
	size_t count, room;
};

struct roster {
	uint64_t last_id;
	struct question all[MESSAGE_SESSIONS_MOST];
};

struct roster *roster_new(void)
{
	struct roster *roster = calloc(1, sizeof(*roster));

	/* After an upgrade rows for the keeper before may still come. */
	if (roster != NULL)
		roster->last_id = (uint64_t)clock_mono_ms() << CLOCK_SHIFT;
	return roster;
}

static void question_end(struct question *question)
{
	free(question->workers);
	free(question->rows);
	*question = (struct question){.id = 0};
}

void roster_free(struct roster **roster)
{
	if (*roster == NULL)
		return;
	for (size_t i = 0; i < MESSAGE_SESSIONS_MOST; i++)
		question_end(&(*roster)->all[i]);
	free(*roster);
	*roster = NULL;
}

static struct question *find(const struct roster *roster, uint64_t id)
{
	for (size_t i = 0; i < MESSAGE_SESSIONS_MOST; i++)
		if (id != 0 && roster->all[i].id == id)
			return (struct question *)(uintptr_t)&roster->all[i];
	return NULL;
}

static struct expected *find_worker(struct question *question, uint64_t worker)
{
	for (size_t i = 0; question != NULL && i < question->worker_count; i++)
		if (question->workers[i].worker == worker)
			return &question->workers[i];
	return NULL;
}

uint64_t roster_begin(struct roster *roster, mono_ms_t now, uint32_t limit)
{
	for (size_t i = 0; i < MESSAGE_SESSIONS_MOST; i++) {
		struct question *question = &roster->all[i];

		if (question->id != 0)
			continue;
		*question = (struct question){
			.id = ++roster->last_id,
			.until = now + ROSTER_WAIT_MS,
			.limit = limit,
		};
		return question->id;
	}
	return 0;
}

bool roster_expect(struct roster *roster, uint64_t id, uint64_t worker,
	uint32_t slot, uint32_t pid)
{
	struct question *question = find(roster, id);
	struct expected *workers;

	if (question == NULL)
		return false;
	workers = reallocarray(question->workers, question->worker_count + 1,
		sizeof(*workers));
	if (workers == NULL)
		return false;
	workers[question->worker_count++] =
		(struct expected){.worker = worker, .slot = slot, .pid = pid};
	question->workers = workers;
	return true;
}

void roster_drop(struct roster *roster, uint64_t id)
{
	struct question *question = find(roster, id);

	if (question != NULL)
		question_end(question);
}

/* ---- what workers say ---- */

static bool make_room(struct question *question)
{
	size_t room = question->room == 0 ? ROWS_FIRST : question->room * 2;
	struct row *rows;

	if (question->count < question->room)
		return true;
	rows = reallocarray(question->rows, room, sizeof(*rows));
	if (rows == NULL)
		return false;
	question->rows = rows;
	question->room = room;
	return true;
}

void roster_row(struct roster *roster, uint64_t worker,
	const struct message_session *body)
{
	struct question *question = find(roster, body->question);
	struct expected *from = find_worker(question, worker);
	struct row *row;

	if (from == NULL || from->ended ||
		from->row_count >= question->limit * 2 ||
		body->user_n > sizeof(body->user) || !make_room(question))
		return;
	from->row_count++;
	row = &question->rows[question->count++];
	*row = (struct row){from->slot, from->pid, *body};
	row->body.listener[sizeof(body->listener) - 1] = '\0';
	row->body.phase[sizeof(body->phase) - 1] = '\0';
	row->body.state[sizeof(body->state) - 1] = '\0';
	row->body.tls[sizeof(body->tls) - 1] = '\0';
}

void roster_end(struct roster *roster, uint64_t worker,
	const struct message_sessions_end *end)
{
	struct expected *from =
		find_worker(find(roster, end->question), worker);

	if (from == NULL || from->ended)
		return;
	from->ended = true;
	from->end = *end;
}

void roster_gone(struct roster *roster, uint64_t worker)
{
	for (size_t i = 0; i < MESSAGE_SESSIONS_MOST; i++) {
		struct expected *from = find_worker(&roster->all[i], worker);

		if (from != NULL)
			from->gone = true;
	}
}

/* ---- the answer ---- */

bool roster_ready(const struct roster *roster, uint64_t id, mono_ms_t now)
{
	const struct question *question = find(roster, id);

	if (question == NULL || now >= question->until)
		return true;
	for (size_t i = 0; i < question->worker_count; i++)
		if (!question->workers[i].ended && !question->workers[i].gone)
			return false;
	return true;
}

/* The oldest first. */
static int by_age(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->body.age_ms < y->body.age_ms) -
	       (x->body.age_ms > y->body.age_ms);
}

/* A worker's word; one that is no UTF-8 is none of ours. */
static json_t *word(const char *text)
{
	json_t *string = json_string(text);

	return string != NULL ? string : json_string("?");
}

static json_t *user_of(const struct message_session *body)
{
	char out[MESSAGE_SESSION_USER_LONGEST * 4 + 1];
	size_t n = log_escape(slice_of(body->user, body->user_n), LOG_TEXT, out,
		sizeof(out) - 1);

	return json_stringn(out, n);
}

static json_t *server_of(const struct message_session *body)
{
	char text[ADDR_TEXT_LONGEST], out[ADDR_TEXT_LONGEST + 8];
	bool v4 = addr_is_v4(&body->server);

	if (body->server_port == 0)
		return json_string("");
	(void)snprintf(out, sizeof(out), "%s%s%s:%u", v4 ? "" : "[",
		addr_format(&body->server, text), v4 ? "" : "]",
		(unsigned)body->server_port);
	return json_string(out);
}

static json_t *row_object(const struct row *row)
{
	const struct message_session *body = &row->body;
	char text[ADDR_TEXT_LONGEST], reference[REFERENCE_TEXT_LONGEST];

	return json_pack("{s:s, s:I, s:I, s:I, s:s, s:i, s:o, s:o, s:o, s:o, "
			 "s:o, s:I, s:I, s:o, s:b}",
		"ref",
		body->tarpit ? "" : reference_format(body->session, reference),
		"age_ms", (json_int_t)body->age_ms, "slot",
		(json_int_t)row->slot, "pid", (json_int_t)row->pid, "address",
		addr_format(&body->addr, text), "port", (int)body->port,
		"listener", word(body->listener), "phase", word(body->phase),
		"state", word(body->state), "tls", word(body->tls), "user",
		user_of(body), "client_bytes", (json_int_t)body->client_bytes,
		"server_bytes", (json_int_t)body->server_bytes, "server",
		server_of(body), "tarpit", body->tarpit != 0);
}

static json_t *rows_array(struct question *question)
{
	json_t *rows = json_array();

	if (question->count > 0)
		qsort(question->rows, question->count, sizeof(struct row),
			by_age);
	for (size_t i = 0; i < question->count && i < question->limit; i++)
		(void)json_array_append_new(
			rows, row_object(&question->rows[i]));
	return rows;
}

static json_t *silent_array(const struct question *question)
{
	json_t *silent = json_array();

	for (size_t i = 0; i < question->worker_count; i++) {
		const struct expected *worker = &question->workers[i];

		if (!worker->ended)
			(void)json_array_append_new(
				silent, json_pack("{s:I, s:I, s:b}", "slot",
						(json_int_t)worker->slot, "pid",
						(json_int_t)worker->pid, "gone",
						(int)worker->gone));
	}
	return silent;
}

json_t *roster_answer(struct roster *roster, uint64_t id)
{
	struct question *question = find(roster, id);
	json_int_t open = 0, tarpit = 0, matched = 0;
	json_t *answer;

	if (question == NULL)
		return NULL;
	for (size_t i = 0; i < question->worker_count; i++) {
		open += question->workers[i].end.sessions;
		tarpit += question->workers[i].end.tarpit;
		matched += question->workers[i].end.matched;
	}
	answer = json_pack("{s:b, s:o, s:I, s:I, s:I, s:o}", "ok", 1,
		"sessions", rows_array(question), "matched", matched, "open",
		open, "tarpit", tarpit, "silent", silent_array(question));
	question_end(question);
	return answer;
}
