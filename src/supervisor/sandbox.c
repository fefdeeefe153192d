/*
 * The walls around a process (see sandbox.h).
 *
 * Landlock comes first: its own calls are not among those that the filter
 * leaves. An instrumented build goes without Landlock and limits, since its
 * reports are written to any path at any time.
 */
#include "sandbox.h"

#include <sys/resource.h>
#include <time.h>

#include "calls.h"
#include "instrumented.h"
#include "paths.h"

/* SQLite and jansson make random seeds of it. */
static const char *const keeper_reads[] = {"/dev/urandom"};
/* libnftables looks for names of marks, protocols and services. */
static const char *const firewall_reads[] = {"/etc", "/usr/share"};

bool sandbox_has_seccomp(void)
{
	return calls_possible();
}

bool sandbox_has_landlock(void)
{
	return !INSTRUMENTED && paths_possible();
}

const char *sandbox_lacks_seccomp(void)
{
	return calls_possible()
		       ? NULL
		       : "this kernel cannot filter system calls (seccomp): "
			 "only the user's rights hold the processes; use a "
			 "kernel with CONFIG_SECCOMP_FILTER";
}

const char *sandbox_lacks_landlock(void)
{
	return paths_possible()
		       ? NULL
		       : "this kernel has no Landlock: the filter of system "
			 "calls and the user's rights hold the processes; "
			 "Linux 5.13 or later with lsm=landlock has it";
}

static bool sandbox_enter(
	enum calls_role role, const struct paths *paths, int line)
{
	tzset(); /* reads /etc/localtime, which is out of reach from now on */
	if (paths && sandbox_has_landlock() && !paths_restrict(paths))
		return false;
	return !calls_possible() || calls_restrict(role, line);
}

/* What the filter says once more, for where there is none. */
static bool sandbox_limits(void)
{
	const struct rlimit none = {0, 0};

	return INSTRUMENTED || (setrlimit(RLIMIT_NPROC, &none) == 0 &&
				       setrlimit(RLIMIT_FSIZE, &none) == 0);
}

bool sandbox_worker(bool binds)
{
	const struct paths nowhere = {.binds = binds};

	return sandbox_limits() &&
	       sandbox_enter(binds ? CALLS_WORKER_BINDING : CALLS_WORKER,
		       &nowhere, -1);
}

bool sandbox_dash(void)
{
	const struct paths nowhere = {0};

	return sandbox_limits() && sandbox_enter(CALLS_DASH, &nowhere, -1);
}

bool sandbox_keeper(const char *state_dir, int line)
{
	const struct paths paths = {
		.read = keeper_reads,
		.read_count = 1,
		.write = state_dir,
	};

	return sandbox_enter(CALLS_KEEPER, &paths, line);
}

bool sandbox_firewall(enum conf_firewall_kind backend)
{
	const struct paths paths = {
		.read = firewall_reads,
		.read_count = 2,
	};

	/* The operator's program inherits all walls: few are left. */
	if (backend == CONF_FIREWALL_EXEC)
		return sandbox_enter(CALLS_FIREWALL_EXEC, NULL, -1);
	return sandbox_enter(CALLS_FIREWALL, &paths, -1);
}

bool sandbox_fetch(const char *const *reads, size_t count, const char *copies)
{
	const struct paths paths = {
		.read = reads, .read_count = count, .write = copies};

	return sandbox_enter(CALLS_FETCH, &paths, -1);
}

/* What libc's resolver may need: all that the user may read, nothing else. */
static bool sandbox_reader(void)
{
	static const char *const everything[] = {"/"};
	const struct paths paths = {.read = everything, .read_count = 1};

	return sandbox_enter(CALLS_NAMES, &paths, -1);
}

bool sandbox_names(void)
{
	return sandbox_reader();
}

bool sandbox_hook(bool programs)
{
	/* The operator's program inherits all walls: few are left. */
	if (programs)
		return sandbox_enter(CALLS_FIREWALL_EXEC, NULL, -1);
	return sandbox_reader();
}
