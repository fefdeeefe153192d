/*
 * Makes a running process carry out one system call, and prints its result:
 * what somebody who has taken it over could try.
 *
 *	inject PID CALL [ARGUMENT...]
 *	inject --without CALL[,CALL...] PROGRAM [ARGUMENT...]
 *	inject --landlock
 *
 * An argument is a number or =TEXT, whose address is passed. Prints a number,
 * negative for an errno, or "killed N". The process goes on as before. With
 * --without the program starts on a kernel that does not know these calls;
 * --landlock prints the kernel's version of it, 0: none.
 *
 * It writes the text below the stack, points the process at the system call
 * instruction that it is waiting in, and lets it take that one step. Needs
 * root; x86-64 and aarch64.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MOST = 6, BELOW_STACK_BYTES = 16384, TEXT_ROOM = 512 };

#if defined(__x86_64__)
typedef struct user_regs_struct registers;

static uint64_t stack_of(const registers *r)
{
	return r->rsp;
}

static int64_t result_of(const registers *r)
{
	return (int64_t)r->rax;
}

static void registers_call(registers *r, int number, const uint64_t *args)
{
	r->rip -= 2; /* syscall */
	r->rax = (unsigned long long)number;
	r->orig_rax = ~0ull; /* nothing is to be restarted */
	r->rdi = args[0];
	r->rsi = args[1];
	r->rdx = args[2];
	r->r10 = args[3];
	r->r8 = args[4];
	r->r9 = args[5];
}

static int instruction_is_call(uint64_t word)
{
	return (word & 0xffff) == 0x050f;
}

static uint64_t instruction_of(const registers *r)
{
	return r->rip - 2;
}
#elif defined(__aarch64__)
typedef struct user_regs_struct registers;

static uint64_t stack_of(const registers *r)
{
	return r->sp;
}

static int64_t result_of(const registers *r)
{
	return (int64_t)r->regs[0];
}

static void registers_call(registers *r, int number, const uint64_t *args)
{
	r->pc -= 4; /* svc #0 */
	r->regs[8] = (uint64_t)number;
	for (int i = 0; i < ARGUMENTS_MOST; i++)
		r->regs[i] = args[i];
}

static int instruction_is_call(uint64_t word)
{
	return (word & 0xffffffff) == 0xd4000001;
}

static uint64_t instruction_of(const registers *r)
{
	return r->pc - 4;
}
#else
#error "inject.c: write the registers of this machine"
#endif

_Noreturn static void fail(const char *what)
{
	(void)fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void registers_get(pid_t pid, registers *r)
{
	struct iovec io = {r, sizeof *r};

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &io) < 0)
		fail("registers");
}

static void registers_set(pid_t pid, registers *r)
{
	struct iovec io = {r, sizeof *r};

	if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &io) < 0)
		fail("registers");
}

/* Stops the process in the system call that it waits in. */
static void stop(pid_t pid, registers *r)
{
	uint64_t word;
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0 ||
		ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 ||
		waitpid(pid, &status, __WALL) != pid)
		fail("attach");
	registers_get(pid, r);
	errno = 0;
	word = (uint64_t)ptrace(PTRACE_PEEKTEXT, pid, instruction_of(r), 0);
	if (errno != 0 || !instruction_is_call(word)) {
		errno = EAGAIN;
		fail("it is not waiting in a system call");
	}
}

/* The value of an argument; a text is put into the process. */
static uint64_t argument_of(int memory, const char *text, uint64_t room_at)
{
	size_t n = strlen(text);

	if (text[0] != '=')
		return (uint64_t)strtoll(text, NULL, 0);
	if (n > TEXT_ROOM ||
		pwrite(memory, text + 1, n, (off_t)room_at) != (ssize_t)n)
		fail("write the argument");
	return room_at;
}

static void call(pid_t pid, int number, char **texts)
{
	uint64_t args[ARGUMENTS_MOST] = {0};
	registers before, now;
	char path[64];
	int memory, status;

	(void)snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	memory = open(path, O_RDWR | O_CLOEXEC);
	if (memory < 0)
		fail(path);
	stop(pid, &before);
	for (size_t i = 0; i < ARGUMENTS_MOST && texts[i]; i++)
		args[i] = argument_of(memory, texts[i],
			stack_of(&before) - BELOW_STACK_BYTES + i * TEXT_ROOM);
	now = before;
	registers_call(&now, number, args);
	registers_set(pid, &now);
	if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) < 0 ||
		waitpid(pid, &status, __WALL) != pid)
		fail("step");
	if (WIFSIGNALED(status)) {
		(void)printf("killed %d\n", WTERMSIG(status));
		return;
	}
	registers_get(pid, &now);
	(void)printf("%lld\n", (long long)result_of(&now));
	registers_set(pid, &before);
	(void)ptrace(PTRACE_DETACH, pid, 0, 0);
	(void)close(memory);
}

static void without(char *names, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	char *rest = NULL;

	for (char *name = strtok_r(names, ",", &rest); name;
		name = strtok_r(NULL, ",", &rest))
		if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
			    seccomp_syscall_resolve_name(name), 0) < 0)
			fail(name);
	if (seccomp_load(filter) < 0)
		fail("filter");
	seccomp_release(filter);
	(void)execv(argv[0], argv);
	fail(argv[0]);
}

static long landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	return version > 0 ? version : 0;
}

int main(int argc, char **argv)
{
	int number;

	if (argc == 2 && strcmp(argv[1], "--landlock") == 0) {
		(void)printf("%ld\n", landlock_version());
		return 0;
	}

	if (argc >= 4 && strcmp(argv[1], "--without") == 0)
		without(argv[2], argv + 3);
	if (argc < 3 || argc > 3 + ARGUMENTS_MOST) {
		(void)fputs("usage: inject PID CALL [ARGUMENT...]\n", stderr);
		return 64;
	}
	number = seccomp_syscall_resolve_name(argv[2]);
	if (number < 0) {
		(void)fprintf(stderr, "inject: no call %s\n", argv[2]);
		return 64;
	}
	call((pid_t)atoi(argv[1]), number, argv + 3);
	return 0;
}
