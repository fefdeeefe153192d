/*
 * Who asks the daemon for `posternctl top`, against a socket of this test's,
 * under a time of this test's.
 */
#include "../../src/tools/top_asker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { START_MS = 5000, ROUND_COUNT = 3, LONGEST = 65536 };

struct world {
	struct sockaddr_un name;
	int listener, peer; /* -1: none */
	struct top_asker *asker;
	unsigned answers[TOP_TOPICS];
};

static void on_answer(void *arg, enum top_topic topic, json_t *answer)
{
	struct world *world = arg;

	world->answers[topic]++;
	json_decref(answer);
}

static void listen_again(struct world *world)
{
	world->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(world->listener, (const struct sockaddr *)&world->name,
			sizeof(world->name)),
		0);
	assert_int_equal(listen(world->listener, 8), 0);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	char folder[] = "/tmp/test-top-XXXXXX";

	assert_non_null(mkdtemp(folder));
	world->peer = -1;
	world->name.sun_family = AF_UNIX;
	(void)snprintf(world->name.sun_path, sizeof(world->name.sun_path),
		"%s/control", folder);
	listen_again(world);
	world->asker = top_asker_new(world->name.sun_path, on_answer, world);
	assert_non_null(world->asker);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	top_asker_free(&world->asker);
	(void)close(world->listener);
	if (world->peer >= 0)
		(void)close(world->peer);
	(void)unlink(world->name.sun_path);
	*strrchr(world->name.sun_path, '/') = '\0';
	(void)rmdir(world->name.sun_path);
	free(world);
	return 0;
}

static void let_in(struct world *world)
{
	if (world->peer >= 0)
		(void)close(world->peer);
	world->peer = accept4(
		world->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(world->peer >= 0);
}

/* How many questions have come since the last time. */
static unsigned questions(struct world *world)
{
	char text[LONGEST];
	ssize_t n = recv(world->peer, text, sizeof(text), 0);
	unsigned count = 0;

	for (ssize_t i = 0; i < n; i++)
		count += text[i] == '\n';
	return count;
}

static void answer(struct world *world, unsigned count)
{
	static const char text[] = "{\"ok\":true}\n";

	for (unsigned i = 0; i < count; i++)
		assert_int_equal(send(world->peer, text, sizeof(text) - 1, 0),
			sizeof(text) - 1);
}

static void asks_once_a_second_and_never_more(void **state)
{
	struct world *world = *state;
	unsigned asked = 0;

	top_asker_round(world->asker, START_MS);
	let_in(world);
	for (mono_ms_t now = START_MS; now < START_MS + 5000; now += 10) {
		unsigned count = questions(world);

		asked += count;
		answer(world, count);
		top_asker_hear(world->asker, now);
		top_asker_round(world->asker, now);
	}
	assert_int_equal(asked, 5 * ROUND_COUNT);
	assert_int_equal(world->answers[TOP_STATUS], 5);
	assert_int_equal(world->answers[TOP_WATCH], 5);
	assert_int_equal(world->answers[TOP_BACKENDS], 5);
}

static void sessions_are_asked_for_while_they_are_wanted(void **state)
{
	struct world *world = *state;
	mono_ms_t now = START_MS;

	top_asker_sessions(world->asker, true);
	top_asker_round(world->asker, now);
	let_in(world);
	assert_int_equal(questions(world), ROUND_COUNT + 1);
	answer(world, ROUND_COUNT + 1);
	top_asker_hear(world->asker, now);
	assert_int_equal(world->answers[TOP_SESSIONS], 1);
	top_asker_sessions(world->asker, false);
	top_asker_round(world->asker, now + 1000);
	assert_int_equal(questions(world), ROUND_COUNT);
}

static void is_due_when_the_second_is_over(void **state)
{
	struct world *world = *state;

	assert_int_equal(top_asker_due_ms(world->asker, START_MS), 0);
	top_asker_round(world->asker, START_MS);
	assert_int_equal(top_asker_due_ms(world->asker, START_MS + 1), 999);
	assert_int_equal(top_asker_due_ms(world->asker, START_MS + 5000), 0);
}

static void slow_daemon_is_not_asked_again_before_it_answered(void **state)
{
	struct world *world = *state;
	char text[TOP_LINK_LONGEST];

	top_asker_round(world->asker, START_MS);
	let_in(world);
	assert_int_equal(questions(world), ROUND_COUNT);
	top_asker_round(world->asker, START_MS + 1000);
	top_asker_round(world->asker, START_MS + 60000);
	assert_int_equal(questions(world), 0);
	assert_string_equal(
		top_asker_trouble(world->asker, START_MS + 4999, text), "");
	assert_string_equal(
		top_asker_trouble(world->asker, START_MS + 61000, text),
		"no answer for 1m 1s");
	answer(world, ROUND_COUNT);
	top_asker_hear(world->asker, START_MS + 62000);
	assert_string_equal(
		top_asker_trouble(world->asker, START_MS + 62000, text), "");
	top_asker_round(world->asker, START_MS + 62000);
	assert_int_equal(questions(world), ROUND_COUNT);
}

static void daemon_that_went_is_tried_once_a_second(void **state)
{
	struct world *world = *state;
	char text[TOP_LINK_LONGEST];

	top_asker_round(world->asker, START_MS);
	let_in(world);
	(void)close(world->listener);
	(void)close(world->peer);
	world->peer = -1;
	top_asker_hear(world->asker, START_MS + 500);
	assert_int_equal(top_asker_fd(world->asker), -1);
	assert_string_equal(
		top_asker_trouble(world->asker, START_MS + 500, text),
		"GONE for 0s, trying again");
	(void)unlink(world->name.sun_path);
	top_asker_round(world->asker, START_MS + 1000);
	assert_string_equal(
		top_asker_trouble(world->asker, START_MS + 3000, text),
		"GONE for 3s, trying again");
	listen_again(world);
	top_asker_round(world->asker, START_MS + 1999);
	assert_int_equal(top_asker_fd(world->asker), -1); /* not yet */
	top_asker_round(world->asker, START_MS + 2000);
	let_in(world);
	assert_int_equal(questions(world), ROUND_COUNT);
	assert_string_equal(
		top_asker_trouble(world->asker, START_MS + 2000, text), "");
}

static void nonsense_ends_the_connection(void **state)
{
	static const char *const lines[] = {"hello\n", "[1]\n",
		"{\"a\":\"\xff\"}\n", "{\"a\":\"\x1b\"}\n", "\n"};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		mono_ms_t now = START_MS + 1000 * i;

		top_asker_round(world->asker, now);
		let_in(world);
		(void)send(world->peer, lines[i], strlen(lines[i]), 0);
		top_asker_hear(world->asker, now);
		assert_int_equal(top_asker_fd(world->asker), -1);
	}
	assert_int_equal(world->answers[TOP_STATUS], 0);
}

static void unasked_answer_ends_the_connection(void **state)
{
	struct world *world = *state;

	top_asker_round(world->asker, START_MS);
	let_in(world);
	answer(world, ROUND_COUNT + 1);
	top_asker_hear(world->asker, START_MS);
	assert_int_equal(world->answers[TOP_BACKENDS], 1);
	assert_int_equal(top_asker_fd(world->asker), -1);
}

static void answer_in_pieces_is_one(void **state)
{
	static const char text[] = "{\"ok\":true}\n{\"ok\":true}\n";
	struct world *world = *state;

	top_asker_round(world->asker, START_MS);
	let_in(world);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(send(world->peer, text + i, 1, 0), 1);
		top_asker_hear(world->asker, START_MS);
	}
	assert_int_equal(world->answers[TOP_STATUS], 1);
	assert_int_equal(world->answers[TOP_WATCH], 1);
	assert_int_equal(world->answers[TOP_BACKENDS], 0);
}

static void order_connects_by_itself(void **state)
{
	struct world *world = *state;

	assert_true(top_asker_ask(world->asker, TOP_ORDER,
		json_pack("{s:s}", "command", "bans.del"), START_MS));
	let_in(world);
	assert_int_equal(questions(world), 1);
	answer(world, 1);
	top_asker_hear(world->asker, START_MS);
	assert_int_equal(world->answers[TOP_ORDER], 1);
	top_asker_hang_up(world->asker);
	assert_int_equal(top_asker_fd(world->asker), -1);
	(void)close(world->listener);
	(void)unlink(world->name.sun_path);
	assert_false(top_asker_ask(world->asker, TOP_ORDER,
		json_pack("{s:s}", "command", "bans.del"), START_MS));
	assert_false(top_asker_connect(world->asker, START_MS));
	assert_int_equal(errno, ENOENT);
	world->listener = -1;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		T(asks_once_a_second_and_never_more),
		T(sessions_are_asked_for_while_they_are_wanted),
		T(is_due_when_the_second_is_over),
		T(slow_daemon_is_not_asked_again_before_it_answered),
		T(daemon_that_went_is_tried_once_a_second),
		T(nonsense_ends_the_connection),
		T(unasked_answer_ends_the_connection),
		T(answer_in_pieces_is_one),
		T(order_connects_by_itself),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
