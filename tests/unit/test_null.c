/*
 * The firewall helper's ledger in virtual time, over backend null: what is
 * added, refused, forgotten, and what a sync finds.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/base/log.h"
#include "../../src/fw/ledger.h"

enum { ANSWERS_KEPT = 64 };

struct bench {
	struct fw_conf conf;
	struct prefix never;
	struct fw_ledger *ledger;
	size_t answer_count;
	struct fw_answer answers[ANSWERS_KEPT];
};

static void keep_answer(void *arg, const struct fw_answer *answer)
{
	struct bench *bench = arg;

	assert_true(bench->answer_count < ANSWERS_KEPT);
	assert_int_equal(answer->magic, FW_RECORD_MAGIC);
	bench->answers[bench->answer_count++] = *answer;
}

static int set_up(void **state)
{
	static struct bench bench;

	memset(&bench, 0, sizeof(bench));
	assert_true(prefix_parse("198.51.100.0/24", &bench.never));
	bench.conf.backend = FW_BACKEND_NULL;
	bench.conf.never = &bench.never;
	bench.conf.never_count = 1;
	bench.conf.entries_most = 5;
	bench.conf.changes_most_per_s = 8;
	bench.ledger = fw_ledger_new(&bench.conf, keep_answer, &bench);
	assert_non_null(bench.ledger);
	*state = &bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	fw_ledger_free(&bench->ledger);
	return bench->ledger ? -1 : 0;
}

static void say(struct bench *bench, enum fw_word word, const char *prefix,
	uint32_t ttl_s, mono_ms_t now)
{
	struct fw_record record = {.magic = FW_RECORD_MAGIC,
		.word = (uint8_t)word,
		.ttl_s = ttl_s,
		.token = 4711};
	struct prefix parsed;

	if (prefix) {
		assert_true(prefix_parse(prefix, &parsed));
		record.bits = parsed.bits;
		memcpy(record.octets, parsed.addr.octets, 16);
	}
	fw_ledger_take(bench->ledger, &record, now);
}

/* The only answer since the last call. */
static struct fw_answer answer(struct bench *bench)
{
	assert_int_equal(bench->answer_count, 1);
	bench->answer_count = 0;
	return bench->answers[0];
}

static void expect_count(struct bench *bench, uint32_t count, mono_ms_t now)
{
	struct fw_answer pong;

	say(bench, FW_PING, NULL, 0, now);
	pong = answer(bench);
	assert_int_equal(pong.word, FW_PING);
	assert_int_equal(pong.status, FW_STATUS_OK);
	assert_int_equal(pong.token, 4711);
	assert_int_equal(pong.count, count);
}

static void add_and_delete_are_counted(void **state)
{
	struct bench *bench = *state;

	say(bench, FW_ADD, "192.0.2.1", 60, 1000);
	say(bench, FW_ADD, "192.0.2.1", 90, 1000);
	say(bench, FW_ADD, "2001:db8::/64", 0, 1000);
	expect_count(bench, 2, 1000);
	say(bench, FW_DELETE, "192.0.2.1", 0, 1000);
	say(bench, FW_DELETE, "192.0.2.77", 0, 1000);
	expect_count(bench, 1, 1000);
}

static void refusals_name_their_prefix(void **state)
{
	static const char *const refused[] = {
		"198.51.100.7", "198.51.0.0/16", "10.0.0.0/7", "127.0.0.1"};
	struct bench *bench = *state;

	for (size_t i = 0; i < 4; i++) {
		struct prefix want;
		struct fw_answer got;

		assert_true(prefix_parse(refused[i], &want));
		say(bench, FW_ADD, refused[i], 60, 1000);
		got = answer(bench);
		assert_int_equal(got.status, FW_STATUS_REFUSED);
		assert_int_equal(got.word, FW_ADD);
		assert_int_equal(got.bits, want.bits);
		assert_memory_equal(got.octets, want.addr.octets, 16);
	}
	expect_count(bench, 0, 1000);
}

static void too_many_changes_wait_for_the_sync(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 8; i++)
		say(bench, FW_ADD, "192.0.2.1", 60, 1000);
	assert_int_equal(bench->answer_count, 0);
	say(bench, FW_ADD, "192.0.2.2", 60, 1000);
	assert_int_equal(answer(bench).status, FW_STATUS_LATER);
	say(bench, FW_DELETE, "192.0.2.1", 0, 1500);
	assert_int_equal(answer(bench).status, FW_STATUS_LATER);
	say(bench, FW_FLUSH, NULL, 0, 1500);
	assert_int_equal(answer(bench).status, FW_STATUS_LATER);
	expect_count(bench, 1, 1500);
	say(bench, FW_SYNC_BEGIN, NULL, 0, 1500);
	say(bench, FW_ADD, "192.0.2.2", 60, 1500);
	say(bench, FW_SYNC_END, NULL, 0, 1500);
	assert_int_equal(answer(bench).status, FW_STATUS_OK);
	say(bench, FW_ADD, "192.0.2.3", 60, 2000);
	expect_count(bench, 2, 2000);
}

static void full_refuses_and_room_lets_in(void **state)
{
	static const char *const five[] = {"192.0.2.1", "192.0.2.2",
		"192.0.2.3", "192.0.2.4", "192.0.2.5"};
	struct bench *bench = *state;

	for (size_t i = 0; i < 5; i++)
		say(bench, FW_ADD, five[i], 60, 1000);
	say(bench, FW_ADD, "192.0.2.6", 60, 1000);
	assert_int_equal(answer(bench).status, FW_STATUS_REFUSED);
	say(bench, FW_DELETE, "192.0.2.1", 0, 1000);
	say(bench, FW_ADD, "192.0.2.6", 60, 1000);
	expect_count(bench, 5, 1000);
}

/* Tells a sync of `prefixes`, each for 60 s; its answer. */
static struct fw_answer sync_of(struct bench *bench,
	const char *const *prefixes, uint32_t ttl_s, mono_ms_t now)
{
	say(bench, FW_SYNC_BEGIN, NULL, 0, now);
	for (; *prefixes; prefixes++)
		say(bench, FW_ADD, *prefixes, ttl_s, now);
	say(bench, FW_SYNC_END, NULL, 0, now);
	return answer(bench);
}

static void sync_tells_how_much_was_wrong(void **state)
{
	static const char *const two[] = {"192.0.2.1", "192.0.2.2", NULL};
	static const char *const other[] = {"192.0.2.2", "192.0.2.3", NULL};
	static const char *const none[] = {NULL};
	struct bench *bench = *state;
	static const struct {
		const char *const *prefixes;
		uint32_t ttl_s, drift, count;
	} rows[] = {
		{two, 60, 2, 2},
		{two, 60, 0, 2},
		{two, 63, 0, 2}, /* within the slack */
		{two, 90, 2, 2},
		{two, 0, 2, 2}, /* for ever */
		{two, 0, 0, 2},
		{two, 60, 2, 2},
		{other, 60, 2, 2},
		{none, 60, 2, 0},
		{none, 60, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fw_answer done =
			sync_of(bench, rows[i].prefixes, rows[i].ttl_s, 1000);

		assert_int_equal(done.word, FW_SYNC_END);
		assert_int_equal(done.status, FW_STATUS_OK);
		assert_int_equal(done.token, 4711);
		if (done.drift != rows[i].drift || done.count != rows[i].count)
			fail_msg("row %zu: drift %u count %u", i, done.drift,
				done.count);
	}
}

static void changes_before_a_sync_are_outdated_by_it(void **state)
{
	static const char *const none[] = {NULL};
	struct bench *bench = *state;

	say(bench, FW_ADD, "192.0.2.1", 60, 1000);
	(void)sync_of(bench, none, 60, 1000);
	fw_ledger_settle(bench->ledger, 1000);
	expect_count(bench, 0, 1000);
	/* nor is it in the backend */
	assert_int_equal(sync_of(bench, none, 60, 1000).drift, 0);
}

static void sync_that_is_not_ended_changes_nothing(void **state)
{
	struct bench *bench = *state;

	say(bench, FW_ADD, "192.0.2.1", 60, 1000);
	say(bench, FW_SYNC_BEGIN, NULL, 0, 1000);
	say(bench, FW_ADD, "192.0.2.2", 60, 1000);
	expect_count(bench, 1, 1000);
	say(bench, FW_SYNC_BEGIN, NULL, 0, 1000); /* begun anew */
	say(bench, FW_ADD, "192.0.2.3", 60, 1000);
	say(bench, FW_ADD, "192.0.2.4", 60, 1000);
	say(bench, FW_DELETE, "192.0.2.4", 0, 1000);
	say(bench, FW_SYNC_END, NULL, 0, 1000);
	assert_int_equal(answer(bench).count, 1);
}

static void end_without_begin_is_refused(void **state)
{
	struct bench *bench = *state;

	say(bench, FW_ADD, "192.0.2.1", 60, 1000);
	say(bench, FW_SYNC_END, NULL, 0, 1000);
	assert_int_equal(answer(bench).status, FW_STATUS_REFUSED);
	expect_count(bench, 1, 1000);
}

static void sync_judges_each_record(void **state)
{
	struct bench *bench = *state;

	say(bench, FW_SYNC_BEGIN, NULL, 0, 1000);
	say(bench, FW_ADD, "198.51.100.9", 60, 1000);
	assert_int_equal(answer(bench).status, FW_STATUS_REFUSED);
	say(bench, FW_ADD, "192.0.2.9", 60, 1000);
	say(bench, FW_SYNC_END, NULL, 0, 1000);
	assert_int_equal(answer(bench).count, 1);
}

static void ends_when_its_time_is_up(void **state)
{
	static const char *const none[] = {NULL};
	struct bench *bench = *state;

	say(bench, FW_ADD, "192.0.2.1", 5, 1000);
	say(bench, FW_ADD, "192.0.2.2", 10, 1000);
	say(bench, FW_ADD, "192.0.2.3", 0, 1000);
	fw_ledger_settle(bench->ledger, 1000);
	assert_int_equal(fw_ledger_deadline(bench->ledger), 6000);
	fw_ledger_settle(bench->ledger, 5999);
	assert_int_equal(fw_ledger_count(bench->ledger), 3);
	fw_ledger_settle(bench->ledger, 7000);
	assert_int_equal(fw_ledger_count(bench->ledger), 2);
	assert_int_equal(fw_ledger_deadline(bench->ledger), 11000);
	fw_ledger_settle(bench->ledger, 99000);
	assert_int_equal(fw_ledger_count(bench->ledger), 1);
	assert_true(fw_ledger_deadline(bench->ledger) == MONO_NEVER);
	/* and the backend was told: only the last is left to lift */
	assert_int_equal(sync_of(bench, none, 0, 99000).drift, 1);
}

static void flush_forgets_all(void **state)
{
	static const char *const none[] = {NULL};
	struct bench *bench = *state;

	say(bench, FW_ADD, "192.0.2.1", 60, 1000);
	fw_ledger_settle(bench->ledger, 1000);
	say(bench, FW_ADD, "192.0.2.2", 60, 1000);
	say(bench, FW_FLUSH, NULL, 0, 1000);
	expect_count(bench, 0, 1000);
	assert_int_equal(sync_of(bench, none, 60, 1000).drift, 0);
}

int main(void)
{
#define LEDGER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(add_and_delete_are_counted),
		LEDGER_TEST(refusals_name_their_prefix),
		LEDGER_TEST(too_many_changes_wait_for_the_sync),
		LEDGER_TEST(full_refuses_and_room_lets_in),
		LEDGER_TEST(sync_tells_how_much_was_wrong),
		LEDGER_TEST(changes_before_a_sync_are_outdated_by_it),
		LEDGER_TEST(sync_that_is_not_ended_changes_nothing),
		LEDGER_TEST(end_without_begin_is_refused),
		LEDGER_TEST(sync_judges_each_record),
		LEDGER_TEST(ends_when_its_time_is_up),
		LEDGER_TEST(flush_forgets_all),
	};

	log_init("test", open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_DEBUG,
		LOG_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
