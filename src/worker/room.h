/*
 * How much of a leg is read at once, and in one turn of the loop.
 */
#ifndef WORKER_ROOM_H
#define WORKER_ROOM_H

#include "../../tls/connection.h"
#include "buffer.h"

enum {
	READ_COMMAND_BYTES = 16 * 1024,
	READ_PAYLOAD_BYTES = 256 * 1024,
	/* Octets that wait in this worker: then all read little at a time. */
	WAITING_MUCH_BYTES = 32 * 1024 * 1024,
	/* Of one leg for one event: a client that sends without end, or a
	 * server that talks without end, does not keep the loop from the
	 * others. */
	TURNS_MOST = 4,
	TURN_MOST_BYTES = 512 * 1024,
	/* More than this of a leg at once: it need not be copied. */
	BULK_LEAST_BYTES = 64 * 1024,
	BULK_READ_BYTES = 32 * 1024, /* and of a read that shows it */
};

/*
 * A piece of a message: a large one costs fewer calls. The queue that it may
 * become is bounded by it, and all queues together by there being few.
 */
static inline size_t payload_room(void)
{
	size_t waiting = buffer_bytes() + tls_kept_by_all();

	return waiting < WAITING_MUCH_BYTES ? READ_PAYLOAD_BYTES
					    : READ_COMMAND_BYTES;
}

#endif
