/* The journal in the store's file: written, and kept short. */
#ifndef KEEPER_STORE_JOURNAL_H
#define KEEPER_STORE_JOURNAL_H

#include <sqlite3.h>

#include "../journal/row.h"
#include "store.h"

struct store_journal_work {
	const struct journal_row *rows;
	size_t count;
	struct store_keep keep;
	wall_s_t now;
	uint64_t file_bytes; /* result: of pages in use */
};

/* A store_file_work; arg: struct store_journal_work. */
int store_journal_write(sqlite3 *db, void *arg);

#endif
