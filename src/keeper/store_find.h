/* Asking the journal, without waiting for the disk. */
#ifndef KEEPER_STORE_FIND_H
#define KEEPER_STORE_FIND_H

#include <sqlite3.h>
#include <stdbool.h>

#include "../journal/row.h"
#include "store.h"

enum { STORE_ANSWER_MOST = 200, STORE_NAME_LONGEST = 4 * JOURNAL_USER_LONGEST };

/* Rows that have one of these. */
struct store_question {
	bool by_source; /* else what follows the prefixes */
	struct addr addr;
	struct prefix source, wider;	   /* counted under; a ban's */
	uint64_t session;		   /* 0: none */
	char user[STORE_NAME_LONGEST + 1]; /* as the journal writes it */
	char name[STORE_NAME_LONGEST + 1]; /* as passports have it; "": none */
};

enum { STORE_PASSPORTS_SHOWN = 32 };

struct store_found_passport {
	char user[STORE_USER_LONGEST + 1];
	struct prefix prefix;
	wall_s_t since, until, last; /* until: STORE_NEVER: for ever */
};

/* The newest rows but for what is of no interest, oldest first. */
struct store_answer {
	uint64_t id;
	bool good; /* the journal could be read */
	struct journal_row *rows;
	size_t count;
	struct store_found_passport *passports; /* of the name; newest first */
	size_t passport_count;
};

/*
 * Has the writer look. Returns the id that the answer will have; 0: not now
 * (the disk fails, or too many ask).
 */
uint64_t store_ask(struct store *store, const struct store_question *question);
/* Readable when there is an answer. */
int store_answer_fd(const struct store *store);
/* The next one. false: none yet. Give it back with store_answer_done(). */
bool store_answer_take(struct store *store, struct store_answer *ret_answer);
void store_answer_done(struct store_answer *answer);

struct store_find_work {
	const struct store_question *question;
	struct store_answer *answer;
};

/* A store_file_work; arg: struct store_find_work. For the writer. */
int store_find(sqlite3 *db, void *arg);

#endif
