/*
 * Octets that are put one behind the other, and taken again: how what one
 * process has in memory goes to the next.
 *
 * Put: without room nothing is written and all is counted, so the first of two
 * passes says how much the second needs. Take: what is not there, or not as it
 * should be, fails the whole; whatever is taken behind that is zero. Values lie
 * as they do in memory: for processes of one machine.
 */
#ifndef BASE_OCTETS_H
#define BASE_OCTETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct octets {
	uint8_t *to;	     /* putting; NULL: counts only */
	const uint8_t *from; /* taking */
	size_t room;	     /* of either */
	size_t n;	     /* put, or taken */
	bool failed;
};

/* to NULL: to count. */
struct octets octets_to(void *to, size_t room);
struct octets octets_of(const void *from, size_t n);

/* No more room, where there is some at all: failed. */
void octets_put(struct octets *octets, const void *p, size_t n);
void octets_put_number(struct octets *octets, uint64_t number);

/* false: failed, and *ret_p is zero. */
bool octets_take(struct octets *octets, void *ret_p, size_t n);
/* Beyond `most`: failed, and 0. */
uint64_t octets_take_number(struct octets *octets, uint64_t most);
/* Borrowed; NULL: failed. No alignment. */
const uint8_t *octets_borrow(struct octets *octets, size_t n);
void octets_fail(struct octets *octets);

/* Of what was taken: is it a bool, is it a prefix with no bits behind its
 * length? */
bool octets_bool_sound(const bool *value);
bool octets_prefix_sound(const struct prefix *prefix);

#endif
