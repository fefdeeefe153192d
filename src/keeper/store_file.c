/*
 * The store's file.
 *
 * Opened only when it is a plain file of ours (BAN-09: no symlink is followed,
 * no stranger's file believed). WAL, so that a crash at any instant leaves the
 * last commit whole. synchronous is FULL: only the writer thread waits for the
 * disk, and losing power then loses at most the batch under way.
 *
 * A damaged file is renamed, never deleted, and a new one is begun. A file of
 * a newer schema is left alone: an older postern must not spoil it.
 */
#include "store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/log.h"
#include "store_read.h"
#include "store_schema.h"

enum {
	PATH_LONGEST = 4096,
	STATEMENTS_MOST = 16,
	BUSY_MS = 2000, /* somebody looks with sqlite3(1) */
};

struct store_file {
	sqlite3 *db; /* NULL: not open */
	sqlite3_stmt *statements[STATEMENTS_MOST];
	char path[PATH_LONGEST];
};

/* What each word does, in this order. */
static const struct {
	enum store_word word;
	const char *text;
} orders[] = {
	{STORE_ROW_BAN,
		"INSERT OR REPLACE INTO ban"
		" (prefix, since, until, rule, repeat_count, failure_count,"
		" note, soft) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?9)"},
	{STORE_ROW_UNBAN, "DELETE FROM ban WHERE prefix = ?1"},
	{STORE_ROW_ALLOW, "INSERT OR REPLACE INTO allow (prefix, since, note)"
			  " VALUES (?1, ?2, ?7)"},
	{STORE_ROW_DISALLOW, "DELETE FROM allow WHERE prefix = ?1"},
	{STORE_ROW_PASSPORT,
		"INSERT INTO passport (user, prefix, since, until, last)"
		" VALUES (?7, ?1, ?2, ?3, ?8) ON CONFLICT (user, prefix)"
		" DO UPDATE SET until = ?3, last = ?8"},
	{STORE_ROW_PASSPORT_GONE,
		"DELETE FROM passport WHERE user = ?7 AND prefix = ?1"},
	{STORE_ROW_DEVICE,
		"INSERT INTO device (user, name, since, until, last)"
		" VALUES (?7, ?10, ?2, ?3, ?8) ON CONFLICT (user, name)"
		" DO UPDATE SET until = ?3, last = ?8"},
	{STORE_ROW_DRAIN,
		"INSERT OR REPLACE INTO drain (backend, address, port, since)"
		" VALUES (?7, ?1, ?5, ?2)"},
	{STORE_ROW_UNDRAIN, "DELETE FROM drain WHERE backend = ?7"
			    " AND address = ?1 AND port = ?5"},
	{STORE_ROW_PURGE, "DELETE FROM ban WHERE until < ?3"},
	{STORE_ROW_PURGE, "DELETE FROM passport WHERE until < ?8"},
	{STORE_ROW_PURGE, "DELETE FROM device WHERE until < ?8"},
	{STORE_ROW_RESET,
		"UPDATE ban SET until = ?3 WHERE until IS NULL OR until > ?3"},
	{STORE_ROW_RESET, "DELETE FROM allow"},
	{STORE_ROW_RESET, "DELETE FROM drain"},
};

static const size_t order_count = sizeof(orders) / sizeof(orders[0]);
_Static_assert(
	sizeof(orders) / sizeof(orders[0]) <= STATEMENTS_MOST, "room for all");

static void say(struct store_say *out, const char *what, const char *why)
{
	(void)snprintf(
		out->error, sizeof(out->error), "%.100s: %.97s", what, why);
}

static void say_newer(struct store_say *out, const char *path, int64_t version)
{
	(void)snprintf(out->error, sizeof(out->error),
		"%.50s: its schema is version %" PRId64
		", written by a newer postern, and this one knows %d: install "
		"the newer one again, or move the file away",
		path, version, STORE_SCHEMA_VERSION);
}

static void file_close(struct store_file *file)
{
	for (size_t i = 0; i < order_count; i++) {
		(void)sqlite3_finalize(file->statements[i]); /* repeats an old
								error */
		file->statements[i] = NULL;
	}
	(void)sqlite3_close(file->db); /* nothing is left open by now */
	file->db = NULL;
}

struct store_file *store_file_new(const char *dir)
{
	struct store_file *file = calloc(1, sizeof(*file));
	int n;

	if (file == NULL)
		return NULL;
	/* How much memory SQLite has is asked by nobody, and would be counted
	 * under a lock. Refused where SQLite is in use already. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	n = snprintf(file->path, sizeof(file->path), "%s/postern.db", dir);
	if (n < 0 || (size_t)n >= sizeof(file->path) - 64)
		file->path[0] = '\0'; /* cannot be opened, and says so */
	return file;
}

void store_file_free(struct store_file **file)
{
	if (*file == NULL)
		return;
	file_close(*file);
	free(*file);
	*file = NULL;
}

/* A plain file of ours, or nothing there yet. */
static bool path_is_ours(
	const char *path, off_t *ret_size, struct store_say *out)
{
	struct stat st;

	if (lstat(path, &st) != 0) {
		if (errno != ENOENT) {
			say(out, path, strerror(errno));
			return false;
		}
		*ret_size = 0;
		return true;
	}
	if (!S_ISREG(st.st_mode)) {
		say(out, path, "not a plain file, so it is not touched");
		return false;
	}
	if (st.st_uid != geteuid()) {
		say(out, path,
			"belongs to another user, so it is not "
			"touched");
		return false;
	}
	*ret_size = st.st_size;
	return true;
}

static bool names_are_ours(
	const struct store_file *file, off_t *ret_size, struct store_say *out)
{
	static const char *const tails[] = {"-wal", "-shm", "-journal"};
	char path[PATH_LONGEST + 16];
	off_t ignored;

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		(void)snprintf(
			path, sizeof(path), "%s%s", file->path, tails[i]);
		if (!path_is_ours(path, &ignored, out))
			return false;
	}
	return path_is_ours(file->path, ret_size, out);
}

static bool is_damage(int result)
{
	return (result & 0xff) == SQLITE_CORRUPT ||
	       (result & 0xff) == SQLITE_NOTADB;
}

/* Runs text that gives at most one number. */
static int file_number(
	struct store_file *file, const char *text, int64_t *ret_number)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(file->db, text, -1, &statement, NULL);

	if (result == SQLITE_OK) {
		result = sqlite3_step(statement);
		if (result == SQLITE_ROW) {
			*ret_number = sqlite3_column_int64(statement, 0);
			result = SQLITE_OK;
		}
	}
	(void)sqlite3_finalize(statement); /* repeats `result` */
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* SQLITE_CORRUPT when the file says of itself that it is. */
static int table_check(struct store_file *file, const char *text)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(file->db, text, -1, &statement, NULL);

	if (result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		const unsigned char *words = sqlite3_column_text(statement, 0);

		if (words == NULL || strcmp((const char *)words, "ok") != 0)
			result = SQLITE_CORRUPT;
	}
	(void)sqlite3_finalize(statement);
	return result;
}

/* What is brought back into force. The journal may be large, and nobody waits
 * for it. */
static int file_check(struct store_file *file)
{
	static const char *const texts[] = {"PRAGMA quick_check('ban')",
		"PRAGMA quick_check('allow')", "PRAGMA quick_check('passport')",
		"PRAGMA quick_check('device')"};
	int result = SQLITE_OK;

	for (size_t i = 0;
		i < sizeof(texts) / sizeof(texts[0]) && result == SQLITE_OK;
		i++)
		result = table_check(file, texts[i]);
	return result;
}

static int file_prepare(struct store_file *file)
{
	int result = SQLITE_OK;

	for (size_t i = 0; i < order_count && result == SQLITE_OK; i++)
		result = sqlite3_prepare_v3(file->db, orders[i].text, -1,
			SQLITE_PREPARE_PERSISTENT, &file->statements[i], NULL);
	return result;
}

/* Schema and settings of a file that was just opened. */
static int file_set_up(
	struct store_file *file, off_t size, int64_t *ret_version)
{
	int64_t ignored;
	int result = file_number(file, "PRAGMA user_version", ret_version);

	if (result != SQLITE_OK || *ret_version > STORE_SCHEMA_VERSION)
		return result;
	if (size == 0)
		result = store_schema_begin(file->db);
	if (result == SQLITE_OK)
		result = file_number(
			file, "PRAGMA journal_mode = WAL", &ignored);
	if (result == SQLITE_OK)
		result = file_number(
			file, "PRAGMA synchronous = FULL", &ignored);
	if (result == SQLITE_OK) /* KiB: rows come at the end */
		result =
			file_number(file, "PRAGMA cache_size = -512", &ignored);
	if (result == SQLITE_OK)
		result = store_schema_bring(file->db, *ret_version);
	if (result == SQLITE_OK && size > 0)
		result = file_check(file);
	if (result == SQLITE_OK)
		result = file_prepare(file);
	return result;
}

/* Names and addresses are nobody else's business, whatever the umask is;
 * SQLite gives its other files the same mode. */
static void make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return;		/* SQLite says what is wrong */
	(void)fchmod(fd, 0600); /* ours: path_is_ours() */
	(void)close(fd);
}

/* One try. Returns the SQLite result; *error is set unless SQLITE_OK. */
static int file_open_once(struct store_file *file, struct store_say *out)
{
	int64_t version = 0;
	off_t size = 0;
	int result;

	if (!names_are_ours(file, &size, out))
		return SQLITE_CANTOPEN;
	make_private(file->path);
	result = sqlite3_open_v2(file->path, &file->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
		NULL);
	if (result == SQLITE_OK) {
		(void)sqlite3_busy_timeout(file->db, BUSY_MS);
		result = file_set_up(file, size, &version);
	}
	if (result == SQLITE_OK && version > STORE_SCHEMA_VERSION) {
		say_newer(out, file->path, version);
		file_close(file);
		return SQLITE_CANTOPEN;
	}
	if (result != SQLITE_OK) {
		say(out, file->path,
			file->db != NULL ? sqlite3_errmsg(file->db)
					 : sqlite3_errstr(result));
		file_close(file);
	}
	return result;
}

/* Renames the file and what SQLite keeps beside it. */
static void file_set_aside(
	struct store_file *file, wall_s_t now, struct store_say *out)
{
	static const char *const tails[] = {"", "-wal", "-shm"};
	char from[PATH_LONGEST + 64], to[PATH_LONGEST + 64];

	file_close(file);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		(void)snprintf(
			from, sizeof(from), "%s%s", file->path, tails[i]);
		(void)snprintf(to, sizeof(to), "%s.damaged-%" PRId64 "%s",
			file->path, now, tails[i]);
		if (rename(from, to) == 0 && i == 0)
			(void)snprintf(
				out->aside, sizeof(out->aside), "%.299s", to);
	}
}

static bool file_open(
	struct store_file *file, wall_s_t now, struct store_say *out)
{
	int result;

	if (file->db != NULL)
		return true;
	if (file->path[0] == '\0') {
		say(out, "state_dir", "the name is too long");
		return false;
	}
	result = file_open_once(file, out);
	if (is_damage(result)) {
		file_set_aside(file, now, out);
		if (out->aside[0] != '\0')
			result = file_open_once(file, out);
	}
	return result == SQLITE_OK;
}

bool store_file_load(struct store_file *file, wall_s_t now,
	const struct store_readers *readers, struct store_say *ret_say)
{
	int result;

	if (!file_open(file, now, ret_say))
		return false;
	result = store_read_all(file->db, readers);
	if (result == SQLITE_OK)
		return true;
	say(ret_say, file->path, sqlite3_errmsg(file->db));
	if (is_damage(result)) {
		file_set_aside(file, now, ret_say);
		(void)file_open(file, now, ret_say); /* else at a write */
	}
	return false;
}

/* ---- writing ---- */

/* A user's name is a peer's octets; an operator's words are not touched. */
static const char *note_text(
	const struct store_row *row, char out[4 * sizeof(row->note)])
{
	if (row->word != STORE_ROW_PASSPORT && row->word != STORE_ROW_DEVICE &&
		row->word != STORE_ROW_PASSPORT_GONE)
		return row->note;
	out[log_escape(slice_str(row->note), LOG_TEXT, out,
		4 * sizeof(row->note) - 1)] = '\0';
	return out;
}

static int statement_run(sqlite3_stmt *statement, const struct store_row *row)
{
	char prefix[PREFIX_TEXT_LONGEST], note[4 * sizeof(row->note)];
	char name[4 * sizeof(row->name)];
	int result;

	/* Numbers that a statement does not have are not an error. */
	(void)sqlite3_bind_text(statement, 1,
		prefix_format(&row->prefix, prefix), -1, SQLITE_TRANSIENT);
	(void)sqlite3_bind_int64(statement, 2, row->since);
	(void)sqlite3_bind_int64(statement, 8, row->last);
	if (row->until == STORE_NEVER)
		(void)sqlite3_bind_null(statement, 3);
	else
		(void)sqlite3_bind_int64(statement, 3, row->until);
	(void)sqlite3_bind_text(statement, 4, row->rule, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(statement, 5, row->repeat_count);
	(void)sqlite3_bind_int64(statement, 6, row->failure_count);
	if (row->softness != SOFTNESS_UNKNOWN)
		(void)sqlite3_bind_int64(
			statement, 9, row->softness == SOFTNESS_SOFT);
	(void)sqlite3_bind_text(
		statement, 7, note_text(row, note), -1, SQLITE_STATIC);
	name[log_escape(
		slice_str(row->name), LOG_TEXT, name, sizeof(name) - 1)] = '\0';
	(void)sqlite3_bind_text(statement, 10, name, -1, SQLITE_STATIC);
	result = sqlite3_step(statement);
	(void)sqlite3_reset(statement); /* repeats `result` */
	(void)sqlite3_clear_bindings(statement);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int row_write(struct store_file *file, const struct store_row *row)
{
	int result = SQLITE_OK;

	for (size_t i = 0; i < order_count && result == SQLITE_OK; i++)
		if (orders[i].word == row->word)
			result = statement_run(file->statements[i], row);
	return result;
}

bool store_file_do(struct store_file *file, wall_s_t now, store_file_work *work,
	void *arg, struct store_say *ret_say)
{
	int result;

	if (!file_open(file, now, ret_say))
		return false;
	result = sqlite3_exec(file->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (result == SQLITE_OK)
		result = work(file->db, arg);
	if (result == SQLITE_OK)
		result = sqlite3_exec(file->db, "COMMIT", NULL, NULL, NULL);
	if (result == SQLITE_OK)
		return true;
	say(ret_say, file->path, sqlite3_errmsg(file->db));
	(void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
	if (is_damage(result))
		file_set_aside(file, now, ret_say);
	else
		/* Begin afresh: the folder may have been replaced. */
		file_close(file);
	return false;
}

struct batch {
	struct store_file *file;
	const struct store_row *rows;
	size_t n;
};

static int batch_write(sqlite3 *db, void *arg)
{
	const struct batch *batch = arg;
	int result = SQLITE_OK;

	for (size_t i = 0; i < batch->n && result == SQLITE_OK; i++)
		result = row_write(batch->file, &batch->rows[i]);
	return result;
}

bool store_file_write(struct store_file *file, const struct store_row *rows,
	size_t n, wall_s_t now, struct store_say *ret_say)
{
	struct batch batch = {file, rows, n};

	return store_file_do(file, now, batch_write, &batch, ret_say);
}
