/* The sums of each day in the store's file. */
#ifndef KEEPER_STORE_DAY_H
#define KEEPER_STORE_DAY_H

#include <sqlite3.h>

#include "store.h"

enum { STORE_DAYS_MOST = 400 }; /* what is read back */

/* A store_file_work; arg: struct store_day. */
int store_day_write(sqlite3 *db, void *arg);
/* The last days, oldest first, to readers->day. SQLite's result. */
int store_day_read(sqlite3 *db, const struct store_readers *readers);

#endif
