/*
 * The process of the hooks: puts its parts together and turns the loop (see
 * hook.h).
 *
 * libcurl waits for all: its own sockets, our lines, the programs. What ended
 * is looked for in each turn, so no event needs a handler.
 */
#include "hook.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../ipc/channel.h"
#include "courier.h"
#include "post.h"

enum {
	EXIT_OS = 71, /* sysexits.h: EX_OSERR */
	QUEUE_MOST_BYTES = 64 * 1024,
	LOG_LINES_MOST = 20,
	FDS_MOST = 3 + HOOKS_MOST * 16 * 2, /* lines, signals, programs */
	TURN_LONGEST_MS = 1000,
	STATE_EACH_MS = 200,
	FINISH_MS = 2000,
	CONNECTIONS_KEPT = 16,
	MESSAGES_MOST = 64, /* datagrams of the keeper in one turn */
};

struct loop {
	const struct hook_setup *setup;
	CURLM *multi;
	struct channel *supervisor, *keeper; /* keeper: NULL: away */
	int signals;
	struct courier *couriers[HOOKS_MOST];
	size_t count;
	mono_ms_t now, state_at;
	mono_ms_t finish_by; /* MONO_NEVER: not told to */
	bool stop;
};

/* ---- lines ---- */

static void attach(struct loop *loop, int fd)
{
	channel_free(&loop->keeper);
	loop->keeper = channel_new(fd, QUEUE_MOST_BYTES);
	if (!loop->keeper)
		(void)close(fd);
	for (size_t i = 0; i < loop->count; i++)
		courier_again(loop->couriers[i]);
}

static void pong(struct loop *loop)
{
	const struct message_pong body = {0};

	(void)channel_send(loop->supervisor, MESSAGE_PONG, &body, sizeof(body));
	(void)channel_flush(loop->supervisor);
}

static bool on_supervisor(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	struct loop *loop = arg;

	if (type == MESSAGE_PING)
		pong(loop);
	if (type == MESSAGE_CHANNEL && fd >= 0 && loop->finish_by == MONO_NEVER)
		attach(loop, fd);
	else if (fd >= 0)
		(void)close(fd);
	return true;
}

static bool on_keeper(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	struct loop *loop = arg;

	if (fd >= 0)
		(void)close(fd);
	for (size_t i = 0; type == MESSAGE_HOOK && i < loop->count; i++)
		courier_hear(loop->couriers[i], body, loop->now);
	return true;
}

static void hear_keeper(struct loop *loop, unsigned most)
{
	enum channel_result result = CHANNEL_OK;

	for (unsigned i = 0; loop->keeper && result == CHANNEL_OK && i < most;
		i++)
		result = channel_receive(loop->keeper, on_keeper, loop);
	if (result == CHANNEL_CLOSED)
		channel_free(&loop->keeper);
}

static void hear(struct loop *loop)
{
	enum channel_result result = CHANNEL_OK;

	while (result == CHANNEL_OK)
		result = channel_receive(loop->supervisor, on_supervisor, loop);
	if (result == CHANNEL_CLOSED)
		loop->stop = true;
	if (loop->finish_by == MONO_NEVER)
		hear_keeper(loop, MESSAGES_MOST);
}

static void say_state(struct loop *loop)
{
	struct message_hook_state state;

	if (!loop->keeper || loop->now < loop->state_at)
		return;
	loop->state_at = loop->now + STATE_EACH_MS;
	for (size_t i = 0; i < loop->count; i++)
		if (courier_state(loop->couriers[i], &state))
			(void)channel_send(loop->keeper, MESSAGE_HOOK_STATE,
				&state, sizeof(state));
	if (channel_flush(loop->keeper) == CHANNEL_CLOSED)
		channel_free(&loop->keeper);
}

/* ---- its end ---- */

/* Not until its end, which closes the line: how hooks are is still told. */
static void hear_last(struct loop *loop)
{
	while (channel_receive(loop->keeper, on_keeper, loop) == CHANNEL_OK)
		continue;
}

static void told_to_end(struct loop *loop)
{
	struct signalfd_siginfo info;

	if (read(loop->signals, &info, sizeof(info)) != (ssize_t)sizeof(info) ||
		loop->finish_by != MONO_NEVER)
		return;
	loop->finish_by = loop->now + FINISH_MS;
	/* What comes from now on is the next process's; nothing is between. */
	if (loop->keeper) {
		(void)shutdown(channel_fd(loop->keeper), SHUT_RD);
		hear_last(loop);
	}
	for (size_t i = 0; i < loop->count; i++)
		courier_finish(loop->couriers[i], loop->now);
}

static bool finished(const struct loop *loop)
{
	bool idle = true;

	for (size_t i = 0; i < loop->count; i++)
		idle = idle && courier_idle(loop->couriers[i]);
	return loop->finish_by != MONO_NEVER &&
	       (idle || loop->now >= loop->finish_by);
}

static void say_left(const struct loop *loop)
{
	size_t left = 0;

	for (size_t i = 0; i < loop->count; i++)
		left += courier_left(loop->couriers[i]);
	if (left > 0)
		log_say(LOG_WARN, "hook-lost",
			"%zu events were not told before the end", left);
}

/* ---- the loop ---- */

static int wait_ms(const struct loop *loop)
{
	mono_ms_t at = loop->now + TURN_LONGEST_MS;

	for (size_t i = 0; i < loop->count; i++) {
		mono_ms_t due = courier_deadline(loop->couriers[i]);

		if (due < at)
			at = due;
	}
	if (loop->finish_by < at)
		at = loop->finish_by;
	return at > loop->now ? (int)(at - loop->now) : 0;
}

static size_t collect(const struct loop *loop, struct curl_waitfd *out)
{
	int fds[FDS_MOST];
	size_t n = 0;

	fds[n++] = channel_fd(loop->supervisor);
	fds[n++] = loop->signals;
	if (loop->keeper && loop->finish_by == MONO_NEVER)
		fds[n++] = channel_fd(loop->keeper);
	for (size_t i = 0; i < loop->count; i++)
		courier_fds(loop->couriers[i], fds, FDS_MOST, &n);
	for (size_t i = 0; i < n; i++)
		out[i] = (struct curl_waitfd){
			.fd = fds[i], .events = CURL_WAIT_POLLIN};
	return n;
}

static void posts(struct loop *loop)
{
	struct end end;
	void *owner;
	int running;

	(void)curl_multi_perform(loop->multi, &running);
	while ((owner = post_next(loop->multi, &end)) != NULL)
		courier_posted(owner, &end, loop->now);
}

static void turn(struct loop *loop)
{
	static struct curl_waitfd fds[FDS_MOST];
	size_t n = collect(loop, fds);

	(void)curl_multi_poll(
		loop->multi, fds, (unsigned)n, wait_ms(loop), NULL);
	loop->now = clock_mono_ms();
	told_to_end(loop);
	hear(loop);
	posts(loop);
	for (size_t i = 0; i < loop->count; i++)
		courier_turn(loop->couriers[i], loop->now);
	say_state(loop);
	log_flush();
}

/* ---- putting together ---- */

static int term_fd(void)
{
	sigset_t term;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &term, NULL);
	return signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool make_parts(struct loop *loop)
{
	const struct hook_setup *setup = loop->setup;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	loop->multi = curl_multi_init();
	loop->signals = term_fd();
	loop->supervisor = channel_new(setup->supervisor_fd, QUEUE_MOST_BYTES);
	loop->keeper = channel_new(setup->keeper_fd, QUEUE_MOST_BYTES);
	if (!loop->multi || loop->signals < 0 || !loop->supervisor)
		return false;
	(void)curl_multi_setopt(
		loop->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	for (size_t i = 0; i < setup->count; i++) {
		loop->couriers[i] =
			courier_new(&setup->aims[i], setup->node, loop->multi);
		if (!loop->couriers[i])
			return false;
		loop->count++;
	}
	return true;
}

static void free_parts(struct loop *loop)
{
	for (size_t i = 0; i < loop->count; i++)
		courier_free(&loop->couriers[i]);
	channel_free(&loop->keeper);
	channel_free(&loop->supervisor);
	if (loop->multi)
		(void)curl_multi_cleanup(loop->multi);
	if (loop->signals >= 0)
		(void)close(loop->signals);
	curl_global_cleanup();
}

int hook_run(const struct hook_setup *setup)
{
	struct loop loop = {.setup = setup,
		.signals = -1,
		.now = clock_mono_ms(),
		.finish_by = MONO_NEVER};
	bool good;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	log_limit(LOG_LINES_MOST); /* what others do is the reason of many */
	good = make_parts(&loop);
	while (good && !loop.stop && !finished(&loop))
		turn(&loop);
	loop.state_at = 0;
	say_state(&loop);
	if (good)
		say_left(&loop);
	else
		log_say(LOG_ERROR, "hook-failed", "cannot start: no memory");
	free_parts(&loop);
	log_flush();
	return good ? EXIT_SUCCESS : EXIT_OS;
}
