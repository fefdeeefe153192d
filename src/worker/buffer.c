/*
 * Octets that wait. Sizes grow by doubling from a small one; how much may wait
 * at all is bounded by the callers, who stop reading when something waits.
 */
#include "buffer.h"

#include <stdlib.h>

#include "../base/secret.h"

enum { BUFFER_LEAST_BYTES = 240 };

/* Of the process: for the status, where an idle one must show none. */
static size_t buffers_open, bytes_open;

static struct buffer *buffer_grow(struct buffer *old, size_t waiting, size_t n)
{
	size_t room = BUFFER_LEAST_BYTES;
	struct buffer *b;

	while (room < waiting + n)
		room *= 2;
	b = malloc(sizeof *b + room);
	if (!b)
		return NULL;
	buffers_open++;
	bytes_open += room;
	b->start = 0;
	b->end = waiting;
	b->room = room;
	if (waiting > 0)
		memcpy(b->data, old->data + old->start, waiting);
	return b;
}

bool buffer_append(struct buffer **buffer, struct slice in)
{
	struct buffer *b = *buffer;
	size_t waiting = b ? b->end - b->start : 0;

	if (in.n == 0)
		return true;
	if (!b || b->room - b->end < in.n) {
		struct buffer *grown = buffer_grow(b, waiting, in.n);
		if (!grown)
			return false;
		buffer_free(buffer);
		*buffer = b = grown;
	}
	memcpy(b->data + b->end, in.p, in.n);
	b->end += in.n;
	return true;
}

struct slice buffer_peek(const struct buffer *buffer)
{
	if (!buffer)
		return slice_of(NULL, 0);
	return slice_of(
		buffer->data + buffer->start, buffer->end - buffer->start);
}

void buffer_drop(struct buffer **buffer, size_t n)
{
	struct buffer *b = *buffer;

	if (!b)
		return;
	b->start += n;
	if (b->start >= b->end)
		buffer_free(buffer);
}

void buffer_free(struct buffer **buffer)
{
	if (!*buffer)
		return;
	secret_wipe((*buffer)->data, (*buffer)->end);
	bytes_open -= (*buffer)->room;
	free(*buffer);
	buffers_open--;
	*buffer = NULL;
}

size_t buffer_bytes(void)
{
	return bytes_open;
}

size_t buffer_count(void)
{
	return buffers_open;
}
