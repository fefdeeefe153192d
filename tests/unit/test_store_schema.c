/*
 * The store's schema: an older file becomes a new one with all that is in it,
 * also when the power fails at any write in between.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../../src/journal/columns.h"
#include "../../src/keeper/store.h"

enum { NOW = 1000000, WRITES_MOST = 1000 };

static char dir[64];
static char path[128];
static size_t ban_count, allow_count;

/* As postern 0.1.0 of November 23 wrote it. */
static const char version_1[] =
	"PRAGMA journal_mode = WAL;"
	"CREATE TABLE IF NOT EXISTS ban ("
	" prefix TEXT PRIMARY KEY NOT NULL,"
	" since INTEGER NOT NULL,"
	" until INTEGER,"
	" rule TEXT NOT NULL,"
	" repeat_count INTEGER NOT NULL,"
	" failure_count INTEGER NOT NULL,"
	" note TEXT NOT NULL DEFAULT ''"
	") WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS allow ("
	" prefix TEXT PRIMARY KEY NOT NULL,"
	" since INTEGER NOT NULL,"
	" note TEXT NOT NULL DEFAULT ''"
	") WITHOUT ROWID;"
	"PRAGMA user_version = 1;"
	"INSERT INTO ban VALUES ('192.0.2.1', 999900, 1000600,"
	" 'source-limit', 2, 5, ''), ('2001:db8::/48', 999900, NULL,"
	" 'operator', 0, 0, 'noise');"
	"INSERT INTO allow VALUES ('198.51.100.0/24', 999900, 'office');";

/* What version 2 had besides. */
static const char version_2[] =
	"CREATE TABLE drain (backend TEXT, address TEXT, port INTEGER,"
	" since INTEGER, PRIMARY KEY (backend, address, port)) WITHOUT ROWID;"
	"CREATE TABLE passport (user TEXT, prefix TEXT, since INTEGER,"
	" until INTEGER, last INTEGER, PRIMARY KEY (user, prefix))"
	" WITHOUT ROWID;"
	"CREATE TABLE day (day TEXT PRIMARY KEY, guesses INTEGER,"
	" guesses_passed INTEGER, successes INTEGER, people_hurt INTEGER,"
	" sources INTEGER, sketch BLOB) WITHOUT ROWID;"
	"CREATE TABLE day_ban (day TEXT, rule TEXT, bans INTEGER,"
	" PRIMARY KEY (day, rule)) WITHOUT ROWID;" JOURNAL_TABLE
	"PRAGMA user_version = 2;"
	"INSERT INTO passport VALUES ('anna', '192.0.2.0/24', 1, NULL, 2);";

static void on_ban(void *arg, const struct store_ban *ban)
{
	(void)arg;
	ban_count++;
	assert_true(ban->since == 999900);
	assert_int_equal(ban->softness, SOFTNESS_UNKNOWN);
	if (ban->until == STORE_NEVER)
		assert_string_equal(ban->note, "noise");
	else
		assert_int_equal(ban->repeat_count, 2);
}

static void on_allow(void *arg, const struct store_allow *allow)
{
	(void)arg;
	allow_count++;
	assert_string_equal(allow->note, "office");
}

static const struct store_readers readers = {.ban = on_ban, .allow = on_allow};

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/postern-schema-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/postern.db", dir);
	return 0;
}

static void clear(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -f '%s'/*", dir);
	assert_int_equal(system(command), 0);
}

static int tear_down(void **state)
{
	(void)state;
	clear();
	return rmdir(dir);
}

static void execute(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void write_version_1(void)
{
	clear();
	execute(version_1);
}

static int64_t number(const char *text)
{
	sqlite3_stmt *statement;
	int64_t value;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return value;
}

/* Opens, closes, and looks at all that version 1 held. */
static void open_and_compare(void)
{
	struct store *store;
	struct store_state now;

	ban_count = allow_count = 0;
	store = store_open(dir, 1000, NOW, &readers);
	assert_non_null(store);
	assert_true(store_start(store));
	store_state(store, &now);
	assert_string_equal(now.error, "");
	assert_string_equal(now.set_aside, "");
	assert_int_equal(ban_count, 2);
	assert_int_equal(allow_count, 1);
	store_close(&store);
	assert_int_equal(number("PRAGMA user_version"), STORE_SCHEMA_VERSION);
}

static void version_1_is_brought_up_with_all_in_it(void **state)
{
	(void)state;
	write_version_1();
	open_and_compare();
	assert_int_equal(number("SELECT count(*) FROM passport"), 0);
	assert_int_equal(number("PRAGMA auto_vacuum"), 2);
	open_and_compare();
}

/* What version 3 had besides. */
static const char version_3[] = "ALTER TABLE ban ADD COLUMN soft INTEGER;"
				"PRAGMA user_version = 3;";

static void version_3_learns_names_of_devices(void **state)
{
	(void)state;
	write_version_1();
	execute(version_2);
	execute(version_3);
	open_and_compare();
	assert_int_equal(number("SELECT count(*) FROM passport"), 1);
	assert_int_equal(number("SELECT count(*) FROM device"), 0);
	open_and_compare();
}

/* What version 4 had besides. */
static const char version_4[] =
	"CREATE TABLE device (user TEXT NOT NULL, name TEXT NOT NULL,"
	" since INTEGER NOT NULL, until INTEGER, last INTEGER NOT NULL,"
	" PRIMARY KEY (user, name)) WITHOUT ROWID;"
	"PRAGMA user_version = 4;";

static void version_4_learns_points_of_graphs(void **state)
{
	(void)state;
	write_version_1();
	execute(version_2);
	execute(version_3);
	execute(version_4);
	open_and_compare();
	execute("INSERT INTO point VALUES (60, 1200, '{}');");
}

static void version_2_learns_how_soft_a_ban_is(void **state)
{
	(void)state;
	write_version_1();
	execute(version_2);
	open_and_compare();
	assert_int_equal(number("SELECT count(*) FROM passport"), 1);
	assert_int_equal(
		number("SELECT count(*) FROM ban WHERE soft IS NULL"), 2);
	open_and_compare();
}

static unsigned mode_of(const char *tail)
{
	char name[160];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, tail);
	assert_int_equal(stat(name, &st), 0);
	return st.st_mode & 0777;
}

static void file_is_nobody_elses_whatever_the_umask(void **state)
{
	mode_t before = umask(0);
	struct store *store;

	(void)state;
	write_version_1();
	assert_int_equal(chmod(path, 0666), 0);
	open_and_compare();
	assert_int_equal(mode_of(""), 0600);
	clear();
	store = store_open(dir, 1000, NOW, &readers);
	assert_non_null(store);
	assert_int_equal(mode_of(""), 0600);
	assert_int_equal(mode_of("-wal"), 0600);
	assert_true(store_start(store));
	store_close(&store);
	(void)umask(before);
}

static void new_file_gives_its_space_back(void **state)
{
	struct store *store;

	(void)state;
	clear();
	store = store_open(dir, 1000, NOW, &readers);
	assert_non_null(store);
	assert_true(store_start(store));
	store_close(&store);
	assert_int_equal(number("PRAGMA auto_vacuum"), 2);
}

/* ---- interrupted ---- */

static unsigned writes_left;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

static ssize_t last_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (writes_left-- == 0) {
		(void)real_pwrite(fd, p, n / 2, at); /* a torn page */
		(void)raise(SIGKILL);
	}
	return real_pwrite(fd, p, n, at);
}

/* true: it came to its end. */
static bool bring_up_to(unsigned writes)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *store;

		real_pwrite = (ssize_t(*)(int, const void *, size_t,
			off_t))vfs->xGetSystemCall(vfs, "pwrite64");
		writes_left = writes;
		if (real_pwrite == NULL ||
			vfs->xSetSystemCall(vfs, "pwrite64",
				(sqlite3_syscall_ptr)last_pwrite) != SQLITE_OK)
			_exit(2);
		store = store_open(dir, 1000, NOW, &readers);
		assert_non_null(store);
		assert_true(store_start(store));
		store_close(&store);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return !WIFSIGNALED(status);
}

static void step_that_dies_at_any_write_leaves_a_good_file(void **state)
{
	unsigned writes = 0;

	(void)state;
	do {
		write_version_1();
		if (bring_up_to(writes))
			break;
		open_and_compare();
	} while (++writes < WRITES_MOST);
	assert_in_range(writes, 5, WRITES_MOST - 1);
	open_and_compare();
	print_message("died at each of %u writes\n", writes);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(version_1_is_brought_up_with_all_in_it),
		T(version_2_learns_how_soft_a_ban_is),
		T(version_3_learns_names_of_devices),
		T(version_4_learns_points_of_graphs),
		T(file_is_nobody_elses_whatever_the_umask),
		T(new_file_gives_its_space_back),
		T(step_that_dies_at_any_write_leaves_a_good_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
