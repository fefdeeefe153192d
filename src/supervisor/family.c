/*
 * Starting processes, connecting them, and starting them again.
 *
 * Every line between two processes is a pair made here; each end lives in one
 * process only, so a death is an end of file for the others at once. A new
 * keeper gets new lines to all workers; a new worker one to the keeper; a new
 * firewall helper one to the keeper.
 */
#include "instrumented.h"
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/log.h"
#include "../keeper/keeper.h"
#include "goals.h"
#include "role.h"
#include "sandbox.h"

enum {
	GENERATIONS_MOST = 8,
	CHANNEL_QUEUE_BYTES = 1 << 16,
	DESCRIPTORS_SPARE = 512
};

static void child_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Ctrl-C is for the supervisor, which stops the others in order. */
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* no orphan keeps serving */
}

/*
 * Sends the keeper its end of a new line; the end is closed here. A keeper that
 * has not read its lines for so long that they are full is hung: it is started
 * anew, which gives everybody new lines.
 */
static void keeper_line(struct supervisor *s, uint32_t slot, int fd)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	struct message_channel body = {.slot = slot};

	if (keeper && keeper->channel && keeper->pid > 0 &&
		channel_send_fd(keeper->channel, MESSAGE_CHANNEL, &body,
			sizeof body, fd) != CHANNEL_OK) {
		log_say(LOG_ERROR, "keeper-hung",
			"the keeper does not read its line; starting it anew");
		(void)kill(keeper->pid, SIGKILL);
	}
	(void)close(fd);
}

/* Both ends of a child's own line to the supervisor. */
static int child_line(struct child *c)
{
	int fds[2];

	if (!channel_pair(fds))
		return -1;
	channel_free(&c->channel);
	c->channel = channel_new(fds[0], CHANNEL_QUEUE_BYTES);
	if (c->channel)
		return fds[1];
	(void)close(fds[0]);
	(void)close(fds[1]);
	return -1;
}

static void child_started(struct supervisor *s, struct child *c, pid_t pid)
{
	c->pid = pid;
	c->started_ms = s->now;
	c->ready = false;
	watchdog_started(s, c);
	log_begin(LOG_DEBUG, "process");
	log_str("name", child_name(c));
	log_int("pid", pid);
	log_end();
}

static void child_not_started(struct supervisor *s, struct child *c)
{
	log_say(LOG_ERROR, "process", "%s cannot be started: %s", child_name(c),
		strerror(errno));
	c->pid = 0;
	c->start_at_ms = s->now + 1000;
}

/* pid: of fork(), or -1 where it did not come to that. */
static bool child_forked(struct supervisor *s, struct child *c, pid_t pid)
{
	if (pid < 0)
		child_not_started(s, c);
	else
		child_started(s, c, pid);
	return pid >= 0;
}

static void close_one(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

/* While a reload is being prepared the old plan is the one in force. */
static const struct plan *in_force(const struct supervisor *s)
{
	return s->old_plan ? s->old_plan : s->plan;
}

/* What the keeper before had in memory; the caller's. -1: nothing. */
static int memory_of(struct supervisor *s)
{
	int fd = s->memory_fd;

	s->memory_fd = -1;
	return fd;
}

static void start_keeper(struct supervisor *s, struct child *c)
{
	struct role_fds fds = {.firewall = -1,
		.control = s->control_fd,
		.log = sink_write_fd(s->sink),
		.memory = memory_of(s)};
	pid_t pid;

	log_flush(); /* or the child would write our lines again */
	fds.supervisor = child_line(c);
	fds.conf = plan_text(in_force(s));
	pid = fds.supervisor < 0 || fds.conf < 0 ? -1 : fork();
	if (pid == 0) {
		child_signals();
		role_exec(ROLE_KEEPER, &fds);
	}
	close_one(fds.supervisor);
	close_one(fds.conf);
	if (child_forked(s, c, pid))
		close_one(fds.memory); /* once: then it is old */
	else
		s->memory_fd = fds.memory;
}

/* Both ends of a line between dash and the keeper. */
static bool stream_pair(int ret_fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, ret_fds) == 0;
}

static void dash_doors(const struct supervisor *s, struct role_fds *fds)
{
	for (size_t i = 0; i < WEB_COUNT; i++) {
		size_t count;
		const int *all = listeners_fds(in_force(s)->web, i, 0, &count);

		if (count > ROLE_DOORS_MOST)
			count = ROLE_DOORS_MOST;
		memcpy(fds->doors[i], all, count * sizeof *all);
		fds->door_counts[i] = count;
	}
}

/* The roles that have a line to the keeper and end with it. */
struct companion {
	enum role role;
	uint32_t slot;		      /* KEEPER_SLOT_* */
	bool (*pair)(int ret_fds[2]); /* both ends of that line */
	bool hears_us;
};

static void start_companion(
	struct supervisor *s, struct child *c, const struct companion *what)
{
	struct role_fds fds = {.supervisor = -1,
		.firewall = -1,
		.control = -1,
		.log = sink_write_fd(s->sink),
		.memory = -1};
	int pair[2] = {-1, -1};
	pid_t pid = -1;

	log_flush();
	if (what->role == ROLE_DASH)
		dash_doors(s, &fds);
	if (what->hears_us)
		fds.supervisor = child_line(c);
	fds.conf = plan_text(in_force(s));
	if (fds.conf >= 0 && (!what->hears_us || fds.supervisor >= 0) &&
		what->pair(pair))
		pid = fork();
	*(what->role == ROLE_FIREWALL ? &fds.firewall : &fds.control) = pair[1];
	if (pid == 0) {
		child_signals();
		role_exec(what->role, &fds);
	}
	close_one(fds.supervisor);
	close_one(fds.conf);
	close_one(pair[1]);
	if (child_forked(s, c, pid))
		keeper_line(s, what->slot, pair[0]);
	else
		close_one(pair[0]);
}

static const struct companion firewall_role = {
	ROLE_FIREWALL, KEEPER_SLOT_FIREWALL, channel_pair, false};
static const struct companion dash_role = {
	ROLE_DASH, KEEPER_SLOT_DASH, stream_pair, true};
static const struct companion hook_role = {
	ROLE_HOOK, KEEPER_SLOT_HOOK, channel_pair, true};
static const struct companion fetch_role = {
	ROLE_FETCH, KEEPER_SLOT_FETCH, channel_pair, false};

/* In the child. Everything that is not the worker's is closed. */
static _Noreturn void worker_main(
	struct supervisor *s, struct child *c, int keeper_fd, int supervisor_fd)
{
	static int keep[4096];
	struct worker_setup setup;
	size_t n = 0;
	bool transparent;
	int code;

	child_signals();
	plan_worker(s->plan, c->slot, &setup);
	setup.keeper_fd = keeper_fd;
	setup.supervisor_fd = supervisor_fd;
	memcpy(setup.tag_key, s->tag_key, sizeof setup.tag_key);
	setup.census = s->census;
	setup.census_row = c->census_row;
	keep[n++] = keeper_fd;
	keep[n++] = supervisor_fd;
	keep[n++] = sink_write_fd(s->sink);
	for (size_t i = 0; i < setup.listener_count; i++)
		for (size_t j = 0; j < setup.listeners[i].fd_count &&
				   n < sizeof keep / sizeof *keep;
			j++)
			keep[n++] = setup.listeners[i].fds[j];
	rights_close_others(keep, n);
	(void)prctl(PR_SET_NAME, "postern-worker", 0, 0, 0);
	log_init(strdup(child_name(c)), sink_write_fd(s->sink),
		(enum log_level)s->plan->conf->log.level,
		(enum log_format)s->plan->conf->log.format);
	log_limit((unsigned)s->plan->conf->log.lines_most_count);
	(void)rights_descriptors(
		2 * (size_t)s->plan->conf->global.sessions_most_count +
		(size_t)s->plan->conf->banned.tarpit_most_count +
		DESCRIPTORS_SPARE);
	transparent = plan_transparent(s->plan);
	if (!rights_drop(
		    &s->user, transparent ? RIGHTS_NET_RAW : RIGHTS_NONE) ||
		!sandbox_worker(plan_binds(s->plan))) {
		log_say(LOG_ERROR, "rights", "cannot become user %s: %s",
			s->plan->conf->global.user, strerror(errno));
		log_done();
		_exit(77);
	}
	code = worker_run(&setup);
	log_done();
	instrumented_end();
	_exit(code);
}

static void start_worker(struct supervisor *s, struct child *c)
{
	int pair[2] = {-1, -1}, line = child_line(c);
	pid_t pid;

	log_flush(); /* or the child would write our lines again */
	if (!census_take_row(s->census, &c->census_row)) {
		errno = EAGAIN;
		close_one(line);
		child_not_started(s, c);
		return;
	}
	pid = line < 0 || !channel_pair(pair) ? -1 : fork();
	if (pid == 0)
		worker_main(s, c, pair[1], line);
	close_one(line);
	close_one(pair[1]);
	if (child_forked(s, c, pid)) {
		census_set_owner(s->census, c->census_row, pid);
		keeper_line(s, c->slot, pair[0]);
	} else {
		census_give_row(s->census, c->census_row, getpid());
		close_one(pair[0]);
	}
}

/* What its line is called to the keeper; 0: it has none. */
static uint32_t keeper_slot(const struct child *c)
{
	switch (c->kind) {
	case CHILD_DASH: return KEEPER_SLOT_DASH;
	case CHILD_HOOK: return KEEPER_SLOT_HOOK;
	case CHILD_WORKER: return c->slot;
	case CHILD_KEEPER:
	case CHILD_FETCH: /* ends with its keeper */
	case CHILD_FIREWALL: break;
	}
	return 0;
}

/* One of those whom the keeper hears, or tells, gets a new line to it. */
static void line_renew(struct supervisor *s, struct child *c)
{
	bool dash = c->kind == CHILD_DASH;
	struct message_channel body = {.slot = c->slot};
	uint32_t slot = keeper_slot(c);
	int pair[2];

	if (!c->used || slot == 0 || c->pid == 0 || !c->channel ||
		!(dash ? stream_pair(pair) : channel_pair(pair)))
		return;
	if (channel_send_fd(c->channel, MESSAGE_CHANNEL, &body, sizeof body,
		    pair[1]) == CHANNEL_OK)
		keeper_line(s, slot, pair[0]);
	else
		(void)close(pair[0]);
	(void)close(pair[1]);
}

/* The keeper is new. */
static void lines_renew(struct supervisor *s, bool workers)
{
	for (size_t i = 0; i < s->children.count; i++)
		if (workers || s->children.all[i].kind != CHILD_WORKER)
			line_renew(s, &s->children.all[i]);
}

static void child_start(struct supervisor *s, struct child *c)
{
	switch (c->kind) {
	case CHILD_KEEPER:
		start_keeper(s, c);
		lines_renew(s, !upgrade_give_lines(s));
		heir_keeper(s);
		ear_tell(s);
		atlas_tell(s);
		break;
	case CHILD_FIREWALL: start_companion(s, c, &firewall_role); break;
	case CHILD_DASH: start_companion(s, c, &dash_role); break;
	case CHILD_HOOK: start_companion(s, c, &hook_role); break;
	case CHILD_FETCH: start_companion(s, c, &fetch_role); break;
	case CHILD_WORKER: start_worker(s, c); break;
	}
}

bool family_workers(struct supervisor *s)
{
	for (size_t i = 0; i < s->plan->workers; i++) {
		struct child *c = child_new(&s->children, CHILD_WORKER);
		if (!c)
			return false;
		c->slot = (unsigned)i + 1;
		c->generation = s->generation;
		child_start(s, c);
	}
	return true;
}

bool family_start(struct supervisor *s)
{
	struct child *keeper = child_new(&s->children, CHILD_KEEPER);
	struct child *firewall = child_new(&s->children, CHILD_FIREWALL);

	if (!keeper || !firewall)
		return false;
	child_start(s, keeper);
	child_start(s, firewall);
	family_dash(s);
	family_hook(s);
	family_fetch(s);
	return family_workers(s);
}

/* One of those that there are only when the configuration wants them. */
static void family_wanted(
	struct supervisor *s, enum child_kind kind, bool wanted)
{
	struct child *c = child_first(&s->children, kind);

	if (!wanted) {
		if (c)
			c->leaving = true;
		if (c && c->pid > 0)
			(void)kill(c->pid, SIGTERM);
		else if (c)
			child_free(c);
		return;
	}
	if (c) {
		c->leaving = false; /* it was told to go, and shall stay */
		family_renew(s, kind);
		return;
	}
	c = child_new(&s->children, kind);
	if (c)
		child_start(s, c);
}

void family_dash(struct supervisor *s)
{
	family_wanted(s, CHILD_DASH, web_wanted(s->plan->conf));
}

void family_hook(struct supervisor *s)
{
	family_wanted(s, CHILD_HOOK, goals_wanted(s->plan->conf));
}

void family_fetch(struct supervisor *s)
{
	family_wanted(s, CHILD_FETCH, s->plan->conf->address_list_count > 0);
}

void family_signal(struct supervisor *s, enum child_kind kind, int number)
{
	for (size_t i = 0; i < s->children.count; i++) {
		struct child *c = &s->children.all[i];
		if (c->used && c->kind == kind && c->pid > 0)
			(void)kill(c->pid, number);
	}
}

void family_renew(struct supervisor *s, enum child_kind kind)
{
	for (size_t i = 0; i < s->children.count; i++) {
		struct child *c = &s->children.all[i];

		if (c->used && c->kind == kind && c->pid > 0) {
			c->renewed = true;
			(void)kill(c->pid, SIGTERM);
		}
	}
}

static void death_log(const struct child *c, int status)
{
	/* It may not have come to heed SIGTERM before it was sent one. */
	bool expected = (c->leaving || c->renewed) &&
			(WIFEXITED(status) ? WEXITSTATUS(status) == 0
					   : WTERMSIG(status) == SIGTERM);

	log_begin(expected ? LOG_DEBUG : LOG_ERROR, "process-ended");
	log_str("name", child_name(c));
	log_int("pid", c->pid);
	if (WIFSIGNALED(status))
		log_int("signal", WTERMSIG(status));
	else
		log_int("code", WEXITSTATUS(status));
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_str("forbidden",
			"a system call that its sandbox forbids; the kernel's "
			"log names it");
	log_bool("restart", !c->leaving);
	log_end();
}

static void child_died(struct supervisor *s, struct child *c, int status)
{
	if (c->kind == CHILD_WORKER) /* its sessions ended with it */
		census_give_row(s->census, c->census_row, c->pid);
	/* These end when their keeper does: nothing to report. */
	if ((c->kind == CHILD_FIREWALL || c->kind == CHILD_FETCH) &&
		WIFEXITED(status) && WEXITSTATUS(status) == 0)
		c->quick_deaths = 0;
	else
		death_log(c, status);
	if (c->renewed)
		c->started_ms = 0; /* no quick death: another one at once */
	if (c->kind == CHILD_KEEPER) {
		watchdog_keeper_gone(s);
		upgrade_keeper_gone(s);
	}
	heir_child_died(s);
	if (s->stop_until != MONO_NEVER ||
		(c->leaving &&
			(c->kind == CHILD_WORKER || c->kind == CHILD_DASH ||
				c->kind == CHILD_HOOK ||
				c->kind == CHILD_FETCH))) {
		child_free(c);
		return;
	}
	channel_free(&c->channel);
	c->pid = 0;
	c->ready = false;
	c->leaving = false;
	c->renewed = false;
	c->start_at_ms = child_restart_at(c, s->now);
}

void family_reap(struct supervisor *s)
{
	struct child *c;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		c = child_by_pid(&s->children, pid);
		if (c)
			child_died(s, c, status);
	}
}

/* A worker of another plan than the present one has nothing to start with:
 * while a reload is prepared, its successors are on their way. */
static bool startable(const struct supervisor *s, const struct child *c)
{
	return c->used && c->pid == 0 &&
	       (c->kind != CHILD_WORKER || c->generation == s->generation) &&
	       !upgrade_holds(s, c);
}

void family_restart_due(struct supervisor *s)
{
	if (s->stop_until != MONO_NEVER)
		return;
	for (size_t i = 0; i < s->children.count; i++) {
		struct child *c = &s->children.all[i];
		if (startable(s, c) && c->start_at_ms <= s->now)
			child_start(s, c);
	}
}

mono_ms_t family_deadline(const struct supervisor *s)
{
	mono_ms_t at = MONO_NEVER;

	for (size_t i = 0; i < s->children.count; i++) {
		const struct child *c = &s->children.all[i];
		if (startable(s, c) && c->start_at_ms < at)
			at = c->start_at_ms;
	}
	return at;
}

size_t family_count(const struct supervisor *s, enum child_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < s->children.count; i++)
		n += s->children.all[i].used &&
		     s->children.all[i].kind == kind &&
		     s->children.all[i].pid > 0;
	return n;
}

bool family_ready(const struct supervisor *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->children.count; i++) {
		const struct child *c = &s->children.all[i];
		n += c->used && c->kind == CHILD_WORKER && c->ready &&
		     c->generation == s->generation;
	}
	return n >= s->plan->workers;
}

void family_drain_old(struct supervisor *s)
{
	for (size_t i = 0; i < s->children.count; i++) {
		struct child *c = &s->children.all[i];

		if (!c->used || c->kind != CHILD_WORKER ||
			c->generation == s->generation)
			continue;
		c->leaving = true;
		if (c->pid == 0) {
			child_free(c);
			continue;
		}
		if (c->channel) {
			(void)channel_send(c->channel, MESSAGE_DRAIN, NULL, 0);
			(void)channel_flush(c->channel);
		}
		/* A thousand reloads must not leave a thousand processes. */
		if (s->generation - c->generation >= GENERATIONS_MOST)
			(void)kill(c->pid, SIGTERM);
	}
}

void family_drop_new(struct supervisor *s)
{
	for (size_t i = 0; i < s->children.count; i++) {
		struct child *c = &s->children.all[i];

		if (!c->used || c->kind != CHILD_WORKER ||
			c->generation != s->generation)
			continue;
		c->leaving = true;
		if (c->pid > 0)
			(void)kill(c->pid, SIGTERM);
		else
			child_free(c);
	}
}
