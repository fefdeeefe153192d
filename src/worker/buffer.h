/*
 * Octets that wait: what could not be decided, or what a socket did not take.
 *
 *	data                 start            end          room
 *	 |  done with          |  waiting       |  free      |
 *
 * One allocation, given back when empty: an idle session has no buffer. May
 * have held a password, so it is wiped before it goes back.
 */
#ifndef WORKER_BUFFER_H
#define WORKER_BUFFER_H

#include "../../proto/slice.h"

struct buffer {
	size_t start, end, room;
	uint8_t data[];
};

/* *buffer may be NULL: empty. false: no memory, nothing changed. */
bool buffer_append(struct buffer **buffer, struct slice in)
	__attribute__((warn_unused_result));
/* What waits; borrowed until the next call on this buffer. */
struct slice buffer_peek(const struct buffer *buffer);
/* Drops the first n octets; frees at the last one. */
void buffer_drop(struct buffer **buffer, size_t n);
void buffer_free(struct buffer **buffer);
/* Buffers of this process that hold octets now. */
size_t buffer_count(void);
/* The room of them all. */
size_t buffer_bytes(void);

#endif
