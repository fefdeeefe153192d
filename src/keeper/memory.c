/*
 * What a keeper has in memory, written and read (see memory.h).
 *
 *	head	magic, shape, octets of the parts, their checksum
 *	parts	judge, recorder, tally, watch, peers
 *	core	policy/image.h; the rest of the file
 *
 * It is written by one write or not at all, and read before anybody is served.
 * Called by keeper.c. What can go wrong: no memory, another version, a file
 * that is torn. Then the store is what there is, as after any other start.
 */
#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/octets.h"
#include "../base/secret.h"
#include "../base/siphash.h"
#include "../base/whole.h"
#include "../policy/image.h"
#include "judge.h"
#include "peers.h"
#include "recorder.h"
#include "tally.h"
#include "watch.h"

enum { MEMORY_VERSION = 1, US_PER_MS = 1000 };

static const uint8_t magic[8] = {'p', 's', 't', 'n', 'k', 'e', 'e', 'p'};
static const uint8_t sum_key[16] = {0}; /* against accidents only */

struct memory_head {
	uint8_t magic[8];
	uint64_t shape, bytes, sum;
};

struct memory {
	size_t n;
	struct memory_head head;
	uint64_t seed;
	uint8_t *octets; /* what is behind the head */
};

static void save_parts(const struct hub *hub, struct octets *out)
{
	judge_save(hub->judge, out);
	recorder_save(hub->recorder, out);
	tally_save(hub->tally, out);
	watch_save(hub->watch, out);
	peers_save(hub->peers, out);
}

static bool load_parts(struct hub *hub, struct octets *in)
{
	return judge_load(hub->judge, in) && recorder_load(hub->recorder, in) &&
	       tally_load(hub->tally, in) && watch_load(hub->watch, in) &&
	       peers_load(hub->peers, in) && in->n == in->room;
}

/* Parts of one size in both are taken to be alike. */
static uint64_t shape(void)
{
	struct tally *tally = tally_new();
	struct watch *watch = watch_new();
	struct octets sizes = octets_to(NULL, 0);
	uint64_t parts[4] = {MEMORY_VERSION, sizeof(struct message_stats),
		sizeof(struct message_ask), 0};

	if (tally != NULL && watch != NULL) {
		tally_save(tally, &sizes);
		sizes.n *= 31;
		watch_save(watch, &sizes);
	}
	parts[3] = sizes.n;
	tally_free(&tally);
	watch_free(&watch);
	return siphash(sum_key, parts, sizeof(parts));
}

/* ---- writing ---- */

static void fill(const struct hub *hub, uint8_t *to, size_t parts, size_t core)
{
	struct octets out = octets_to(to + sizeof(struct memory_head), parts);
	struct memory_head head;

	save_parts(hub, &out);
	memset(&head, 0, sizeof(head));
	memcpy(head.magic, magic, sizeof(magic));
	head.shape = shape();
	head.bytes = parts;
	head.sum = siphash(sum_key, to + sizeof(head), parts);
	memcpy(to, &head, sizeof(head));
	(void)policy_image_save(
		judge_policy(hub->judge), to + sizeof(head) + parts, core);
}

void memory_write(struct hub *hub, int fd)
{
	uint64_t before_us = clock_mono_us();
	size_t core = policy_image_save(judge_policy(hub->judge), NULL, 0);
	struct octets parts = octets_to(NULL, 0);
	uint8_t *octets;
	size_t n;

	if (fd < 0)
		return;
	save_parts(hub, &parts);
	n = sizeof(struct memory_head) + parts.n + core;
	octets = malloc(n);
	if (octets != NULL)
		fill(hub, octets, parts.n, core);
	if (octets == NULL || !whole_write(fd, octets, n)) {
		log_say(LOG_WARN, "memory-lost",
			"what is counted cannot be handed over: %s",
			strerror(errno));
	} else {
		log_begin(LOG_INFO, "memory-given");
		log_int("bytes", (int64_t)n);
		log_int("ms",
			(int64_t)((clock_mono_us() - before_us) / US_PER_MS));
		log_end();
	}
	if (octets != NULL)
		secret_wipe(octets, n); /* it has keys */
	free(octets);
}

/* ---- reading ---- */

static const char *trouble_of(struct memory *memory)
{
	const struct memory_head *head = &memory->head;

	if (memcmp(head->magic, magic, sizeof(magic)) != 0 ||
		head->bytes > memory->n)
		return "it is torn";
	if (head->shape != shape())
		return "it is another version's";
	if (siphash(sum_key, memory->octets, head->bytes) != head->sum)
		return "it is torn";
	switch (policy_image_look(memory->octets + head->bytes,
		memory->n - head->bytes, &memory->seed)) {
	case POLICY_IMAGE_SOUND: return NULL;
	case POLICY_IMAGE_TORN: return "its counters are torn";
	case POLICY_IMAGE_OTHER: break;
	}
	return "its counters are another version's";
}

static void say_refused(const char *why)
{
	log_say(LOG_WARN, "memory-refused",
		"what the keeper before this one counted is not taken over: "
		"%s; this one has bans, passports and devices of the store",
		why);
}

/* n: of the whole file. */
static struct memory *read_file(int fd, size_t n)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	const char *why = "it cannot be read";

	if (memory == NULL)
		return NULL;
	if (n > sizeof(memory->head)) {
		memory->n = n - sizeof(memory->head);
		memory->octets = malloc(memory->n);
	}
	if (memory->octets != NULL &&
		whole_read(fd, &memory->head, sizeof(memory->head), 0) &&
		whole_read(fd, memory->octets, memory->n, sizeof(memory->head)))
		why = trouble_of(memory);
	if (why == NULL)
		return memory;
	say_refused(why);
	memory_free(&memory);
	return NULL;
}

struct memory *memory_read(int fd)
{
	struct memory *memory = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	/* Empty: the keeper before did not come to write it. */
	if (fstat(fd, &st) == 0 && st.st_size > 0)
		memory = read_file(fd, (size_t)st.st_size);
	(void)close(fd);
	return memory;
}

void memory_free(struct memory **memory)
{
	if (*memory == NULL)
		return;
	if ((*memory)->octets != NULL)
		secret_wipe((*memory)->octets, (*memory)->n);
	free((*memory)->octets);
	free(*memory);
	*memory = NULL;
}

uint64_t memory_seed(const struct memory *memory)
{
	return memory->seed;
}

static void say_taken(struct hub *hub, uint64_t before_us)
{
	struct policy_stats stats;

	policy_stats(judge_policy(hub->judge), &stats);
	log_begin(LOG_INFO, "memory-taken");
	log_int("sources", (int64_t)stats.sources);
	log_int("bans", (int64_t)stats.bans);
	log_int("logins", (int64_t)stats.attempts);
	log_int("ms", (int64_t)((clock_mono_us() - before_us) / US_PER_MS));
	log_end();
}

bool memory_take(struct hub *hub)
{
	const struct memory *memory = hub->memory;
	uint64_t before_us = clock_mono_us();
	struct octets in = octets_of(memory->octets, memory->head.bytes);

	if (!judge_inherit(hub, memory->octets + memory->head.bytes,
		    memory->n - memory->head.bytes) ||
		!load_parts(hub, &in)) {
		say_refused("it is wrong in itself");
		return false;
	}
	say_taken(hub, before_us);
	return true;
}
