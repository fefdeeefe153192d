/*
 * What a worker counts for metrics: a few additions, where it happens.
 */
#include "count.h"

#include <string.h>

void count_connection(
	struct worker *worker, const struct worker_listener *listener)
{
	size_t i = (size_t)(listener - worker->setup->listeners);

	if (i < MESSAGE_LISTENERS_MOST)
		worker->stats.connections[i]++;
}

static enum message_handshake version_of(const struct tls_connection *tls)
{
	static const char *const names[HANDSHAKE_COUNT] = {
		[HANDSHAKE_NONE] = "",
		[HANDSHAKE_1_0] = "TLSv1",
		[HANDSHAKE_1_1] = "TLSv1.1",
		[HANDSHAKE_1_2] = "TLSv1.2",
		[HANDSHAKE_1_3] = "TLSv1.3",
	};

	for (unsigned i = 0; i < HANDSHAKE_COUNT; i++)
		if (strcmp(tls_version_name(tls), names[i]) == 0)
			return (enum message_handshake)i;
	return HANDSHAKE_NONE;
}

void count_handshake(struct worker *worker, enum message_leg leg,
	const struct tls_connection *tls, bool failed)
{
	worker->stats.handshakes[leg][version_of(tls)][failed]++;
}

void count_reply(struct worker *worker, uint64_t waited_ms)
{
	static const uint64_t bounds[MESSAGE_BUCKETS] = MESSAGE_BUCKETS_MS;
	struct message_stats *stats = &worker->stats;

	stats->replies_total++;
	stats->replies_ms += waited_ms;
	for (unsigned i = 0; i < MESSAGE_BUCKETS; i++)
		if (waited_ms <= bounds[i]) {
			stats->replies[i]++; /* summed up by who shows it */
			return;
		}
}
