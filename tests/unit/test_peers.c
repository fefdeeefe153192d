/*
 * What workers, supervisor and firewall helper tell the keeper and hear from
 * it: verdicts, bans, configurations, and what happens when one of them dies.
 */
#include "keeper_world.h"

static void worker_hears_allow_entries_then_sync_done(void **state)
{
	bool loopback = false, server = false;

	assert_int_equal(heard[heard_count - 1].type, MESSAGE_SYNC_DONE);
	for (unsigned i = 0; i + 1 < heard_count; i++) {
		const struct prefix *p = &heard[i].body.ban.prefix;
		struct addr local = addr("127.0.0.1");
		struct addr backend = addr("198.51.100.25");

		assert_int_equal(heard[i].type, MESSAGE_ALLOW);
		loopback = loopback || prefix_holds(p, &local);
		server = server || prefix_holds(p, &backend);
	}
	assert_true(loopback);
	assert_true(server);
}

static void guesser_is_delayed_banned_and_turned_away(void **state)
{
	const struct message_verdict *verdict;
	const struct message_ban *ban;
	struct addr from = addr("203.0.113.7");

	assert_int_equal(begin("203.0.113.7", "a")->kind, VERDICT_PASS);
	verdict = settle("203.0.113.7", OUTCOME_FAILED);
	assert_int_equal(verdict->kind, VERDICT_DELAY);
	assert_int_equal(verdict->wait_ms, 1000);
	assert_int_equal(verdict->failure_count, 1);
	assert_null(find(MESSAGE_BAN));
	(void)begin("203.0.113.7", "b");
	(void)settle("203.0.113.7", OUTCOME_FAILED);
	(void)begin("203.0.113.7", "c");
	(void)settle("203.0.113.7", OUTCOME_FAILED);
	ban = expect(MESSAGE_BAN);
	assert_true(prefix_holds(&ban->prefix, &from));
	assert_int_equal(ban->rule, RULE_SOURCE_LIMIT);
	verdict = begin("203.0.113.7", "d");
	assert_int_equal(verdict->kind, VERDICT_TURN_AWAY);
	assert_int_equal(verdict->rule, RULE_BANNED);
	assert_int_equal(bans_listed(LIST_BANS), 1);
	assert_int_equal(bans_listed("{'command':'bans.list',"
				     "'rule':'source-limit'}"),
		1);
	assert_int_equal(
		bans_listed("{'command':'bans.list','rule':'operator'}"), 0);
}

static void loopback_is_never_banned(void **state)
{
	for (int i = 0; i < 20; i++) {
		assert_int_equal(begin("127.0.0.1", "a")->kind, VERDICT_PASS);
		(void)settle("127.0.0.1", OUTCOME_FAILED);
	}
	assert_int_equal(bans_listed(LIST_BANS), 0);
}

static void bans_survive_sigkill_and_are_told_before_sync_done(void **state)
{
	const struct message_ban *ban;
	struct addr from = addr("203.0.113.7");

	fail_three_times("203.0.113.7");
	for (int i = 0; i < 1000; i++) {
		json_t *answer = ask("{'command':'status'}");
		const json_t *store = json_object_get(answer, "store");
		bool done = number_in(store, "waiting") == 0 &&
			    number_in(store, "written") > 0;

		json_decref(answer);
		if (done)
			break;
	}
	assert_true(WIFSIGNALED(end_keeper(SIGKILL)));
	close_ends();
	start_keeper();
	start_worker();
	ban = find(MESSAGE_BAN);
	assert_non_null(ban);
	assert_true(prefix_holds(&ban->prefix, &from));
	assert_int_equal(heard[heard_count - 1].type, MESSAGE_SYNC_DONE);
	assert_int_equal(begin("203.0.113.7", "x")->kind, VERDICT_TURN_AWAY);
}

static void send_conf(const char *more)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);

	set_conf(more);
	assert_int_equal(
		write(fd, conf_text, strlen(conf_text)), strlen(conf_text));
	heard_count = 0;
	assert_int_equal(channel_send_fd(supervisor, MESSAGE_CONF, NULL, 0, fd),
		CHANNEL_OK);
	close(fd);
	receive(supervisor);
	assert_non_null(find(MESSAGE_READY));
	heard_count = 0;
}

static void lifted_ban_and_allow_entry_outlive_a_restart(void **state)
{
	struct addr office = addr("203.0.113.9");
	bool allowed = false;

	assert_ok("{'command':'bans.add','prefix':'192.0.2.0/24'}");
	assert_ok("{'command':'bans.add','prefix':'198.51.100.0/28'}");
	assert_ok("{'command':'bans.del','prefix':'192.0.0.0/16'}");
	assert_ok("{'command':'allow.add','prefix':'203.0.113.0/24'}");
	assert_int_equal(end_keeper(SIGTERM), 0);
	close_ends();
	start_keeper();
	start_worker();
	assert_int_equal(bans_listed(LIST_BANS), 1);
	for (unsigned i = 0; i < heard_count; i++)
		allowed = allowed ||
			  (heard[i].type == MESSAGE_ALLOW &&
				  prefix_holds(
					  &heard[i].body.ban.prefix, &office));
	assert_true(allowed);
}

/* BAN-05 */
static void new_configuration_allows_and_lifts(void **state)
{
	fail_three_times("203.0.113.7");
	send_conf("} allow = {\"203.0.113.0/24\"} banned {");
	(void)expect(MESSAGE_UNBAN);
	(void)expect(MESSAGE_ALLOW);
	assert_int_equal(bans_listed(LIST_BANS), 0);
	send_conf("");
	(void)expect(MESSAGE_DISALLOW);
}

static void observe_lifts_all_and_enforce_brings_orders_back(void **state)
{
	assert_ok("{'command':'bans.add','prefix':'192.0.2.0/24'}");
	send_conf("} mode = observe banned {");
	(void)expect(MESSAGE_UNBAN);
	assert_int_equal(begin("192.0.2.7", "x")->kind, VERDICT_PASS);
	send_conf("");
	(void)expect(MESSAGE_BAN);
}

static void bad_configuration_leaves_the_old_one(void **state)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);

	assert_int_equal(write(fd, "nonsense", 8), 8);
	assert_int_equal(channel_send_fd(supervisor, MESSAGE_CONF, NULL, 0, fd),
		CHANNEL_OK);
	close(fd);
	fail_three_times("203.0.113.7");
}

/* The outcome is unknown and the fault is ours: nobody is punished. */
static void dead_worker_leaves_no_failures(void **state)
{
	json_t *answer;
	const json_t *failures;

	assert_int_equal(begin("203.0.113.7", "a")->kind, VERDICT_PASS);
	assert_int_equal(begin("203.0.113.7", "b")->kind, VERDICT_PASS);
	channel_free(&worker);
	start_worker(); /* the keeper has seen the end of the first by now */
	assert_int_equal(begin("203.0.113.8", "c")->kind, VERDICT_PASS);
	answer = ask("{'command':'explain','subject':'203.0.113.7'}");
	failures = json_object_get(answer, "failures");
	assert_int_equal(number_in(answer, "under_way"), 0);
	assert_int_equal(number_in(failures, "count"), 0);
	json_decref(answer);
}

static void nonsense_of_a_worker_is_dropped(void **state)
{
	struct message_settle settle_body = {
		.attempt = 1, .addr = addr("203.0.113.7"), .outcome = 99};
	struct message_ask ask_body = {
		.attempt = 1, .addr = addr("203.0.113.7"), .user_n = 60000};
	struct message_note note_body = {.kind = 99};

	(void)channel_send(
		worker, MESSAGE_SETTLE, &settle_body, sizeof(settle_body));
	(void)channel_send(worker, MESSAGE_ASK, &ask_body, sizeof(ask_body));
	(void)channel_send(worker, MESSAGE_NOTE, &note_body, sizeof(note_body));
	note_body.kind = NOTE_HELO;
	note_body.name_n = MESSAGE_NAME_LONGEST + 1;
	(void)channel_send(worker, MESSAGE_NOTE, &note_body, sizeof(note_body));
	(void)channel_send(worker, MESSAGE_READY, NULL, 0);
	assert_int_equal(begin("203.0.113.8", "a")->kind, VERDICT_PASS);
}

/* Beyond a number a second the helper refuses bans one by one. */
static void ban_that_the_helper_did_not_take_is_in_a_sync_soon(void **state)
{
	struct fw_answer answer = {
		.magic = FW_RECORD_MAGIC,
		.word = FW_SYNC_END,
		.token = fw_expect(FW_SYNC_END).token,
	};

	assert_int_equal(
		send(firewall_fd, &answer, sizeof(answer), 0), sizeof(answer));
	assert_ok("{'command':'bans.add','prefix':'192.0.2.0/24'}");
	(void)fw_expect(FW_ADD);
	answer.word = FW_ADD;
	answer.status = FW_STATUS_LATER;
	assert_int_equal(
		send(firewall_fd, &answer, sizeof(answer), 0), sizeof(answer));
	assert_int_equal(fw_expect(FW_ADD).bits, 120);
}

static void firewall_hears_sync_add_and_delete(void **state)
{
	struct fw_record record = fw_expect(FW_SYNC_END);
	struct fw_answer answer = {
		.magic = FW_RECORD_MAGIC,
		.word = FW_SYNC_END,
		.token = record.token,
		.count = 42,
		.drift = 3,
	};
	json_t *status;
	const json_t *firewall;

	assert_int_equal(
		send(firewall_fd, &answer, sizeof(answer), 0), sizeof(answer));
	assert_ok("{'command':'bans.add','prefix':'192.0.2.0/24',"
		  "'for':'1h'}");
	record = fw_expect(FW_ADD);
	assert_int_equal(record.bits, 120);
	assert_in_range(record.ttl_s, 3599, 3600);
	assert_ok("{'command':'bans.add','prefix':'192.0.2.0/24',"
		  "'for':'ever'}");
	assert_int_equal(fw_expect(FW_ADD).ttl_s, 0);
	assert_ok("{'command':'bans.del','prefix':'192.0.2.0/24'}");
	assert_int_equal(fw_expect(FW_DELETE).bits, 120);
	status = ask("{'command':'status'}");
	firewall = json_object_get(status, "firewall");
	assert_int_equal(number_in(firewall, "entries"), 42);
	assert_int_equal(number_in(firewall, "drift"), 3);
	json_decref(status);
}

static void refusal_of_the_firewall_is_in_the_status(void **state)
{
	struct addr from = addr("192.0.2.7");
	struct fw_answer answer = {
		.magic = FW_RECORD_MAGIC,
		.word = FW_ADD,
		.status = FW_STATUS_REFUSED,
		.bits = 128,
	};
	json_t *status;
	bool said = false;

	memcpy(answer.octets, from.octets, sizeof(answer.octets));
	assert_int_equal(
		send(firewall_fd, &answer, sizeof(answer), 0), sizeof(answer));
	for (int i = 0; i < 1000 && !said; i++) {
		status = ask("{'command':'status'}");
		said = strstr(text_in(json_object_get(status, "firewall"),
				      "failure"),
			       "add 192.0.2.7: refused") != NULL;
		json_decref(status);
	}
	assert_true(said);
}

static void new_firewall_helper_gets_a_sync_of_all(void **state)
{
	struct channel *helper;

	assert_ok("{'command':'bans.add','prefix':'192.0.2.0/24'}");
	helper = give_channel(KEEPER_SLOT_FIREWALL);
	close(firewall_fd);
	firewall_fd = dup(channel_fd(helper));
	channel_free(&helper);
	assert_int_equal(fw_expect(FW_ADD).bits, 120);
}

/* Reads one sync to its end and answers it; returns how many ADDs it had. */
static unsigned sync_adds(void)
{
	struct fw_answer answer = {
		.magic = FW_RECORD_MAGIC, .word = FW_SYNC_END};
	struct fw_record records[1024];
	unsigned adds = 0;

	for (;;) {
		ssize_t n;

		wait_readable(firewall_fd);
		n = recv(firewall_fd, records, sizeof(records), 0);
		assert_true(n > 0);
		for (size_t i = 0; i < (size_t)n / sizeof(records[0]); i++) {
			adds += records[i].word == FW_ADD;
			if (records[i].word != FW_SYNC_END)
				continue;
			answer.token = records[i].token;
			assert_int_equal(
				send(firewall_fd, &answer, sizeof(answer), 0),
				sizeof(answer));
			return adds;
		}
	}
}

static void firewall_hears_no_ban_that_holds_an_allowed_address(void **state)
{
	assert_int_equal(sync_adds(), 0);
	assert_ok("{'command':'bans.add','prefix':'192.0.2.0/24'}");
	assert_int_equal(fw_expect(FW_ADD).bits, 120);
	assert_ok("{'command':'allow.add','prefix':'192.0.2.7'}");
	assert_int_equal(sync_adds(), 0);
	assert_ok("{'command':'bans.add','prefix':'192.0.2.0/25'}");
	assert_ok("{'command':'bans.add','prefix':'192.0.2.128/25'}");
	assert_int_equal(fw_expect(FW_ADD).octets[15], 128);
	assert_ok("{'command':'allow.del','prefix':'192.0.2.7'}");
	assert_int_equal(sync_adds(), 3);
}

/* ---- servers ---- */

static struct message_server server(enum server_word word, uint16_t port)
{
	struct message_server m = {.addr = addr("192.0.2.25"),
		.port = port,
		.word = (uint8_t)word};

	strcpy(m.backend, "d");
	strcpy(m.name, "mail.example:25");
	strcpy(m.why, "no\x1b answer");
	return m;
}

static void say(enum server_word word, uint16_t port)
{
	struct message_server m = server(word, port);

	assert_int_equal(channel_send(worker, MESSAGE_SERVER, &m, sizeof(m)),
		CHANNEL_OK);
	assert_int_equal(channel_flush(worker), CHANNEL_OK);
}

/* The last word on that server, when it has come. */
static void expect_word(enum server_word word, uint16_t port)
{
	for (;;) {
		for (unsigned i = 0; i < heard_count; i++)
			if (heard[i].type == MESSAGE_SERVER &&
				heard[i].body.server.word == word &&
				heard[i].body.server.port == port)
				return;
		receive(worker);
	}
}

/* The rows of backends.list when there are so many. Caller decrefs. */
static json_t *expect_rows(size_t count)
{
	for (;;) {
		json_t *answer = ask("{'command':'backends.list'}");

		if (json_array_size(json_object_get(answer, "backends")) ==
			count)
			return answer;
		json_decref(answer);
	}
}

static json_t *row_of(const json_t *answer, size_t i)
{
	return json_array_get(json_object_get(answer, "backends"), i);
}

static void servers_are_told_to_all_and_shown(void **state)
{
	json_t *answer, *row;

	say(SERVER_DOWN, 25); /* of nobody knows what */
	say(SERVER_LISTED, 25);
	say(SERVER_LISTED, 26);
	say(SERVER_LAST, 0);
	say(SERVER_COUNT, 26);
	say(SERVER_DOWN, 26);
	expect_word(SERVER_DOWN, 26);
	answer = expect_rows(2);
	row = row_of(answer, 0);
	assert_string_equal(text_in(row, "address"), "192.0.2.25:25");
	assert_string_equal(text_in(row, "state"), "up");
	row = row_of(answer, 1);
	assert_string_equal(text_in(row, "state"), "down");
	assert_string_equal(text_in(row, "why"), "no? answer");
	json_decref(answer);
	say(SERVER_UP, 26);
	expect_word(SERVER_UP, 26);
	/* What is listed no more is gone. */
	say(SERVER_LISTED, 25);
	say(SERVER_LAST, 0);
	json_decref(expect_rows(1));
}

static void drain_is_told_and_a_new_worker_hears_it(void **state)
{
	json_t *answer;

	assert_refused("{'command':'backends.drain','server':'x:25'}",
		"not-found", "x:25", "posternctl backends");
	assert_refused("{'command':'backends.drain'}", "usage", "no server",
		"posternctl backends");
	say(SERVER_LISTED, 25);
	say(SERVER_LISTED, 26);
	say(SERVER_LAST, 0);
	say(SERVER_DOWN, 25);
	expect_word(SERVER_DOWN, 25);
	assert_ok("{'command':'backends.drain','server':'192.0.2.25:26'}");
	expect_word(SERVER_DRAIN, 26);
	channel_free(&worker);
	start_worker();
	expect_word(SERVER_DRAIN, 26);
	expect_word(SERVER_DOWN, 25);
	/* By name: both have it. */
	answer = ask("{'command':'backends.undrain','server':"
		     "'mail.example:25'}");
	assert_int_equal(number_in(answer, "servers"), 2);
	json_decref(answer);
	expect_word(SERVER_UNDRAIN, 26);
}

/* More servers than there is room for, from a worker that makes them up. */
static void table_of_servers_has_an_end(void **state)
{
	struct pollfd room = {.fd = channel_fd(worker), .events = POLLOUT};

	for (unsigned i = 0; i < 400; i++) {
		struct message_server m =
			server(SERVER_LISTED, (uint16_t)(1000 + i));

		memset(m.backend, 0xff, sizeof(m.backend));
		memset(m.name, 'n', sizeof(m.name));
		assert_int_equal(
			channel_send(worker, MESSAGE_SERVER, &m, sizeof(m)),
			CHANNEL_OK);
		while (channel_flush(worker) == CHANNEL_AGAIN)
			assert_int_equal(poll(&room, 1, WAIT_MS), 1);
	}
	json_decref(expect_rows(256));
}

static void end_of_the_supervisor_ends_the_keeper(void **state)
{
	int status;

	channel_free(&supervisor);
	assert_int_equal(waitpid(keeper_pid, &status, 0), keeper_pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close_ends();
	start_keeper(); /* for tear_down */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(worker_hears_allow_entries_then_sync_done),
		KEEPER_TEST(guesser_is_delayed_banned_and_turned_away),
		KEEPER_TEST(loopback_is_never_banned),
		KEEPER_TEST(bans_survive_sigkill_and_are_told_before_sync_done),
		KEEPER_TEST(lifted_ban_and_allow_entry_outlive_a_restart),
		KEEPER_TEST(new_configuration_allows_and_lifts),
		KEEPER_TEST(observe_lifts_all_and_enforce_brings_orders_back),
		KEEPER_TEST(bad_configuration_leaves_the_old_one),
		KEEPER_TEST(dead_worker_leaves_no_failures),
		KEEPER_TEST(nonsense_of_a_worker_is_dropped),
		KEEPER_TEST(firewall_hears_sync_add_and_delete),
		KEEPER_TEST(ban_that_the_helper_did_not_take_is_in_a_sync_soon),
		KEEPER_TEST(refusal_of_the_firewall_is_in_the_status),
		KEEPER_TEST(new_firewall_helper_gets_a_sync_of_all),
		KEEPER_TEST(
			firewall_hears_no_ban_that_holds_an_allowed_address),
		KEEPER_TEST(servers_are_told_to_all_and_shown),
		KEEPER_TEST(drain_is_told_and_a_new_worker_hears_it),
		KEEPER_TEST(table_of_servers_has_an_end),
		KEEPER_TEST(end_of_the_supervisor_ends_the_keeper),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
