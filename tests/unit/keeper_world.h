/*
 * A whole keeper in a child, seen by its neighbours: the test is supervisor,
 * worker, firewall helper and operator at once. All waits are for a descriptor
 * and end with a failure.
 */
#ifndef TESTS_UNIT_KEEPER_WORLD_H
#define TESTS_UNIT_KEEPER_WORLD_H

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
		struct message_server server;
	} body;
} heard[HEARD_MOST];
static unsigned heard_count;

static inline bool hear(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
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

static inline void wait_readable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
}

static inline void receive(struct channel *channel)
{
	wait_readable(channel_fd(channel));
	assert_int_equal(channel_receive(channel, hear, NULL), CHANNEL_OK);
}

static inline struct message_ban *find(enum message_type type)
{
	for (unsigned i = 0; i < heard_count; i++)
		if (heard[i].type == type)
			return &heard[i].body.ban;
	return NULL;
}

/* Reads until the worker was told this. */
static inline struct message_ban *expect(enum message_type type)
{
	while (find(type) == NULL)
		receive(worker);
	return find(type);
}

static inline struct addr addr(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static inline void set_conf(const char *more)
{
	snprintf(conf_text, sizeof(conf_text),
		"state_dir = \"%s\"\ncontrol = \"%s/control\"\n"
		"source_limit { failures = 3 %s }\n"
		"listener mx { bind = {\"0.0.0.0:25\"} backend = d }\n"
		"backend d { servers = {\"198.51.100.25:25\"} }\n",
		dir, dir, more);
}

static inline struct conf *read_conf(void)
{
	struct conf_errors errors = {0};
	struct conf *conf = conf_parse(conf_text, "test", &errors);

	if (conf == NULL)
		fail_msg("%s", errors.text);
	conf_errors_done(&errors);
	return conf;
}

static inline void close_ends(void)
{
	channel_free(&supervisor);
	channel_free(&worker);
	if (firewall_fd >= 0)
		close(firewall_fd);
	firewall_fd = -1;
}

static inline void start_keeper(void)
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
			.memory_fd = -1,
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

static inline struct channel *give_channel(uint32_t slot)
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

static inline void start_worker(void)
{
	const struct message_hello hello = {.slot = 1, .pid = 4711};

	heard_count = 0;
	worker = give_channel(1);
	assert_non_null(worker);
	assert_int_equal(
		channel_send(worker, MESSAGE_HELLO, &hello, sizeof(hello)),
		CHANNEL_OK);
	assert_int_equal(channel_flush(worker), CHANNEL_OK);
	(void)expect(MESSAGE_SYNC_DONE);
}

static inline int end_keeper(int number)
{
	int status;

	assert_true(keeper_pid > 0); /* kill(0) would end the test itself */
	assert_int_equal(kill(keeper_pid, number), 0);
	assert_int_equal(waitpid(keeper_pid, &status, 0), keeper_pid);
	keeper_pid = 0;
	return status;
}

static inline int set_up(void **state)
{
	strcpy(dir, "/tmp/postern-keeper-XXXXXX");
	assert_non_null(mkdtemp(dir));
	set_conf("");
	firewall_fd = -1;
	start_keeper();
	start_worker();
	return 0;
}

static inline int tear_down(void **state)
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

static inline int connect_control(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s/control", dir);
	assert_int_equal(
		connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

/* One line; NULL: end of file. Caller decrefs. */
static inline json_t *read_answer(int fd)
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

static inline json_t *ask_raw(const char *text, size_t n)
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
static inline json_t *ask(const char *request)
{
	char line[1024];
	size_t n = (size_t)snprintf(line, sizeof(line), "%s\n", request);

	for (char *p = line; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	return ask_raw(line, n);
}

static inline const char *text_in(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static inline json_int_t number_in(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static inline void assert_ok(const char *request)
{
	json_t *answer = ask(request);

	if (!json_is_true(json_object_get(answer, "ok")))
		fail_msg("%s: %s", request, text_in(answer, "error"));
	json_decref(answer);
}

static inline void assert_refused(const char *request, const char *code,
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

static inline size_t bans_listed(const char *request)
{
	json_t *answer = ask(request);
	size_t n = json_array_size(json_object_get(answer, "bans"));

	json_decref(answer);
	return n;
}

#define LIST_BANS "{'command':'bans.list'}"

/* ---- as a worker ---- */

static uint64_t last_attempt;

static inline const struct message_verdict *verdict_of(uint64_t attempt)
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

static inline const struct message_verdict *begin(
	const char *from, const char *user)
{
	struct message_ask body = {
		.attempt = last_attempt + 1,
		.addr = addr(from),
		.secret_tag = 1001 + last_attempt,
		.session = 77,
		.user_n = (uint16_t)strlen(user),
		.mech = 1,
	};

	last_attempt++;
	memcpy(body.user, user, body.user_n);
	assert_int_equal(channel_send(worker, MESSAGE_ASK, &body, sizeof(body)),
		CHANNEL_OK);
	assert_int_equal(channel_flush(worker), CHANNEL_OK);
	return verdict_of(body.attempt);
}

static inline const struct message_verdict *settle(
	const char *from, enum policy_outcome outcome)
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

static inline void fail_three_times(const char *from)
{
	for (int i = 0; i < 3; i++) {
		assert_int_equal(begin(from, "anna")->kind, VERDICT_PASS);
		assert_int_equal(
			settle(from, OUTCOME_FAILED)->kind, VERDICT_DELAY);
	}
	(void)expect(MESSAGE_BAN);
}

/* ---- as the firewall helper ---- */

/* Reads until a record with this word came; returns it. */
static inline struct fw_record fw_expect(enum fw_word word)
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

#define KEEPER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
