/*
 * postern's own addresses, and those it cannot live without: never banned,
 * never blocked. A ban of the gateway or of Domino would cut the host off.
 */
#ifndef SUPERVISOR_OWN_H
#define SUPERVISOR_OWN_H

#include <stddef.h>

#include "../base/addr.h"
#include "../ipc/message.h"

enum { OWN_MOST = MESSAGE_OWN_MOST };

/*
 * Loopback, the interfaces' addresses, the default gateways (IPv4 and IPv6)
 * and the resolvers, as they are now. Returns how many of `out` are set. What
 * cannot be read is left out.
 */
size_t own_collect(struct prefix out[OWN_MOST]);

#endif
