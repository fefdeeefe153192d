/*
 * Records on the wire: a helper in a process of its own is told sense and
 * nonsense, stays alive, and answers the next PING. Backend null.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/base/log.h"
#include "../../src/fw/helper.h"
#include "../../src/fw/record.h"

enum { PATIENCE_MS = 20000 };

struct helper_process {
	int fd;
	pid_t pid;
};

static void run_child(int fd, uint32_t entries_most)
{
	const struct fw_conf conf = {.backend = FW_BACKEND_NULL,
		.entries_most = entries_most,
		.changes_most_per_s = 1000000};

	log_init("helper", open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_DEBUG,
		LOG_TEXT);
	_exit(fw_helper_run(fd, &conf));
}

static int set_up(void **state)
{
	static struct helper_process helper;
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	helper.fd = fds[0];
	helper.pid = fork();
	assert_true(helper.pid >= 0);
	if (helper.pid == 0) {
		close(fds[0]);
		run_child(fds[1], 5000);
	}
	close(fds[1]);
	*state = &helper;
	return 0;
}

static int exit_status(struct helper_process *helper)
{
	int status = -1;

	if (helper->fd >= 0)
		close(helper->fd);
	helper->fd = -1;
	if (helper->pid > 0)
		assert_int_equal(waitpid(helper->pid, &status, 0), helper->pid);
	helper->pid = 0;
	return status;
}

/* Each test ends with the keeper's end closed: the helper then ends well. */
static int tear_down(void **state)
{
	struct helper_process *helper = *state;

	return helper->pid ? exit_status(helper) : 0;
}

static void tell(struct helper_process *helper, const void *octets, size_t n)
{
	assert_int_equal(send(helper->fd, octets, n, MSG_NOSIGNAL), n);
}

static size_t hear(struct helper_process *helper, struct fw_answer *ret_answers,
	size_t most)
{
	struct pollfd readable = {.fd = helper->fd, .events = POLLIN};
	ssize_t n;

	assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
	n = recv(helper->fd, ret_answers, most * sizeof(*ret_answers), 0);
	assert_true(n > 0 && (size_t)n % sizeof(*ret_answers) == 0);
	return (size_t)n / sizeof(*ret_answers);
}

static struct fw_record record_of(uint8_t word, uint32_t token)
{
	return (struct fw_record){
		.magic = FW_RECORD_MAGIC, .word = word, .token = token};
}

/* The next thing it says answers our PING: nothing before was answered. */
static void expect_pong(struct helper_process *helper, uint32_t count)
{
	static uint32_t token = 1;
	struct fw_record ping = record_of(FW_PING, ++token);
	struct fw_answer pong;

	tell(helper, &ping, sizeof(ping));
	assert_int_equal(hear(helper, &pong, 1), 1);
	assert_int_equal(pong.magic, FW_RECORD_MAGIC);
	assert_int_equal(pong.word, FW_PING);
	assert_int_equal(pong.status, FW_STATUS_OK);
	assert_int_equal(pong.token, token);
	assert_int_equal(pong.count, count);
}

static struct fw_record add_of(unsigned n)
{
	struct fw_record add = record_of(FW_ADD, 0);

	add.ttl_s = 600;
	add.bits = 128;
	add.octets[10] = 0xff;
	add.octets[11] = 0xff;
	add.octets[12] = 203;
	add.octets[14] = (uint8_t)(n >> 8);
	add.octets[15] = (uint8_t)n;
	return add;
}

static void layout_is_the_wire_format(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct fw_record), 32);
	assert_int_equal(sizeof(struct fw_answer), 40);
	assert_int_equal(FW_DATAGRAM_LONGEST_BYTES % 32, 0);
}

static void pieces_of_records_are_dropped(void **state)
{
	struct helper_process *helper = *state;
	struct fw_record adds[3] = {add_of(1), add_of(2), add_of(3)};

	for (size_t n = 0; n <= sizeof(adds); n++) {
		uint32_t want = 0;

		if (n % sizeof(adds[0]) != 0 || n == 0)
			tell(helper, adds, n);
		expect_pong(helper, want);
	}
	tell(helper, adds, sizeof(adds));
	expect_pong(helper, 3);
}

static void too_long_datagrams_are_dropped(void **state)
{
	static struct fw_record many[FW_DATAGRAM_LONGEST_BYTES / 32 + 1];
	struct helper_process *helper = *state;
	size_t n = sizeof(many) / sizeof(many[0]);

	for (unsigned i = 0; i < n; i++)
		many[i] = add_of(i);
	tell(helper, many, sizeof(many));
	expect_pong(helper, 0);
	tell(helper, many, sizeof(many) - sizeof(many[0]));
	expect_pong(helper, (uint32_t)n - 1);
}

static void foreign_octets_are_dropped(void **state)
{
	struct helper_process *helper = *state;
	uint8_t octets[320];
	uint32_t seed = 99;

	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < sizeof(octets); i++) {
			seed = seed * 1664525u + 1013904223u;
			octets[i] = (uint8_t)(seed >> 24);
		}
		tell(helper, octets, (seed >> 8) % sizeof(octets));
	}
	expect_pong(helper, 0);
}

static void odd_fields_are_refused_and_answered(void **state)
{
	struct helper_process *helper = *state;
	struct fw_record odd[6];
	struct fw_answer answers[8];

	for (unsigned i = 0; i < 6; i++)
		odd[i] = add_of(i);
	odd[0].bits = 200;
	odd[1].ttl_s = UINT32_MAX;
	odd[2].bits = 104; /* host bits behind it */
	odd[3].pad = 1;
	odd[4].bits = 0;
	odd[5].word = 99; /* no word: no answer */
	tell(helper, odd, sizeof(odd));
	assert_int_equal(hear(helper, answers, 8), 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(answers[i].status, FW_STATUS_REFUSED);
		assert_int_equal(answers[i].bits, odd[i].bits);
	}
	expect_pong(helper, 0);
}

/* A record next to a spoilt one is still taken. */
static void each_record_stands_alone(void **state)
{
	struct helper_process *helper = *state;
	struct fw_record two[2] = {add_of(1), add_of(2)};

	two[0].magic = 0;
	tell(helper, two, sizeof(two));
	expect_pong(helper, 1);
}

static void many_refusals_come_in_several_datagrams(void **state)
{
	static struct fw_record many[1024];
	static struct fw_answer answers[2048];
	struct helper_process *helper = *state;
	size_t heard = 0;

	for (unsigned i = 0; i < 1024; i++) {
		many[i] = add_of(i);
		many[i].bits = 129;
	}
	tell(helper, many, sizeof(many));
	while (heard < 1024) {
		size_t n = hear(helper, answers, 2048);

		assert_true(n <= FW_ANSWERS_MOST);
		heard += n;
	}
	assert_int_equal(heard, 1024);
	expect_pong(helper, 0);
}

/* Whatever single octet of a sound record is changed. */
static void any_spoilt_octet_does_no_harm(void **state)
{
	struct helper_process *helper = *state;
	struct fw_record ping = record_of(FW_PING, 0);

	for (size_t at = 0; at < sizeof(struct fw_record); at++)
		for (unsigned value = 0; value < 256; value += 5) {
			struct fw_record add = add_of(1);
			struct fw_answer answers[4];

			((uint8_t *)&add)[at] = (uint8_t)value;
			tell(helper, &add, sizeof(add));
			tell(helper, &ping, sizeof(ping));
			do {
				size_t n = hear(helper, answers, 4);

				answers[0] = answers[n - 1];
			} while (answers[0].word != FW_PING ||
				 answers[0].token != 0);
			if (((uint8_t *)&add)[4] == FW_PING)
				(void)hear(helper, answers, 4);
		}
}

static void keeper_gone_is_a_good_end(void **state)
{
	struct helper_process *helper = *state;

	expect_pong(helper, 0);
	assert_int_equal(exit_status(helper), 0);
}

static void wrong_configuration_is_78(void **state)
{
	const struct fw_conf conf = {.backend = FW_BACKEND_EXEC,
		.exec_path = "relative",
		.entries_most = 10};

	(void)state;
	assert_int_equal(fw_helper_run(-1, &conf), 78);
}

static void broken_descriptor_is_71(void **state)
{
	const struct fw_conf conf = {
		.backend = FW_BACKEND_NULL, .entries_most = 10};

	(void)state;
	assert_int_equal(fw_helper_run(1000000, &conf), 71);
}

int main(void)
{
#define HELPER_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_is_the_wire_format),
		HELPER_TEST(pieces_of_records_are_dropped),
		HELPER_TEST(too_long_datagrams_are_dropped),
		HELPER_TEST(foreign_octets_are_dropped),
		HELPER_TEST(odd_fields_are_refused_and_answered),
		HELPER_TEST(each_record_stands_alone),
		HELPER_TEST(many_refusals_come_in_several_datagrams),
		HELPER_TEST(any_spoilt_octet_does_no_harm),
		HELPER_TEST(keeper_gone_is_a_good_end),
		cmocka_unit_test(wrong_configuration_is_78),
		cmocka_unit_test(broken_descriptor_is_71),
	};

	log_init("test", open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_DEBUG,
		LOG_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
