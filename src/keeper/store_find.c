/*
 * Asking the journal, without waiting for the disk.
 *
 * The loop puts a question beside the rows that wait, the writer looks when it
 * has written them, and wakes the loop by an eventfd. The journal has no index:
 * it is written a thousand times for each time that it is read, and a look at
 * a million rows takes less than a second of the writer's time. A look that
 * takes longer is broken off: rows that must not be lost wait behind it.
 */
#include "store_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/reference.h"
#include "../journal/columns.h"
#include "store_inside.h"

enum { LOOK_MOST_MS = 2000, LOOK_STEPS = 10000 };

uint64_t store_ask(struct store *store, const struct store_question *question)
{
	struct store_asking *asking = &store->asking;
	uint64_t id = 0;

	(void)pthread_mutex_lock(&store->lock);
	if (!store->state.failing && asking->fd >= 0 &&
		asking->question_count + asking->answer_count <
			STORE_QUESTIONS_MOST) {
		id = ++asking->last_id;
		asking->questions[asking->question_count] = *question;
		asking->ids[asking->question_count++] = id;
		(void)pthread_cond_signal(&store->wake);
	}
	(void)pthread_mutex_unlock(&store->lock);
	return id;
}

int store_answer_fd(const struct store *store)
{
	return store->asking.fd;
}

bool store_answer_take(struct store *store, struct store_answer *ret_answer)
{
	struct store_asking *asking = &store->asking;
	uint64_t count;
	bool any;

	(void)pthread_mutex_lock(&store->lock);
	any = asking->answer_count > 0;
	if (any)
		*ret_answer = asking->answers[--asking->answer_count];
	else if (read(asking->fd, &count, sizeof(count)) < 0)
		any = false; /* nothing was to be read: as it should be */
	(void)pthread_mutex_unlock(&store->lock);
	return any;
}

void store_answer_done(struct store_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++)
		journal_row_done(&answer->rows[i]);
	free(answer->rows);
	free(answer->passports);
	answer->rows = NULL;
	answer->passports = NULL;
	answer->count = answer->passport_count = 0;
}

/* ---- the writer's side ---- */

static const char find_source[] =
	"SELECT " JOURNAL_COLUMNS " FROM journal WHERE"
	" (addr = ?1 OR source = ?2 OR prefix = ?2 OR prefix = ?3)"
	" AND NOT (kind = 'connect' AND verdict = 'pass')"
	" AND NOT (kind = 'auth-begins' AND (verdict = 'pass' OR"
	" (verdict = 'hold' AND held IS NOT NULL)))"
	" AND kind NOT IN ('restore-ban', 'restore-passport', 'restore-device')"
	" ORDER BY id DESC LIMIT ?4";

static const char find_name[] =
	"SELECT " JOURNAL_COLUMNS " FROM journal WHERE"
	" (session = ?1 OR user = ?2 COLLATE NOCASE OR"
	" (instr(?2, '@') = 0 AND length(?2) > 0 AND"
	" substr(user, 1, length(?2) + 1) = ?2 || '@' COLLATE NOCASE))"
	" AND NOT (kind = 'connect' AND verdict = 'pass')"
	" AND NOT (kind = 'auth-begins' AND (verdict = 'pass' OR"
	" (verdict = 'hold' AND held IS NOT NULL)))"
	" AND kind NOT IN ('restore-ban', 'restore-passport', 'restore-device')"
	" ORDER BY id DESC LIMIT ?4";

static void bind(sqlite3_stmt *statement, int at, const char *text)
{
	(void)sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_question(
	sqlite3_stmt *statement, const struct store_question *question)
{
	char text[PREFIX_TEXT_LONGEST], session[REFERENCE_TEXT_LONGEST];

	if (question->by_source) {
		bind(statement, 1, addr_format(&question->addr, text));
		bind(statement, 2, prefix_format(&question->source, text));
		bind(statement, 3, prefix_format(&question->wider, text));
	} else {
		if (question->session != 0)
			bind(statement, 1,
				reference_format(question->session, session));
		bind(statement, 2, question->user);
	}
	(void)sqlite3_bind_int64(statement, 4, STORE_ANSWER_MOST);
}

/* Not 0: enough. */
static int look_enough(void *arg)
{
	const mono_ms_t *until = arg;

	return clock_mono_ms() > *until;
}

static void reverse(struct journal_row *rows, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct journal_row row = rows[i];

		rows[i] = rows[count - 1 - i];
		rows[count - 1 - i] = row;
	}
}

static const char find_passports[] =
	"SELECT user, prefix, since, until, last FROM passport WHERE"
	" user = ?1 COLLATE NOCASE OR (instr(?1, '@') = 0 AND"
	" substr(user, 1, length(?1) + 1) = ?1 || '@' COLLATE NOCASE)"
	" OR user || '@' = substr(?1, 1, length(user) + 1) COLLATE NOCASE"
	" ORDER BY last DESC LIMIT ?2";

static void passport_of(
	sqlite3_stmt *statement, struct store_found_passport *ret_passport)
{
	const char *prefix = (const char *)sqlite3_column_text(statement, 1);
	const char *user = (const char *)sqlite3_column_text(statement, 0);
	bool ever = sqlite3_column_type(statement, 3) == SQLITE_NULL;

	memset(ret_passport, 0, sizeof(*ret_passport));
	(void)snprintf(ret_passport->user, sizeof(ret_passport->user), "%s",
		user != NULL ? user : "");
	if (prefix == NULL || !prefix_parse(prefix, &ret_passport->prefix))
		memset(&ret_passport->prefix, 0, sizeof(ret_passport->prefix));
	ret_passport->since = sqlite3_column_int64(statement, 2);
	ret_passport->until =
		ever ? STORE_NEVER : sqlite3_column_int64(statement, 3);
	ret_passport->last = sqlite3_column_int64(statement, 4);
}

static int look_for_passports(
	sqlite3 *db, const char *name, struct store_answer *answer)
{
	sqlite3_stmt *statement = NULL;
	int result =
		sqlite3_prepare_v2(db, find_passports, -1, &statement, NULL);

	answer->passports =
		calloc(STORE_PASSPORTS_SHOWN, sizeof(*answer->passports));
	if (result == SQLITE_OK && answer->passports == NULL)
		result = SQLITE_NOMEM;
	if (result == SQLITE_OK) {
		bind(statement, 1, name);
		(void)sqlite3_bind_int64(statement, 2, STORE_PASSPORTS_SHOWN);
	}
	while (result == SQLITE_OK &&
		answer->passport_count < STORE_PASSPORTS_SHOWN &&
		sqlite3_step(statement) == SQLITE_ROW)
		passport_of(statement,
			&answer->passports[answer->passport_count++]);
	(void)sqlite3_finalize(statement); /* what was found is the answer */
	return result;
}

/* The newest, oldest first; *ret_count of STORE_ANSWER_MOST are filled. */
static int look_for_rows(sqlite3 *db, const struct store_question *question,
	struct journal_row *rows, size_t *ret_count)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db,
		question->by_source ? find_source : find_name, -1, &statement,
		NULL);

	*ret_count = 0;
	if (result == SQLITE_OK)
		bind_question(statement, question);
	while (result == SQLITE_OK && *ret_count < STORE_ANSWER_MOST &&
		sqlite3_step(statement) == SQLITE_ROW)
		*ret_count += journal_get(statement, &rows[*ret_count]);
	reverse(rows, *ret_count);
	(void)sqlite3_finalize(statement); /* what was found is the answer */
	return result;
}

int store_find(sqlite3 *db, void *arg)
{
	const struct store_find_work *work = arg;
	struct store_answer *answer = work->answer;
	mono_ms_t until = clock_mono_ms() + LOOK_MOST_MS;
	int result = SQLITE_NOMEM;

	answer->rows = calloc(STORE_ANSWER_MOST, sizeof(*answer->rows));
	sqlite3_progress_handler(db, LOOK_STEPS, look_enough, &until);
	if (answer->rows != NULL)
		result = look_for_rows(
			db, work->question, answer->rows, &answer->count);
	if (result == SQLITE_OK && work->question->name[0] != '\0')
		result = look_for_passports(db, work->question->name, answer);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	answer->good = result == SQLITE_OK;
	return result;
}
