/*
 * Which server is next.
 *
 * Places never move, since sessions know their server by its place; the order
 * of preference is the rank. With at most 64 servers nothing needs an index.
 */
#include "pool.h"

enum {
	SHARE_WHOLE = 1000,
	SHARE_LEAST = 100, /* of a server that has just come back */
	JITTER_PARTS = 4,  /* a wait varies by a quarter either way */
};

static bool takes(const struct pool_server *s)
{
	return s->used && !s->gone && !s->drained;
}

static bool open_to(const struct pool *pool, size_t i, uint64_t tried)
{
	return takes(&pool->servers[i]) && !(tried >> i & 1);
}

bool pool_has_up(const struct pool *pool, uint64_t tried)
{
	for (size_t i = 0; i < pool->count; i++)
		if (open_to(pool, i, tried) && !pool->servers[i].down)
			return true;
	return false;
}

/* How much of the others' load it gets, in thousandths. */
static uint64_t share(
	const struct pool *pool, const struct pool_server *s, mono_ms_t now)
{
	uint64_t past_ms = now - s->up_since, n;

	if (s->up_since == 0 || past_ms >= pool->slow_start_ms)
		return SHARE_WHOLE;
	n = past_ms * SHARE_WHOLE / pool->slow_start_ms;
	return n > SHARE_LEAST ? n : SHARE_LEAST;
}

static uint64_t load(
	const struct pool *pool, const struct pool_server *s, mono_ms_t now)
{
	return ((uint64_t)s->session_count + 1) * SHARE_WHOLE * SHARE_WHOLE /
	       share(pool, s, now);
}

static int least(struct pool *pool, mono_ms_t now, uint64_t tried)
{
	uint64_t best = UINT64_MAX;
	int found = POOL_NOBODY;

	for (size_t k = 0; k < pool->count; k++) {
		size_t i = (pool->turn + k) % pool->count;
		const struct pool_server *s = &pool->servers[i];

		if (open_to(pool, i, tried) && !s->down &&
			load(pool, s, now) < best) {
			best = load(pool, s, now);
			found = (int)i;
		}
	}
	if (found != POOL_NOBODY)
		pool->turn = (unsigned)found + 1;
	return found;
}

/* Is the server at `i` preferred to what was found so far? */
static bool before(const struct pool *pool, size_t i, int found)
{
	return found == POOL_NOBODY ||
	       pool->servers[i].rank < pool->servers[found].rank;
}

static int first(const struct pool *pool, uint64_t tried)
{
	int found = POOL_NOBODY;

	for (size_t i = 0; i < pool->count; i++)
		if (open_to(pool, i, tried) && !pool->servers[i].down &&
			before(pool, i, found))
			found = (int)i;
	return found;
}

/* A server whose back-off is over; in failover one that is preferred. */
static int due(const struct pool *pool, mono_ms_t now, uint64_t tried, int than)
{
	int found = pool->least_connections ? POOL_NOBODY : than;

	for (size_t i = 0; i < pool->count; i++) {
		const struct pool_server *s = &pool->servers[i];

		if (open_to(pool, i, tried) && s->down && s->retry_at <= now &&
			s->trial_until <= now && before(pool, i, found))
			found = (int)i;
	}
	return found == than ? POOL_NOBODY : found;
}

static bool worse(const struct pool_server *a, const struct pool_server *b)
{
	if (a->failure_count != b->failure_count)
		return a->failure_count > b->failure_count;
	return a->down_since < b->down_since;
}

/* None is up: the one that has failed least, unless somebody tries already. */
static int least_bad(const struct pool *pool, mono_ms_t now, uint64_t tried)
{
	int found = POOL_NOBODY;

	for (size_t i = 0; i < pool->count; i++) {
		const struct pool_server *s = &pool->servers[i];

		if (!takes(s))
			continue;
		if (s->trial_until > now)
			return POOL_NOBODY;
		if (open_to(pool, i, tried) &&
			(found == POOL_NOBODY ||
				worse(&pool->servers[found], s)))
			found = (int)i;
	}
	return found;
}

int pool_choose(
	struct pool *pool, mono_ms_t now, uint64_t tried, bool *ret_trial)
{
	int found = pool->least_connections ? least(pool, now, tried)
					    : first(pool, tried);
	int trial = pool->checked ? POOL_NOBODY : due(pool, now, tried, found);

	if (trial == POOL_NOBODY && found == POOL_NOBODY)
		trial = least_bad(pool, now, tried);
	if (trial != POOL_NOBODY) {
		found = trial;
		pool->servers[found].trial_until = now + pool->trial_ms;
	}
	*ret_trial = trial != POOL_NOBODY;
	if (found != POOL_NOBODY)
		pool->servers[found].session_count++;
	return found;
}

void pool_leave(struct pool *pool, int server, bool trial)
{
	struct pool_server *s = &pool->servers[server];

	s->session_count--;
	if (trial)
		s->trial_until = 0;
	if (s->gone && s->session_count == 0)
		*s = (struct pool_server){0};
}

/* Twice as long after each failure, and never for all at the same time. */
static uint64_t backoff_ms(const struct pool_server *s, uint32_t random)
{
	uint64_t ms = POOL_BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < s->failure_count; i++)
		if (ms < POOL_BACKOFF_LONGEST_MS)
			ms *= 2;
	if (ms > POOL_BACKOFF_LONGEST_MS)
		ms = POOL_BACKOFF_LONGEST_MS;
	return ms - ms / JITTER_PARTS + random % (ms / JITTER_PARTS * 2 + 1);
}

bool pool_down(struct pool *pool, int server, mono_ms_t now, uint32_t random)
{
	struct pool_server *s = &pool->servers[server];
	bool is_new = !s->down;

	if (is_new)
		s->down_since = now;
	/* Many that wait for one server fail at once: that is one failure. */
	if ((is_new || s->retry_at <= now) && s->failure_count < UINT8_MAX)
		s->failure_count++;
	if (is_new || s->retry_at <= now)
		s->retry_at = now + backoff_ms(s, random);
	s->down = true;
	return is_new;
}

bool pool_up(struct pool *pool, int server, mono_ms_t now)
{
	struct pool_server *s = &pool->servers[server];
	bool is_new = s->down;

	if (is_new)
		s->up_since = now;
	s->down = false;
	s->failure_count = 0;
	s->trial_until = 0;
	return is_new;
}

int pool_find(const struct pool *pool, const struct addr *addr, uint16_t port)
{
	for (size_t i = 0; i < pool->count; i++) {
		const struct pool_server *s = &pool->servers[i];

		if (s->used && s->port == port && addr_eq(&s->addr, addr))
			return (int)i;
	}
	return POOL_NOBODY;
}

static int place_for(struct pool *pool, const struct pool_server *server)
{
	int at = pool_find(pool, &server->addr, server->port);

	for (size_t i = 0; at == POOL_NOBODY && i < POOL_SERVERS_MOST; i++)
		if (!pool->servers[i].used) {
			pool->servers[i] =
				(struct pool_server){.addr = server->addr,
					.port = server->port,
					.used = true};
			if (i >= pool->count)
				pool->count = i + 1;
			at = (int)i;
		}
	return at;
}

void pool_renew(
	struct pool *pool, const struct pool_server *servers, size_t count)
{
	uint64_t taken = 0;

	for (size_t i = 0; i < pool->count; i++)
		pool->servers[i].gone = true;
	for (size_t i = 0; i < count; i++) {
		int at = place_for(pool, &servers[i]);

		if (at == POOL_NOBODY || taken >> at & 1)
			continue;
		taken |= UINT64_C(1) << at;
		pool->servers[at].name = servers[i].name;
		pool->servers[at].rank = (uint8_t)i;
		pool->servers[at].gone = false;
	}
	for (size_t i = 0; i < pool->count; i++)
		if (pool->servers[i].gone &&
			pool->servers[i].session_count == 0)
			pool->servers[i] = (struct pool_server){0};
}
