/*
 * Which paths a process may use (see paths.h).
 *
 * The kernel's numbers are written out: the headers of Debian 12 end at the
 * second version of Landlock. A ruleset names what is taken away ("handled");
 * rules give back. An attribute that an old kernel does not know must be zero,
 * so each is cut to what the kernel's version has.
 */
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct landlock_ruleset_attr of version 6. */
struct ruleset {
	uint64_t files, net, scope;
};

static const uint64_t file_truncate = UINT64_C(1) << 14; /* version 3 */
static const uint64_t file_ioctl = UINT64_C(1) << 15;	 /* version 5 */
static const uint64_t net_bind_tcp = UINT64_C(1) << 0;	 /* version 4 */
static const uint64_t scope_all = UINT64_C(3);		 /* version 6 */

/* LANDLOCK_RULE_NET_PORT and struct landlock_net_port_attr of version 4. */
enum { RULE_NET_PORT = 2 };
struct net_port {
	uint64_t allowed, port;
};

/* What means something for a file; the rest is for folders. */
static const uint64_t of_files =
	LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
	LANDLOCK_ACCESS_FS_EXECUTE | (UINT64_C(1) << 14) | (UINT64_C(1) << 15);
static const uint64_t reading =
	LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

static int landlock_version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
		LANDLOCK_CREATE_RULESET_VERSION);
}

bool paths_possible(void)
{
	return landlock_version() > 0;
}

static struct ruleset ruleset_of(int version)
{
	/* All rights of the first version, which are the lowest 13 bits. */
	struct ruleset all = {.files = (UINT64_C(1) << 13) - 1};

	if (version >= 2)
		all.files |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		all.files |= file_truncate;
	if (version >= 4)
		all.net = net_bind_tcp;
	if (version >= 5)
		all.files |= file_ioctl;
	if (version >= 6)
		all.scope = scope_all;
	return all;
}

/* What is not there cannot be used anyway. */
static bool path_allow(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights};
	struct stat st;
	long result;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= of_files;
	result = syscall(SYS_landlock_add_rule, ruleset,
		LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	(void)close(rule.parent_fd);
	return result == 0;
}

/* Port 0 stands for the system's choice, and for no other. */
static bool bind_allow(int ruleset, const struct ruleset *all)
{
	const struct net_port rule = {.allowed = net_bind_tcp, .port = 0};

	return all->net == 0 || syscall(SYS_landlock_add_rule, ruleset,
					RULE_NET_PORT, &rule, 0) == 0;
}

bool paths_restrict(const struct paths *paths)
{
	struct ruleset all = ruleset_of(landlock_version());
	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
	bool done = fd >= 0;

	for (size_t i = 0; i < paths->read_count; i++)
		done = done &&
		       path_allow(fd, paths->read[i], reading & all.files);
	if (paths->write)
		done = done &&
		       path_allow(fd, paths->write,
			       all.files &
				       ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE);
	if (paths->binds)
		done = done && bind_allow(fd, &all);
	done = done && syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	if (fd >= 0)
		(void)close(fd);
	return done;
}
