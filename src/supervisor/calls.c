/*
 * Which system calls a process may make (see calls.h).
 *
 * An allow list, since a deny list forgets: whatever the kernel learns next is
 * refused. The lists are calls.def; here is what depends on arguments. What
 * can go wrong: a new libc makes a call that is on no list. It gets ENOSYS,
 * which every libc is prepared for; only what cannot be a libc's own doing
 * kills.
 */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "instrumented.h"

enum group {
	EACH,
	CLOSE,
	SEND,
	ACCEPT,
	CONNECT,
	BIND,
	MOVE,
	LOOK,
	STORE,
	NAME,
	CHANGE,
	PROGRAM,
	HOSTILE,
	REPORT,
};

static const struct call {
	enum group group;
	const char *name;
} calls[] = {
#define CALL(group, name) {group, #name},
#include "calls.def"
#undef CALL
};

enum { TYPE_MASK = 0xf, OPEN_MASK = O_ACCMODE | O_CREAT | O_TRUNC };

/* A filter in the making; the first trouble is kept. */
struct filter {
	scmp_filter_ctx context;
	uint32_t otherwise; /* what happens to calls without a rule */
	int line;	    /* see calls_restrict() */
	int error;	    /* negative errno */
};

static const struct call *call_in(enum group group, int number)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (calls[i].group == group &&
			seccomp_syscall_resolve_name(calls[i].name) == number)
			return &calls[i];
	return NULL;
}

/* An instrumented build's own calls are allowed whatever else is said. */
static void filter_add(struct filter *f, uint32_t action, const char *name,
	unsigned count, const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(name), result;

	if (number == __NR_SCMP_ERROR || f->error < 0)
		return;
	if (INSTRUMENTED && call_in(REPORT, number)) {
		action = SCMP_ACT_ALLOW;
		count = 0;
	}
	if (action == f->otherwise)
		return; /* libseccomp takes no rule that changes nothing */
	result =
		seccomp_rule_add_array(f->context, action, number, count, args);
	/* EDOM: this machine has no such call; EEXIST: it is said already. */
	if (result < 0 && result != -EDOM && result != -EEXIST)
		f->error = result;
}

static void filter_group(struct filter *f, uint32_t action, enum group group)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (calls[i].group == group)
			filter_add(f, action, calls[i].name, 0, NULL);
}

/* One argument, of which only the bits of mask count. */
static void filter_masked(struct filter *f, uint32_t action, const char *name,
	unsigned arg, uint64_t mask, uint64_t value)
{
	const struct scmp_arg_cmp cmp =
		SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, value);

	filter_add(f, action, name, 1, &cmp);
}

static void filter_equal(struct filter *f, uint32_t action, const char *name,
	unsigned arg, uint64_t value)
{
	filter_masked(f, action, name, arg, 0xffffffff, value);
}

/*
 * Opening to write is an attack. Every combination has its rule, so that no two
 * of them overlap.
 */
static void filter_write(struct filter *f, const char *name, unsigned arg)
{
	static const uint32_t writes[] = {
		0, O_CREAT, O_TRUNC, O_CREAT | O_TRUNC};

	for (uint32_t mode = 0; mode <= O_ACCMODE; mode++)
		for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
			if ((mode | writes[i]) != O_RDONLY)
				filter_masked(f, SCMP_ACT_KILL_PROCESS, name,
					arg, OPEN_MASK, mode | writes[i]);
}

/* What is read is a matter of the role. */
static void filter_open(
	struct filter *f, uint32_t reads, const char *name, unsigned arg)
{
	filter_masked(f, reads, name, arg, OPEN_MASK, O_RDONLY);
	filter_write(f, name, arg);
}

/* A socket of this family and type. */
static void filter_socket_type(struct filter *f, uint32_t action,
	uint32_t family, enum __socket_type type)
{
	const struct scmp_arg_cmp cmp[] = {
		SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, 0xffffffff, family),
		SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, TYPE_MASK, type),
	};

	filter_add(f, action, "socket", 2, cmp);
}

/*
 * AF_UNIX only fails: syslog(3) and name services of a libc try it. A resolver
 * in the worker would need SOCK_DGRAM here.
 */
static void filter_socket(struct filter *f, enum calls_role role)
{
	static const uint32_t attacks[] = {AF_NETLINK, AF_PACKET, AF_KEY,
		AF_ALG, AF_VSOCK, AF_XDP, AF_CAN, AF_BLUETOOTH, AF_TIPC,
		AF_RDS};
	static const uint32_t inet[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
		filter_equal(f,
			role == CALLS_FIREWALL && attacks[i] == AF_NETLINK
				? SCMP_ACT_ALLOW
				: SCMP_ACT_KILL_PROCESS,
			"socket", 0, attacks[i]);
	filter_equal(f, SCMP_ACT_ERRNO(EACCES), "socket", 0, AF_UNIX);
	for (size_t i = 0; i < 2; i++) {
		filter_socket_type(f, SCMP_ACT_KILL_PROCESS, inet[i], SOCK_RAW);
		filter_socket_type(
			f, SCMP_ACT_ERRNO(EACCES), inet[i], SOCK_DGRAM);
		filter_socket_type(f,
			role == CALLS_WORKER || role == CALLS_WORKER_BINDING
				? SCMP_ACT_ALLOW
				: SCMP_ACT_ERRNO(EACCES),
			inet[i], SOCK_STREAM);
	}
}

/*
 * On its line to the supervisor a keeper may pass descriptors on, as it must in
 * an upgrade. The line's number stays the line's: it cannot be closed (any
 * number that differs from it in a bit can be), and there is no dup2(2).
 */
static void filter_line(struct filter *f)
{
	const uint64_t line = (uint64_t)f->line;

	filter_equal(f, SCMP_ACT_ALLOW, "sendmsg", 0, line);
	for (unsigned bit = 0; bit < 32; bit++)
		filter_masked(f, SCMP_ACT_ALLOW, "close", 0, 1ull << bit,
			~line & 1ull << bit);
}

/* Memory is data or code, never made into code; what it is called is ours. */
static void filter_common(struct filter *f)
{
	const struct scmp_arg_cmp limits[] = {
		SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, 0xffffffff, 0),
		SCMP_CMP64(2, SCMP_CMP_EQ, 0, 0),
	};
	const uint64_t self = (uint64_t)getpid();
	const struct scmp_arg_cmp mine = SCMP_CMP64(0, SCMP_CMP_EQ, self, 0);
	const struct scmp_arg_cmp others = SCMP_CMP64(0, SCMP_CMP_NE, self, 0);

	filter_group(f, SCMP_ACT_ALLOW, EACH);
	if (f->line >= 0)
		filter_line(f);
	else
		filter_group(f, SCMP_ACT_ALLOW, CLOSE);
	filter_masked(f, SCMP_ACT_ALLOW, "mmap", 2, PROT_EXEC, 0);
	filter_masked(f, SCMP_ACT_ALLOW, "mmap2", 2, PROT_EXEC, 0);
	filter_masked(f, SCMP_ACT_ALLOW, "mprotect", 2, PROT_EXEC, 0);
	filter_equal(f, SCMP_ACT_ALLOW, "ioctl", 1, FIONREAD);
	filter_equal(f, SCMP_ACT_ALLOW, "ioctl", 1, FIONBIO);
	filter_add(f, SCMP_ACT_ALLOW, "prlimit64", 2, limits);
	filter_add(f, SCMP_ACT_ALLOW, "tgkill", 1, &mine); /* abort(3) */
	filter_add(f, SCMP_ACT_KILL_PROCESS, "tgkill", 1, &others);
	filter_group(f, SCMP_ACT_KILL_PROCESS, PROGRAM);
	filter_group(f, SCMP_ACT_KILL_PROCESS, HOSTILE);
	filter_group(f, SCMP_ACT_KILL_PROCESS, CHANGE);
	if (INSTRUMENTED)
		filter_group(f, SCMP_ACT_ALLOW, REPORT);
}

/* send(3) is sendto(2) without an address. sendmsg(2) has one in memory, where
 * no filter can look. */
static void filter_send(struct filter *f)
{
	const struct scmp_arg_cmp nowhere = SCMP_CMP64(4, SCMP_CMP_EQ, 0, 0);

	filter_add(f, SCMP_ACT_ALLOW, "sendto", 1, &nowhere);
}

/* No path at all: it has every descriptor that it needs. */
static void filter_pathless(struct filter *f)
{
	filter_group(f, SCMP_ACT_ALLOW, SEND);
	filter_group(f, SCMP_ACT_ALLOW, ACCEPT);
	filter_masked(f, SCMP_ACT_ALLOW, "newfstatat", 3, AT_EMPTY_PATH,
		AT_EMPTY_PATH); /* fstat(3) */
	filter_group(f, SCMP_ACT_KILL_PROCESS, NAME);
	filter_open(f, SCMP_ACT_ERRNO(EACCES), "open", 1);
	filter_open(f, SCMP_ACT_ERRNO(EACCES), "openat", 2);
	filter_add(f, SCMP_ACT_KILL_PROCESS, "clone", 0, NULL);
}

static void filter_worker(struct filter *f)
{
	filter_group(f, SCMP_ACT_ALLOW, CONNECT);
	filter_group(f, SCMP_ACT_ALLOW, MOVE);
	filter_pathless(f);
}

/* Where it may open is for Landlock and the files' modes to say. */
static void filter_keeper(struct filter *f)
{
	filter_send(f);
	filter_group(f, SCMP_ACT_ALLOW, ACCEPT);
	filter_group(f, SCMP_ACT_ALLOW, LOOK);
	filter_group(f, SCMP_ACT_ALLOW, STORE);
	filter_group(f, SCMP_ACT_ALLOW, NAME);
	filter_masked(f, SCMP_ACT_ALLOW, "clone", 0, CLONE_THREAD,
		CLONE_THREAD); /* the store's; clone3 is ENOSYS for that */
	filter_masked(f, SCMP_ACT_KILL_PROCESS, "clone", 0, CLONE_THREAD, 0);
}

static void filter_firewall(struct filter *f)
{
	filter_group(f, SCMP_ACT_ALLOW, SEND);
	filter_group(f, SCMP_ACT_ALLOW, LOOK);
	filter_group(f, SCMP_ACT_ALLOW, CONNECT);
	filter_group(f, SCMP_ACT_ALLOW, BIND);
	filter_group(f, SCMP_ACT_KILL_PROCESS, NAME);
	filter_open(f, SCMP_ACT_ALLOW, "open", 1);
	filter_open(f, SCMP_ACT_ALLOW, "openat", 2);
	filter_add(f, SCMP_ACT_KILL_PROCESS, "clone", 0, NULL);
}

/* Nobody knows what a name service module calls; what attackers call, we do. */
static void filter_names(struct filter *f)
{
	filter_group(f, SCMP_ACT_KILL_PROCESS, PROGRAM);
	filter_group(f, SCMP_ACT_KILL_PROCESS, HOSTILE);
	filter_group(f, SCMP_ACT_KILL_PROCESS, NAME);
	filter_group(f, SCMP_ACT_KILL_PROCESS, CHANGE);
	filter_equal(f, SCMP_ACT_KILL_PROCESS, "socket", 0, AF_PACKET);
	filter_write(f, "open", 1);
	filter_write(f, "openat", 2);
}

/*
 * Nor what libcurl, its resolver's threads and TLS call. It has files of its
 * own to write, and threads, but no process; a local socket of others (the
 * control socket above all) is none of its business.
 */
static void filter_fetch(struct filter *f)
{
	filter_group(f, SCMP_ACT_KILL_PROCESS, PROGRAM);
	filter_group(f, SCMP_ACT_KILL_PROCESS, HOSTILE);
	filter_group(f, SCMP_ACT_KILL_PROCESS, CHANGE);
	filter_equal(f, SCMP_ACT_KILL_PROCESS, "socket", 0, AF_PACKET);
	filter_equal(f, SCMP_ACT_ERRNO(EACCES), "socket", 0, AF_UNIX);
	filter_add(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);
	filter_masked(f, SCMP_ACT_KILL_PROCESS, "clone", 0, CLONE_THREAD, 0);
}

static void filter_fill(struct filter *f, enum calls_role role)
{
	if (role == CALLS_FIREWALL_EXEC) {
		/* Nobody knows what the operator's program calls. */
		filter_group(f, SCMP_ACT_ERRNO(EPERM), HOSTILE);
		return;
	}
	if (role == CALLS_NAMES) {
		filter_names(f);
		return;
	}
	if (role == CALLS_FETCH) {
		filter_fetch(f);
		return;
	}
	filter_common(f);
	filter_socket(f, role);
	switch (role) {
	case CALLS_WORKER_BINDING:
		filter_group(f, SCMP_ACT_ALLOW, BIND);
		filter_worker(f);
		break;
	case CALLS_WORKER: filter_worker(f); break;
	case CALLS_DASH: filter_pathless(f); break;
	case CALLS_KEEPER: filter_keeper(f); break;
	case CALLS_FIREWALL:
	case CALLS_NAMES:
	case CALLS_FETCH:
	case CALLS_FIREWALL_EXEC: filter_firewall(f); break;
	}
}

bool calls_possible(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 &&
	       seccomp_api_get() >= 3; /* kills processes, Linux 4.14 */
}

bool calls_restrict(enum calls_role role, int line)
{
	bool open = role == CALLS_FIREWALL_EXEC || role == CALLS_NAMES ||
		    role == CALLS_FETCH;
	struct filter f = {
		.otherwise = open ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS),
		.line = line};

	f.context = seccomp_init(f.otherwise);
	if (!f.context) {
		errno = ENOMEM;
		return false;
	}
	/* Where these are not known the filter holds all the same. */
	(void)seccomp_attr_set(
		f.context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	(void)seccomp_attr_set(f.context, SCMP_FLTATR_CTL_LOG, 1);
	(void)seccomp_attr_set(f.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	filter_fill(&f, role);
	if (f.error == 0)
		f.error = seccomp_load(f.context);
	seccomp_release(f.context);
	errno = -f.error;
	return f.error == 0;
}
