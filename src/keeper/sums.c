/*
 * What each day brought, in numbers.
 *
 * A guess is a login that failed at the server or was refused by postern; one
 * that passed was put to the server. A person was hurt when postern refused
 * his login and the same name logged in from the same source later that day.
 * Sources are counted by a sketch of fixed size (HyperLogLog, Flajolet et al.
 * 2007), since a botnet has more than anybody wants to remember; it is stored
 * with the day, so a restart does not count them twice. Nothing is decided by
 * these numbers. Days are UTC. Called by the judge and the loop.
 *
 * What can go wrong: of more refused people than there is room for, the older
 * ones are forgotten, so "hurt" is a lower bound under attack.
 */
#include "sums.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../base/secret.h"
#include "../base/siphash.h"
#include "judge.h"
#include "store_day.h"
#include "watch.h"

enum {
	DAY_S = 86400,
	FLUSH_EVERY_MS = 10000,
	REFUSED_MOST = 4096,
	REGISTERS = STORE_SKETCH_BYTES,
	DAY_TEXT_LONGEST = 16,
};

struct sums {
	uint8_t key[16];
	struct store_day days[STORE_DAYS_MOST]; /* ring; newest at count - 1 */
	size_t count;				/* ever */
	uint64_t refused[REFUSED_MOST];		/* people, today; 0: none */
	mono_ms_t flush_at;
	bool changed;
};

struct sums *sums_new(void)
{
	struct sums *sums = calloc(1, sizeof(*sums));

	if (sums != NULL)
		secret_random(sums->key, sizeof(sums->key));
	return sums;
}

void sums_free(struct sums **sums)
{
	free(*sums);
	*sums = NULL;
}

static struct store_day *newest(struct sums *sums)
{
	return &sums->days[(sums->count - 1) % STORE_DAYS_MOST];
}

void sums_restore(struct sums *sums, const struct store_day *day)
{
	sums->count++;
	*newest(sums) = *day;
}

/* A clock that went back goes on with the newest day. */
static struct store_day *today(struct hub *hub)
{
	struct sums *sums = hub->sums;
	int64_t day = hub_wall(hub) / DAY_S;

	if (sums->count == 0 || newest(sums)->day < day) {
		sums_flush(hub, true);
		sums->count++;
		memset(newest(sums), 0, sizeof(*newest(sums)));
		newest(sums)->day = day;
		memset(sums->refused, 0, sizeof(sums->refused));
	}
	sums->changed = true;
	return newest(sums);
}

/* ---- sources ---- */

static void sketch_add(uint8_t sketch[REGISTERS], const struct prefix *source)
{
	/* The same in each run: what is stored goes on. Whoever can choose his
	 * addresses may spoil this count, and nothing else. */
	static const uint8_t key[16];
	uint8_t octets[sizeof(source->addr.octets) + 1];
	uint64_t hash, rest;
	uint8_t rank, *place;

	memcpy(octets, source->addr.octets, sizeof(source->addr.octets));
	octets[sizeof(octets) - 1] = source->bits;
	hash = siphash(key, octets, sizeof(octets));
	rest = hash / REGISTERS | UINT64_C(1) << 53;
	rank = (uint8_t)(__builtin_ctzll(rest) + 1);
	place = &sketch[hash % REGISTERS];
	if (*place < rank)
		*place = rank;
}

static uint64_t sketch_count(const uint8_t sketch[REGISTERS])
{
	const double m = REGISTERS;
	double sum = 0, estimate;
	unsigned empty = 0;

	for (unsigned i = 0; i < REGISTERS; i++) {
		empty += sketch[i] == 0;
		sum += 1.0 / (double)(UINT64_C(1) << sketch[i]);
	}
	estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
	if (estimate <= 2.5 * m && empty > 0) /* m ln(m / empty) */
		for (estimate = 0; empty < REGISTERS; empty++)
			estimate += m / (empty + 0.5);
	return (uint64_t)(estimate + 0.5);
}

/* ---- people ---- */

static uint64_t person(struct hub *hub, const struct message_ask *ask)
{
	struct prefix source = judge_source(hub, &ask->addr);
	uint8_t octets[sizeof(source.addr.octets) + MESSAGE_USER_LONGEST];
	size_t n = sizeof(source.addr.octets);
	uint64_t hash;

	memcpy(octets, source.addr.octets, n);
	for (size_t i = 0; i < ask->user_n && i < MESSAGE_USER_LONGEST; i++)
		octets[n++] = slice_lower((uint8_t)ask->user[i]);
	hash = siphash(hub->sums->key, octets, n);
	return hash != 0 ? hash : 1;
}

static void refused(struct hub *hub, const struct message_ask *ask)
{
	uint64_t who;

	today(hub)->guesses++;
	watch_guess(hub, ask);
	if (ask->user_n == 0)
		return;
	who = person(hub, ask);
	hub->sums->refused[who % REFUSED_MOST] = who;
}

static void came_in(struct hub *hub, const struct message_ask *ask)
{
	uint64_t who = person(hub, ask);
	uint64_t *place = &hub->sums->refused[who % REFUSED_MOST];

	today(hub)->successes++;
	if (ask->user_n == 0 || *place != who)
		return;
	today(hub)->people_hurt++;
	watch_hurt(hub, ask);
	*place = 0;
}

void sums_asked(struct hub *hub, const struct message_ask *ask,
	const struct policy_verdict *verdict)
{
	struct prefix source = judge_source(hub, &ask->addr);

	sketch_add(today(hub)->sketch, &source);
	switch (verdict->kind) {
	case VERDICT_PASS:
	case VERDICT_DELAY:
	case VERDICT_HOLD: break; /* it is not over */
	case VERDICT_ANSWER_TEMPORARY:
	case VERDICT_ANSWER_REFUSED:
	case VERDICT_TURN_AWAY: refused(hub, ask); break;
	}
}

void sums_settled(struct hub *hub, const struct message_ask *ask,
	enum policy_outcome outcome, bool withheld)
{
	switch (outcome) {
	case OUTCOME_OK:
		if (withheld)
			refused(hub, ask);
		else
			came_in(hub, ask);
		break;
	case OUTCOME_FAILED:
	case OUTCOME_ABANDONED:
		today(hub)->guesses++;
		today(hub)->guesses_passed++;
		watch_guess(hub, ask);
		break;
	case OUTCOME_TEMPORARY:
	case OUTCOME_CANCELLED:
	case OUTCOME_OTHER: break;
	}
}

void sums_banned(struct hub *hub, enum policy_rule rule)
{
	today(hub)->bans[rule]++;
}

/* ---- on disk, and for eyes ---- */

void sums_flush(struct hub *hub, bool now)
{
	struct sums *sums = hub->sums;

	if (!sums->changed || sums->count == 0 || hub->store == NULL)
		return;
	if (!now && hub_now(hub) < sums->flush_at)
		return;
	newest(sums)->sources = sketch_count(newest(sums)->sketch);
	store_put_day(hub->store, newest(sums));
	sums->flush_at = hub_now(hub) + FLUSH_EVERY_MS;
	sums->changed = false;
}

static json_t *bans_object(const struct store_day *day)
{
	json_t *bans = json_object();

	for (unsigned rule = RULE_NONE + 1; rule < RULE_COUNT; rule++)
		if (day->bans[rule] > 0)
			(void)json_object_set_new(bans,
				policy_rule_name((enum policy_rule)rule),
				json_integer((json_int_t)day->bans[rule]));
	return bans;
}

static json_t *day_object(const struct store_day *day)
{
	char text[DAY_TEXT_LONGEST] = "";
	time_t at = (time_t)(day->day * DAY_S);
	struct tm tm;

	if (gmtime_r(&at, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "day", text,
		"guesses", (json_int_t)day->guesses, "guesses_passed",
		(json_int_t)day->guesses_passed, "successes",
		(json_int_t)day->successes, "people_hurt",
		(json_int_t)day->people_hurt, "sources",
		(json_int_t)sketch_count(day->sketch), "bans",
		bans_object(day));
}

json_t *sums_array(struct hub *hub, size_t most)
{
	const struct sums *sums = hub->sums;
	json_t *days = json_array();

	for (size_t i = 0; i < most && i < sums->count && i < STORE_DAYS_MOST;
		i++)
		(void)json_array_append_new(
			days, day_object(&sums->days[(sums->count - 1 - i) %
						     STORE_DAYS_MOST]));
	return days;
}
