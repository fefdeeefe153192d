/* What is in the store's file, row by row, brought into range. */
#ifndef KEEPER_STORE_READ_H
#define KEEPER_STORE_READ_H

#include <sqlite3.h>

#include "store.h"

/* All tables that are kept in memory, to the callbacks. SQLite's result. */
int store_read_all(sqlite3 *db, const struct store_readers *readers);

#endif
