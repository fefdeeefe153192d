/*
 * Rights are taken away in code, not only in a service file: postern is as
 * safe when started by hand.
 */
#include "rights.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

bool rights_find(const char *name, struct rights_user *ret_user)
{
	struct passwd *pw;

	ret_user->uid = geteuid();
	ret_user->gid = getegid();
	if (ret_user->uid != 0)
		return true; /* nothing can be changed, nothing need be */
	pw = getpwnam(name);
	if (!pw)
		return false;
	ret_user->uid = pw->pw_uid;
	ret_user->gid = pw->pw_gid;
	return true;
}

/* A core would hold passwords and keys. The leak checker of a test build
 * cannot look into a process that is not dumpable. */
void rights_no_core(void)
{
	struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none); /* lowering cannot fail */
#if !defined(__SANITIZE_ADDRESS__)
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/*
 * One whom systemd gave capabilities may lack CAP_SETPCAP: then the bounding
 * set stays, which no_new_privs makes worthless. Asked for before, since
 * libcap-ng complains to syslog.
 */
static void rights_bound(enum rights_kept kept)
{
	if (capng_get_caps_process() != 0 ||
		!capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		return;
	capng_clear(CAPNG_SELECT_BOTH);
	if (kept == RIGHTS_NET_RAW)
		(void)capng_update(CAPNG_ADD, CAPNG_BOUNDING_SET, CAP_NET_RAW);
	(void)capng_apply(CAPNG_SELECT_BOUNDS);
}

bool rights_net_raw(void)
{
	return capng_get_caps_process() == 0 &&
	       capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW);
}

/* Of all sets of capabilities, the two that count have the kept one. */
static bool rights_sets(enum rights_kept kept)
{
	capng_clear(CAPNG_SELECT_CAPS);
	if (kept == RIGHTS_NET_RAW)
		(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
			CAP_NET_RAW);
	if (capng_apply(CAPNG_SELECT_CAPS) == 0)
		return true;
	errno = EPERM;
	return false;
}

bool rights_drop(const struct rights_user *user, enum rights_kept kept)
{
	rights_bound(kept);
	/* The change of user would take all of them. */
	if (kept != RIGHTS_NONE && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return false;
	if (geteuid() == 0 &&
		(setgroups(0, NULL) < 0 ||
			setresgid(user->gid, user->gid, user->gid) < 0 ||
			setresuid(user->uid, user->uid, user->uid) < 0))
		return false;
	/* Also where the user is root itself, or has some from systemd. */
	if (!rights_sets(kept) || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return false;
	rights_no_core();
	/* Cleared by the change of user. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static int by_number(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void rights_close_others(int *keep, size_t count)
{
	unsigned from = 3;

	qsort(keep, count, sizeof *keep, by_number);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from)
			(void)close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	(void)close_range(from, ~0u, 0);
}

size_t rights_descriptors(size_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	if (limit.rlim_cur >= wanted)
		return limit.rlim_cur;
	if (limit.rlim_max < wanted) {
		struct rlimit more = {wanted, wanted};
		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return wanted;
	}
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}
