/*
 * The journal in the store: it stays short, and it gives way to everything
 * else when the disk is full or slow. The disk is SQLite's own call, which
 * SQLite lets a test replace.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../../src/base/clock.h"
#include "../../src/keeper/store.h"

enum { WAIT_MS = 20000, MANY = 5000 };

static char dir[64], path[128];
static size_t ban_count;
static struct store_day last_day;

/* ---- the disk ---- */

enum disk { DISK_WORKS, DISK_FULL, DISK_STUCK };
static enum disk disk;
static unsigned stuck_count;
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

static ssize_t disk_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (__atomic_load_n(&disk, __ATOMIC_SEQ_CST) == DISK_STUCK)
		__atomic_add_fetch(&stuck_count, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&disk, __ATOMIC_SEQ_CST) == DISK_STUCK)
		(void)poll(NULL, 0, 1);
	if (__atomic_load_n(&disk, __ATOMIC_SEQ_CST) == DISK_FULL) {
		errno = ENOSPC;
		return -1;
	}
	return real_pwrite(fd, p, n, at);
}

static void set_disk(enum disk how)
{
	__atomic_store_n(&disk, how, __ATOMIC_SEQ_CST);
}

static int take_disk(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	(void)state;
	real_pwrite = (ssize_t(*)(int, const void *, size_t,
		off_t))vfs->xGetSystemCall(vfs, "pwrite64");
	return real_pwrite != NULL &&
			       vfs->xSetSystemCall(vfs, "pwrite64",
				       (sqlite3_syscall_ptr)disk_pwrite) ==
				       SQLITE_OK
		       ? 0
		       : -1;
}

/* ---- the store ---- */

static void on_ban(void *arg, const struct store_ban *ban)
{
	(void)arg;
	(void)ban;
	ban_count++;
}

static void on_allow(void *arg, const struct store_allow *allow)
{
	(void)arg;
	(void)allow;
}

static void on_day(void *arg, const struct store_day *day)
{
	(void)arg;
	last_day = *day;
}

static const struct store_readers readers = {
	.ban = on_ban, .allow = on_allow, .day = on_day};

static struct store *open_store(wall_s_t journal_s, uint64_t file_bytes)
{
	struct store *store;

	ban_count = 0;
	store = store_open(dir, 1000, clock_wall_s(), &readers);
	assert_non_null(store);
	assert_true(store_start(store));
	store_set_keep(store, &(struct store_keep){.journal_s = journal_s,
				      .file_bytes = file_bytes,
				      .waiting_count = MANY});
	return store;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/postern-journal-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/postern.db", dir);
	set_disk(DISK_WORKS);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	set_disk(DISK_WORKS);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) == 0 ? 0 : -1;
}

static void put_row(struct store *store, wall_s_t at, size_t text_n)
{
	uint8_t text[JOURNAL_TEXT_LONGEST];
	struct journal_row row = {
		.kind = JOURNAL_EVENT,
		.at = at,
		.event.kind = EVENT_HELO,
	};

	memset(text, 'x', sizeof(text));
	row.event.text = slice_of(text, text_n);
	assert_true(journal_row_own(&row));
	store_put_journal(store, &row);
}

static void put_ban(struct store *store, uint8_t last)
{
	struct store_ban ban = {.since = 1,
		.until = STORE_NEVER,
		.rule = "operator",
		.note = ""};

	assert_true(prefix_parse("192.0.2.0/32", &ban.prefix));
	ban.prefix.addr.octets[15] = last;
	store_put_ban(store, &ban);
}

static int64_t number(const char *text)
{
	sqlite3_stmt *statement;
	int64_t value;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, WAIT_MS);
	assert_int_equal(
		sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

static struct store_state state_of(struct store *store)
{
	struct store_state state;

	store_state(store, &state);
	return state;
}

/* Waits for the writer until it is so. */
#define UNTIL(store, is_so)                                                    \
	for (int waited = 0; !(is_so); waited++) {                             \
		const struct store_state now = state_of(store);                \
                                                                               \
		if (waited > WAIT_MS)                                          \
			fail_msg("%s: %s", #is_so, now.error);                 \
		(void)poll(NULL, 0, 1);                                        \
	}

static void batch(struct store *store, unsigned rows, wall_s_t at, size_t text)
{
	uint64_t before = state_of(store).journal_written_total;

	for (unsigned i = 0; i < rows; i++)
		put_row(store, at, text);
	UNTIL(store, state_of(store).journal_written_total - before >= rows)
}

static void old_rows_go_and_young_ones_stay(void **state)
{
	struct store *store = open_store(1000, UINT64_MAX);
	wall_s_t now = clock_wall_s();

	(void)state;
	batch(store, 4096, now - 2000, 10);
	batch(store, 4096, now - 10, 10);
	store_close(&store);
	assert_int_equal(number("SELECT count(*) FROM journal"), 4096);
	assert_int_equal(number("SELECT min(id) FROM journal"), 4097);
}

static void file_does_not_grow_beyond_its_size(void **state)
{
	struct store *store = open_store(100000, 1 << 20);
	wall_s_t now = clock_wall_s();

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		batch(store, 4096, now, 200);
	store_close(&store);
	assert_in_range(number("SELECT count(*) FROM journal"), 1, 3 * 4096);
	assert_in_range(
		number("PRAGMA page_count") * number("PRAGMA page_size"), 0,
		4 << 20);
}

static void full_disk_sheds_the_journal_and_keeps_the_bans(void **state)
{
	struct store *store = open_store(1000, UINT64_MAX);
	uint64_t shed;

	(void)state;
	batch(store, 10, clock_wall_s(), 10);
	set_disk(DISK_FULL);
	for (unsigned i = 0; i < MANY; i++)
		put_row(store, clock_wall_s(), 10);
	UNTIL(store, state_of(store).journal_shed_total >= 4096)
	for (unsigned i = 0; i < 10; i++)
		put_ban(store, (uint8_t)i);
	UNTIL(store, state_of(store).failing)
	for (unsigned i = 0; i < 3 * MANY; i++)
		put_row(store, clock_wall_s(), 10);
	/* One lot waits, one may be under way. */
	assert_in_range(state_of(store).journal_waiting_count, 1, 2 * MANY);
	assert_in_range(state_of(store).journal_shed_total, 2 * MANY, 4 * MANY);
	assert_int_equal(state_of(store).lost_total, 0);
	set_disk(DISK_WORKS);
	UNTIL(store, state_of(store).waiting_count == 0)
	UNTIL(store, state_of(store).journal_waiting_count == 0)
	assert_false(state_of(store).failing);
	shed = state_of(store).journal_shed_total;
	batch(store, 1, clock_wall_s(), 10);
	store_close(&store);
	assert_int_equal(number("SELECT count(*) FROM ban"), 10);
	assert_int_equal(
		number("SELECT sum(number) FROM journal WHERE kind = 'gap'"),
		shed);
	store = open_store(1000, UINT64_MAX);
	assert_int_equal(ban_count, 10);
	store_close(&store);
}

static void stuck_disk_holds_nobody_up(void **state)
{
	struct store *store = open_store(1000, UINT64_MAX);
	struct store_day day = {.day = 20000, .guesses = 1};

	(void)state;
	stuck_count = 0;
	set_disk(DISK_STUCK);
	put_ban(store, 1);
	UNTIL(store, __atomic_load_n(&stuck_count, __ATOMIC_SEQ_CST) > 0)
	/* Had one of these to wait for the disk, it would be for ever. */
	for (unsigned i = 0; i < 2 * MANY; i++)
		put_row(store, clock_wall_s(), 10);
	for (unsigned i = 0; i < 100; i++)
		put_ban(store, (uint8_t)i);
	for (day.guesses = 1; day.guesses < 5; day.guesses++)
		store_put_day(store, &day);
	assert_int_equal(state_of(store).journal_waiting_count, MANY);
	assert_int_equal(state_of(store).journal_shed_total, MANY);
	assert_int_equal(state_of(store).days_shed_total, 3);
	set_disk(DISK_WORKS);
	UNTIL(store, state_of(store).waiting_count == 0)
	store_close(&store);
	assert_int_equal(number("SELECT count(*) FROM ban"), 100);
	assert_int_equal(number("SELECT count(*) FROM journal"), MANY);
	assert_int_equal(number("SELECT guesses FROM day"), 4);
}

static void day_comes_back_as_it_was(void **state)
{
	struct store *store = open_store(1000, UINT64_MAX);
	struct store_day day = {.day = 20000,
		.guesses = 5,
		.guesses_passed = 4,
		.successes = 3,
		.people_hurt = 2,
		.sources = 1,
		.bans[RULE_SOURCE_LIMIT] = 7,
		.sketch = {1, 2, 3}};

	(void)state;
	store_put_day(store, &day);
	store_close(&store);
	store = open_store(1000, UINT64_MAX);
	assert_memory_equal(&last_day, &day, sizeof(day));
	day.guesses = 6;
	store_put_day(store, &day);
	day.day = 20001;
	day.bans[RULE_SOURCE_LIMIT] = 0;
	store_close(&store);
	store = open_store(1000, UINT64_MAX);
	assert_int_equal(last_day.guesses, 6);
	store_put_day(store, &day);
	store_close(&store);
	store = open_store(1000, UINT64_MAX); /* the newest comes last */
	assert_memory_equal(&last_day, &day, sizeof(day));
	store_close(&store);
	assert_int_equal(number("SELECT count(*) FROM day WHERE day ="
				" '2024-10-04'"),
		1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(old_rows_go_and_young_ones_stay),
		T(file_does_not_grow_beyond_its_size),
		T(full_disk_sheds_the_journal_and_keeps_the_bans),
		T(stuck_disk_holds_nobody_up),
		T(day_comes_back_as_it_was),
	};

	return cmocka_run_group_tests(tests, take_disk, NULL);
}
