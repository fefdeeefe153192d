/* The journal's table: rows in, rows out. */
#ifndef JOURNAL_COLUMNS_H
#define JOURNAL_COLUMNS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "row.h"

/* The table itself, for the store's schema. */
#define JOURNAL_TABLE                                                          \
	"CREATE TABLE journal ("                                               \
	" id INTEGER PRIMARY KEY,"                                             \
	" at INTEGER NOT NULL,"                                                \
	" now INTEGER NOT NULL,"                                               \
	" kind TEXT NOT NULL,"                                                 \
	" addr TEXT, source TEXT, prefix TEXT, user TEXT, tag TEXT,"           \
	" attempt INTEGER, held INTEGER, outcome TEXT,"                        \
	" verdict TEXT, mode TEXT, rule TEXT,"                                 \
	" wait INTEGER, failures INTEGER, repeats INTEGER,"                    \
	" span INTEGER, age INTEGER,"                                          \
	" country TEXT, asn INTEGER, port INTEGER, score INTEGER,"             \
	" text TEXT, session TEXT, code INTEGER, number INTEGER);"

#define JOURNAL_COLUMNS                                                        \
	"at, now, kind, addr, source, prefix, user, tag, attempt, held,"       \
	" outcome, verdict, mode, rule, wait, failures, repeats, span, age,"   \
	" country, asn, port, score, text, session, code, number"

/* To prepare for journal_put(). */
extern const char journal_insert[];

/* Returns the SQLite result. */
int journal_put(sqlite3_stmt *statement, const struct journal_row *row);
/*
 * The row under a statement that begins "SELECT " JOURNAL_COLUMNS. false: its
 * kind is a newer postern's, or there is no memory. Give it back with
 * journal_row_done().
 */
bool journal_get(sqlite3_stmt *statement, struct journal_row *ret_row);

#endif
