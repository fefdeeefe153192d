/*
 * A store that is damaged somewhere: any page of it, or that others hold.
 *
 * Either all bans are there or none are and the file was set aside: a part of
 * them in force, with nobody told, would be the worst. And what comes then is
 * kept.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../../src/keeper/store_find.h"

enum {
	NOW = 1000000,
	BANS = 150,
	ROWS = 300,
	PAGE = 4096,
	WAIT_MS = 10000,
	FILE_MOST = 1 << 20,
};

enum damage { ZEROS, NOISE, BIT, DAMAGE_COUNT };

static char dir[64];
static char path[128];
static size_t ban_count;
static bool late_ban; /* the one that came behind the damage */
static uint8_t sound[FILE_MOST];
static size_t sound_n;

static void on_ban(void *arg, const struct store_ban *ban)
{
	(void)arg;
	ban_count++;
	late_ban |= ban->prefix.addr.octets[12] == 192;
}

static void on_allow(void *arg, const struct store_allow *allow)
{
	(void)arg;
	(void)allow;
}

static struct store *open_store(void)
{
	static const struct store_readers readers = {
		.ban = on_ban, .allow = on_allow};
	struct store *store;

	ban_count = 0;
	late_ban = false;
	store = store_open(dir, 10000, NOW, &readers);
	assert_non_null(store);
	assert_true(store_start(store));
	store_set_keep(store, &(struct store_keep){.journal_s = NOW,
				      .file_bytes = UINT64_MAX,
				      .waiting_count = 10000});
	return store;
}

static void put_ban(struct store *store, const char *text)
{
	struct store_ban ban = {
		.since = NOW - 5,
		.until = NOW + 500,
		.rule = "source-limit",
		.note = "as long as the note of an operator may well be",
	};

	assert_true(prefix_parse(text, &ban.prefix));
	store_put_ban(store, &ban);
}

static void put_row(struct store *store)
{
	struct journal_row row = {
		.kind = JOURNAL_EVENT, .at = NOW, .event.kind = EVENT_HELO};

	row.event.text = slice_str("a name that is given in HELO, of a row");
	assert_true(journal_row_own(&row));
	store_put_journal(store, &row);
}

static void write_all(const uint8_t *octets, size_t n)
{
	char command[160];
	FILE *file;

	(void)snprintf(command, sizeof(command), "rm -f '%s'/*", dir);
	assert_int_equal(system(command), 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(octets, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
	struct store *store;
	char text[32];
	FILE *file;

	(void)state;
	strcpy(dir, "/tmp/postern-damage-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/postern.db", dir);
	store = open_store();
	for (unsigned i = 0; i < BANS; i++) {
		(void)snprintf(text, sizeof(text), "10.0.%u.1", i);
		put_ban(store, text);
	}
	for (unsigned i = 0; i < ROWS; i++)
		put_row(store);
	store_close(&store);
	file = fopen(path, "r");
	assert_non_null(file);
	sound_n = fread(sound, 1, sizeof(sound), file);
	(void)fclose(file);
	assert_in_range(sound_n, 10 * PAGE, sizeof(sound) - 1);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) == 0 ? 0 : -1;
}

static void hurt(uint8_t *page, enum damage how)
{
	switch (how) {
	case ZEROS: memset(page, 0, PAGE); break;
	case NOISE:
		for (size_t i = 0; i < PAGE; i++)
			page[i] = (uint8_t)(rand() & 255);
		break;
	case BIT: page[rand() % PAGE] ^= (uint8_t)(1 << rand() % 8); break;
	case DAMAGE_COUNT: break;
	}
}

static bool set_aside(struct store *store)
{
	struct store_state now;

	store_state(store, &now);
	return now.set_aside[0] != '\0';
}

/* Until what was put is on disk, or the file is set aside for it. The keeper
 * would put all anew then. */
static void settle(struct store *store)
{
	struct store_state last;

	for (int ms = 0; ms < WAIT_MS; ms++) {
		struct store_state now;

		store_state(store, &now);
		if (store_wants_all(store)) {
			store_reset(store, NOW);
			put_ban(store, "192.0.2.1");
		} else if (now.waiting_count == 0 &&
			   now.journal_waiting_count == 0 && !now.failing) {
			return;
		}
		(void)poll(NULL, 0, 1);
	}
	store_state(store, &last);
	fail_msg("%zu and %zu rows wait: %s", last.waiting_count,
		last.journal_waiting_count, last.error);
}

static void live_with(const uint8_t *octets, size_t n, enum damage how)
{
	struct store *store;
	bool aside;

	write_all(octets, n);
	store = open_store();
	aside = set_aside(store);
	/* One bit may make an address of nothing of another, or of a number. */
	if (how == BIT && !aside)
		assert_in_range(ban_count, BANS - 1, BANS);
	else
		assert_int_equal(ban_count, aside ? 0 : BANS);
	put_ban(store, "192.0.2.1");
	for (unsigned i = 0; i < 10; i++)
		put_row(store);
	/* Who asks has the journal written at once. */
	(void)store_ask(store, &(struct store_question){.session = 1});
	settle(store);
	store_close(&store);
	store = open_store();
	assert_true(late_ban);
	store_close(&store);
}

static void any_page_may_be_bad(void **state)
{
	static uint8_t octets[FILE_MOST];

	(void)state;
	srand(7);
	for (size_t at = 0; at + PAGE <= sound_n; at += PAGE) {
		enum damage how = (enum damage)(at / PAGE % DAMAGE_COUNT);

		memcpy(octets, sound, sound_n);
		hurt(octets + at, how);
		live_with(octets, sound_n, how);
	}
}

static void it_may_end_anywhere(void **state)
{
	(void)state;
	for (size_t n = PAGE; n < sound_n; n += 7 * PAGE) {
		live_with(sound, n, NOISE);
		live_with(sound, n - 100, NOISE);
	}
}

/* A backup that holds the file delays what is written and loses nothing. */
static void others_may_hold_it(void **state)
{
	struct store *store;
	sqlite3 *db = NULL;
	struct store_state now;

	(void)state;
	write_all(sound, sound_n);
	store = open_store();
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
		SQLITE_OK);
	put_ban(store, "192.0.2.1");
	for (int ms = 0; ms < WAIT_MS; ms++) {
		store_state(store, &now);
		if (now.failing)
			break;
		(void)poll(NULL, 0, 1);
	}
	assert_true(now.failing);
	assert_string_equal(now.set_aside, "");
	assert_int_equal(
		sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	settle(store);
	store_close(&store);
	(void)sqlite3_close(db);
	store = open_store();
	assert_int_equal(ban_count, BANS + 1);
	assert_true(late_ban);
	store_close(&store);
}

/* From before the start: bans are not taken for damaged, and come. */
static void so_may_they_at_the_start(void **state)
{
	struct store *store;
	struct store_state now;
	sqlite3 *db = NULL;

	(void)state;
	write_all(sound, sound_n);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				 "PRAGMA locking_mode = EXCLUSIVE;"
				 "BEGIN EXCLUSIVE; DELETE FROM day",
				 NULL, NULL, NULL),
		SQLITE_OK);
	store = open_store();
	store_state(store, &now);
	assert_string_equal(now.set_aside, "");
	put_ban(store, "192.0.2.1");
	assert_int_equal(
		sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	settle(store);
	store_close(&store);
	store = open_store();
	assert_true(late_ban);
	store_close(&store);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(any_page_may_be_bad),
		T(it_may_end_anywhere),
		T(others_may_hold_it),
		T(so_may_they_at_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
