/*
 * A channel: one end of a SOCK_SEQPACKET pair, with batching.
 *
 * Outgoing messages gather in a buffer and leave as one datagram when the
 * loop turn ends (channel_flush) or the buffer is full. Never blocks: what the
 * kernel does not take waits up to a cap; beyond it messages are refused and
 * counted.
 */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

enum { CHANNEL_DATAGRAM_LONGEST = 32768 };

struct channel;

enum channel_result {
	CHANNEL_OK = 0,
	CHANNEL_AGAIN,	/* nothing to read */
	CHANNEL_CLOSED, /* the other end is gone */
	CHANNEL_FULL,	/* not taken: the peer does not read */
};

/* The same for two programs whose messages are the same: version, types and
 * sizes. */
uint64_t channel_signature(void);

/* Two connected descriptors, CLOEXEC, non-blocking. false: errno. */
bool channel_pair(int ret_fds[2]) __attribute__((warn_unused_result));

/* Takes the descriptor over. queue_most: octets that may wait. */
struct channel *channel_new(int fd, size_t queue_most_bytes);
void channel_free(struct channel **channel); /* closes */
int channel_fd(const struct channel *channel);

enum channel_result channel_send(struct channel *channel,
	enum message_type type, const void *body, size_t n);
/*
 * At once, alone, behind what waits, with a descriptor (dup'ed by the kernel;
 * fd stays ours). CHANNEL_FULL: the kernel took it not, try again when
 * writable.
 */
enum channel_result channel_send_fd(struct channel *channel,
	enum message_type type, const void *body, size_t n, int fd);
/* CHANNEL_AGAIN: the rest waits for writability. */
enum channel_result channel_flush(struct channel *channel);
bool channel_waiting(const struct channel *channel);
/* Datagrams that did not parse, and messages refused with CHANNEL_FULL. */
uint64_t channel_bad_count(const struct channel *channel);
uint64_t channel_refused_count(const struct channel *channel);

/*
 * Called for each message of a datagram. `body` is aligned for any struct and
 * borrowed until the call returns; n was checked against the type. fd: -1 or
 * a descriptor that the callee must take over (the last message of the
 * datagram gets it). Return false to stop (the channel is gone).
 */
typedef bool channel_receive_cb(
	void *arg, enum message_type type, const void *body, size_t n, int fd);

/*
 * Reads one datagram and hands its messages on. A datagram is checked whole
 * first: none of a bad one is handed on (CHANNEL_OK, counted). CHANNEL_CLOSED:
 * end of file, an error, or the callback returned false; then it may have
 * freed the channel.
 */
enum channel_result channel_receive(
	struct channel *channel, channel_receive_cb *cb, void *arg);

#endif
