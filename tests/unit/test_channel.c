/*
 * Channels between processes: order, batching, caps, descriptors, nonsense.
 * Both ends live in this process; no sleeps, all sockets are non-blocking.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/ipc/channel.h"

struct ends {
	struct channel *a, *b;
	int raw; /* a's descriptor, for nonsense */
};

struct heard {
	unsigned count, stop_after;
	enum message_type types[20000];
	uint64_t attempts[20000];
	size_t n;
	int fd;
	bool aligned;
};

static struct heard heard;

static bool hear(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	(void)arg;
	heard.types[heard.count] = type;
	heard.n = n;
	if ((uintptr_t)body % 8 != 0)
		heard.aligned = false;
	if (type == MESSAGE_VERDICT)
		heard.attempts[heard.count] =
			((const struct message_verdict *)body)->attempt;
	if (fd >= 0) {
		assert_int_equal(heard.fd, -1);
		heard.fd = fd;
	}
	heard.count++;
	return heard.stop_after == 0 || heard.count < heard.stop_after;
}

static int set_up(void **state)
{
	struct ends *ends = calloc(1, sizeof(*ends));
	int fds[2];

	assert_non_null(ends);
	assert_true(channel_pair(fds));
	ends->raw = fds[0];
	ends->a = channel_new(fds[0], 262144);
	ends->b = channel_new(fds[1], 262144);
	assert_non_null(ends->a);
	assert_non_null(ends->b);
	memset(&heard, 0, sizeof(heard));
	heard.fd = -1;
	heard.aligned = true;
	*state = ends;
	return 0;
}

static int tear_down(void **state)
{
	struct ends *ends = *state;

	channel_free(&ends->a);
	channel_free(&ends->b);
	if (heard.fd >= 0)
		close(heard.fd);
	free(ends);
	return 0;
}

static enum channel_result tell(struct channel *channel, uint64_t attempt)
{
	struct message_verdict verdict = {.attempt = attempt};

	return channel_send(
		channel, MESSAGE_VERDICT, &verdict, sizeof(verdict));
}

/* Reads datagrams until none is left; how many there were. */
static unsigned drain(struct channel *channel)
{
	unsigned datagrams = 0;

	while (channel_receive(channel, hear, NULL) == CHANNEL_OK)
		datagrams++;
	return datagrams;
}

static int fds_open(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			count++;
	return count;
}

static void pair_is_cloexec_and_nonblocking(void **state)
{
	struct ends *ends = *state;

	assert_true(fcntl(channel_fd(ends->a), F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(channel_fd(ends->b), F_GETFL) & O_NONBLOCK);
}

static void nothing_leaves_before_the_flush(void **state)
{
	struct ends *ends = *state;

	assert_int_equal(tell(ends->a, 1), CHANNEL_OK);
	assert_true(channel_waiting(ends->a));
	assert_int_equal(channel_receive(ends->b, hear, NULL), CHANNEL_AGAIN);
	assert_int_equal(channel_flush(ends->a), CHANNEL_OK);
	assert_false(channel_waiting(ends->a));
	assert_int_equal(channel_receive(ends->b, hear, NULL), CHANNEL_OK);
	assert_int_equal(heard.count, 1);
}

static void many_messages_are_one_datagram_in_order(void **state)
{
	struct ends *ends = *state;

	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(tell(ends->a, i), CHANNEL_OK);
	assert_int_equal(
		channel_send(ends->a, MESSAGE_SYNC_DONE, NULL, 0), CHANNEL_OK);
	assert_int_equal(channel_flush(ends->a), CHANNEL_OK);
	assert_int_equal(drain(ends->b), 1);
	assert_int_equal(heard.count, 101);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(heard.attempts[i], i);
	assert_int_equal(heard.types[100], MESSAGE_SYNC_DONE);
	assert_int_equal(heard.n, 0);
	assert_true(heard.aligned);
}

static void large_text_next_to_small_ones_stays_whole(void **state)
{
	struct ends *ends = *state;
	static struct message_text text = {.ok = 1, .n = 4000};

	for (int i = 0; i < 20; i++) {
		assert_int_equal(tell(ends->a, (uint64_t)i), CHANNEL_OK);
		assert_int_equal(channel_send(ends->a, MESSAGE_RELOAD_DONE,
					 &text, sizeof(text)),
			CHANNEL_OK);
	}
	assert_int_equal(channel_flush(ends->a), CHANNEL_OK);
	assert_true(drain(ends->b) >= 3);
	assert_int_equal(heard.count, 40);
	assert_int_equal(heard.types[39], MESSAGE_RELOAD_DONE);
	assert_int_equal(heard.attempts[38], 19);
}

static void peer_that_does_not_read_meets_the_cap_then_gets_all(void **state)
{
	struct ends *ends = *state;
	uint64_t sent = 0;
	uint64_t most = 20000;

	while (sent < most && tell(ends->a, sent) == CHANNEL_OK)
		sent++;
	assert_true(sent < most);
	assert_int_equal(tell(ends->a, 0), CHANNEL_FULL);
	assert_true(channel_refused_count(ends->a) >= 2);
	assert_int_equal(channel_flush(ends->a), CHANNEL_AGAIN);
	assert_true(channel_waiting(ends->a));
	while (channel_waiting(ends->a)) {
		assert_true(drain(ends->b) > 0);
		(void)channel_flush(ends->a);
	}
	(void)drain(ends->b);
	assert_int_equal(heard.count, sent);
	for (uint64_t i = 0; i < sent; i++)
		assert_int_equal(heard.attempts[i], i);
}

static void descriptor_arrives_behind_what_waited(void **state)
{
	struct ends *ends = *state;
	struct message_channel body = {.slot = 3};
	int fds[2];
	char octet = 'x';

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(tell(ends->a, 1), CHANNEL_OK);
	assert_int_equal(channel_send_fd(ends->a, MESSAGE_CHANNEL, &body,
				 sizeof(body), fds[1]),
		CHANNEL_OK);
	close(fds[1]);
	assert_int_equal(drain(ends->b), 2);
	assert_int_equal(heard.types[0], MESSAGE_VERDICT);
	assert_int_equal(heard.types[1], MESSAGE_CHANNEL);
	assert_true(heard.fd >= 0);
	assert_true(fcntl(heard.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(heard.fd, &octet, 1), 1);
	assert_int_equal(read(fds[0], &octet, 1), 1);
	close(fds[0]);
}

static void descriptor_without_a_body_arrives(void **state)
{
	struct ends *ends = *state;

	assert_int_equal(
		channel_send_fd(ends->a, MESSAGE_CONF, NULL, 0, STDERR_FILENO),
		CHANNEL_OK);
	assert_int_equal(drain(ends->b), 1);
	assert_int_equal(heard.types[0], MESSAGE_CONF);
	assert_true(heard.fd >= 0);
}

static void end_of_file_is_closed_after_the_last_message(void **state)
{
	struct ends *ends = *state;

	assert_int_equal(tell(ends->a, 1), CHANNEL_OK);
	assert_int_equal(channel_flush(ends->a), CHANNEL_OK);
	channel_free(&ends->a);
	assert_int_equal(channel_receive(ends->b, hear, NULL), CHANNEL_OK);
	assert_int_equal(channel_receive(ends->b, hear, NULL), CHANNEL_CLOSED);
	assert_int_equal(tell(ends->b, 1), CHANNEL_OK);
	assert_int_equal(channel_flush(ends->b), CHANNEL_CLOSED);
}

static void callback_that_says_stop_is_not_called_again(void **state)
{
	struct ends *ends = *state;

	heard.stop_after = 2;
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(tell(ends->a, i), CHANNEL_OK);
	assert_int_equal(channel_flush(ends->a), CHANNEL_OK);
	assert_int_equal(channel_receive(ends->b, hear, NULL), CHANNEL_CLOSED);
	assert_int_equal(heard.count, 2);
}

/* One good verdict followed by `head`; all of it must be dropped. */
static void nonsense_is_dropped_whole_and_counted(void **state)
{
	static const struct message_head heads[] = {
		{MESSAGE_NONE, 0, MESSAGE_VERSION},
		{MESSAGE_COUNT, 0, MESSAGE_VERSION},
		{0xffff, 0, MESSAGE_VERSION},
		{MESSAGE_SYNC_DONE, 0, MESSAGE_VERSION + 1},
		{MESSAGE_SYNC_DONE, 8, MESSAGE_VERSION},
		{MESSAGE_HELLO, 0, MESSAGE_VERSION},
		{MESSAGE_HELLO, 8, MESSAGE_VERSION}, /* body is missing */
		{MESSAGE_HELLO, 0xffff, MESSAGE_VERSION},
	};
	struct ends *ends = *state;
	size_t count = sizeof(heads) / sizeof(heads[0]);
	struct {
		struct message_head head;
		struct message_verdict verdict;
		struct message_head bad;
	} datagram = {
		.head = {MESSAGE_VERDICT, sizeof(struct message_verdict),
			MESSAGE_VERSION},
	};

	for (size_t i = 0; i < count; i++) {
		datagram.bad = heads[i];
		assert_int_equal(
			send(ends->raw, &datagram, sizeof(datagram), 0),
			sizeof(datagram));
		assert_int_equal(
			channel_receive(ends->b, hear, NULL), CHANNEL_OK);
		assert_int_equal(channel_bad_count(ends->b), i + 1);
	}
	assert_int_equal(heard.count, 0);
}

static void datagram_cut_anywhere_is_dropped(void **state)
{
	struct ends *ends = *state;
	struct {
		struct message_head head;
		struct message_verdict verdict;
	} datagram = {
		.head = {MESSAGE_VERDICT, sizeof(struct message_verdict),
			MESSAGE_VERSION},
	};

	for (size_t n = 1; n < sizeof(datagram); n++) {
		assert_int_equal(send(ends->raw, &datagram, n, 0), n);
		assert_int_equal(
			channel_receive(ends->b, hear, NULL), CHANNEL_OK);
		assert_int_equal(heard.count, 0);
	}
	assert_int_equal(send(ends->raw, &datagram, sizeof(datagram), 0),
		sizeof(datagram));
	assert_int_equal(channel_receive(ends->b, hear, NULL), CHANNEL_OK);
	assert_int_equal(heard.count, 1);
}

static void datagram_beyond_the_longest_is_dropped(void **state)
{
	static uint8_t long_one[CHANNEL_DATAGRAM_LONGEST + 8];
	struct message_head head = {MESSAGE_SYNC_DONE, 0, MESSAGE_VERSION};
	struct ends *ends = *state;

	for (size_t at = 0; at < sizeof(long_one); at += sizeof(head))
		memcpy(long_one + at, &head, sizeof(head));
	assert_int_equal(send(ends->raw, long_one, sizeof(long_one), 0),
		sizeof(long_one));
	assert_int_equal(channel_receive(ends->b, hear, NULL), CHANNEL_OK);
	assert_int_equal(heard.count, 0);
	assert_int_equal(channel_bad_count(ends->b), 1);
}

/* Two descriptors on one message, then three on nonsense: one is kept. */
static void surplus_descriptors_are_closed(void **state)
{
	struct message_head head = {MESSAGE_CONF, 0, MESSAGE_VERSION};
	struct ends *ends = *state;
	struct iovec part = {&head, sizeof(head)};
	union {
		struct cmsghdr cmsg;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control = {0};
	int fds[3] = {0, 1, 2};
	int before = fds_open();

	for (size_t n = 2; n <= 3; n++) {
		struct msghdr message = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control.room,
			.msg_controllen = CMSG_SPACE(n * sizeof(int))};

		control.cmsg.cmsg_level = SOL_SOCKET;
		control.cmsg.cmsg_type = SCM_RIGHTS;
		control.cmsg.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.cmsg), fds, n * sizeof(int));
		if (n == 3)
			head.version = 99;
		assert_int_equal(sendmsg(ends->raw, &message, 0), sizeof(head));
		assert_int_equal(
			channel_receive(ends->b, hear, NULL), CHANNEL_OK);
	}
	assert_int_equal(heard.count, 1);
	assert_true(heard.fd >= 0);
	assert_int_equal(fds_open(), before + 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(pair_is_cloexec_and_nonblocking),
		T(nothing_leaves_before_the_flush),
		T(many_messages_are_one_datagram_in_order),
		T(large_text_next_to_small_ones_stays_whole),
		T(peer_that_does_not_read_meets_the_cap_then_gets_all),
		T(descriptor_arrives_behind_what_waited),
		T(descriptor_without_a_body_arrives),
		T(end_of_file_is_closed_after_the_last_message),
		T(callback_that_says_stop_is_not_called_again),
		T(nonsense_is_dropped_whole_and_counted),
		T(datagram_cut_anywhere_is_dropped),
		T(datagram_beyond_the_longest_is_dropped),
		T(surplus_descriptors_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
