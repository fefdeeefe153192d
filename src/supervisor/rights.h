/*
 * What a process may and may not: the user, descriptors, core dumps.
 */
#ifndef SUPERVISOR_RIGHTS_H
#define SUPERVISOR_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct rights_user {
	uid_t uid;
	gid_t gid;
};

/* The user of the configuration; when postern is not root: the present one.
 * false: there is no such user. */
bool rights_find(const char *name, struct rights_user *ret_user);
/* A capability that a process keeps. */
enum rights_kept { RIGHTS_NONE, RIGHTS_NET_RAW };

/* Has this process CAP_NET_RAW to pass on? */
bool rights_net_raw(void);
/*
 * Becomes the user for good: no groups, no capability but the kept one, no new
 * privileges, no core. false: errno.
 */
bool rights_drop(const struct rights_user *user, enum rights_kept kept)
	__attribute__((warn_unused_result));
/* For who holds keys: no core file, and nobody without CAP_SYS_PTRACE reads its
 * memory. */
void rights_no_core(void);
/* Closes every descriptor from 3 on but those of `keep` (-1: ignored; the
 * array is sorted in place). */
void rights_close_others(int *keep, size_t count);
/* Descriptors that sessions need; as many as the system gives. Returns how
 * many there are. */
size_t rights_descriptors(size_t wanted);

#endif
