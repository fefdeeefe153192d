/*
 * Listening sockets: opened and kept by the supervisor, so that a dead
 * worker's backlog survives until its replacement inherits the descriptor.
 *
 * One socket for each address and worker (SO_REUSEPORT). A reload keeps the
 * sockets of the addresses that stay: no connection is refused. With fewer
 * workers than before each of them has several.
 */
#ifndef SUPERVISOR_LISTENERS_H
#define SUPERVISOR_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

#include "../conf/conf.h"

enum { LISTENERS_ERROR_LONGEST = 256 };

struct listeners;

/*
 * Opens what `conf` asks for, for `workers` workers; sockets of `old` (may be
 * NULL) are shared where the address is the same. NULL: `error` says which
 * address and why, errno what the system refused, 0: nothing, it is no address.
 * Caller frees; old stays whole.
 */
struct listeners *listeners_new(const struct conf *conf, size_t workers,
	struct listeners *old, char error[LISTENERS_ERROR_LONGEST]);
void listeners_free(struct listeners **listeners); /* closes what nobody else
							shares */
/* Closes the sockets that a newer set, freed by now, has added to the shared
 * addresses: nobody would answer who connects there. */
void listeners_trim(struct listeners *listeners);
/*
 * For a program that takes over: one call for each socket of the set, and a set
 * made of such sockets (takes them over; to be `old` of listeners_new(), which
 * looks by address). *set NULL: a new one. false: no memory.
 */
typedef void listeners_each_cb(
	void *arg, const struct addr *addr, uint16_t port, int fd);
void listeners_each(
	const struct listeners *listeners, listeners_each_cb *cb, void *arg);
bool listeners_adopt(
	struct listeners **set, const struct addr *addr, uint16_t port, int fd);
/* The sockets of listener i for worker w; borrowed. */
const int *listeners_fds(const struct listeners *listeners, size_t i, size_t w,
	size_t *ret_count);

#endif
