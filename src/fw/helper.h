/*
 * The firewall helper: the process that may change the kernel's rules.
 *
 * The supervisor forks, closes what the helper must not have, confines it
 * (rights.h), and calls fw_helper_run() with one end of a SOCK_SEQPACKET pair
 * whose other end the keeper has (record.h).
 */
#ifndef FW_HELPER_H
#define FW_HELPER_H

#include "fw_conf.h"

/*
 * Serves until the keeper's end is closed; what is blocked then stays blocked
 * until its time is up. fd: borrowed, blocking or not. log_init() was called.
 * Returns an exit status: 0 the keeper is gone; 71 (EX_OSERR) no memory or a
 * broken descriptor; 78 (EX_CONFIG) conf is wrong. A firewall that does not
 * work is no reason to return.
 */
int fw_helper_run(int fd, const struct fw_conf *conf);

#endif
