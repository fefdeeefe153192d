/*
 * The tarpit, over socket pairs and with a clock of the test's own: pace,
 * order, budget, the longest time, and who leaves.
 */
#include "../../src/worker/tarpit.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { MANY = 200, PACE = 1000, LONGEST = 60000 };

static int peers[MANY]; /* the clients' ends */

static int make_pair(unsigned i)
{
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	peers[i] = fds[0];
	return fds[1];
}

static const struct tarpit_guest guest = {.port = 4711, .listener = 1};

static void enter(struct tarpit *t, unsigned i, mono_ms_t now, bool silent)
{
	assert_true(tarpit_take(t, now, make_pair(i), NULL, silent, &guest));
}

/* What the client has got since; -1: it was closed and nothing waits. */
static ssize_t heard(unsigned i, char *out, size_t room)
{
	ssize_t n = recv(peers[i], out, room, MSG_DONTWAIT);

	if (n > 0)
		return n;
	return n < 0 && errno == EAGAIN ? 0 : -1;
}

static ssize_t heard_n(unsigned i)
{
	char out[256];

	return heard(i, out, sizeof out);
}

static void done(struct tarpit *t, unsigned n)
{
	tarpit_free(&t);
	assert_null(t);
	for (unsigned i = 0; i < n; i++) {
		while (heard_n(i) > 0)
			;
		assert_int_equal(heard_n(i), -1);
		(void)close(peers[i]);
	}
}

static void empty_tarpit_has_no_deadline(void **state)
{
	struct tarpit *t = tarpit_new(10, PACE, LONGEST);

	assert_int_equal(tarpit_deadline(t), MONO_NEVER);
	assert_int_equal(tarpit_count(t), 0);
	tarpit_tick(t, 99999);
	tarpit_free(&t);
	tarpit_free(&t);
}

static void one_octet_each_pace(void **state)
{
	struct tarpit *t = tarpit_new(10, PACE, LONGEST);
	mono_ms_t now = 5000;

	enter(t, 0, now, false);
	assert_int_equal(tarpit_deadline(t), now + PACE);
	tarpit_tick(t, now + PACE - 1);
	assert_int_equal(heard_n(0), 0);
	for (unsigned i = 1; i < 10; i++) {
		tarpit_tick(t, now + i * PACE);
		tarpit_tick(t, now + i * PACE);
		assert_int_equal(heard_n(0), 1);
		assert_int_equal(tarpit_deadline(t), now + (i + 1) * PACE);
	}
	/* A late clock is no reason to hurry. */
	tarpit_tick(t, now + 40 * PACE);
	assert_int_equal(heard_n(0), 1);
	assert_int_equal(tarpit_deadline(t), now + 41 * PACE);
	done(t, 1);
}

/* Every line says that another follows, so it is never an answer. */
static void text_is_a_refusal_without_end(void **state)
{
	struct tarpit *t = tarpit_new(10, 1, UINT32_MAX);
	char text[300];
	size_t n = 0, lines = 0;

	enter(t, 0, 0, false);
	for (unsigned i = 1; i <= sizeof text - 1; i++) {
		tarpit_tick(t, i);
		n += (size_t)heard(0, text + n, 1);
	}
	assert_int_equal(n, sizeof text - 1);
	text[n] = 0;
	for (char *line = text, *end; (end = strstr(line, "\r\n"));
		line = end + 2, lines++) {
		assert_memory_equal(line, "421-", 4);
		assert_ptr_equal(strchr(line, '\n'), end + 1);
	}
	assert_true(lines >= 4);
	done(t, 1);
}

static void silent_client_hears_nothing_and_may_leave(void **state)
{
	struct tarpit *t = tarpit_new(10, PACE, LONGEST);

	enter(t, 0, 0, true);
	tarpit_tick(t, PACE);
	assert_int_equal(heard_n(0), 0);
	assert_int_equal(send(peers[0], "x", 1, 0), 1);
	tarpit_tick(t, 2 * PACE);
	assert_int_equal(tarpit_count(t), 1);
	enter(t, 1, 2 * PACE, true);
	(void)close(peers[1]);
	tarpit_tick(t, 3 * PACE);
	assert_int_equal(tarpit_count(t), 1);
	done(t, 1);
}

static void who_left_is_found_by_the_write(void **state)
{
	struct tarpit *t = tarpit_new(10, PACE, LONGEST);

	for (unsigned i = 0; i < 3; i++)
		enter(t, i, i, false);
	(void)close(peers[1]);
	tarpit_tick(t, PACE + 10);
	assert_int_equal(tarpit_count(t), 2);
	assert_int_equal(heard_n(0), 1);
	assert_int_equal(heard_n(2), 1);
	peers[1] = peers[2];
	done(t, 2);
}

static void longest_time_is_the_end(void **state)
{
	struct tarpit *t = tarpit_new(10, PACE, 5 * PACE);

	enter(t, 0, 0, false);
	enter(t, 1, PACE / 2, true);
	for (unsigned i = 1; i < 5; i++) {
		tarpit_tick(t, i * PACE);
		assert_int_equal(heard_n(0), 1);
	}
	assert_int_equal(tarpit_count(t), 2);
	tarpit_tick(t, 5 * PACE);
	assert_int_equal(heard_n(0), -1);
	assert_int_equal(tarpit_count(t), 1);
	tarpit_tick(t, 6 * PACE);
	assert_int_equal(heard_n(1), -1);
	assert_int_equal(tarpit_count(t), 0);
	assert_int_equal(tarpit_deadline(t), MONO_NEVER);
	done(t, 2);
}

static void client_that_reads_nothing_stays_and_costs_nothing(void **state)
{
	struct tarpit *t = tarpit_new(10, 1, UINT32_MAX);
	char octets[512];
	int fd = make_pair(0);

	memset(octets, 'x', sizeof octets);
	while (send(fd, octets, sizeof octets, MSG_DONTWAIT) > 0)
		;
	assert_true(tarpit_take(t, 0, fd, NULL, false, &guest));
	for (unsigned i = 1; i < 100; i++)
		tarpit_tick(t, i);
	assert_int_equal(tarpit_count(t), 1);
	while (heard_n(0) > 0)
		;
	tarpit_tick(t, 200);
	assert_int_equal(heard(0, octets, sizeof octets), 1);
	assert_int_equal(octets[0], '4'); /* none was lost meanwhile */
	done(t, 1);
}

static void budget_holds_and_the_refused_stay_the_callers(void **state)
{
	struct tarpit *t = tarpit_new(3, PACE, LONGEST);
	int fd;

	for (unsigned i = 0; i < 3; i++)
		enter(t, i, 0, false);
	fd = make_pair(3);
	assert_false(tarpit_take(t, 0, fd, NULL, false, &guest));
	assert_int_not_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(tarpit_count(t), 3);
	(void)close(peers[0]);
	tarpit_tick(t, PACE);
	assert_true(tarpit_take(t, PACE, fd, NULL, false, &guest));
	tarpit_tick(t, 2 * PACE);
	assert_int_equal(heard_n(3), 1);
	peers[0] = peers[3];
	done(t, 3);
}

static void tarpit_of_none_takes_none(void **state)
{
	struct tarpit *t = tarpit_new(0, PACE, LONGEST);
	int fd = make_pair(0);

	assert_false(tarpit_take(t, 0, fd, NULL, false, &guest));
	(void)close(fd);
	done(t, 1);
}

/* The ring grows and turns at once; each client has its own pace. */
static void order_holds_while_the_ring_grows(void **state)
{
	struct tarpit *t = tarpit_new(MANY, PACE, LONGEST);
	unsigned entered = 0, got[MANY] = {0};

	for (mono_ms_t now = 0; now < 6 * PACE; now += 10) {
		mono_ms_t due = tarpit_deadline(t);

		if (entered < MANY)
			enter(t, entered++, now, false);
		tarpit_tick(t, now);
		assert_true(tarpit_deadline(t) > now);
		assert_true(tarpit_deadline(t) >= due || due == MONO_NEVER);
		for (unsigned i = 0; i < entered; i++)
			got[i] += (unsigned)heard_n(i);
		for (unsigned i = 0; i < entered; i++)
			assert_int_equal(got[i], (now - i * 10) / PACE);
	}
	assert_int_equal(tarpit_count(t), MANY);
	done(t, MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_tarpit_has_no_deadline),
		cmocka_unit_test(one_octet_each_pace),
		cmocka_unit_test(text_is_a_refusal_without_end),
		cmocka_unit_test(silent_client_hears_nothing_and_may_leave),
		cmocka_unit_test(who_left_is_found_by_the_write),
		cmocka_unit_test(longest_time_is_the_end),
		cmocka_unit_test(
			client_that_reads_nothing_stays_and_costs_nothing),
		cmocka_unit_test(budget_holds_and_the_refused_stay_the_callers),
		cmocka_unit_test(tarpit_of_none_takes_none),
		cmocka_unit_test(order_holds_while_the_ring_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
