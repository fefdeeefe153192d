/*
 * The keeper: the one process that writes counters and bans.
 *
 * Runs the policy core, keeps the store, answers the control socket, tells the
 * workers and the firewall helper. The supervisor forks it, drops its rights
 * and calls keeper_run(), which returns when the keeper is to end.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include <stddef.h>

#include "../base/addr.h"
#include "../conf/conf.h"

struct keeper_setup {
	const struct conf *conf; /* borrowed until keeper_run() returns */
	/*
	 * A channel (ipc/channel.h), taken over; -1: none. In: MESSAGE_CHANNEL
	 * for each worker (and slot KEEPER_SLOT_FIREWALL: a new firewall
	 * helper; KEEPER_SLOT_DASH: a new line of dash; KEEPER_SLOT_HOOK: of
	 * the hooks' process), MESSAGE_OWN,
	 * MESSAGE_CONF + memfd of the new text, MESSAGE_RELOAD_DONE. Out:
	 * MESSAGE_READY once the bans are loaded and the control socket
	 * answers, and after each MESSAGE_CONF that was taken over;
	 * MESSAGE_RELOAD_ASK. End of file ends the keeper.
	 */
	int supervisor_fd;
	int firewall_fd; /* SEQPACKET to the helper, taken over; -1: none */
	/*
	 * The control socket, listening, taken over; -1: the keeper opens it
	 * itself at conf->global.control (tests; the folder must be
	 * writable) and removes it at its end.
	 */
	int control_fd;
	/*
	 * What log_init() was given, so that a reload can change level and
	 * format; -1: they stay.
	 */
	int log_fd;
	/* What the keeper before had in memory (memory.h); -1: nothing. */
	int memory_fd;
	bool seccomp, landlock; /* what its sandbox is of; for the status */
	/*
	 * Never banned besides the configuration's allow list: own addresses
	 * and so on, until a MESSAGE_OWN tells them anew. The keeper adds
	 * loopback, and the literal addresses of listeners and servers from
	 * each configuration, itself.
	 */
	const struct prefix *own;
	size_t own_count;
};

#define KEEPER_SLOT_FIREWALL 0xffffffffu
#define KEEPER_SLOT_DASH     0xfffffffeu /* a stream: control_adopt() */
#define KEEPER_SLOT_HOOK     0xfffffffdu /* a channel: hooks_attach() */
#define KEEPER_SLOT_FETCH    0xfffffffcu /* who fetches lists of others */

/*
 * Runs until SIGTERM or the end of the supervisor channel. Returns the exit
 * code: 0, or 71 (no memory, no event loop, no control socket).
 */
int keeper_run(const struct keeper_setup *setup);

#endif
