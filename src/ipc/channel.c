/*
 * A channel: one end of a SOCK_SEQPACKET pair, with batching.
 *
 * Knows datagrams, message heads and sizes; not what a message means, and no
 * event loop: the caller arms its events from channel_fd() and
 * channel_waiting(). Called by all processes.
 *
 * What can go wrong: the peer does not read (we queue up to a cap, then
 * refuse and count), the peer is gone (CHANNEL_CLOSED), the peer sends
 * nonsense (the datagram is dropped whole and counted; descriptors that came
 * with it are closed).
 *
 * The out buffer, always whole messages:
 *
 *   0        head                 tail           size
 *   | gone   | waiting, in order  | room         |
 */
#include "channel.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/check.h"

enum { FDS_MOST = 4, OUT_FIRST_BYTES = 4096 };

struct channel {
	int fd;
	bool blocked; /* the kernel said EAGAIN; only flush tries again */
	uint8_t *out;
	size_t out_head, out_tail, out_size;
	size_t out_most;
	uint64_t bad_count, refused_count;
	alignas(8) uint8_t in[CHANNEL_DATAGRAM_LONGEST];
};

/* In order of enum message_type; a body is exactly this long. */
static const uint16_t body_bytes[MESSAGE_COUNT] = {
	[MESSAGE_HELLO] = sizeof(struct message_hello),
	[MESSAGE_ASK] = sizeof(struct message_ask),
	[MESSAGE_SETTLE] = sizeof(struct message_settle),
	[MESSAGE_NOTE] = sizeof(struct message_note),
	[MESSAGE_STATS] = sizeof(struct message_stats),
	[MESSAGE_SERVER] = sizeof(struct message_server),
	[MESSAGE_SESSION] = sizeof(struct message_session),
	[MESSAGE_SESSIONS_END] = sizeof(struct message_sessions_end),
	[MESSAGE_SESSIONS_ASK] = sizeof(struct message_sessions_ask),
	[MESSAGE_VERDICT] = sizeof(struct message_verdict),
	[MESSAGE_BAN] = sizeof(struct message_ban),
	[MESSAGE_UNBAN] = sizeof(struct message_ban),
	[MESSAGE_ALLOW] = sizeof(struct message_ban),
	[MESSAGE_DISALLOW] = sizeof(struct message_ban),
	[MESSAGE_CHANNEL] = sizeof(struct message_channel),
	[MESSAGE_RELOAD_DONE] = sizeof(struct message_text),
	[MESSAGE_UPGRADE_DONE] = sizeof(struct message_text),
	[MESSAGE_PONG] = sizeof(struct message_pong),
	[MESSAGE_ADDRESSES] = sizeof(struct message_addresses),
	[MESSAGE_OWN] = sizeof(struct message_own),
	[MESSAGE_EAR] = sizeof(struct message_ear),
	[MESSAGE_GEO] = sizeof(struct message_geo),
	[MESSAGE_RESOLVER_ASK] = sizeof(struct message_resolver_ask),
	[MESSAGE_RESOLVER] = sizeof(struct message_resolver),
	[MESSAGE_HOOK] = sizeof(struct message_hook),
	[MESSAGE_HOOK_STATE] = sizeof(struct message_hook_state),
	[MESSAGE_LIST] = sizeof(struct message_list),
};

/* Bodies follow heads without padding, so all must keep 8-octet alignment. */
#define WHOLE(type) _Static_assert(sizeof(type) % 8 == 0, #type)
WHOLE(struct message_head);
WHOLE(struct message_hello);
WHOLE(struct message_ask);
WHOLE(struct message_settle);
WHOLE(struct message_note);
WHOLE(struct message_stats);
WHOLE(struct message_server);
WHOLE(struct message_sessions_ask);
WHOLE(struct message_session);
WHOLE(struct message_sessions_end);
WHOLE(struct message_addresses);
WHOLE(struct message_verdict);
WHOLE(struct message_note);
WHOLE(struct message_ban);
WHOLE(struct message_channel);
WHOLE(struct message_ear);
WHOLE(struct message_geo);
WHOLE(struct message_resolver_ask);
WHOLE(struct message_resolver);
WHOLE(struct message_list);
WHOLE(struct message_text);
WHOLE(struct message_hook);
WHOLE(struct message_hook_state);
_Static_assert(sizeof(struct message_text) <= UINT16_MAX, "size_bytes");

uint64_t channel_signature(void)
{
	uint64_t sum = 14695981039346656037u ^ MESSAGE_VERSION;

	for (size_t i = 0; i < MESSAGE_COUNT; i++) /* FNV-1a, by 16 bits */
		sum = (sum ^ body_bytes[i]) * 1099511628211u;
	return sum;
}

bool channel_pair(int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0, fds) != 0)
		return false;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return true;
}

struct channel *channel_new(int fd, size_t queue_most_bytes)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (channel == NULL)
		return NULL;
	channel->fd = fd;
	channel->out_most = queue_most_bytes > CHANNEL_DATAGRAM_LONGEST
				    ? queue_most_bytes
				    : (size_t)CHANNEL_DATAGRAM_LONGEST;
	return channel;
}

void channel_free(struct channel **channel)
{
	if (*channel == NULL)
		return;
	(void)close((*channel)->fd); /* nothing to save by its result */
	free((*channel)->out);
	free(*channel);
	*channel = NULL;
}

int channel_fd(const struct channel *channel)
{
	return channel->fd;
}

bool channel_waiting(const struct channel *channel)
{
	return channel->out_tail > channel->out_head;
}

uint64_t channel_bad_count(const struct channel *channel)
{
	return channel->bad_count;
}

uint64_t channel_refused_count(const struct channel *channel)
{
	return channel->refused_count;
}

static size_t out_waiting(const struct channel *channel)
{
	return channel->out_tail - channel->out_head;
}

/* Makes room for n octets behind the tail. false: cap or memory. */
static bool out_reserve(struct channel *channel, size_t n)
{
	size_t waiting = out_waiting(channel);
	size_t size = channel->out_size;
	uint8_t *out;

	if (channel->out_size - channel->out_tail >= n)
		return true;
	if (waiting + n > channel->out_most)
		return false;
	if (channel->out_head > 0) {
		memmove(channel->out, channel->out + channel->out_head,
			waiting);
		channel->out_head = 0;
		channel->out_tail = waiting;
	}
	if (size == 0)
		size = OUT_FIRST_BYTES;
	while (size < waiting + n)
		size *= 2;
	if (size == channel->out_size)
		return true;
	out = realloc(channel->out, size);
	if (out == NULL)
		return false;
	channel->out = out;
	channel->out_size = size;
	return true;
}

/* What the kernel said about a send, in our words. */
static enum channel_result send_result(int error)
{
	if (error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS ||
		error == EINTR)
		return CHANNEL_AGAIN;
	return CHANNEL_CLOSED;
}

/* Octets of whole messages from the head that fit in one datagram. */
static size_t out_datagram(const struct channel *channel)
{
	size_t n = 0, waiting = out_waiting(channel);

	while (n < waiting) {
		struct message_head head;
		size_t whole;

		memcpy(&head, channel->out + channel->out_head + n,
			sizeof(head));
		whole = sizeof(head) + head.size_bytes;
		if (n + whole > CHANNEL_DATAGRAM_LONGEST)
			break;
		n += whole;
	}
	return n;
}

enum channel_result channel_flush(struct channel *channel)
{
	while (channel_waiting(channel)) {
		size_t n = out_datagram(channel);
		ssize_t sent =
			send(channel->fd, channel->out + channel->out_head, n,
				MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0) {
			channel->blocked = true;
			return send_result(errno);
		}
		channel->out_head += n; /* SEQPACKET: all or nothing */
	}
	channel->blocked = false;
	channel->out_head = channel->out_tail = 0;
	return CHANNEL_OK;
}

static void out_put(struct channel *channel, const void *p, size_t n)
{
	if (n > 0)
		memcpy(channel->out + channel->out_tail, p, n);
	channel->out_tail += n;
}

static struct message_head head_of(enum message_type type, size_t n)
{
	CHECK(type > MESSAGE_NONE && type < MESSAGE_COUNT);
	CHECK(n == body_bytes[type]);
	return (struct message_head){
		.type = (uint16_t)type,
		.size_bytes = (uint16_t)n,
		.version = MESSAGE_VERSION,
	};
}

enum channel_result channel_send(struct channel *channel,
	enum message_type type, const void *body, size_t n)
{
	struct message_head head = head_of(type, n);
	size_t whole = sizeof(head) + n;

	if (!channel->blocked &&
		out_waiting(channel) + whole > CHANNEL_DATAGRAM_LONGEST &&
		channel_flush(channel) == CHANNEL_CLOSED)
		return CHANNEL_CLOSED;
	if (!out_reserve(channel, whole)) {
		channel->refused_count++;
		return CHANNEL_FULL;
	}
	out_put(channel, &head, sizeof(head));
	out_put(channel, body, n);
	return CHANNEL_OK;
}

enum channel_result channel_send_fd(struct channel *channel,
	enum message_type type, const void *body, size_t n, int fd)
{
	struct message_head head = head_of(type, n);
	struct iovec parts[2] = {
		{.iov_base = &head, .iov_len = sizeof(head)},
		{.iov_base = (void *)(uintptr_t)body, .iov_len = n},
	};
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct msghdr message = {.msg_iov = parts,
		.msg_iovlen = n > 0 ? 2 : 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	enum channel_result result;

	/* Behind what waits: order is part of what a message means. */
	result = channel_flush(channel);
	if (result == CHANNEL_OK) {
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
		if (sendmsg(channel->fd, &message,
			    MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			result = send_result(errno);
	}
	if (result != CHANNEL_AGAIN)
		return result;
	channel->refused_count++;
	return CHANNEL_FULL;
}

/*
 * Takes the first descriptor out of a received message and closes any other,
 * so that a peer that sends many cannot fill our table. -1: none.
 */
static int take_fd(struct msghdr *message)
{
	int kept = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
		c = CMSG_NXTHDR(message, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (kept < 0)
				kept = fd;
			else
				(void)close(fd); /* unwanted */
		}
	}
	return kept;
}

/* The head at `at`, when it and its body are whole and right. */
static bool head_at(
	const uint8_t *in, size_t n, size_t at, struct message_head *ret_head)
{
	struct message_head head;

	if (n - at < sizeof(head))
		return false;
	memcpy(&head, in + at, sizeof(head));
	if (head.version != MESSAGE_VERSION || head.type == MESSAGE_NONE ||
		head.type >= MESSAGE_COUNT ||
		head.size_bytes != body_bytes[head.type] ||
		head.size_bytes > n - at - sizeof(head))
		return false;
	*ret_head = head;
	return true;
}

static bool datagram_good(const uint8_t *in, size_t n)
{
	struct message_head head;
	size_t at = 0;

	while (at < n) {
		if (!head_at(in, n, at, &head))
			return false;
		at += sizeof(head) + head.size_bytes;
	}
	return true;
}

/* MAY_CLOSE: after a false of the callback the channel may be freed. */
static enum channel_result hand_on(struct channel *channel, size_t n, int fd,
	channel_receive_cb *cb, void *arg)
{
	struct message_head head;
	size_t at = 0;

	while (at < n && head_at(channel->in, n, at, &head)) {
		const uint8_t *body = channel->in + at + sizeof(head);
		bool last;
		bool go_on;

		at += sizeof(head) + head.size_bytes;
		last = at == n;
		go_on = cb(arg, (enum message_type)head.type, body,
			head.size_bytes, last ? fd : -1);
		if (!go_on) {
			if (!last && fd >= 0)
				(void)close(fd); /* nobody got it */
			return CHANNEL_CLOSED;
		}
	}
	return CHANNEL_OK;
}

enum channel_result channel_receive(
	struct channel *channel, channel_receive_cb *cb, void *arg)
{
	struct iovec part = {channel->in, sizeof(channel->in)};
	alignas(struct cmsghdr) char
		control[CMSG_SPACE(FDS_MOST * sizeof(int))];
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n;
	int fd;

	n = recvmsg(channel->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CHANNEL_AGAIN;
	if (n < 0)
		return CHANNEL_CLOSED;
	fd = take_fd(&message);
	if (n == 0) { /* we never send an empty datagram: end of file */
		if (fd >= 0)
			(void)close(fd);
		return CHANNEL_CLOSED;
	}
	if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
		!datagram_good(channel->in, (size_t)n)) {
		if (fd >= 0)
			(void)close(fd);
		channel->bad_count++;
		return CHANNEL_OK;
	}
	return hand_on(channel, (size_t)n, fd, cb, arg);
}
