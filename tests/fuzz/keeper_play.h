/*
 * A whole keeper for one input: keeper_run() with its loop, between a worker,
 * a firewall helper, a supervisor and a control client that the target plays.
 *
 * Time is a number, as in session_net.h; the store has no folder and its
 * thread does not run, so all is in one thread and nothing is on a disk.
 *
 * Held for each input: what must never be banned (loopback, the allow list,
 * the server) is told to no worker, and to no helper as a part of a ban,
 * either, whoever asks for it.
 */
#ifndef TESTS_FUZZ_KEEPER_PLAY_H
#define TESTS_FUZZ_KEEPER_PLAY_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../src/conf/conf.h"
#include "../../src/fw/record.h"
#include "../../src/ipc/channel.h"
#include "../../src/keeper/keeper.h"
#include "fuzz.h"

enum { PLAY_BEGIN_MS = 1000000, PLAY_TURNS_MOST = 100000 };

static struct {
	uint64_t now_ms;
	unsigned turns;
	int door; /* the control socket's place */
	bool client_waits;
	int client; /* of the control socket; -1: none */
	int firewall;
	struct channel *worker, *supervisor;
	size_t verdict_count, ask_count;
	bool over;
} play;

static struct prefix never[5];

/* The next thing of the input. False: it is at its end. */
static bool play_step(void);
/* Octets of an answer came. */
static void play_answer(const uint8_t *p, size_t n);

int __real_accept4(int fd, struct sockaddr *sa, socklen_t *n, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *n, int flags);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	void *(*begin)(void *), void *arg);
int __wrap_pthread_join(pthread_t thread, void **result);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	void *(*begin)(void *), void *arg)
{
	(void)attr;
	(void)begin;
	(void)arg;
	*thread = pthread_self();
	return 0;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
	(void)thread;
	(void)result;
	return 0;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id == CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(play.now_ms / 1000);
	ts->tv_nsec = (long)(play.now_ms % 1000) * 1000000;
	return 0;
}

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *n, int flags)
{
	uint64_t count;
	int ends[2];

	if (fd != play.door)
		return __real_accept4(fd, sa, n, flags);
	if (!play.client_waits) {
		errno = EAGAIN;
		return -1;
	}
	MUST(read(fd, &count, sizeof count) == sizeof count);
	play.client_waits = false;
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		     ends) == 0);
	play.client = ends[0];
	return ends[1];
}

/* The operator comes; once the keeper came to rest there is play.client. */
static inline void play_connect(void)
{
	uint64_t one = 1;

	play.client_waits = true;
	MUST(write(play.door, &one, sizeof one) == sizeof one);
}

/* The workers spare what is allowed inside of a ban, the kernel does not. */
static inline void hold_never(const struct prefix *prefix, bool kernel)
{
	char text[PREFIX_TEXT_LONGEST];

	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
		if (!prefix_overlaps(prefix, &never[i]) ||
			(!kernel && prefix->bits < never[i].bits))
			continue;
		fprintf(stderr, "banned: %s\n", prefix_format(prefix, text));
		abort();
	}
}

static inline bool worker_hears(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	const struct message_ban *ban = body;

	(void)arg;
	(void)n;
	MUST(fd < 0);
	if (type == MESSAGE_BAN)
		hold_never(&ban->prefix, false);
	if (type == MESSAGE_VERDICT)
		MUST(++play.verdict_count <= play.ask_count);
	return true;
}

/* A reload is answered at once, and refused. */
static inline bool supervisor_hears(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	static const struct message_text text = {.n = 2, .text = "no"};

	(void)arg;
	(void)body;
	(void)n;
	MUST(fd < 0);
	MUST(type == MESSAGE_READY || type == MESSAGE_RELOAD_ASK);
	if (type == MESSAGE_RELOAD_ASK) {
		(void)channel_send(play.supervisor, MESSAGE_RELOAD_DONE, &text,
			sizeof text);
		(void)channel_flush(play.supervisor);
	}
	return true;
}

static inline void firewall_hear(const struct fw_record *r)
{
	struct fw_answer answer = {
		.magic = FW_RECORD_MAGIC, .word = r->word, .token = r->token};
	struct prefix prefix = {.bits = r->bits};

	MUST(r->magic == FW_RECORD_MAGIC && r->bits <= 128);
	MUST(r->word >= FW_ADD && r->word <= FW_PING);
	memcpy(prefix.addr.octets, r->octets, sizeof r->octets);
	if (r->word == FW_ADD)
		hold_never(&prefix, true);
	if (r->word == FW_SYNC_END || r->word == FW_PING)
		(void)send(play.firewall, &answer, sizeof answer,
			MSG_NOSIGNAL | MSG_DONTWAIT);
}

static inline bool firewall_moves(void)
{
	static struct fw_record records[1024];
	ssize_t n = recv(play.firewall, records, sizeof records, MSG_DONTWAIT);

	if (n <= 0)
		return false;
	MUST((size_t)n % sizeof records[0] == 0);
	for (size_t i = 0; i < (size_t)n / sizeof records[0]; i++)
		firewall_hear(&records[i]);
	return true;
}

static inline bool client_moves(void)
{
	static uint8_t p[65536];
	ssize_t n;

	if (play.client < 0)
		return false;
	n = recv(play.client, p, sizeof p, MSG_DONTWAIT);
	if (n > 0)
		play_answer(p, (size_t)n);
	if (n == 0) {
		(void)close(play.client);
		play.client = -1;
	}
	return n >= 0;
}

static inline bool play_idle(void)
{
	bool moved = firewall_moves();

	moved |= client_moves();
	while (play.worker &&
		channel_receive(play.worker, worker_hears, NULL) == CHANNEL_OK)
		moved = true;
	while (play.supervisor && channel_receive(play.supervisor,
					  supervisor_hears, NULL) == CHANNEL_OK)
		moved = true;
	if (moved || play.over)
		return moved;
	if (play_step())
		return true;
	play.over = true;
	channel_free(&play.supervisor);
	return true;
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	int n;

	do {
		n = (int)syscall(SYS_epoll_pwait, fd, events, most, 0, NULL, 0);
		MUST(n >= 0 || errno == EINTR);
		MUST(++play.turns < PLAY_TURNS_MOST);
		if (n > 0)
			return n;
	} while (timeout != 0 && play_idle());
	if (timeout > 0) {
		play.now_ms += (unsigned)timeout;
		play.turns = 0;
	}
	return 0;
}

/* Is something to be waited for? Then let time go on: the loop's timer. */
static inline void play_wait(uint64_t ms)
{
	play.now_ms += ms;
}

static inline const struct conf *play_conf(void)
{
	static const char text[] =
		"state_dir = \"/nonexistent\"\ncontrol = \"/nonexistent/c\"\n"
		"allow = {\"192.0.2.0/24\", \"2001:db8::/48\"}\n"
		"source_limit { failures = 2 sources_most = 1024"
		" bans_most = 1024 ban = 1h }\n"
		"listener mx { bind = {\"0.0.0.0:25\"} backend = d }\n"
		"backend d { servers = {\"198.51.100.25:25\"} }\n";
	static struct conf *conf;
	struct conf_errors errors = {0};

	if (conf)
		return conf;
	conf = conf_parse(text, "fuzz", &errors);
	if (!conf)
		fprintf(stderr, "%s", errors.text);
	MUST(conf);
	conf_errors_done(&errors);
	MUST(prefix_parse("192.0.2.0/24", &never[0]));
	MUST(prefix_parse("2001:db8::/48", &never[1]));
	MUST(prefix_parse("198.51.100.25", &never[2]));
	MUST(prefix_parse("127.0.0.0/8", &never[3]));
	MUST(prefix_parse("::1", &never[4]));
	return conf;
}

static inline void play_worker(void)
{
	struct message_channel body = {.slot = 1};
	struct message_hello hello = {.slot = 1, .pid = 7};
	int ends[2];

	MUST(channel_pair(ends));
	play.worker = channel_new(ends[0], 1 << 20);
	MUST(play.worker);
	MUST(channel_send_fd(play.supervisor, MESSAGE_CHANNEL, &body,
		     sizeof body, ends[1]) == CHANNEL_OK);
	(void)close(ends[1]);
	(void)channel_send(play.worker, MESSAGE_HELLO, &hello, sizeof hello);
	(void)channel_flush(play.worker);
}

static inline void play_keeper(void)
{
	struct keeper_setup setup = {
		.conf = play_conf(), .log_fd = -1, .memory_fd = -1};
	int lowest = dup(0), up[2], fw[2];

	(void)close(lowest);
	memset(&play, 0, sizeof play);
	play.now_ms = PLAY_BEGIN_MS;
	play.client = -1;
	play.door = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	MUST(play.door >= 0 && channel_pair(up) && channel_pair(fw));
	play.firewall = fw[0];
	play.supervisor = channel_new(up[0], 1 << 20);
	MUST(play.supervisor);
	setup.supervisor_fd = up[1];
	setup.firewall_fd = fw[1];
	setup.control_fd = play.door;
	play_worker();
	MUST(keeper_run(&setup) == 0);
	channel_free(&play.worker);
	channel_free(&play.supervisor);
	if (play.client >= 0)
		(void)close(play.client);
	(void)close(play.firewall);
	up[0] = dup(0);
	(void)close(up[0]);
	MUST(up[0] == lowest);
}

#endif
