/* The points of the graphs in the store's file. */
#ifndef KEEPER_STORE_POINT_H
#define KEEPER_STORE_POINT_H

#include <sqlite3.h>

#include "store.h"

enum { STORE_POINTS_WAIT = 4, STORE_POINTS_READ = 4096 };

/* Those that wait for the disk. */
struct store_points {
	struct store_point items[STORE_POINTS_WAIT];
	unsigned most[STORE_POINTS_WAIT]; /* of its step that are kept */
	size_t count;
};

/* A store_file_work; arg: struct store_points. What is too old goes. */
int store_point_write(sqlite3 *db, void *arg);
/* By step and time, to readers->point. SQLite's result. */
int store_point_read(sqlite3 *db, const struct store_readers *readers);

#endif
