/*
 * The supervisor: one loop over signals, its children's lines and the log.
 *
 * It parses the configuration and nothing that a peer sends. It never waits
 * for anybody: every wait below has a deadline.
 */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/secret.h"
#include "internal.h"
#include "notify.h"
#include "own.h"
#include "resolver.h"
#include "tap.h"
#include "sandbox.h"

enum {
	EXIT_SYSTEM = 71,
	EXIT_RIGHTS = 77,
	EXIT_CONF = 78,
	FILES_EACH_MS = 2000,
	STOP_SPARE_MS = 3000,
	CONTROL_TRIES = 10,
	CONTROL_PAUSE_MS = 100,
};

static bool on_message(
	void *arg, enum message_type type, const void *body, size_t n, int fd);

struct receiver {
	struct supervisor *supervisor;
	struct child *child;
};

/* mkdir -p, the last folder with the given owner and mode. */
static bool make_folder(
	const char *path, mode_t mode, const struct rights_user *owner)
{
	char part[512];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof part)
		return false;
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, i == n ? mode : 0755) < 0) {
			if (errno != EEXIST)
				return false;
		} else if (owner && i == n && geteuid() == 0 &&
			   chown(part, owner->uid, owner->gid) < 0) {
			return false;
		}
	}
	return true;
}

static bool folder_of(const char *path, char *out, size_t room)
{
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	return (size_t)snprintf(out, room, "%.*s", (int)(slash - path), path) <
	       room;
}

/* Somebody answers there already: a second postern must not take its place. */
static bool control_in_use(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* EAGAIN: so many wait for a keeper that hangs. */
	bool used = fd >= 0 && (connect(fd, (const struct sockaddr *)sun,
					sizeof *sun) == 0 ||
				       errno == EAGAIN);

	if (fd >= 0)
		(void)close(fd);
	return used;
}

/* A keeper that was killed in the middle of a write to the disk keeps its
 * descriptors until that is over. Nobody is served yet, so this may wait. */
static bool control_free(const struct sockaddr_un *sun)
{
	for (unsigned tries = 0; tries < CONTROL_TRIES; tries++) {
		if (!control_in_use(sun))
			return true;
		(void)poll(NULL, 0, CONTROL_PAUSE_MS);
	}
	return false;
}

/* Whom the socket belongs to besides; (gid_t)-1: nobody. */
static bool control_group(const struct conf *conf, gid_t *ret_gid)
{
	const char *name = conf->global.control_group;
	struct group *group = name[0] ? getgrnam(name) : NULL;

	if (name[0] && !group) {
		log_say(LOG_ERROR, "control",
			"there is no system group %s; make one with "
			"`groupadd --system %s` or set `control_group`",
			name, name);
		return false;
	}
	*ret_gid = group ? group->gr_gid : (gid_t)-1;
	return true;
}

/* The control socket, listening; -1 with a log line. */
static int control_open(const struct conf *conf)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char folder[sizeof sun.sun_path];
	mode_t mask;
	gid_t gid;
	int fd;

	if (!control_group(conf, &gid))
		return -1;
	if (strlen(conf->global.control) >= sizeof sun.sun_path ||
		!folder_of(conf->global.control, folder, sizeof folder) ||
		!make_folder(folder, 0755, NULL)) {
		log_say(LOG_ERROR, "control", "cannot make the folder of %s",
			conf->global.control);
		return -1;
	}
	memcpy(sun.sun_path, conf->global.control,
		strlen(conf->global.control) + 1);
	if (!control_free(&sun)) {
		log_say(LOG_ERROR, "control",
			"another postern answers at %s; stop it first",
			sun.sun_path);
		return -1;
	}
	(void)unlink(sun.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0117);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof sun) < 0 ||
		chown(sun.sun_path, (uid_t)-1, gid) < 0 || listen(fd, 64) < 0) {
		log_say(LOG_ERROR, "control", "cannot open %s: %s",
			sun.sun_path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		fd = -1;
	}
	(void)umask(mask);
	return fd;
}

/*
 * Two keepers with one store would undo each other's bans. The lock is the
 * supervisor's: children do not keep the descriptor, a death gives it back.
 */
static bool state_lock(struct supervisor *s)
{
	const char *path = s->plan->conf->global.state_dir;

	s->state_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->state_fd < 0 || flock(s->state_fd, LOCK_EX | LOCK_NB) == 0 ||
		errno != EWOULDBLOCK)
		return true; /* a file system without locks is no reason */
	log_say(LOG_ERROR, "start",
		"another postern has its state in %s; stop it first, or set "
		"`state_dir`",
		path);
	return false;
}

static int signals_open(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
		signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void supervisor_answer(
	struct supervisor *s, enum message_type done, bool ok, const char *text)
{
	struct child *keeper = child_first(&s->children, CHILD_KEEPER);
	static struct message_text message;

	memset(&message, 0, sizeof message);
	message.ok = ok;
	message.n = (uint32_t)strnlen(text, sizeof message.text);
	memcpy(message.text, text, message.n);
	if (keeper && keeper->channel) {
		(void)channel_send(
			keeper->channel, done, &message, sizeof message);
		(void)channel_flush(keeper->channel);
	}
}

void supervisor_stop(struct supervisor *s)
{
	if (s->stop_until != MONO_NEVER)
		return;
	if (s->upgrade.stage != UPGRADE_DONE)
		notify_stopping();
	heir_stop(s);
	reload_forget(s);
	renew_forget(s);
	s->stop_until = s->now + s->plan->conf->global.shutdown_grace_ms +
			STOP_SPARE_MS;
	log_say(LOG_INFO, "stopping", "sessions may finish for %llu s",
		(unsigned long long)(s->plan->conf->global.shutdown_grace_ms /
				     1000));
	for (size_t i = 0; i < s->children.count; i++) {
		s->children.all[i].leaving = true;
		if (s->children.all[i].used && s->children.all[i].pid == 0)
			child_free(&s->children.all[i]);
	}
	family_signal(s, CHILD_WORKER, SIGTERM);
}

static void log_reopen(struct supervisor *s)
{
	if (!sink_reopen(s->sink))
		log_say(LOG_ERROR, "log",
			"cannot open %s again: %s; the file that was open "
			"stays in use",
			s->plan->conf->log.to, strerror(errno));
}

static void on_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof info) == sizeof info) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT: supervisor_stop(s); break;
		case SIGHUP: reload_begin(s); break;
		case SIGUSR1: log_reopen(s); break;
		case SIGCHLD: family_reap(s); break;
		default: break;
		}
	}
}

static void announce(struct supervisor *s)
{
	s->announced = true;
	notify_ready();
	heir_ready(s);
	log_begin(LOG_INFO, "ready");
	log_str("version", POSTERN_VERSION);
	log_int("workers", (int64_t)s->plan->workers);
	for (size_t i = 0; i < s->plan->conf->listener_count; i++) {
		const struct conf_listener *l = &s->plan->conf->listeners[i];
		for (size_t j = 0; j < l->bind.count; j++)
			log_str(l->title, l->bind.items[j]);
	}
	log_end();
}

static bool on_message(
	void *arg, enum message_type type, const void *body, size_t n, int fd)
{
	struct receiver *r = arg;

	(void)n;
	if (type == MESSAGE_CHANNEL && fd >= 0 &&
		r->child->kind == CHILD_KEEPER) {
		upgrade_line(r->supervisor, body, fd);
		return true;
	}
	if (fd >= 0)
		(void)close(fd);
	if (type == MESSAGE_READY)
		r->child->ready = true;
	else if (type == MESSAGE_PONG)
		watchdog_heard(r->supervisor, r->child, body);
	else if (type == MESSAGE_RELOAD_ASK && r->child->kind == CHILD_KEEPER)
		reload_begin(r->supervisor);
	else if (type == MESSAGE_UPGRADE_ASK && r->child->kind == CHILD_KEEPER)
		upgrade_begin(r->supervisor);
	else if (type == MESSAGE_RESOLVER_ASK && r->child->kind == CHILD_KEEPER)
		resolver_answer(r->supervisor, body);
	else if (type == MESSAGE_TAP_ASK && r->child->kind == CHILD_KEEPER)
		tap_answer(r->supervisor);
	return true;
}

static void on_line(struct supervisor *s, struct child *c)
{
	struct receiver r = {s, c};
	enum channel_result result;

	do
		result = channel_receive(c->channel, on_message, &r);
	while (result == CHANNEL_OK);
	if (result != CHANNEL_AGAIN)
		channel_free(&c->channel); /* SIGCHLD says the rest */
}

/* What is due by the clock. */
static void on_time(struct supervisor *s)
{
	upgrade_tick(s);
	watchdog_tick(s);
	family_restart_due(s);
	plan_rotate_tickets(s->plan, s->now);
	if (!s->announced && family_ready(s))
		announce(s);
	if (s->reload_until != MONO_NEVER && family_ready(s))
		reload_ready(s);
	else if (s->now >= s->reload_until)
		reload_late(s);
	if (s->names_until <= s->now)
		reload_named(s);
	if (!upgrade_busy(s))
		renew_tick(s);
	if (s->stop_until == MONO_NEVER && !upgrade_busy(s))
		ear_tick(s);
	if (s->now < s->files_due || upgrade_busy(s) ||
		s->stop_until != MONO_NEVER)
		return;
	s->files_due = s->now + FILES_EACH_MS;
	census_bury(s->census); /* workers of a program that died */
	if (plan_files_mark(s->plan) != s->files_mark && !reload_busy(s)) {
		s->files_mark = plan_files_mark(s->plan);
		reload_certificates(s);
	}
}

static int wait_ms(const struct supervisor *s)
{
	mono_ms_t at = family_deadline(s);

	if (s->stop_until < at)
		at = s->stop_until;
	if (s->reload_until < at)
		at = s->reload_until;
	if (s->names_until < at)
		at = s->names_until;
	if (s->upgrade.until < at)
		at = s->upgrade.until;
	if (s->files_due < at)
		at = s->files_due;
	if (s->watchdog.due < at)
		at = s->watchdog.due;
	if (s->renewal_until < at)
		at = s->renewal_until;
	if (at <= s->now)
		return 0;
	return at - s->now > 1000 ? 1000 : (int)(at - s->now);
}

static void turn(struct supervisor *s)
{
	static struct pollfd polls[CHILDREN_MOST + 6];
	static struct child *of[CHILDREN_MOST + 6];
	nfds_t n = 2, count;

	polls[0] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	polls[1] =
		(struct pollfd){.fd = sink_read_fd(s->sink), .events = POLLIN};
	for (size_t i = 0; i < s->children.count; i++) {
		struct child *c = &s->children.all[i];
		if (!c->used || !c->channel)
			continue;
		of[n] = c;
		polls[n++] = (struct pollfd){
			.fd = channel_fd(c->channel), .events = POLLIN};
	}
	count = n;
	if (s->names)
		polls[n++] = (struct pollfd){
			.fd = names_fd(s->names), .events = POLLIN};
	if (s->renewal)
		polls[n++] = (struct pollfd){
			.fd = names_fd(s->renewal), .events = POLLIN};
	if (s->upgrade.line >= 0)
		polls[n++] = (struct pollfd){
			.fd = s->upgrade.line, .events = POLLIN};
	if (s->heir.line >= 0)
		polls[n++] =
			(struct pollfd){.fd = s->heir.line, .events = POLLIN};
	(void)poll(polls, n, wait_ms(s)); /* EINTR is an empty turn */
	s->now = clock_mono_ms();
	if (s->names && polls[count].revents)
		reload_named(s);
	renew_read(s);
	for (nfds_t i = 2; i < count; i++)
		if (polls[i].revents && of[i]->channel)
			on_line(s, of[i]);
	if (polls[0].revents)
		on_signal(s);
	upgrade_read(s);
	heir_read(s);
	on_time(s);
	log_flush();
	sink_drain(s->sink);
}

/* Those of the page and the hooks, which were told to go. */
static bool ends_waited_for(const struct supervisor *s)
{
	return family_count(s, CHILD_DASH) + family_count(s, CHILD_HOOK) +
		       family_count(s, CHILD_FETCH) +
		       family_count(s, CHILD_FIREWALL) >
	       0;
}

/* Workers first, then those that they depend on. */
static bool stopped(struct supervisor *s)
{
	if (s->upgrade.stage == UPGRADE_DONE &&
		family_count(s, CHILD_WORKER) == 0 && !ends_waited_for(s))
		return true;
	if (s->stop_until == MONO_NEVER)
		return s->orphaned;
	if (s->now >= s->stop_until) {
		family_signal(s, CHILD_WORKER, SIGKILL);
		family_signal(s, CHILD_KEEPER, SIGKILL);
		family_signal(s, CHILD_FIREWALL, SIGKILL);
		family_signal(s, CHILD_DASH, SIGKILL);
		family_signal(s, CHILD_HOOK, SIGKILL);
		family_signal(s, CHILD_FETCH, SIGKILL);
		return family_count(s, CHILD_WORKER) +
			       family_count(s, CHILD_KEEPER) +
			       family_count(s, CHILD_DASH) +
			       family_count(s, CHILD_HOOK) +
			       family_count(s, CHILD_FETCH) +
			       family_count(s, CHILD_FIREWALL) ==
		       0;
	}
	if (family_count(s, CHILD_WORKER) > 0)
		return false;
	if (family_count(s, CHILD_DASH) + family_count(s, CHILD_HOOK) > 0) {
		family_signal(s, CHILD_DASH, SIGTERM);
		family_signal(s, CHILD_HOOK, SIGTERM);
		return false;
	}
	family_signal(s, CHILD_FETCH, SIGTERM);
	if (family_count(s, CHILD_KEEPER) > 0) {
		family_signal(s, CHILD_KEEPER, SIGTERM);
		return false;
	}
	if (s->heir.line >= 0 && s->heir.said)
		return false;	    /* the one before stops as well */
	return !ends_waited_for(s); /* they end with their keeper */
}

/* What the operator should know of this machine. */
static void say_lacks(void)
{
	const char *lacks[] = {
		sandbox_lacks_seccomp(), sandbox_lacks_landlock()};

	for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
		if (lacks[i])
			log_say(LOG_WARN, "sandbox", "%s", lacks[i]);
}

/*
 * Nobody is served yet, so this may wait. A DNS that is away is no wrong
 * configuration: who started us is to try again.
 */
static int first_plan(struct supervisor *s, struct conf *conf, char *error)
{
	static struct conf nothing;
	struct plan before = {.conf = &nothing,
		.listeners = s->heir.doors,
		.web = s->heir.doors};
	int code = EXIT_CONF;

	if (names_wanted(conf))
		s->names = names_new(conf, &s->user);
	s->names_until = clock_mono_ms() + NAMES_MOST_MS;
	while (s->names && !names_read(s->names) &&
		clock_mono_ms() < s->names_until) {
		struct pollfd p = {.fd = names_fd(s->names), .events = POLLIN};
		(void)poll(&p, 1, 100);
	}
	if (s->names && names_missing(s->names))
		code = EXIT_SYSTEM;
	s->plan =
		plan_new(conf, s->heir.doors ? &before : NULL, s->names, error);
	listeners_free(&s->heir.doors);
	if (!s->plan && (errno == EACCES || errno == EPERM))
		code = EXIT_RIGHTS;
	else if (!s->plan && errno != 0)
		code = EXIT_SYSTEM; /* a port that is taken gets free again */
	names_free(&s->names);
	s->names_until = MONO_NEVER;
	return s->plan ? 0 : code;
}

/* What the supervisor before had open, and is not opened twice. */
static void take_over(struct supervisor *s)
{
	struct heir *heir = &s->heir;

	s->state_fd = heir->state;
	s->control_fd = heir->control;
	if (heir->ear >= 0 &&
		strcmp(heir->ear_path, s->plan->conf->domino_log.path) == 0)
		ear_adopt(&s->ear, heir->ear_path, heir->ear);
	else if (heir->ear >= 0)
		(void)close(heir->ear);
	heir->state = heir->control = heir->ear = -1;
}

static int prepare(struct supervisor *s, struct conf *conf)
{
	static char error[PLAN_ERROR_LONGEST];
	int code;

	say_lacks();
	if (!rights_find(conf->global.user, &s->user)) {
		log_say(LOG_ERROR, "rights",
			"there is no system user %s; make one with "
			"`useradd --system %s` or set `user`",
			conf->global.user, conf->global.user);
		conf_free(&conf);
		return EXIT_RIGHTS;
	}
	if (s->heir.line >= 0 && !heir_receive(s, conf)) {
		conf_free(&conf);
		return EXIT_SYSTEM;
	}
	if (s->heir.line < 0)
		s->heir.doors = notify_sockets();
	code = first_plan(s, conf, error);
	if (code != 0) {
		log_say(LOG_ERROR, "start", "%s", error);
		heir_failed(&s->heir, error);
		return code;
	}
	if (!make_folder(s->plan->conf->global.state_dir, 0750, &s->user)) {
		log_say(LOG_ERROR, "start", "cannot make the folder %s: %s",
			s->plan->conf->global.state_dir, strerror(errno));
		return EXIT_SYSTEM;
	}
	if (!s->census)
		s->census = census_new(CHILDREN_MOST);
	if (s->heir.line >= 0)
		take_over(s);
	if (!s->census || (s->state_fd < 0 && !state_lock(s)))
		return EXIT_SYSTEM;
	if (s->control_fd < 0)
		s->control_fd = control_open(s->plan->conf);
	s->signal_fd = signals_open();
	s->files_mark = s->plan->files_mark;
	return s->control_fd < 0 || s->signal_fd < 0 ? EXIT_SYSTEM : 0;
}

static void supervisor_done(struct supervisor *s)
{
	if (s->plan && s->control_fd >= 0 && !s->orphaned &&
		s->upgrade.stage != UPGRADE_DONE &&
		(s->heir.line < 0 || s->heir.said))
		(void)unlink(s->plan->conf->global.control);
	if (s->control_fd >= 0)
		(void)close(s->control_fd);
	if (s->signal_fd >= 0)
		(void)close(s->signal_fd);
	if (s->state_fd >= 0)
		(void)close(s->state_fd);
	if (s->memory_fd >= 0)
		(void)close(s->memory_fd);
	for (size_t i = 0; i < s->children.count; i++)
		if (s->children.all[i].used)
			child_free(&s->children.all[i]);
	upgrade_free(s);
	heir_free(&s->heir);
	free(s->reload_text);
	census_free(&s->census);
	ear_done(&s->ear);
	reload_forget(s);
	renew_forget(s);
	plan_free(&s->old_plan);
	plan_free(&s->plan);
	log_done();
	sink_free(&s->sink);
}

/* The file that an upgrade starts: what lies there by then. */
static void program_find(struct supervisor *s)
{
	ssize_t n = readlink("/proc/self/exe", s->program, sizeof s->program);

	if (n < 0 || (size_t)n == sizeof s->program)
		n = 0;
	s->program[n] = 0;
}

int supervisor_run(const char *path, struct conf *conf, int heir_line)
{
	static struct supervisor s;
	int code;

	rights_no_core(); /* before it reads a key */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* since Linux 3.5 */
	s.path = path;
	s.signal_fd = s.control_fd = s.state_fd = s.memory_fd = -1;
	s.reload_until = s.stop_until = s.names_until = MONO_NEVER;
	s.renewal_until = s.names_due = MONO_NEVER;
	s.now = clock_mono_ms();
	ear_begin(&s.ear);
	program_find(&s);
	upgrade_init(&s);
	watchdog_init(&s);
	heir_init(&s.heir, heir_line);
	secret_random(s.tag_key, sizeof s.tag_key);
	s.sink = sink_new(conf->log.to);
	if (!s.sink) {
		(void)fprintf(stderr,
			"postern: cannot write the log to %s: %s\n",
			conf->log.to, strerror(errno));
		conf_free(&conf);
		return EXIT_SYSTEM;
	}
	log_init("supervisor", sink_write_fd(s.sink),
		(enum log_level)conf->log.level,
		(enum log_format)conf->log.format);
	code = prepare(&s, conf);
	s.own.count = (uint32_t)own_collect(s.own.own);
	if (code == 0)
		renew_plan(&s);
	if (code == 0 && heir_line >= 0 && !heir_wait(&s))
		code = EXIT_SYSTEM;
	if (code == 0 && !family_start(&s))
		code = EXIT_SYSTEM;
	while (code == 0 && !stopped(&s))
		turn(&s);
	if (code == 0)
		log_say(LOG_INFO, "stopped", "all sessions are over");
	supervisor_done(&s);
	return code;
}
