/*
 * One run of a program of the operator's (see program.h).
 *
 * Between fork and exec only what may be called there is: libcurl has threads
 * that ask the DNS. Its group's number stays its own until it is waited for,
 * so the group is killed before that. What can go wrong: it cannot be executed,
 * it hangs, it floods its output, it leaves children behind that keep the
 * output open; a child that makes a session of its own is not found.
 */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	GRACE_MS = 1000, /* between TERM and KILL */
	READS_MOST = 16, /* of a flood in one turn */
	EXIT_NOT_RUN = 127,
};

struct program {
	pid_t pid;
	int ended, output; /* descriptors */
	mono_ms_t deadline;
	bool told; /* TERM */
	uint64_t timeout_ms;
	size_t n;
	char text[PROGRAM_OUTPUT_MOST];
};

__attribute__((format(printf, 2, 3))) static void blame(
	struct end *end, const char *format, ...)
{
	va_list args;

	end->kind = END_FAILED;
	va_start(args, format);
	(void)vsnprintf(end->text, sizeof(end->text), format, args); /* cut */
	va_end(args);
}

/* ---- its start ---- */

/* Said in words; execve(2) itself has the last one. */
static bool executable(const char *path, struct end *end)
{
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		errno = EACCES;
	else if (access(path, X_OK) == 0)
		return true;
	blame(end, "%.120s cannot be executed: %s", path, strerror(errno));
	return false;
}

/* A file in memory that is read from its beginning; -1: errno. */
static int input_of(const char *text)
{
	int fd = memfd_create("event", MFD_CLOEXEC);
	size_t n = strlen(text);

	if (fd < 0)
		return -1;
	if (write(fd, text, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* In the child. */
_Noreturn static void become(
	const struct program_task *task, int input, int output)
{
	sigset_t none;

	(void)setpgid(0, 0); /* the parent does it too */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL); /* KILL, STOP: refused */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(input, STDIN_FILENO) >= 0 &&
		dup2(output, STDOUT_FILENO) >= 0 &&
		dup2(output, STDERR_FILENO) >= 0 && chdir("/") == 0 &&
		close_range(STDERR_FILENO + 1, ~0u, 0) == 0)
		(void)execve(task->argv[0], task->argv, task->environment);
	_exit(EXIT_NOT_RUN);
}

static bool start(struct program *program, const struct program_task *task,
	const int files[3], struct end *end)
{
	program->pid = fork();
	if (program->pid == 0)
		become(task, files[0], files[2]);
	if (program->pid < 0) {
		blame(end, "fork: %s", strerror(errno));
		return false;
	}
	(void)setpgid(program->pid, program->pid); /* EACCES: it did it */
	program->output = files[1];
	program->ended = pidfd_open(program->pid, 0);
	return true;
}

static void close_one(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

struct program *program_new(
	const struct program_task *task, mono_ms_t now, struct end *ret_end)
{
	struct program *program;
	int files[3] = {-1, -1, -1}; /* input, output's two ends */
	bool good;

	if (!executable(task->argv[0], ret_end))
		return NULL;
	program = calloc(1, sizeof(*program));
	files[0] = input_of(task->input);
	good = program && files[0] >= 0 && pipe2(files + 1, O_CLOEXEC) == 0 &&
	       fcntl(files[1], F_SETFL, O_NONBLOCK) == 0;
	if (!good)
		blame(ret_end, "cannot be started: %s", strerror(errno));
	good = good && start(program, task, files, ret_end);
	close_one(files[0]);
	close_one(files[2]);
	if (!good) {
		close_one(files[1]);
		free(program);
		return NULL;
	}
	program->timeout_ms = task->timeout_ms;
	program->deadline = now + task->timeout_ms;
	return program;
}

/* ---- its life ---- */

static void read_output(struct program *program)
{
	char spill[PROGRAM_OUTPUT_MOST] = {0};

	for (unsigned i = 0; i < READS_MOST && program->output >= 0; i++) {
		bool full = program->n == sizeof(program->text);
		ssize_t n = read(program->output,
			full ? spill : program->text + program->n,
			full ? sizeof(spill)
			     : sizeof(program->text) - program->n);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			(void)close(program->output);
			program->output = -1;
		} else if (!full) {
			program->n += (size_t)n;
		}
	}
}

static void too_late(struct program *program, mono_ms_t now)
{
	if (now < program->deadline)
		return;
	(void)kill(-program->pid, program->told ? SIGKILL : SIGTERM);
	program->told = true;
	program->deadline = now + GRACE_MS;
}

static void judge(const struct program *program, int status, struct end *end)
{
	if (program->told)
		blame(end, "killed after %llu ms",
			(unsigned long long)program->timeout_ms);
	else if (WIFSIGNALED(status))
		blame(end, "ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		blame(end, "exit status %d", WEXITSTATUS(status));
	else
		*end = (struct end){.kind = END_OK, .text = "exit status 0"};
}

bool program_turn(struct program *program, mono_ms_t now, struct end *ret_end)
{
	siginfo_t info = {0};
	int status = 0;

	read_output(program);
	too_late(program, now);
	if (waitid(P_PID, (id_t)program->pid, &info,
		    WEXITED | WNOHANG | WNOWAIT) != 0 ||
		info.si_pid == 0)
		return false;
	/* Whom it leaves behind. */
	(void)kill(-program->pid, SIGKILL);
	read_output(program);
	while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	program->pid = 0;
	judge(program, status, ret_end);
	return true;
}

mono_ms_t program_deadline(const struct program *program)
{
	return program->deadline;
}

size_t program_fds(const struct program *program, int out[PROGRAM_FDS])
{
	size_t n = 0;

	if (program->ended >= 0)
		out[n++] = program->ended;
	if (program->output >= 0)
		out[n++] = program->output;
	return n;
}

const char *program_output(const struct program *program, size_t *ret_n)
{
	*ret_n = program->n;
	return program->text;
}

void program_free(struct program **program)
{
	struct program *p = *program;

	if (!p)
		return;
	if (p->pid > 0) {
		(void)kill(-p->pid, SIGKILL);
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	close_one(p->ended);
	close_one(p->output);
	free(p);
	*program = NULL;
}
