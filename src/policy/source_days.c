/*
 * source-days: failures on many days from where nobody ever logged in.
 *
 * The third window of the ladder. The published slow guesser tries once in 6
 * to 21 hours and never fills the other two; five different quarters of a day
 * within a month are enough here. A month's failures would be a long record,
 * so only quarters are kept, by number, and of each the guess that began it:
 * a phone with an old password comes back every day with the same guess and
 * fills one.
 *
 * Memory: 80 octets and a chain for each of half as many sources as are
 * tracked; only strangers who failed have one. Who failed longest ago gives
 * way.
 */
#include "source_days.h"

#include <string.h>

#include "evidence.h"
#include "known.h"
#include "mode.h"
#include "sentence.h"

#define QUARTER_MS (6 * UINT64_C(3600000))

_Static_assert(SOURCE_DAYS_BYTES + 24 <= 80, "the size stated above");

static uint16_t quarter_of(mono_ms_t at)
{
	return (uint16_t)(at / QUARTER_MS);
}

static void drop_first(struct source_days *days)
{
	days->count--;
	memmove(days->guesses, days->guesses + 1,
		days->count * sizeof(days->guesses[0]));
	memmove(days->quarters, days->quarters + 1,
		days->count * sizeof(days->quarters[0]));
}

static void drop_old(
	struct source_days *days, uint16_t quarter, uint64_t window_ms)
{
	while (days->count > 0 && (uint16_t)(quarter - days->quarters[0]) >=
					  window_ms / QUARTER_MS)
		drop_first(days);
}

/* 0: unknown, and like no other. */
static uint32_t guess_of(
	const struct policy *policy, uint64_t user, uint64_t tag)
{
	uint32_t guess;

	if (tag == 0)
		return 0;
	guess = (uint32_t)hash_numbers(&policy->key, user, tag, 0);
	return guess != 0 ? guess : 1;
}

static bool marked(
	const struct source_days *days, uint16_t quarter, uint32_t guess)
{
	for (unsigned i = 0; i < days->count; i++)
		if (days->quarters[i] == quarter ||
			(guess != 0 && days->guesses[i] == guess))
			return true;
	return false;
}

static void mark(struct source_days *days, uint16_t quarter, uint32_t guess)
{
	if (days->count == SOURCE_DAYS_MOST)
		drop_first(days);
	days->quarters[days->count] = quarter;
	days->guesses[days->count++] = guess;
}

static uint64_t key_of(const struct policy *policy, const struct prefix *source)
{
	return hash_prefix(&policy->key, source);
}

bool source_days_failed(struct policy *policy, mono_ms_t now,
	const struct source *source, uint64_t user, uint64_t tag)
{
	const struct policy_source_days *conf = &policy->conf.source_days;
	uint32_t guess = guess_of(policy, user, tag);
	uint16_t quarter = quarter_of(now);
	struct source_days *days;

	if (conf->mode == POLICY_OFF || known_prefix(policy, now, &source->key))
		return false;
	days = keyed_take(policy->evidence->days, key_of(policy, &source->key));
	drop_old(days, quarter, conf->window_ms);
	if (marked(days, quarter, guess))
		return false;
	mark(days, quarter, guess);
	return days->count >= conf->limit &&
	       sentence_pass(policy, now, &source->key, RULE_SOURCE_DAYS,
		       conf->ban_ms, days->count);
}

void source_days_forget(struct policy *policy, const struct prefix *source)
{
	keyed_remove(policy->evidence->days, key_of(policy, source));
}

bool source_days_sound(void *value, size_t value_bytes)
{
	const struct source_days *days = value;

	(void)value_bytes;
	return days->count <= SOURCE_DAYS_MOST;
}
