/*
 * The tarpit: clients that get an answer octet by octet.
 *
 * A tarpitted client is downgraded to a few dozen octets of memory: no server,
 * no dialogue, no event. Nothing is ever read from it (its own kernel buffer
 * fills); one clock writes an octet to each that is due, and whoever is gone is
 * found by that write. Bounded: beyond the budget clients are closed at once.
 */
#ifndef WORKER_TARPIT_H
#define WORKER_TARPIT_H

#include <stdbool.h>
#include <stddef.h>

#include "../../tls/connection.h"
#include "../base/addr.h"
#include "../base/units.h"

struct tarpit;

/* Who is held, for those who ask. */
struct tarpit_guest {
	struct addr addr;
	uint16_t port;
	uint16_t listener; /* index in the configuration */
	mono_ms_t since;
};

struct tarpit *tarpit_new(size_t most, uint64_t pace_ms, uint64_t longest_ms);
void tarpit_free(struct tarpit **tarpit); /* closes all */
/*
 * Takes fd (and tls, may be NULL) over; `silent`: holds without a word (the
 * client is in a handshake that will never come). guest: its `since` is set
 * here. false: no room; not taken.
 */
bool tarpit_take(struct tarpit *tarpit, mono_ms_t now, int fd,
	struct tls_connection *tls, bool silent,
	const struct tarpit_guest *guest);
/* Writes what is due. */
void tarpit_tick(struct tarpit *tarpit, mono_ms_t now);
mono_ms_t tarpit_deadline(const struct tarpit *tarpit);
size_t tarpit_count(const struct tarpit *tarpit);
/* i below tarpit_count(), in no order; valid until the next call of another. */
const struct tarpit_guest *tarpit_guest(const struct tarpit *tarpit, size_t i);

#endif
