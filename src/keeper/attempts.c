/*
 * The logins that one worker has under way.
 *
 * A chained hash by attempt id. The ids count up in a worker, so their low
 * bits spread by themselves; a worker that was taken over can at worst make
 * its own chain long. Called by peers only. At the cap an attempt is not
 * kept: the log line of its outcome then lacks the user.
 */
#include "attempts.h"

#include <stdlib.h>

enum { BUCKET_COUNT = 1024 };

struct attempt {
	struct attempt *next;
	struct message_ask ask;
};

struct attempts {
	struct attempt *buckets[BUCKET_COUNT];
	size_t count, most;
	size_t cursor; /* where take_any goes on */
};

struct attempts *attempts_new(size_t most)
{
	struct attempts *attempts = calloc(1, sizeof(*attempts));

	if (attempts != NULL)
		attempts->most = most;
	return attempts;
}

void attempts_free(struct attempts **attempts)
{
	struct message_ask ask;

	if (*attempts == NULL)
		return;
	while (attempts_take_any(*attempts, &ask))
		continue;
	free(*attempts);
	*attempts = NULL;
}

size_t attempts_count(const struct attempts *attempts)
{
	return attempts->count;
}

static struct attempt **place_of(struct attempts *attempts, uint64_t id)
{
	struct attempt **place = &attempts->buckets[id % BUCKET_COUNT];

	while (*place != NULL && (*place)->ask.attempt != id)
		place = &(*place)->next;
	return place;
}

void attempts_put(struct attempts *attempts, const struct message_ask *ask)
{
	struct attempt **place = place_of(attempts, ask->attempt);

	if (*place == NULL) {
		if (attempts->count >= attempts->most)
			return;
		*place = calloc(1, sizeof(**place));
		if (*place == NULL)
			return;
		attempts->count++;
	}
	(*place)->ask = *ask;
}

static void take(struct attempts *attempts, struct attempt **place,
	struct message_ask *ret_ask)
{
	struct attempt *attempt = *place;

	*place = attempt->next;
	*ret_ask = attempt->ask;
	free(attempt);
	attempts->count--;
}

bool attempts_take(struct attempts *attempts, uint64_t attempt,
	struct message_ask *ret_ask)
{
	struct attempt **place = place_of(attempts, attempt);

	if (*place == NULL)
		return false;
	take(attempts, place, ret_ask);
	return true;
}

bool attempts_take_any(struct attempts *attempts, struct message_ask *ret_ask)
{
	if (attempts->count == 0)
		return false;
	while (attempts->buckets[attempts->cursor % BUCKET_COUNT] == NULL)
		attempts->cursor++;
	take(attempts, &attempts->buckets[attempts->cursor % BUCKET_COUNT],
		ret_ask);
	return true;
}

void attempts_save(const struct attempts *attempts, struct octets *out)
{
	octets_put_number(out, attempts->count);
	for (size_t i = 0; i < BUCKET_COUNT; i++)
		for (const struct attempt *at = attempts->buckets[i];
			at != NULL; at = at->next)
			octets_put(out, &at->ask, sizeof(at->ask));
}

bool attempts_load(struct attempts *attempts, struct octets *in)
{
	uint64_t count = octets_take_number(in, attempts->most);
	struct message_ask ask;

	while (count-- > 0 && !in->failed)
		if (octets_take(in, &ask, sizeof(ask)) &&
			ask.user_n <= sizeof(ask.user) &&
			ask.helo_n <= sizeof(ask.helo))
			attempts_put(attempts, &ask);
		else
			octets_fail(in);
	return !in->failed;
}
