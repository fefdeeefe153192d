/*
 * The store's file: SQLite, its schema, and what is wrong with it.
 *
 * Used by one thread at a time: by the loop until the writer starts, then by
 * the writer alone.
 */
#ifndef KEEPER_STORE_FILE_H
#define KEEPER_STORE_FILE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "store.h"

enum store_word {
	STORE_ROW_BAN,
	STORE_ROW_UNBAN,
	STORE_ROW_ALLOW,
	STORE_ROW_DISALLOW,
	STORE_ROW_PASSPORT, /* note: the user */
	STORE_ROW_PASSPORT_GONE,
	STORE_ROW_DEVICE, /* likewise */
	STORE_ROW_DRAIN,  /* note: the backend, repeat_count: the port */
	STORE_ROW_UNDRAIN,
	STORE_ROW_PURGE, /* bans that ended before `until`, passports and
			    devices `last` */
	STORE_ROW_RESET, /* all bans end at `until`, no allow entries, no drains
			  */
};

struct store_row {
	enum store_word word;
	unsigned repeat_count, failure_count;
	struct prefix prefix;
	wall_s_t since, until, last;
	enum policy_softness softness;
	char rule[24];
	char name[STORE_DEVICE_LONGEST + 1]; /* of a device */
	char note[STORE_NOTE_LONGEST + 1];
};

struct store_file;

struct store_file *store_file_new(const char *dir); /* NULL: no memory */
void store_file_free(struct store_file **file);

/* What a call has to say; "" for nothing. Cut. */
struct store_say {
	char error[200];
	char aside[300]; /* the name a damaged file was given */
};

/* Opens when needed and hands all rows on. false: *error says why not. */
bool store_file_load(struct store_file *file, wall_s_t now,
	const struct store_readers *readers, struct store_say *ret_say);

/* What is done with the open file; returns the SQLite result. */
typedef int store_file_work(sqlite3 *db, void *arg);
/* Opens when needed; the work in one transaction, or nothing of it. */
bool store_file_do(struct store_file *file, wall_s_t now, store_file_work *work,
	void *arg, struct store_say *ret_say);
/* All rows, likewise. */
bool store_file_write(struct store_file *file, const struct store_row *rows,
	size_t n, wall_s_t now, struct store_say *ret_say);

#endif
