/*
 * The keeper as its neighbours see it: a whole one runs in a child; the test
 * is supervisor, worker, firewall helper and operator at once. All waits are
 * for a descriptor and end with a failure.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/base/log.h"
#include "../../src/base/reference.h"
#include "../../src/conf/conf.h"
#include "../../src/fw/record.h"
#include "../../src/ipc/channel.h"
#include "../../src/keeper/control.h"
#include "../../src/keeper/keeper.h"
#include "../../src/policy/policy.h"

enum { WAIT_MS = 10000, HEARD_MOST = 4096 };

/* ---- the keeper in a child ---- */

static char dir[64];
static char conf_text[1024];
static pid_t keeper_pid;
static struct channel *supervisor, *worker;
static int firewall_fd;

static struct {
	enum message_type type;
	union {
		struct message_verdict verdict;
		struct message_ban ban;
	} body;
} heard[HEARD_MOST];
static unsigned heard_count;

static bool hear(void *arg, enum message_type type, const void *body, size_t n,
	int fd)
{
	(void)arg;
	assert_int_equal(fd, -1);
	assert_true(heard_count < HEARD_MOST);
	heard[heard_count].type = type;
	if (n <= sizeof(heard[0].body))
		memcpy(&heard[heard_count].body, body, n);
	heard_count++;
	return true;
}

static void wait_readable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
}

static void receive(struct channel *channel)
{
	wait_readable(channel_fd(channel));
	assert_int_equal(channel_receive(channel, hear, NULL), CHANNEL_OK);
}

static struct message_ban *find(enum message_type type)
{
	for (unsigned i = 0; i < heard_count; i++)
		if (heard[i].type == type)
			return &heard[i].body.ban;
	return NULL;
}

/* Reads until the worker was told this. */
static struct message_ban *expect(enum message_type type)
{
	while (find(type) == NULL)
		receive(worker);
	return find(type);
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static void set_conf(const char *more)
{
	snprintf(conf_text, sizeof(conf_text),
		"state_dir = \"%s\"\ncontrol = \"%s/control\"\n"
		"source_limit { failures = 3 %s }\n"
		"listener mx { bind = {\"0.0.0.0:25\"} backend = d }\n"
		"backend d { servers = {\"198.51.100.25:25\"} }\n",
		dir, dir, more);
}

static struct conf *read_conf(void)
{
	struct conf_errors errors = {0};
	struct conf *conf = conf_parse(conf_text, "test", &errors);

	if (conf == NULL)
		fail_msg("%s", errors.text);
	conf_errors_done(&errors);
	return conf;
}

static void close_ends(void)
{
	channel_free(&supervisor);
	channel_free(&worker);
	if (firewall_fd >= 0)
		close(firewall_fd);
	firewall_fd = -1;
}

static void start_keeper(void)
{
	int up[2], fw[2];

	heard_count = 0;
	assert_true(channel_pair(up));
	assert_true(channel_pair(fw));
	keeper_pid = fork();
	assert_true(keeper_pid >= 0);
	if (keeper_pid == 0) {
		struct conf *conf = read_conf();
		struct keeper_setup setup = {
			.conf = conf,
			.supervisor_fd = up[1],
			.firewall_fd = fw[1],
			.control_fd = -1,
			.log_fd = -1,
		};
		int code;

		close(up[0]);
		close(fw[0]);
		close_ends();
		if (getenv("POSTERN_TEST_LOG") != NULL)
			log_init("keeper", 2, LOG_DEBUG, LOG_TEXT);
		code = keeper_run(&setup);
		conf_free(&conf);
		exit(code); /* with the leak check of a sanitizer */
	}
	close(up[1]);
	close(fw[1]);
	supervisor = channel_new(up[0], 65536);
	firewall_fd = fw[0];
	while (find(MESSAGE_READY) == NULL)
		receive(supervisor);
	heard_count = 0;
}

static struct channel *give_channel(uint32_t slot)
{
	int fds[2];

	assert_true(channel_pair(fds));
	assert_int_equal(channel_send_fd(supervisor, MESSAGE_CHANNEL,
				 &(struct message_channel){.slot = slot},
				 sizeof(struct message_channel), fds[1]),
		CHANNEL_OK);
	close(fds[1]);
	return channel_new(fds[0], 1 << 20);
}

static void start_worker(void)
{
	const struct message_hello hello = {.slot = 1, .pid = 4711};

	heard_count = 0;
	worker = give_channel(1);
	assert_non_null(worker);
	assert_int_equal(channel_send(worker, MESSAGE_HELLO, &hello,
				 sizeof(hello)),
		CHANNEL_OK);
	assert_int_equal(channel_flush(worker), CHANNEL_OK);
	(void)expect(MESSAGE_SYNC_DONE);
}

static int end_keeper(int number)
{
	int status;

	assert_int_equal(kill(keeper_pid, number), 0);
	assert_int_equal(waitpid(keeper_pid, &status, 0), keeper_pid);
	keeper_pid = 0;
	return status;
}

static int set_up(void **state)
{
	strcpy(dir, "/tmp/postern-keeper-XXXXXX");
	assert_non_null(mkdtemp(dir));
	set_conf("");
	firewall_fd = -1;
	start_keeper();
	start_worker();
	return 0;
}

static int tear_down(void **state)
{
	char command[128];
	int status = end_keeper(SIGTERM);

	close_ends();
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command) != 0)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* ---- as an operator ---- */

static int connect_control(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s/control", dir);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

/* One line; NULL: end of file. Caller decrefs. */
static json_t *read_answer(int fd)
{
	static char in[1 << 20];
	size_t n = 0;

	do {
		wait_readable(fd);
		if (recv(fd, in + n, 1, 0) != 1)
			return NULL;
		assert_true(n + 1 < sizeof(in));
	} while (in[n++] != '\n');
	return json_loadb(in, n, 0, NULL);
}

static json_t *ask_raw(const char *text, size_t n)
{
	int fd = connect_control();
	json_t *answer;

	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
	answer = read_answer(fd);
	assert_non_null(answer);
	close(fd);
	return answer;
}

/* Caller decrefs. Quotes are written as ' in `request`. */
static json_t *ask(const char *request)
{
	char line[1024];
	size_t n = (size_t)snprintf(line, sizeof(line), "%s\n", request);

	for (char *p = line; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	return ask_raw(line, n);
}

static const char *text_in(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static json_int_t number_in(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void assert_ok(const char *request)
{
	json_t *answer = ask(request);

	if (!json_is_true(json_object_get(answer, "ok")))
		fail_msg("%s: %s", request, text_in(answer, "error"));
	json_decref(answer);
}

static void assert_refused(const char *request, const char *code,
	const char *error_part, const char *hint_part)
{
	json_t *answer = ask(request);

	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_string_equal(text_in(answer, "code"), code);
	if (strstr(text_in(answer, "error"), error_part) == NULL)
		fail_msg("%s", text_in(answer, "error"));
	if (strstr(text_in(answer, "hint"), hint_part) == NULL)
		fail_msg("%s", text_in(answer, "hint"));
	json_decref(answer);
}

static size_t bans_listed(const char *request)
{
	json_t *answer = ask(request);
	size_t n = json_array_size(json_object_get(answer, "bans"));

	json_decref(answer);
	return n;
}

#define LIST_BANS "{'command':'bans.list'}"

/* ---- as a worker ---- */

static uint64_t last_attempt;

static const struct message_verdict *verdict_of(uint64_t attempt)
{
	for (;;) {
		for (unsigned i = 0; i < heard_count; i++)
			if (heard[i].type == MESSAGE_VERDICT &&
				heard[i].body.verdict.attempt == attempt) {
				/* Its id will come again at the settling. */
				heard[i].type = MESSAGE_NONE;
				return &heard[i].body.verdict;
			}
		receive(worker);
	}
}

static const struct message_verdict *begin(const char *from, const char *user)
{
	struct message_ask body = {
		.attempt = ++last_attempt,
		.addr = addr(from),
		.secret_tag = 1000 + last_attempt,
		.session = 77,
		.user_n = (uint16_t)strlen(user),
		.mech = 1,
	};

	memcpy(body.user, user, body.user_n);
	assert_int_equal(channel_send(worker, MESSAGE_ASK, &body, sizeof(body)),
		CHANNEL_OK);
	assert_int_equal(channel_flush(worker), CHANNEL_OK);
	return verdict_of(body.attempt);
}

static const struct message_verdict *settle(const char *from,
	enum policy_outcome outcome)
{
	struct message_settle body = {
		.attempt = last_attempt,
		.addr = addr(from),
		.session = 77,
		.outcome = outcome,
		.code = outcome == OUTCOME_OK ? 235 : 535,
	};

	assert_int_equal(
		channel_send(worker, MESSAGE_SETTLE, &body, sizeof(body)),
		CHANNEL_OK);
	assert_int_equal(channel_flush(worker), CHANNEL_OK);
	return verdict_of(body.attempt);
}

static void fail_three_times(const char *from)
{
	for (int i = 0; i < 3; i++) {
		assert_int_equal(begin(from, "anna")->kind, VERDICT_PASS);
		assert_int_equal(settle(from, OUTCOME_FAILED)->kind,
			VERDICT_DELAY);
	}
	(void)expect(MESSAGE_BAN);
}

/* ---- as the firewall helper ---- */

/* Reads until a record with this word came; returns it. */
static struct fw_record fw_expect(enum fw_word word)
{
	struct fw_record records[1024];

	for (;;) {
		ssize_t n;

		wait_readable(firewall_fd);
		n = recv(firewall_fd, records, sizeof(records), 0);
		assert_true(n > 0);
		assert_int_equal((size_t)n % sizeof(records[0]), 0);
		for (size_t i = 0; i < (size_t)n / sizeof(records[0]); i++) {
			assert_int_equal(records[i].magic, FW_RECORD_MAGIC);
			if (records[i].word == word)
				return records[i];
		}
	}
}

/* ---- tests ---- */

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

static void explain_tells_the_story_and_the_way_out(void **state)
{
	const json_t *events, *event;
	json_t *answer;

	fail_three_times("203.0.113.7");
	answer = ask("{'command':'explain','subject':'203.0.113.7'}");
	assert_true(json_is_true(json_object_get(answer, "banned")));
	assert_string_equal(text_in(answer, "lift"),
		"posternctl bans del 203.0.113.7");
	assert_string_equal(
		text_in(json_object_get(answer, "ban"), "rule"),
		"source-limit");
	events = json_object_get(answer, "events");
	assert_int_equal(json_array_size(events), 4);
	event = json_array_get(events, 0);
	assert_string_equal(text_in(event, "event"), "auth-failed");
	assert_string_equal(text_in(event, "user"), "anna");
	assert_int_equal(number_in(event, "code"), 535);
	assert_string_equal(text_in(json_array_get(events, 3), "event"),
		"ban");
	json_decref(answer);
}

static void reference_leads_to_the_address(void **state)
{
	const uint64_t session = 0x123456789abcdef0;
	char text[REFERENCE_TEXT_LONGEST], request[128];
	struct message_note note = {
		.addr = addr("203.0.113.9"),
		.session = session,
		.kind = NOTE_REFUSAL,
	};
	json_t *answer;

	assert_int_equal(
		channel_send(worker, MESSAGE_NOTE, &note, sizeof(note)),
		CHANNEL_OK);
	(void)begin("203.0.113.9", "x"); /* answered after the note */
	snprintf(request, sizeof(request),
		"{'command':'explain','subject':'%s'}",
		reference_format(session, text));
	answer = ask(request);
	assert_string_equal(text_in(answer, "address"), "203.0.113.9");
	json_decref(answer);
	assert_refused("{'command':'explain','subject':'ZZZZ'}", "not-found",
		"no refusal", "log");
	assert_refused("{'command':'explain','subject':'no!'}", "usage",
		"neither", "address");
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

static void operator_bans_lists_and_lifts(void **state)
{
	json_t *answer;
	const json_t *ban;

	answer = ask("{'command':'bans.add','prefix':'192.0.2.0/24',"
		     "'for':'1h','reason':'noise'}");
	ban = json_object_get(answer, "ban");
	assert_string_equal(text_in(ban, "prefix"), "192.0.2.0/24");
	assert_string_equal(text_in(ban, "note"), "noise");
	assert_in_range(number_in(ban, "left_s"), 3590, 3600);
	json_decref(answer);
	(void)expect(MESSAGE_BAN);
	assert_refused("{'command':'bans.del','prefix':'192.0.2.7'}",
		"not-found", "banned by 192.0.2.0/24",
		"posternctl bans del 192.0.2.0/24");
	assert_ok("{'command':'bans.del','prefix':'192.0.2.0/24'}");
	(void)expect(MESSAGE_UNBAN);
	assert_refused("{'command':'bans.del','prefix':'192.0.2.0/24'}",
		"not-found", "not banned", "bans list");
}

static void flush_lifts_more_than_one_turn_can_tell(void **state)
{
	enum { MANY = 1000 };
	json_t *answer;
	int fd = connect_control();
	unsigned unbans = 0;

	for (int i = 0; i < MANY; i++) {
		char line[100];
		int n = snprintf(line, sizeof(line),
			"{\"command\":\"bans.add\",\"prefix\":\"10.1.%d.%d\"}"
			"\n",
			i / 250, i % 250);

		assert_int_equal(send(fd, line, (size_t)n, 0), n);
		json_decref(read_answer(fd));
	}
	close(fd);
	assert_int_equal(bans_listed(LIST_BANS), MANY);
	answer = ask("{'command':'bans.flush'}");
	assert_int_equal(number_in(answer, "lifted"), MANY);
	json_decref(answer);
	assert_int_equal(bans_listed(LIST_BANS), 0);
	while (unbans < MANY) {
		unbans = 0;
		receive(worker);
		for (unsigned i = 0; i < heard_count; i++)
			unbans += heard[i].type == MESSAGE_UNBAN;
	}
}

static void long_list_comes_in_pages(void **state)
{
	json_t *answer;
	char request[100];

	assert_ok("{'command':'bans.add','prefix':'192.0.2.1'}");
	assert_ok("{'command':'bans.add','prefix':'192.0.2.2'}");
	assert_ok("{'command':'bans.add','prefix':'192.0.2.3'}");
	answer = ask("{'command':'bans.list','limit':2}");
	assert_int_equal(
		json_array_size(json_object_get(answer, "bans")), 2);
	assert_int_equal(number_in(answer, "total"), 3);
	snprintf(request, sizeof(request),
		"{'command':'bans.list','limit':2,'cursor':%d}",
		(int)number_in(answer, "next"));
	json_decref(answer);
	answer = ask(request);
	assert_int_equal(
		json_array_size(json_object_get(answer, "bans")), 1);
	assert_true(json_is_null(json_object_get(answer, "next")));
	json_decref(answer);
}

static void allow_lifts_the_ban_and_spares(void **state)
{
	fail_three_times("203.0.113.7");
	assert_ok("{'command':'allow.add','prefix':'203.0.113.0/24',"
		  "'reason':'office'}");
	(void)expect(MESSAGE_UNBAN);
	(void)expect(MESSAGE_ALLOW);
	assert_int_equal(begin("203.0.113.7", "x")->kind, VERDICT_PASS);
	assert_refused("{'command':'bans.add','prefix':'203.0.113.7'}",
		"refused", "allow list", "allow list");
	assert_ok("{'command':'allow.del','prefix':'203.0.113.0/24'}");
	(void)expect(MESSAGE_DISALLOW);
	assert_refused("{'command':'allow.del','prefix':'203.0.113.0/24'}",
		"not-found", "not on the allow list", "allow list");
	assert_refused("{'command':'allow.del','prefix':'127.0.0.0/8'}",
		"refused", "our own", "always");
}

static void wrong_requests_get_an_error_each(void **state)
{
	static const struct {
		const char *request, *code, *error;
	} table[] = {
		{"", "usage", "not a JSON object"},
		{"[]", "usage", "not a JSON object"},
		{"{", "usage", "not a JSON object"},
		{"{}", "usage", "no such command"},
		{"{'command':5}", "usage", "no such command"},
		{"{'command':'status','command':'status'}", "usage",
			"not a JSON object"},
		{"{'command':'bans.add'}", "usage", "no prefix"},
		{"{'command':'bans.add','prefix':7}", "usage", "no prefix"},
		{"{'command':'bans.add','prefix':'host'}", "usage", "not an"},
		{"{'command':'bans.add','prefix':'0.0.0.0/0'}", "refused",
			"too wide"},
		{"{'command':'bans.add','prefix':'::/0'}", "refused",
			"too wide"},
		{"{'command':'bans.add','prefix':'10.0.0.0/7'}", "refused",
			"too wide"},
		{"{'command':'allow.add','prefix':'2000::/3'}", "refused",
			"too wide"},
		{"{'command':'bans.add','prefix':'192.0.2.1','for':'5'}",
			"usage", "span"},
		{"{'command':'bans.add','prefix':'192.0.2.1','for':'-1h'}",
			"usage", "span"},
		{"{'command':'bans.add','prefix':'192.0.2.1','for':'99999d'}",
			"usage", "span"},
		{"{'command':'bans.list','rule':'nonsense'}", "usage",
			"no rule"},
		{"{'command':'explain'}", "usage", "nothing"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_refused(table[i].request, table[i].code,
			table[i].error, "");
	assert_ok("{'command':'status'}");
}

static void line_of_4096_octets_is_the_longest(void **state)
{
	static char line[8192];
	json_t *answer;

	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"command\":\"version\"}", 21);
	line[CONTROL_LINE_LONGEST - 1] = '\n';
	answer = ask_raw(line, CONTROL_LINE_LONGEST);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	line[CONTROL_LINE_LONGEST - 1] = ' ';
	line[CONTROL_LINE_LONGEST] = '\n';
	answer = ask_raw(line, CONTROL_LINE_LONGEST + 1);
	assert_string_equal(text_in(answer, "code"), "usage");
	json_decref(answer);
	line[CONTROL_LINE_LONGEST] = ' '; /* no end at all */
	answer = ask_raw(line, sizeof(line));
	assert_string_equal(text_in(answer, "code"), "usage");
	json_decref(answer);
}

static void request_octet_by_octet_is_one_request(void **state)
{
	static const char text[] = "{\"command\":\"version\"}\n";
	int fd = connect_control();
	json_t *answer;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_int_equal(send(fd, text + i, 1, 0), 1);
	answer = read_answer(fd);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	close(fd);
}

static void client_beyond_the_limit_hears_why(void **state)
{
	int fds[CONTROL_CLIENTS_MOST], surplus;
	json_t *answer;

	for (int i = 0; i < CONTROL_CLIENTS_MOST; i++)
		fds[i] = connect_control();
	surplus = connect_control();
	answer = read_answer(surplus);
	assert_string_equal(text_in(answer, "code"), "unavailable");
	json_decref(answer);
	assert_null(read_answer(surplus)); /* and is closed */
	close(surplus);
	for (int i = 0; i < CONTROL_CLIENTS_MOST; i++)
		close(fds[i]);
}

static void reload_asks_the_supervisor_and_tells_all_who_wait(void **state)
{
	static const char text[] = "{\"command\":\"reload\"}\n";
	static struct message_text done = {.ok = 1, .n = 7, .text = "a: 1->2"};
	int one = connect_control(), two = connect_control();
	json_t *answer;

	assert_int_equal(send(one, text, sizeof(text) - 1, 0),
		sizeof(text) - 1);
	assert_int_equal(send(two, text, sizeof(text) - 1, 0),
		sizeof(text) - 1);
	heard_count = 0;
	while (heard_count < 2)
		receive(supervisor);
	assert_int_equal(heard[0].type, MESSAGE_RELOAD_ASK);
	assert_int_equal(channel_send(supervisor, MESSAGE_RELOAD_DONE, &done,
				 sizeof(done)),
		CHANNEL_OK);
	assert_int_equal(channel_flush(supervisor), CHANNEL_OK);
	answer = read_answer(one);
	assert_string_equal(text_in(answer, "text"), "a: 1->2");
	json_decref(answer);
	answer = read_answer(two);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	close(one);
	close(two);
}

static void send_conf(const char *more)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);

	set_conf(more);
	assert_int_equal(write(fd, conf_text, strlen(conf_text)),
		strlen(conf_text));
	heard_count = 0;
	assert_int_equal(
		channel_send_fd(supervisor, MESSAGE_CONF, NULL, 0, fd),
		CHANNEL_OK);
	close(fd);
	receive(supervisor);
	assert_non_null(find(MESSAGE_READY));
	heard_count = 0;
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
	assert_int_equal(
		channel_send_fd(supervisor, MESSAGE_CONF, NULL, 0, fd),
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

	(void)channel_send(worker, MESSAGE_SETTLE, &settle_body,
		sizeof(settle_body));
	(void)channel_send(worker, MESSAGE_ASK, &ask_body, sizeof(ask_body));
	(void)channel_send(worker, MESSAGE_NOTE, &note_body,
		sizeof(note_body));
	(void)channel_send(worker, MESSAGE_READY, NULL, 0);
	assert_int_equal(begin("203.0.113.8", "a")->kind, VERDICT_PASS);
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

	assert_int_equal(send(firewall_fd, &answer, sizeof(answer), 0),
		sizeof(answer));
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
	assert_int_equal(send(firewall_fd, &answer, sizeof(answer), 0),
		sizeof(answer));
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

static void end_of_the_supervisor_ends_the_keeper(void **state)
{
	int status;

	channel_free(&supervisor);
	assert_int_equal(waitpid(keeper_pid, &status, 0), keeper_pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close_ends();
	start_keeper(); /* for tear_down */
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(worker_hears_allow_entries_then_sync_done),
		T(guesser_is_delayed_banned_and_turned_away),
		T(loopback_is_never_banned),
		T(explain_tells_the_story_and_the_way_out),
		T(reference_leads_to_the_address),
		T(bans_survive_sigkill_and_are_told_before_sync_done),
		T(operator_bans_lists_and_lifts),
		T(flush_lifts_more_than_one_turn_can_tell),
		T(long_list_comes_in_pages),
		T(allow_lifts_the_ban_and_spares),
		T(wrong_requests_get_an_error_each),
		T(line_of_4096_octets_is_the_longest),
		T(request_octet_by_octet_is_one_request),
		T(client_beyond_the_limit_hears_why),
		T(reload_asks_the_supervisor_and_tells_all_who_wait),
		T(new_configuration_allows_and_lifts),
		T(observe_lifts_all_and_enforce_brings_orders_back),
		T(bad_configuration_leaves_the_old_one),
		T(dead_worker_leaves_no_failures),
		T(nonsense_of_a_worker_is_dropped),
		T(firewall_hears_sync_add_and_delete),
		T(refusal_of_the_firewall_is_in_the_status),
		T(new_firewall_helper_gets_a_sync_of_all),
		T(end_of_the_supervisor_ends_the_keeper),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
