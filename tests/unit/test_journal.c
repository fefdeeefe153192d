/*
 * What the journal of a running keeper holds brings the same verdicts and
 * actions again, whatever befell it: a random life of logins, orders, reloads,
 * deaths of workers, restarts and weeks that pass in a moment.
 */
#include <sqlite3.h>
#include <sys/syscall.h>
#include <time.h>

#include "../../src/base/clock.h"
#include "../../src/journal/journal.h"
#include "../../src/keeper/allowed.h"
#include "../../src/keeper/numbers.h"
#include "keeper_world.h"

enum { LIFE_STEPS = 3000, OPEN_MOST = 24, PLACES = 14, USERS = 7 };

/* ---- a clock that leaps, for the keeper in the child as well ---- */

static uint64_t *leap_ms; /* shared */

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int result = (int)syscall(SYS_clock_gettime, id, ts);

	/* The clock of the rules only: libevent has one of its own. */
	if (id == CLOCK_BOOTTIME && leap_ms != NULL) {
		uint64_t leap = __atomic_load_n(leap_ms, __ATOMIC_RELAXED);
		uint64_t ms = (uint64_t)ts->tv_nsec / 1000000 + leap % 1000;

		ts->tv_sec += (time_t)(leap / 1000 + ms / 1000);
		ts->tv_nsec = (long)(ms % 1000) * 1000000;
	}
	return result;
}

static void leap(uint64_t ms)
{
	__atomic_add_fetch(leap_ms, ms, __ATOMIC_RELAXED);
}

/* ---- the life ---- */

static uint64_t dice;

static unsigned roll(unsigned sides)
{
	dice = dice * UINT64_C(6364136223846793005) +
	       UINT64_C(1442695040888963407);
	return (unsigned)(dice >> 33) % sides;
}

static const char *place(unsigned at)
{
	static const char *const places[PLACES] = {"203.0.113.7", "203.0.113.8",
		"203.0.113.9", "198.51.100.1", "198.51.100.2", "192.0.2.1",
		"192.0.2.2", "192.0.2.200", "10.0.0.1", "2001:db8::1",
		"2001:db8::2", "2001:db8:0:1::1", "2001:db8:1::7", "127.0.0.1"};

	return places[at % PLACES];
}

static struct slice user(unsigned at)
{
	static const char *const names[USERS] = {"anna", "Anna",
		"berta@example.com", "carl\\", "d\"o'r\x01\xff", "#1", ""};

	return slice_str(names[at % USERS]);
}

static struct {
	uint64_t attempt;
	const char *from;
} open_ones[OPEN_MOST];
static unsigned open_count;

static void say(enum message_type type, const void *body, size_t n)
{
	assert_int_equal(channel_send(worker, type, body, n), CHANNEL_OK);
	assert_int_equal(channel_flush(worker), CHANNEL_OK);
}

static void live_begin(void)
{
	struct slice name = user(roll(USERS));
	struct message_ask body = {
		.attempt = last_attempt + 1,
		.addr = addr(place(roll(PLACES))),
		.secret_tag = roll(5),
		.session = 1000 + last_attempt,
		.user_n = (uint16_t)name.n,
		.held_since = roll(4) == 0 ? clock_mono_ms() - roll(40000) : 0,
	};
	char text[ADDR_TEXT_LONGEST];

	if (open_count == OPEN_MOST)
		return;
	last_attempt++;
	memcpy(body.user, name.p, name.n);
	say(MESSAGE_ASK, &body, sizeof(body));
	if (verdict_of(body.attempt)->kind != VERDICT_PASS)
		return;
	open_ones[open_count].attempt = body.attempt;
	for (unsigned i = 0; i < PLACES; i++)
		if (strcmp(place(i), addr_format(&body.addr, text)) == 0)
			open_ones[open_count].from = place(i);
	open_count++;
}

static void live_settle(void)
{
	unsigned at = open_count > 0 ? roll(open_count) : 0;
	struct message_settle body = {
		.outcome = roll(3) != 0 ? OUTCOME_FAILED : roll(6)};

	if (open_count == 0)
		return;
	body.attempt = open_ones[at].attempt;
	body.addr = addr(open_ones[at].from);
	body.session = 1000 + body.attempt;
	body.code = 535;
	open_ones[at] = open_ones[--open_count];
	say(MESSAGE_SETTLE, &body, sizeof(body));
	(void)verdict_of(body.attempt);
}

static void live_note(void)
{
	const struct message_note body = {
		.addr = addr(place(roll(PLACES))),
		.session = roll(100000) + 1,
		.kind = roll(NOTE_KIND_COUNT),
	};

	say(MESSAGE_NOTE, &body, sizeof(body));
}

static void live_order(void)
{
	static const struct {
		const char *command, *tail;
	} orders[] = {{"bans.add", "','for':'90s"},
		{"bans.add", "/24','for':'ever"}, {"bans.del", ""},
		{"bans.del", "/16"}, {"allow.add", ""}, {"allow.del", ""},
		{"allow.del", ""}, {"bans.flush", ""}};
	unsigned what = roll(sizeof(orders) / sizeof(orders[0]));
	char request[128];

	(void)snprintf(request, sizeof(request),
		"{'command':'%s','prefix':'%s%s'}", orders[what].command,
		place(roll(PLACES)), orders[what].tail);
	json_decref(ask(request));
}

static void live_reload(void)
{
	static const char *const words[] = {"", "window = 1h ban = 30s",
		"mode = observe", "slow_failures = 4", "prefix_v4 = 24",
		"ban_growth = 3 delay = 0s"};
	int fd = memfd_create("conf", MFD_CLOEXEC);
	ssize_t n;

	set_conf(words[roll(sizeof(words) / sizeof(words[0]))]);
	n = write(fd, conf_text, strlen(conf_text));
	assert_int_equal(n, strlen(conf_text));
	assert_int_equal(channel_send_fd(supervisor, MESSAGE_CONF, NULL, 0, fd),
		CHANNEL_OK);
	close(fd);
	heard_count = 0;
	while (find(MESSAGE_READY) == NULL)
		receive(supervisor);
	heard_count = 0;
}

/* Its open logins are settled by the keeper. */
static void live_worker_dies(void)
{
	channel_free(&worker);
	open_count = 0;
	start_worker();
}

static void live_restart(void)
{
	int status = end_keeper(SIGTERM);

	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close_ends();
	open_count = 0;
	start_keeper();
	start_worker();
}

static void live_wait(void)
{
	static const unsigned spans[] = {1, 50, 2000, 30000, 121000, 700000,
		4000000, 90000000, 2000000000};

	leap(roll(spans[roll(sizeof(spans) / sizeof(spans[0]))]) + 1);
	if (roll(2) == 0) /* a turn of its own, in which time alone passes */
		json_decref(ask("{'command':'version'}"));
}

static void live_step(void)
{
	unsigned what = roll(100);

	if (heard_count > HEARD_MOST / 2)
		heard_count = 0;
	if (what < 48)
		live_begin();
	else if (what < 80)
		live_settle();
	else if (what < 84)
		live_note();
	else if (what < 90)
		live_order();
	else if (what < 98)
		live_wait();
	else if (what < 99)
		live_worker_dies();
	else if (roll(2) == 0)
		live_reload();
	else if (roll(4) == 0)
		live_restart();
}

/* ---- the replay ---- */

enum { ACTIONS_MOST = 4096 };

static struct policy *core;
static struct policy_action actions[ACTIONS_MOST];
static unsigned action_head, action_tail;
static unsigned counts[64];

static void drain(mono_ms_t now)
{
	for (;;) {
		while (policy_next_action(
			core, &actions[action_tail % ACTIONS_MOST]))
			action_tail++;
		assert_true(action_tail - action_head <= ACTIONS_MOST);
		if (policy_deadline(core) > now)
			return;
		policy_tick(core, now);
	}
}

static void configure(const struct journal_row *row)
{
	struct conf_errors errors = {0};
	struct conf *conf = conf_parse(row->words, "journal", &errors);
	struct prefix own[8];
	struct allowed allowed = {0};
	struct policy_conf numbers;
	size_t own_count = 0, cursor = 0;

	if (conf == NULL)
		fail_msg("%s", errors.text);
	while (own_count < 8 &&
		journal_own(row->words, &cursor, &own[own_count]))
		own_count++;
	assert_true(allowed_fill(&allowed, conf, own, own_count));
	numbers = numbers_of(conf, &allowed);
	if (row->kind == JOURNAL_START) {
		policy_free(&core);
		core = policy_new(&numbers, row->number);
		assert_int_equal(action_head, action_tail);
	} else {
		policy_configure(core, row->now, &numbers);
	}
	assert_non_null(core);
	allowed_done(&allowed);
	conf_free(&conf);
	conf_errors_done(&errors);
}

static void compare_verdict(const struct journal_row *row)
{
	struct policy_verdict again;

	policy_step(core, row->now, &row->event, &again);
	if (!journal_row_judged(row))
		return;
	assert_int_equal(again.kind, row->verdict.kind);
	assert_int_equal(again.wait_ms, row->verdict.wait_ms);
	assert_int_equal(again.rule, row->verdict.rule);
	assert_int_equal(again.mode, row->verdict.mode);
	assert_int_equal(again.failure_count, row->verdict.failure_count);
}

static void compare_action(const struct journal_row *row)
{
	const struct policy_action *again =
		&actions[action_head++ % ACTIONS_MOST];

	assert_true(action_head <= action_tail);
	assert_int_equal(again->kind, row->action.kind);
	assert_true(prefix_eq(&again->prefix, &row->action.prefix));
	assert_int_equal(again->rule, row->action.rule);
	assert_int_equal(again->repeat_count, row->action.repeat_count);
	assert_int_equal(again->failure_count, row->action.failure_count);
	assert_string_equal(again->user, row->action.user);
	if (again->kind == ACTION_BAN || again->kind == ACTION_WOULD_BAN)
		assert_int_equal(again->until, row->action.until);
}

static void replay_row(const struct journal_row *row)
{
	switch (row->kind) {
	case JOURNAL_START:
	case JOURNAL_CONFIGURED: configure(row); break;
	case JOURNAL_TICK: policy_tick(core, row->now); break;
	case JOURNAL_EVENT: compare_verdict(row); break;
	case JOURNAL_ACTION: compare_action(row); return;
	case JOURNAL_GAP: fail_msg("rows were shed"); break;
	case JOURNAL_REFUSAL: return;
	}
	drain(row->now);
}

static uint64_t replay(void)
{
	char path[128], error[200] = "";
	struct journal_reader *reader;
	struct journal_row row;
	uint64_t count = 0;

	memset(counts, 0, sizeof(counts));
	snprintf(path, sizeof(path), "%s/postern.db", dir);
	assert_true(journal_is(path));
	reader = journal_open(path, error, sizeof(error));
	if (reader == NULL)
		fail_msg("%s", error);
	for (; journal_next(reader, &row); count++) {
		replay_row(&row);
		counts[row.kind == JOURNAL_EVENT     ? 20 + row.event.kind
			: row.kind == JOURNAL_ACTION ? 10 + row.action.kind
						     : (unsigned)row.kind]++;
		journal_row_done(&row);
	}
	assert_int_equal(action_head, action_tail);
	assert_int_equal(count, journal_count(reader));
	assert_int_equal(journal_unknown_count(reader), 0);
	journal_close(&reader);
	policy_free(&core);
	return count;
}

static void random_life_replays_to_identical_verdicts(void **state)
{
	uint64_t rows;

	for (unsigned i = 0; i < LIFE_STEPS; i++)
		live_step();
	live_restart(); /* all is on disk */
	rows = replay();
	print_message("%u rows: %u runs, %u bans, %u ticks, %u restored\n",
		(unsigned)rows, counts[JOURNAL_START], counts[10 + ACTION_BAN],
		counts[JOURNAL_TICK], counts[20 + EVENT_RESTORE_BAN]);
	assert_true(rows > LIFE_STEPS / 2);
	assert_true(counts[JOURNAL_START] >= 2);
	assert_true(counts[JOURNAL_CONFIGURED] > 0);
	assert_true(counts[JOURNAL_TICK] > 0);
	assert_true(counts[10 + ACTION_BAN] > 20);
	assert_true(counts[10 + ACTION_WOULD_BAN] > 0);
	assert_true(counts[20 + EVENT_RESTORE_BAN] > 0);
	assert_true(counts[20 + EVENT_RESTORE_PASSPORT] > 0);
	assert_true(counts[10 + ACTION_PASSPORT] > 0);
	assert_true(counts[20 + EVENT_OPERATOR_ALLOW] > 0);
}

/* ---- what stands in it ---- */

/* A column, a line a row; - for none. */
static char *dump(const char *what, const char *where)
{
	static char text[1 << 20];
	char path[128], query[300];
	sqlite3_stmt *rows;
	sqlite3 *db;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/postern.db", dir);
	snprintf(query, sizeof(query),
		"SELECT %s FROM journal WHERE %s ORDER BY id", what, where);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, query, -1, &rows, NULL), SQLITE_OK);
	text[0] = '\0';
	while (sqlite3_step(rows) == SQLITE_ROW) {
		const char *cell = (const char *)sqlite3_column_text(rows, 0);

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\n",
			cell != NULL ? cell : "-");
		assert_true(n < sizeof(text));
	}
	sqlite3_finalize(rows);
	sqlite3_close(db);
	return text;
}

static void names_stand_in_it_as_the_log_may_show_them(void **state)
{
	assert_int_equal(begin("203.0.113.7", "anna")->kind, VERDICT_PASS);
	(void)settle("203.0.113.7", OUTCOME_FAILED);
	live_restart();
	assert_non_null(strstr(dump("user", "1"), "anna"));
	end_keeper(SIGTERM);
	close_ends();
	strcat(conf_text, "log { users = none }\n");
	start_keeper();
	start_worker();
	assert_int_equal(begin("203.0.113.8", "berta")->kind, VERDICT_PASS);
	(void)settle("203.0.113.8", OUTCOME_FAILED);
	assert_int_equal(begin("203.0.113.8", "BERTA")->kind, VERDICT_PASS);
	live_restart();
	assert_null(strcasestr(
		dump("coalesce(user, '') || coalesce(text, '')", "1"),
		"berta"));
	assert_non_null(strstr(dump("user", "1"), "#"));
}

/* The worker's tag is not what stands there, nor is it twice the same. */
static void tag_is_keyed_anew_in_each_run(void **state)
{
	const char *tags;

	for (int run = 0; run < 2; run++) {
		last_attempt = 6; /* so the worker's tag is the same */
		assert_int_equal(
			begin("203.0.113.7", "anna")->kind, VERDICT_PASS);
		live_restart();
	}
	tags = dump("tag", "kind = 'auth-begins'");
	assert_int_equal(strlen(tags), 2 * 17); /* 16 digits each */
	assert_int_equal(strspn(tags, "0123456789abcdef"), 16);
	assert_memory_not_equal(tags, tags + 17, 16);
	assert_null(strstr(tags, "0000000000"));
}

/* ---- the disk ---- */

static unsigned *disk_stuck; /* shared */
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

static ssize_t stuck_pwrite(int fd, const void *p, size_t n, off_t at)
{
	while (__atomic_load_n(disk_stuck, __ATOMIC_SEQ_CST) == 1)
		(void)poll(NULL, 0, 1);
	return real_pwrite(fd, p, n, at);
}

static void take_disk(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	real_pwrite = (ssize_t(*)(int, const void *, size_t,
		off_t))vfs->xGetSystemCall(vfs, "pwrite64");
	(void)vfs->xSetSystemCall(
		vfs, "pwrite64", (sqlite3_syscall_ptr)stuck_pwrite);
}

static int free_disk(void **state)
{
	__atomic_store_n(disk_stuck, 0, __ATOMIC_SEQ_CST);
	return tear_down(state);
}

/* Of a network each: no prefix of theirs is banned. */
static uint64_t hundred_bans_us(const char *from)
{
	uint64_t before = clock_mono_us();
	char text[32];

	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "%s.%u.1", from, i);
		for (unsigned k = 0; k < 3; k++) {
			assert_int_equal(
				begin(text, "anna")->kind, VERDICT_PASS);
			(void)settle(text, OUTCOME_FAILED);
		}
		if (begin(text, "anna")->kind != VERDICT_TURN_AWAY)
			fail_msg("%s is not banned", text);
		heard_count = 0;
	}
	return clock_mono_us() - before;
}

/* Had a verdict to wait for the disk, it would never come. */
static void verdicts_and_bans_do_not_wait_for_a_stuck_disk(void **state)
{
	uint64_t works_us = hundred_bans_us("198.18"), stuck_us;
	json_t *answer;

	__atomic_store_n(disk_stuck, 1, __ATOMIC_SEQ_CST);
	stuck_us = hundred_bans_us("198.19");
	answer = ask("{'command':'status'}");
	assert_true(
		number_in(json_object_get(answer, "store"), "waiting") >= 99);
	json_decref(answer);
	print_message("700 verdicts: %u us each, with a stuck disk %u us\n",
		(unsigned)(works_us / 700), (unsigned)(stuck_us / 700));
	__atomic_store_n(disk_stuck, 0, __ATOMIC_SEQ_CST);
	live_restart();
	assert_int_equal(bans_listed(LIST_BANS), 200);
}

static void journal_of_no_length_is_not_written(void **state)
{
	end_keeper(SIGTERM);
	close_ends();
	strcat(conf_text, "journal { keep = 0s }\n");
	start_keeper();
	start_worker();
	(void)begin("203.0.113.8", "berta");
	live_restart();
	assert_null(strstr(dump("user", "1"), "berta"));
}

int main(void)
{
	const char *seed = getenv("POSTERN_TEST_SEED");
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(random_life_replays_to_identical_verdicts),
		KEEPER_TEST(names_stand_in_it_as_the_log_may_show_them),
		KEEPER_TEST(tag_is_keyed_anew_in_each_run),
		cmocka_unit_test_setup_teardown(
			verdicts_and_bans_do_not_wait_for_a_stuck_disk, set_up,
			free_disk),
		KEEPER_TEST(journal_of_no_length_is_not_written),
	};

	dice = seed != NULL ? strtoull(seed, NULL, 10) : 5;
	leap_ms = mmap(NULL, 2 * sizeof(*leap_ms), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	disk_stuck = (unsigned *)(leap_ms + 1);
	take_disk();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
