/*
 * What the helper may (see rights.h).
 *
 * The order matters: the bounding set needs CAP_SETPCAP, the ids need
 * CAP_SETUID and CAP_SETGID, a change of ids clears PR_SET_DUMPABLE only for
 * some ids and the effective set for all but root. libcap-ng's change_id does
 * the middle in the right order.
 */
#include "rights.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cap-ng.h>

static bool rights_dump_nothing(void)
{
	const struct rlimit none = {0, 0};

	return setrlimit(RLIMIT_CORE, &none) == 0 &&
	       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static void rights_choose(bool have)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (have)
		/* cannot fail: a known capability */
		(void)capng_updatev(CAPNG_ADD,
			CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
			CAP_NET_ADMIN, -1);
}

/* Not root: the ids must be ours already, and the sets can only shrink. */
static bool rights_shrink(uid_t uid, gid_t gid)
{
	if (uid != geteuid() || gid != getegid()) {
		errno = EPERM;
		return false;
	}
	return capng_apply(CAPNG_SELECT_CAPS) == 0;
}

/*
 * A unit file may keep CAP_SETPCAP from us: then the bounding set stays, which
 * no_new_privs makes a second lock only.
 */
static bool rights_change_id(uid_t uid, gid_t gid, bool may_bound)
{
	/* first: it needs the CAP_SETPCAP that change_id drops */
	if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) != 0)
		return false;
	return capng_change_id((int)uid, (int)gid,
		       CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_AMBIENT) == 0;
}

static bool rights_have(capng_type_t set, unsigned capability)
{
	return capng_have_capability(set, capability) != 0;
}

bool fw_helper_confine(uid_t uid, gid_t gid)
{
	bool have;
	bool may_bound;
	bool may_change;

	if (capng_get_caps_process() != 0)
		return false;
	have = rights_have(CAPNG_PERMITTED, CAP_NET_ADMIN);
	may_bound = rights_have(CAPNG_EFFECTIVE, CAP_SETPCAP);
	may_change = rights_have(CAPNG_EFFECTIVE, CAP_SETUID) &&
		     rights_have(CAPNG_EFFECTIVE, CAP_SETGID);
	rights_choose(have);
	if (may_change ? !rights_change_id(uid, gid, may_bound)
		       : !rights_shrink(uid, gid))
		return false;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* the ids have cleared it */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	return rights_dump_nothing();
}

void fw_rights_pass_on(void)
{
	if (capng_get_caps_process() != 0 ||
		!capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN))
		return;
	(void)capng_update(CAPNG_ADD, CAPNG_INHERITABLE, CAP_NET_ADMIN);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return;
	(void)prctl(/* an old kernel has none: the program says so itself */
		PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
}
