/*
 * Backend exec: a program of the operator's does the blocking.
 *
 *	PROGRAM add PREFIX SECONDS	SECONDS 0: for ever
 *	PROGRAM delete PREFIX 0
 *	PROGRAM flush
 *
 * PREFIX is "192.0.2.1", "192.0.2.0/24" or "2001:db8::/64". No shell, a fixed
 * argument vector, an empty environment, nothing open but stderr, and
 * CAP_NET_ADMIN (ambient) as the only right. Exit status 0 is success; an add
 * of what is there must renew its time, a delete of what is not there must
 * succeed. The program may rely on a delete when the time is up.
 *
 * It has 5 seconds, then it and its process group are killed; a batch has 10,
 * the rest waits for the next sync, which goes on where this one stopped. What
 * earlier helpers blocked cannot be asked for, so all is flushed at the start.
 */
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/clock.h"
#include "rights.h"
#include "table.h"

enum {
	EXEC_RUN_MOST_MS = 5000,
	EXEC_BATCH_MOST_MS = 10000,
	EXEC_WHY_LONGEST = 320,
};

enum exec_end {
	EXEC_DONE = 0,
	EXEC_SAID_NO,
	EXEC_HUNG,
};

struct exec_state {
	const char *path;
	struct fw_table *memory; /* what the program took */
	bool begun;		 /* flushed, so that memory is the truth */
	char why[EXEC_WHY_LONGEST];
};

static void *exec_open(const struct fw_conf *conf)
{
	struct exec_state *exec = calloc(1, sizeof(*exec));

	if (!exec)
		return NULL;
	exec->path = conf->exec_path;
	exec->memory = fw_table_new(fw_backend_room(conf));
	if (!exec->memory) {
		free(exec);
		return NULL;
	}
	return exec;
}

static void exec_close(void *self)
{
	struct exec_state *exec = self;

	fw_table_free(&exec->memory);
	free(exec);
}

static const char *exec_why(void *self)
{
	const struct exec_state *exec = self;

	return exec->why;
}

__attribute__((format(printf, 2, 3))) static void exec_blame(
	struct exec_state *exec, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(/* cut is fine */
		exec->why, sizeof(exec->why), format, args);
	va_end(args);
}

/* The program runs with a right: nobody but root may write it. */
static bool exec_trusted(struct exec_state *exec)
{
	struct stat info;

	if (stat(exec->path, &info) != 0) {
		exec_blame(exec, "%s: %s", exec->path, strerror(errno));
		return false;
	}
	if (!S_ISREG(info.st_mode) || info.st_uid != 0 ||
		(info.st_mode & (S_IWGRP | S_IWOTH))) {
		exec_blame(exec,
			"%s: must be a file of root's that nobody else "
			"may write",
			exec->path);
		return false;
	}
	return true;
}

static void exec_reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL); /* KILL, STOP: refused */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void exec_become(const char *path, char *const argv[])
{
	char *const environment[] = {NULL};
	int null = open("/dev/null", O_RDWR);

	(void)setpgid(0, 0); /* the parent does it too */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	exec_reset_signals();
	fw_rights_pass_on();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
		dup2(null, STDOUT_FILENO) < 0 || chdir("/") != 0)
		_exit(126);
	if (close_range(STDERR_FILENO + 1, ~0u, 0) != 0)
		_exit(126);
	(void)execve(path, argv, environment);
	_exit(127);
}

/* Until it ends or its time is up; then its whole group is killed. */
static enum exec_end exec_wait(
	struct exec_state *exec, pid_t pid, const char *word)
{
	struct pollfd ended = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	mono_ms_t deadline = clock_mono_ms() + EXEC_RUN_MOST_MS;
	int status = 0;
	int ready = 0;

	while (ended.fd >= 0) {
		mono_ms_t now = clock_mono_ms();

		if (now >= deadline)
			break;
		ready = poll(&ended, 1, (int)(deadline - now));
		if (ready > 0 || (ready < 0 && errno != EINTR))
			break;
	}
	/* Before the wait: until then the group's number is not given away. */
	(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ended.fd >= 0)
		close(ended.fd);
	if (ready <= 0) {
		exec_blame(exec, "%s %s: killed after %d ms", exec->path, word,
			EXEC_RUN_MOST_MS);
		return EXEC_HUNG;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return EXEC_DONE;
	exec_blame(exec, "%s %s: %s %d", exec->path, word,
		WIFEXITED(status) ? "exit status" : "signal",
		WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return EXEC_SAID_NO;
}

static enum exec_end exec_run(struct exec_state *exec, const char *word,
	const char *prefix, const char *seconds)
{
	/* execve(2) takes char * for history's sake and writes nothing. */
	char *const argv[] = {(char *)(uintptr_t)exec->path,
		(char *)(uintptr_t)word, (char *)(uintptr_t)prefix,
		(char *)(uintptr_t)seconds, NULL};
	pid_t pid;

	if (!exec_trusted(exec))
		return EXEC_HUNG; /* nor will the next run be better */
	pid = fork();
	if (pid < 0) {
		exec_blame(exec, "fork: %s", strerror(errno));
		return EXEC_HUNG;
	}
	if (pid == 0)
		exec_become(exec->path, argv);
	(void)setpgid(pid, pid); /* EACCES: it did it itself already */
	return exec_wait(exec, pid, word);
}

static enum fw_result exec_flush(void *self)
{
	struct exec_state *exec = self;

	if (exec_run(exec, "flush", NULL, NULL) != EXEC_DONE)
		return FW_FAILED;
	fw_table_clear(exec->memory);
	exec->begun = true;
	return FW_OK;
}

static enum fw_result exec_prepare(void *self, bool afresh)
{
	struct exec_state *exec = self;

	if (afresh)
		return FW_FAILED; /* would not cure a program */
	return exec->begun ? FW_OK : exec_flush(exec);
}

static enum exec_end exec_do(
	struct exec_state *exec, struct fw_change *change, mono_ms_t now)
{
	char prefix[PREFIX_TEXT_LONGEST];
	char seconds[16];
	enum exec_end end;

	prefix_format(&change->prefix, prefix);
	(void)snprintf(/* ten digits at most */
		seconds, sizeof(seconds), "%u",
		change->add ? change->ttl_s : 0);
	end = exec_run(exec, change->add ? "add" : "delete", prefix, seconds);
	change->done = end == EXEC_DONE;
	if (change->done && !fw_backend_note(exec->memory, change, now)) {
		exec_blame(exec, "out of memory");
		change->done = false;
		return EXEC_SAID_NO;
	}
	return end;
}

static enum fw_result exec_apply(
	void *self, struct fw_change *changes, size_t n, mono_ms_t now)
{
	mono_ms_t deadline = clock_mono_ms() + EXEC_BATCH_MOST_MS;
	struct exec_state *exec = self;
	enum fw_result result = FW_OK;

	if (!exec->begun)
		return FW_FAILED; /* the reason is that of the flush */
	for (size_t i = 0; i < n; i++) {
		enum exec_end end;

		if (clock_mono_ms() >= deadline) {
			exec_blame(exec, "%s is slow: %zu changes wait",
				exec->path, n - i);
			return FW_FAILED;
		}
		end = exec_do(exec, &changes[i], now);
		if (end == EXEC_HUNG)
			return FW_FAILED;
		if (end == EXEC_SAID_NO)
			result = FW_FAILED;
	}
	return result;
}

static enum fw_result exec_list(
	void *self, mono_ms_t now, fw_listed_cb *listed, void *arg)
{
	struct exec_state *exec = self;

	fw_backend_recall(exec->memory, now, listed, arg);
	return FW_OK;
}

const struct fw_backend *fw_backend_exec(void)
{
	static const struct fw_backend exec = {
		.name = "exec",
		.expires = false,
		.mends = false, /* it would only hang twice as long */
		.open = exec_open,
		.close = exec_close,
		.prepare = exec_prepare,
		.apply = exec_apply,
		.list = exec_list,
		.flush = exec_flush,
		.why = exec_why,
	};

	return &exec;
}
