/*
 * What the helper may: CAP_NET_ADMIN and nothing else.
 *
 * Called by the supervisor in the child, before fw_helper_run().
 */
#ifndef FW_RIGHTS_H
#define FW_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Becomes uid and gid without other groups, keeps CAP_NET_ADMIN (effective,
 * permitted, bounding set), gains nothing by execve, dumps no core and cannot
 * be traced. uid may be the present one. false: errno; the process is then
 * half confined and must end. Without CAP_NET_ADMIN at the start it succeeds
 * all the same: the kernel's refusal is reported when it comes.
 */
bool fw_helper_confine(uid_t uid, gid_t gid)
	__attribute__((warn_unused_result));

/*
 * In the child of backend exec, just before execve(2): hands CAP_NET_ADMIN on
 * to the program (ambient), so that a script may call nft or iptables.
 * Where there is no such right the program runs without.
 */
void fw_rights_pass_on(void);

#endif
