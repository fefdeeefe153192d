/*
 * The store: what was put is there after any kind of end, and a file that is
 * not ours or not sound never stops the keeper. Waits are for the writer
 * thread only and end as soon as it has written.
 */
#include <poll.h>
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

#include "../../src/base/clock.h"
#include "../../src/keeper/store.h"

enum { NOW = 1000000, WAIT_MS = 10000, MANY = 100000 };

struct found {
	size_t ban_count, allow_count, passport_count, drain_count;
	size_t device_count;
	struct store_device device;
	char device_user[STORE_USER_LONGEST + 1];
	char device_name[STORE_DEVICE_LONGEST + 1];
	struct store_drain drain;
	char backend[64];
	struct store_passport passport;
	char user[64];
	struct store_ban last;
	char rule[64], note[256];
	struct prefix allow;
};

static char dir[64];
static char path[128];
static struct found found;

static void on_ban(void *arg, const struct store_ban *ban)
{
	(void)arg;
	found.ban_count++;
	found.last = *ban;
	snprintf(found.rule, sizeof(found.rule), "%s", ban->rule);
	snprintf(found.note, sizeof(found.note), "%s", ban->note);
}

static void on_allow(void *arg, const struct store_allow *allow)
{
	(void)arg;
	found.allow_count++;
	found.allow = allow->prefix;
}

static void on_device(void *arg, const struct store_device *device)
{
	(void)arg;
	found.device_count++;
	found.device = *device;
	snprintf(found.device_user, sizeof(found.device_user), "%s",
		device->user);
	snprintf(found.device_name, sizeof(found.device_name), "%s",
		device->name);
}

static void on_passport(void *arg, const struct store_passport *passport)
{
	(void)arg;
	found.passport_count++;
	found.passport = *passport;
	snprintf(found.user, sizeof(found.user), "%s", passport->user);
}

static void on_drain(void *arg, const struct store_drain *drain)
{
	(void)arg;
	found.drain_count++;
	found.drain = *drain;
	snprintf(found.backend, sizeof(found.backend), "%s", drain->backend);
}

static const struct store_readers readers = {.ban = on_ban,
	.allow = on_allow,
	.passport = on_passport,
	.device = on_device,
	.drain = on_drain};

static struct store *open_store(void)
{
	struct store *store;

	memset(&found, 0, sizeof(found));
	store = store_open(dir, 2 * MANY, NOW, &readers);
	assert_non_null(store);
	assert_true(store_start(store));
	return store;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static void put_ban(struct store *store, const char *text, wall_s_t until)
{
	store_put_ban(store, &(struct store_ban){
				     .prefix = prefix(text),
				     .since = NOW - 10,
				     .until = until,
				     .rule = "source-limit",
				     .repeat_count = 2,
				     .failure_count = 5,
				     .softness = SOFTNESS_HARD,
				     .note = "it's; --DROP",
			     });
}

static void wait_written(struct store *store)
{
	for (int ms = 0; ms < WAIT_MS; ms++) {
		struct store_state state;

		store_state(store, &state);
		if (state.waiting_count == 0 && !state.failing)
			return;
		(void)poll(NULL, 0, 1);
	}
	fail_msg("the writer does not write");
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/postern-store-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/postern.db", dir);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) == 0 ? 0 : -1;
}

static void new_folder_gives_an_empty_store(void **state)
{
	struct store *store = open_store();
	struct store_state now;

	(void)state;
	store_state(store, &now);
	assert_false(now.failing);
	assert_string_equal(now.error, "");
	assert_int_equal(found.ban_count, 0);
	store_close(&store);
	assert_null(store);
}

static void ban_and_allow_are_back_as_they_were(void **state)
{
	struct store *store = open_store();
	struct prefix p = prefix("2001:db8:1::/48");

	(void)state;
	put_ban(store, "192.0.2.0/24", NOW + 600);
	store_put_allow(store,
		&(struct store_allow){.prefix = p, .since = NOW, .note = "x"});
	store_close(&store);
	store = open_store();
	assert_int_equal(found.ban_count, 1);
	p = prefix("192.0.2.0/24");
	assert_true(prefix_eq(&found.last.prefix, &p));
	assert_int_equal(found.last.since, NOW - 10);
	assert_int_equal(found.last.until, NOW + 600);
	assert_int_equal(found.last.repeat_count, 2);
	assert_int_equal(found.last.failure_count, 5);
	assert_int_equal(found.last.softness, SOFTNESS_HARD);
	assert_string_equal(found.rule, "source-limit");
	assert_string_equal(found.note, "it's; --DROP");
	p = prefix("2001:db8:1::/48");
	assert_int_equal(found.allow_count, 1);
	assert_true(prefix_eq(&found.allow, &p));
	store_close(&store);
}

static void ban_for_ever_stays_for_ever(void **state)
{
	struct store *store = open_store();

	(void)state;
	put_ban(store, "192.0.2.1", STORE_NEVER);
	store_close(&store);
	store = open_store();
	assert_true(found.last.until == STORE_NEVER);
	store_close(&store);
}

static void same_prefix_replaces_and_delete_removes(void **state)
{
	struct store *store = open_store();
	struct prefix p = prefix("192.0.2.1"), q = prefix("192.0.2.2");

	(void)state;
	put_ban(store, "192.0.2.1", NOW + 1);
	put_ban(store, "192.0.2.1", NOW + 2);
	put_ban(store, "192.0.2.2", NOW + 3);
	store_put_allow(store, &(struct store_allow){.prefix = p, .note = ""});
	store_delete_allow(store, &p);
	store_delete_ban(store, &q);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.ban_count, 1);
	assert_int_equal(found.last.until, NOW + 2);
	assert_int_equal(found.allow_count, 0);
	store_close(&store);
}

static void purge_takes_what_ended_before(void **state)
{
	struct store *store = open_store();

	(void)state;
	put_ban(store, "192.0.2.1", NOW - 100);
	put_ban(store, "192.0.2.2", NOW - 5);
	put_ban(store, "192.0.2.3", STORE_NEVER);
	store_purge(store, NOW - 50, NOW);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.ban_count, 2);
	store_close(&store);
}

static void put_passport(struct store *store, const char *user,
	const char *text, wall_s_t now, wall_s_t until)
{
	store_put_passport(store, &(struct store_passport){
					  .user = user,
					  .prefix = prefix(text),
					  .since = now,
					  .until = until,
					  .last = now,
				  });
}

static void passport_keeps_its_first_day_and_moves_its_last(void **state)
{
	struct store *store = open_store();
	const struct prefix p = prefix("2001:db8:1::/48");

	(void)state;
	put_passport(store, "anna", "2001:db8:1::/48", NOW, NOW + 600);
	put_passport(store, "anna", "2001:db8:1::/48", NOW + 50, NOW + 650);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.passport_count, 1);
	assert_string_equal(found.user, "anna");
	assert_true(prefix_eq(&found.passport.prefix, &p));
	assert_int_equal(found.passport.since, NOW);
	assert_int_equal(found.passport.last, NOW + 50);
	assert_int_equal(found.passport.until, NOW + 650);
	store_delete_passport(store, "berta", &p);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.passport_count, 1);
	store_delete_passport(store, "anna", &p);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.passport_count, 0);
	store_close(&store);
}

static void drain_is_one_backend_s_and_one_port_s(void **state)
{
	struct store *store = open_store();
	struct store_drain mine = {.backend = "mx",
		.addr = prefix("2001:db8::25").addr,
		.port = 65535,
		.since = NOW};
	struct store_drain other = mine;

	(void)state;
	store_put_drain(store, &mine);
	other.port = 25;
	store_put_drain(store, &other);
	other.backend = "it's";
	store_put_drain(store, &other);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.drain_count, 3);
	store_delete_drain(store, &other);
	other.backend = "mx";
	store_delete_drain(store, &other);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.drain_count, 1);
	assert_string_equal(found.backend, "mx");
	assert_true(addr_eq(&found.drain.addr, &mine.addr));
	assert_int_equal(found.drain.port, 65535);
	assert_int_equal(found.drain.since, NOW);
	store_reset(store, NOW);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.drain_count, 0);
	store_close(&store);
}

static void passport_of_any_octets_is_that_of_the_same(void **state)
{
	static const char name[] = "a\"b\\x41\x01\xff\xc3'; --";
	struct store *store = open_store();
	const struct prefix p = prefix("192.0.2.0/24");

	(void)state;
	put_passport(store, name, "192.0.2.0/24", NOW, NOW + 600);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.passport_count, 1);
	assert_string_equal(found.user, name);
	store_delete_passport(store, name, &p);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.passport_count, 0);
	store_close(&store);
}

static void purge_takes_passports_that_are_over(void **state)
{
	struct store *store = open_store();

	(void)state;
	put_passport(store, "anna", "192.0.2.0/24", NOW - 9, NOW - 1);
	put_passport(store, "berta", "192.0.2.0/24", NOW - 9, NOW + 1);
	put_passport(store, "carl", "192.0.2.0/24", NOW - 9, STORE_NEVER);
	store_purge(store, NOW - 50, NOW);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.passport_count, 2);
	store_close(&store);
}

static void put_device(struct store *store, const char *user, const char *name,
	wall_s_t now, wall_s_t until)
{
	store_put_device(store, &(struct store_device){
					.user = user,
					.name = name,
					.since = now,
					.until = until,
					.last = now,
				});
}

static void device_is_kept_whatever_its_octets_until_it_is_over(void **state)
{
	static const char name[] = "[10.0.0.1]\xff\x01'; -- \\x41";
	struct store *store = open_store();

	(void)state;
	put_device(store, "anna", name, NOW, NOW + 600);
	put_device(store, "anna", name, NOW + 50, NOW + 650);
	put_device(store, "berta", name, NOW - 9, NOW - 1);
	store_purge(store, NOW - 50, NOW);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.device_count, 1);
	assert_string_equal(found.device_user, "anna");
	assert_string_equal(found.device_name, name);
	assert_int_equal(found.device.since, NOW);
	assert_int_equal(found.device.last, NOW + 50);
	assert_int_equal(found.device.until, NOW + 650);
	store_close(&store);
}

static void reset_ends_all_and_forgets_allow(void **state)
{
	struct store *store = open_store();
	struct prefix p = prefix("192.0.2.1");

	(void)state;
	put_ban(store, "192.0.2.1", STORE_NEVER);
	store_put_allow(store, &(struct store_allow){.prefix = p, .note = ""});
	store_reset(store, NOW);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.ban_count, 1);
	assert_int_equal(found.last.until, NOW);
	assert_int_equal(found.allow_count, 0);
	store_close(&store);
}

/* BAN-08: what was acknowledged is there after SIGKILL. */
static void written_bans_survive_sigkill(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			struct store *store = open_store();
			char text[32];

			snprintf(text, sizeof(text), "192.0.2.%d", round);
			put_ban(store, text, NOW + 600);
			wait_written(store);
			put_ban(store, "198.51.100.1", NOW + 600);
			raise(SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	}
	struct store *store = open_store();
	assert_true(found.ban_count == 20 || found.ban_count == 21);
	store_close(&store);
}

static void hundred_thousand_bans_load_in_a_second(void **state)
{
	struct store *store = open_store();
	uint64_t before_us;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255,
			i >> 8 & 255, i & 255);
		put_ban(store, text, NOW + 600);
	}
	store_close(&store);
	before_us = clock_mono_us();
	store = open_store();
	assert_int_equal(found.ban_count, MANY);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(clock_mono_us() - before_us < 1000000);
#endif
	print_message("loaded in %u ms\n",
		(unsigned)((clock_mono_us() - before_us) / 1000));
	store_close(&store);
}

static void write_file(const char *name, size_t n, int octet)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	for (size_t i = 0; i < n; i++)
		putc(octet == -1 ? rand() & 255 : octet, file);
	fclose(file);
}

static void assert_set_aside_and_works(void)
{
	struct store *store = open_store();
	struct store_state now;
	struct stat st;

	store_state(store, &now);
	assert_int_equal(found.ban_count, 0);
	assert_non_null(strstr(now.set_aside, ".damaged-1000000"));
	assert_int_equal(stat(now.set_aside, &st), 0);
	assert_false(now.failing);
	put_ban(store, "192.0.2.1", NOW + 600);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.ban_count, 1);
	store_close(&store);
}

static void random_octets_are_set_aside(void **state)
{
	(void)state;
	write_file(path, 100000, -1);
	assert_set_aside_and_works();
}

static void zero_octets_are_set_aside(void **state)
{
	(void)state;
	write_file(path, 8192, 0);
	assert_set_aside_and_works();
}

static void truncated_file_is_set_aside(void **state)
{
	struct store *store = open_store();
	struct stat st;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.%u.%u", i >> 8, i & 255);
		put_ban(store, text, NOW + 600);
	}
	store_close(&store);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size / 2), 0);
	assert_set_aside_and_works();
}

/* BAN-09: no link is followed, and what it leads to is not touched. */
static void symlink_is_not_followed(void **state)
{
	char target[160];
	struct store *store;
	struct store_state now;
	struct stat st;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", dir);
	write_file(target, 0, 0);
	assert_int_equal(symlink(target, path), 0);
	store = open_store();
	store_state(store, &now);
	assert_true(now.failing);
	assert_non_null(strstr(now.error, "not a plain file"));
	put_ban(store, "192.0.2.1", NOW + 600);
	store_close(&store);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void strangers_file_is_not_touched(void **state)
{
	struct store *store;
	struct store_state now;

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give a file away */
	write_file(path, 0, 0);
	assert_int_equal(chown(path, 65534, 65534), 0);
	store = open_store();
	store_state(store, &now);
	assert_true(now.failing);
	assert_non_null(strstr(now.error, "another user"));
	store_close(&store);
}

static void newer_schema_is_left_alone(void **state)
{
	struct store *store = open_store();
	struct store_state now;
	sqlite3 *db;

	(void)state;
	store_close(&store);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	store = open_store();
	store_state(store, &now);
	assert_true(now.failing);
	assert_non_null(strstr(now.error, "version 99"));
	assert_non_null(strstr(now.error, "newer postern"));
	assert_non_null(strstr(now.error, "install the newer one"));
	assert_string_equal(now.set_aside, "");
	store_close(&store);
}

/* BAN-10: rows wait in memory and are written once the folder is there. */
static void missing_folder_is_tried_again(void **state)
{
	char gone[100];
	struct store *store;
	struct store_state now;

	(void)state;
	snprintf(gone, sizeof(gone), "%s-gone", dir);
	assert_int_equal(rename(dir, gone), 0);
	store = open_store();
	put_ban(store, "192.0.2.1", NOW + 600);
	store_state(store, &now);
	assert_true(now.failing);
	assert_int_equal(now.waiting_count, 1);
	assert_int_equal(rename(gone, dir), 0);
	wait_written(store);
	store_close(&store);
	store = open_store();
	assert_int_equal(found.ban_count, 1);
	store_close(&store);
}

static void full_queue_loses_rows_and_then_wants_all(void **state)
{
	char gone[100];
	struct store *store;
	struct store_state now;

	(void)state;
	snprintf(gone, sizeof(gone), "%s-gone", dir);
	assert_int_equal(rename(dir, gone), 0);
	store = store_open(dir, 10, NOW, &readers);
	assert_non_null(store);
	assert_true(store_start(store));
	for (unsigned i = 0; i < 100; i++)
		put_ban(store, "192.0.2.1", NOW + 600);
	store_state(store, &now);
	assert_true(now.lost_total >= 80);
	assert_false(store_wants_all(store));
	assert_int_equal(rename(gone, dir), 0);
	wait_written(store);
	assert_true(store_wants_all(store));
	assert_false(store_wants_all(store));
	store_close(&store);
}

/* BAN-07 */
static void what_is_left_is_never_longer_than_the_span(void **state)
{
	static const struct {
		wall_s_t since, until, now, left;
	} table[] = {
		{1000, 1600, 1000, 600},
		{1000, 1600, 1100, 500},
		{1000, 1600, 1599, 1},
		{1000, 1600, 1600, 0},
		{1000, 1600, 999999, 0},
		{1000, 1600, 100, 600}, /* the clock went back */
		{1000, 1600, -5, 600},
		{1600, 1000, 900, 0}, /* nonsense */
		{1000, STORE_NEVER, 5000, STORE_NEVER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_true(store_left(table[i].since, table[i].until,
				    table[i].now) == table[i].left);
}

/* A row as somebody wrote it; what is loaded of it can be counted with. */
static void assert_loaded_in_range(const char *row)
{
	char text[256];
	struct store *store = open_store();
	sqlite3 *db = NULL;

	store_close(&store);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(text, sizeof(text),
		"INSERT OR REPLACE INTO ban VALUES (%s, 7)", row);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	store = open_store();
	assert_int_equal(found.ban_count, 1);
	assert_in_range(found.last.since, 0, 253402300799);
	assert_in_range(found.last.until, 0, 253402300799);
	assert_in_range(found.last.repeat_count, 0, 1000000);
	assert_in_range(found.last.failure_count, 0, 1000000);
	assert_in_range(store_left(found.last.since, found.last.until, NOW), 0,
		found.last.until);
	store_close(&store);
}

static void absurd_numbers_are_brought_into_range(void **state)
{
	(void)state;
	assert_loaded_in_range("'192.0.2.1', -9223372036854775808,"
			       " 9151595917793558527, 'x', -1, 1e300, ''");
	assert_loaded_in_range("'192.0.2.1', 9223372036854775807,"
			       " -9223372036854775808, 'x', 1e300, -1, ''");
	assert_loaded_in_range("'192.0.2.1', 'yesterday', x'00', 0, 'many',"
			       " 'more', 7");
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(new_folder_gives_an_empty_store),
		T(absurd_numbers_are_brought_into_range),
		T(ban_and_allow_are_back_as_they_were),
		T(ban_for_ever_stays_for_ever),
		T(same_prefix_replaces_and_delete_removes),
		T(purge_takes_what_ended_before),
		T(drain_is_one_backend_s_and_one_port_s),
		T(passport_keeps_its_first_day_and_moves_its_last),
		T(passport_of_any_octets_is_that_of_the_same),
		T(purge_takes_passports_that_are_over),
		T(device_is_kept_whatever_its_octets_until_it_is_over),
		T(reset_ends_all_and_forgets_allow),
		T(written_bans_survive_sigkill),
		T(hundred_thousand_bans_load_in_a_second),
		T(random_octets_are_set_aside),
		T(zero_octets_are_set_aside),
		T(truncated_file_is_set_aside),
		T(symlink_is_not_followed),
		T(strangers_file_is_not_touched),
		T(newer_schema_is_left_alone),
		T(missing_folder_is_tried_again),
		T(full_queue_loses_rows_and_then_wants_all),
		T(what_is_left_is_never_longer_than_the_span),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
