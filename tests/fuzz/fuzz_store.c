/*
 * The state file, as a damaged disk or a stranger left it (BAN-09). Input: an
 * octet that says how, then
 *	- even: the file's octets (SQLite's own format is its own business; here
 *	  it is that postern lives and sets aside what is damaged);
 *	- odd: rows, as SQL values that a schema does not hold back.
 *
 * In either case the rows that are told are in their ranges, no ban lasts
 * longer than was written, and a row can be stored afterwards: a damaged store
 * costs the bans in it, never the ones that follow.
 */
#include "../../src/journal/columns.h"
#include "../../src/keeper/store_file.h"
#include "fuzz.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INPUT_MOST = 16384, NOW = 1790000000, ROWS_MOST = 64 };

static char dir[64], path[128];
static bool ours_came_back;

static void told(const struct prefix *prefix)
{
	struct prefix again = prefix_of(
		&prefix->addr, prefix_length(prefix), prefix_length(prefix));

	MUST(prefix->bits <= 128 && prefix_eq(&again, prefix));
}

static void got_ban(void *arg, const struct store_ban *ban)
{
	wall_s_t left = store_left(ban->since, ban->until, NOW);
	struct prefix ours;

	(void)arg;
	told(&ban->prefix);
	MUST(ban->rule && ban->note);
	MUST(ban->repeat_count <= 1000000 && ban->failure_count <= 1000000);
	MUST(left >= 0);
	if (left != STORE_NEVER && left > 0)
		MUST(ban->until > NOW || ban->since > NOW);
	if (ban->until != STORE_NEVER && left > 0 && ban->since >= 0)
		MUST(left <= ban->until - ban->since);
	MUST(prefix_parse("203.0.113.7", &ours));
	ours_came_back |= prefix_eq(&ours, &ban->prefix);
}

static void got_allow(void *arg, const struct store_allow *allow)
{
	(void)arg;
	told(&allow->prefix);
	MUST(allow->note);
}

static void got_passport(void *arg, const struct store_passport *passport)
{
	(void)arg;
	told(&passport->prefix);
	MUST(passport->user[0] && strlen(passport->user) <= STORE_USER_LONGEST);
	MUST(passport->last >= 0 &&
		store_left(passport->last, passport->until, NOW) >= 0);
}

static const struct store_readers readers = {
	.ban = got_ban, .allow = got_allow, .passport = got_passport};

static void remove_all(void)
{
	static const char *const tails[] = {"", "-wal", "-shm", "-journal",
		".damaged-1790000000", ".damaged-1790000000-wal",
		".damaged-1790000000-shm"};
	char name[256];

	for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
		(void)snprintf(name, sizeof name, "%s%s", path, tails[i]);
		(void)unlink(name);
	}
}

static void leave_nothing(void)
{
	remove_all();
	(void)rmdir(dir);
}

static void folder(void)
{
	const char *in = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	if (dir[0])
		return;
	(void)snprintf(dir, sizeof dir, "%s/fuzz-store-XXXXXX", in);
	MUST(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/postern.db", dir);
	(void)atexit(leave_nothing);
}

static bool load(struct store_file *file, char aside[300])
{
	struct store_say said = {.error = ""};
	bool loaded = store_file_load(file, NOW, &readers, &said);

	memcpy(aside, said.aside, sizeof said.aside);
	return loaded;
}

static void write_octets(struct slice in)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	MUST(fd >= 0);
	MUST(write(fd, in.p, in.n) == (ssize_t)in.n);
	(void)close(fd);
}

/* A value of any type: what stands there says which. */
static void bind(sqlite3_stmt *s, int at, struct slice *in)
{
	uint8_t how = fuzz_octet(in);
	struct slice text = slice_head(*in, how >> 3);

	if (how % 4 == 0)
		(void)sqlite3_bind_int64(s, at, (int64_t)fuzz_number(in, 8));
	else if (how % 8 == 1)
		(void)sqlite3_bind_null(s, at);
	else if (how % 8 == 5)
		(void)sqlite3_bind_double(s, at, (double)how * 1e300);
	else if (how % 4 == 2)
		(void)sqlite3_bind_text(s, at, (const char *)text.p,
			(int)text.n, SQLITE_TRANSIENT);
	else
		(void)sqlite3_bind_blob(
			s, at, text.p, (int)text.n, SQLITE_TRANSIENT);
	if (how % 4 >= 2)
		*in = slice_skip(*in, text.n);
}

static void write_rows(struct slice in)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;

	MUST(sqlite3_open(path, &db) == SQLITE_OK);
	MUST(sqlite3_exec(db,
		     "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
		     "CREATE TABLE ban (prefix, since, until, rule,"
		     " repeat_count, failure_count, note, soft);"
		     "CREATE TABLE allow (prefix, since, note);"
		     "CREATE TABLE passport (user, prefix, since, until, last,"
		     " UNIQUE (user, prefix));" JOURNAL_TABLE
		     "PRAGMA user_version = 3;",
		     NULL, NULL, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(db,
		     "INSERT INTO ban VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		     -1, &s, NULL) == SQLITE_OK);
	for (unsigned row = 0; in.n && row < ROWS_MOST; row++) {
		for (int at = 1; at <= 8; at++)
			bind(s, at, &in);
		(void)sqlite3_step(s);
		(void)sqlite3_reset(s);
	}
	(void)sqlite3_finalize(s);
	(void)sqlite3_exec(db,
		"INSERT INTO allow SELECT prefix, since, note FROM ban;"
		"INSERT OR IGNORE INTO passport"
		" SELECT note, prefix, since, until, failure_count FROM ban",
		NULL, NULL, NULL);
	(void)sqlite3_close(db);
}

/* What is written from now on comes back, whatever was there before. */
static void store_ours(struct store_file *file)
{
	struct store_row row = {.word = STORE_ROW_BAN,
		.since = NOW,
		.until = NOW + 600,
		.rule = "failures",
		.note = ""};
	struct store_say said = {.error = ""};
	char aside[300];
	bool done = false;

	MUST(prefix_parse("203.0.113.7", &row.prefix));
	for (unsigned i = 0; i < 3 && !done; i++) /* each may set aside */
		done = store_file_write(file, &row, 1, NOW, &said);
	if (!done) { /* a newer schema's, or one that is no table of ours */
		MUST(said.error[0]);
		return;
	}
	ours_came_back = false;
	if (load(file, aside))
		MUST(ours_came_back);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	struct store_file *file;
	bool rows = fuzz_octet(&in) & 1;
	char aside[300];

	if (n == 0 || n > INPUT_MOST)
		return 0;
	folder();
	remove_all();
	if (rows)
		write_rows(in);
	else if (in.n)
		write_octets(in);
	file = store_file_new(dir);
	MUST(file);
	(void)load(file, aside);
	if (aside[0])
		MUST(access(aside, F_OK) == 0);
	store_ours(file);
	store_file_free(&file);
	return 0;
}
