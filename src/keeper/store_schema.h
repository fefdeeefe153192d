/* The store's schema: how a file of any version becomes one of ours. */
#ifndef KEEPER_STORE_SCHEMA_H
#define KEEPER_STORE_SCHEMA_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Before a new file gets anything in it: what cannot be set later. Returns
 * the SQLite result, as the others do.
 */
int store_schema_begin(sqlite3 *db);
/*
 * From version `from` (0: a new file) to STORE_SCHEMA_VERSION, step by step,
 * each step whole or not at all.
 */
int store_schema_bring(sqlite3 *db, int64_t from);

#endif
