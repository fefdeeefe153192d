/*
 * Handing over to another program: the side of the one that goes.
 *
 * The other one is a child that shares our listening sockets. Nothing is taken
 * from us before it has read its configuration and opened all that it needs;
 * what is taken then, the store and the workers' lines to the keeper, we keep
 * the means to take back, until its workers serve.
 *
 * What can go wrong: it cannot be executed, its configuration is wrong, it dies
 * or hangs at any time. Then all is as before, and posternctl hears why.
 */
#include "upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/log.h"
#include "internal.h"
#include "notify.h"

enum { STAGE_MOST_MS = 30000, KEEPER_ENDS_MS = 3000 };

void upgrade_init(struct supervisor *s)
{
	s->upgrade.line = s->upgrade.keeper = -1;
	s->upgrade.until = MONO_NEVER;
}

bool upgrade_busy(const struct supervisor *s)
{
	return s->upgrade.stage != UPGRADE_NONE;
}

bool upgrade_holds(const struct supervisor *s, const struct child *c)
{
	enum upgrade_stage stage = s->upgrade.stage;

	return stage >= UPGRADE_GIVEN ||
	       (stage == UPGRADE_EMPTYING && c->kind != CHILD_WORKER);
}

static void answer(struct supervisor *s, bool ok, const char *text)
{
	supervisor_answer(s, MESSAGE_UPGRADE_DONE, ok, text);
}

static void lines_close(struct upgrade *u)
{
	for (size_t i = 0; i < u->line_count; i++)
		(void)close(u->lines[i].fd);
	u->line_count = 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void upgrade_free(struct supervisor *s)
{
	lines_close(&s->upgrade);
	close_one(&s->upgrade.line);
	close_one(&s->upgrade.keeper);
}

/* Two keepers must not have one store: ours waits until theirs is gone. */
static void their_keeper_ends(struct upgrade *u)
{
	struct pollfd p = {.fd = u->keeper, .events = POLLIN};

	if (u->keeper < 0)
		return;
	if (poll(&p, 1, KEEPER_ENDS_MS) == 0) {
		(void)syscall(
			SYS_pidfd_send_signal, u->keeper, SIGKILL, NULL, 0);
		(void)poll(&p, 1, KEEPER_ENDS_MS);
	}
	close_one(&u->keeper);
}

/* As if nothing had happened. */
static void failed(struct supervisor *s, const char *why)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	struct upgrade *u = &s->upgrade;
	bool given = u->stage == UPGRADE_GIVEN;

	log_say(LOG_ERROR, "upgrade-failed", "%s; this program goes on", why);
	if (u->pid > 0)
		(void)kill(u->pid, SIGKILL);
	close_one(&u->line);
	if (given)
		their_keeper_ends(u);
	u->stage = UPGRADE_NONE;
	u->until = MONO_NEVER;
	u->pid = 0;
	if (given && keeper && keeper->pid == 0)
		keeper->start_at_ms = s->now;
	family_restart_due(s); /* a keeper with the lines that it gave */
	answer(s, false, why);
}

static void gone(struct supervisor *s)
{
	struct upgrade *u = &s->upgrade;

	if (u->stage == UPGRADE_DONE) {
		close_one(&u->line);
		return;
	}
	failed(s, u->why[0] ? u->why
			    : "the new program ended before it served; its log "
			      "may say why");
}

/* ---- what it needs ---- */

static void give_door(void *arg, const struct addr *addr, uint16_t port, int fd)
{
	const struct upgrade *u = arg;
	char text[ADDR_TEXT_LONGEST];

	(void)heir_say(
		u->line, fd, "door %s %u", addr_format(addr, text), port);
}

static void give_key(const struct supervisor *s)
{
	char hex[2 * sizeof s->tag_key + 1];

	for (size_t i = 0; i < sizeof s->tag_key; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", s->tag_key[i]);
	(void)heir_say(s->upgrade.line, -1, "tag %s", hex);
}

static void give(struct supervisor *s)
{
	struct upgrade *u = &s->upgrade;
	const struct conf *conf = s->plan->conf;

	listeners_each(s->plan->listeners, give_door, u);
	listeners_each(s->plan->web, give_door, u);
	(void)heir_say(
		u->line, s->control_fd, "control %s", conf->global.control);
	(void)heir_say(
		u->line, s->state_fd, "state %s", conf->global.state_dir);
	if (s->ear.path && s->ear.fd >= 0)
		(void)heir_say(u->line, s->ear.fd, "ear %s", s->ear.path);
	give_key(s);
	(void)heir_say(u->line, census_fd(s->census), "census %u",
		(unsigned)CHILDREN_MOST);
	(void)heir_say(u->line, -1, "end");
}

static void hello(struct supervisor *s, const char *text)
{
	struct upgrade *u = &s->upgrade;
	const char *version = NULL, *rest = "";
	uint64_t signature;

	if (heir_word(text, HEIR_LINE_VERSION, &version)) {
		rest = version + strcspn(version, " ");
		(void)snprintf(u->version, sizeof u->version, "%.*s",
			(int)(rest - version), version);
	}
	if (!heir_number(&rest, 16, UINT64_MAX, &signature)) {
		failed(s, "the new program cannot take over from this version; "
			  "restart postern");
		return;
	}
	u->same_ipc = signature == channel_signature();
	give(s);
}

/* It has all that it needs but the store. */
static void empty_keeper(struct supervisor *s)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	struct upgrade *u = &s->upgrade;

	close_one(&s->memory_fd);
	s->memory_fd = memfd_create("postern.memory", MFD_CLOEXEC);
	if (!keeper || !keeper->channel ||
		channel_send_fd(keeper->channel, MESSAGE_HAND_OVER, NULL, 0,
			s->memory_fd) != CHANNEL_OK) {
		failed(s, "the keeper is not there to hand over");
		return;
	}
	u->stage = UPGRADE_EMPTYING;
	u->until = s->now + STAGE_MOST_MS;
	keeper->renewed = true; /* its end is no fault */
	(void)channel_flush(keeper->channel);
}

void upgrade_line(
	struct supervisor *s, const struct message_channel *body, int fd)
{
	struct upgrade *u = &s->upgrade;

	if (u->stage != UPGRADE_EMPTYING ||
		u->line_count == UPGRADE_LINES_MOST) {
		(void)close(fd);
		return;
	}
	u->lines[u->line_count].body = *body;
	u->lines[u->line_count++].fd = fd;
}

void upgrade_keeper_gone(struct supervisor *s)
{
	struct upgrade *u = &s->upgrade;

	if (u->stage != UPGRADE_EMPTYING)
		return;
	u->stage = UPGRADE_GIVEN;
	u->until = s->now + STAGE_MOST_MS;
	for (size_t i = 0; u->same_ipc && i < u->line_count; i++)
		(void)heir_say(u->line, u->lines[i].fd, "line %u %u",
			u->lines[i].body.slot, u->lines[i].body.pid);
	if (s->memory_fd >= 0)
		(void)heir_say(u->line, s->memory_fd, "memory");
	if (!heir_say(u->line, -1, "go"))
		failed(s, "the new program does not read its line");
}

bool upgrade_give_lines(struct supervisor *s)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	struct upgrade *u = &s->upgrade;
	bool some = u->line_count > 0;

	for (size_t i = 0; i < u->line_count && keeper->channel; i++)
		(void)channel_send_fd(keeper->channel, MESSAGE_CHANNEL,
			&u->lines[i].body, sizeof u->lines[i].body,
			u->lines[i].fd);
	lines_close(u);
	return some;
}

/* ---- it serves ---- */

static void done(struct supervisor *s)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	struct child *firewall = child_first(&s->children, CHILD_FIREWALL);
	struct child *dash = child_first(&s->children, CHILD_DASH);
	struct child *hook = child_first(&s->children, CHILD_HOOK);
	struct child *fetch = child_first(&s->children, CHILD_FETCH);
	struct upgrade *u = &s->upgrade;

	u->stage = UPGRADE_DONE;
	u->until = s->now + s->plan->conf->global.drain_longest_ms;
	notify_main(u->pid);
	log_begin(LOG_INFO, "upgraded");
	log_str("version", u->version);
	log_int("pid", u->pid);
	log_end();
	if (keeper)
		child_free(keeper);
	if (firewall && firewall->pid == 0)
		child_free(firewall);
	if (dash)
		dash->leaving = true;
	family_signal(s, CHILD_DASH, SIGTERM);
	if (hook)
		hook->leaving = true;
	if (fetch && fetch->pid == 0)
		child_free(fetch); /* it ended with its keeper */
	else if (fetch)
		fetch->leaving = true;
	family_signal(s, CHILD_FETCH, SIGTERM);
	family_signal(s, CHILD_HOOK, SIGTERM);
	lines_close(u);
	close_one(&s->memory_fd);
	/* Nobody here would answer who connects to an address that is given up.
	 */
	listeners_free(&s->plan->listeners);
	listeners_free(&s->plan->web);
	ear_done(&s->ear);
	if (u->same_ipc) {
		s->generation++;
		family_drain_old(s);
	} else {
		/* Without a keeper there would be nobody to count guesses. */
		supervisor_stop(s);
	}
}

static void hear(struct supervisor *s, const char *text)
{
	struct upgrade *u = &s->upgrade;
	const char *rest;

	if (heir_word(text, "pid", &rest))
		u->pid = (pid_t)strtol(rest, NULL, 10);
	else if (heir_word(text, "hello", &rest) &&
		 u->stage == UPGRADE_STARTING)
		hello(s, rest);
	else if (heir_word(text, "up", &rest) && u->stage == UPGRADE_STARTING)
		empty_keeper(s);
	else if (heir_word(text, "keeper", &rest) && u->stage == UPGRADE_GIVEN)
		u->keeper = (int)syscall(
			SYS_pidfd_open, (pid_t)strtol(rest, NULL, 10), 0);
	else if (heir_word(text, "ready", &rest) && u->stage == UPGRADE_GIVEN)
		done(s);
	else if (heir_word(text, "stop", &rest) && u->stage == UPGRADE_DONE)
		supervisor_stop(s);
	else if (heir_word(text, "failed", &rest))
		(void)snprintf(u->why, sizeof u->why, "%s", rest);
}

void upgrade_read(struct supervisor *s)
{
	char text[HEIR_LINE_LONGEST];
	enum heir_heard heard;
	int passed;

	while (s->upgrade.line >= 0) {
		heard = heir_hear(s->upgrade.line, 0, text, &passed);
		if (passed >= 0)
			(void)close(passed); /* it has none to give */
		if (heard == HEIR_NOTHING)
			return;
		if (heard == HEIR_GONE)
			gone(s);
		else
			hear(s, text);
	}
}

void upgrade_tick(struct supervisor *s)
{
	struct upgrade *u = &s->upgrade;

	if (s->now < u->until)
		return;
	u->until = MONO_NEVER;
	if (u->stage == UPGRADE_DONE)
		supervisor_stop(s);
	else
		failed(s, "the new program did not serve within 30 s");
}

/* ---- it starts ---- */

static _Noreturn void become(struct supervisor *s, int line)
{
	char number[12];
	sigset_t none;
	int keep[] = {line};

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)snprintf(number, sizeof number, "%d", line);
	if (s->watchdog.period_ms != 0)
		notify_watchdog_inherit();
	(void)fcntl(line, F_SETFD, 0);
	rights_close_others(keep, 1);
	(void)execl(s->program, s->program, "run", "-c", s->path, "--heir",
		number, (char *)NULL);
	(void)heir_say(line, -1, "failed cannot execute %s: %s", s->program,
		strerror(errno));
	_exit(71);
}

/*
 * In a child that ends at once: the new one is an orphan, and so the service
 * manager's child from the beginning. systemd does not wait for the end of a
 * main process that was somebody else's when it was named: it would kill it.
 */
static _Noreturn void leave(struct supervisor *s, int line)
{
	pid_t pid = fork();

	if (pid == 0)
		become(s, line);
	if (pid < 0)
		(void)heir_say(line, -1, "failed %s", strerror(errno));
	else
		(void)heir_say(line, -1, "pid %d", (int)pid);
	_exit(0);
}

void upgrade_begin(struct supervisor *s)
{
	struct upgrade *u = &s->upgrade;
	pid_t between;
	int pair[2];

	if (upgrade_busy(s) || reload_busy(s) || s->stop_until != MONO_NEVER) {
		answer(s, false, "a reload, an upgrade or a stop is under way");
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		answer(s, false, strerror(errno));
		return;
	}
	log_say(LOG_INFO, "upgrade", "starting %s", s->program);
	log_flush();
	renew_forget(s);
	*u = (struct upgrade){.stage = UPGRADE_STARTING,
		.line = pair[0],
		.keeper = -1,
		.until = s->now + STAGE_MOST_MS};
	between = fork();
	if (between == 0)
		leave(s, pair[1]);
	(void)close(pair[1]);
	if (between < 0)
		failed(s, strerror(errno));
}
