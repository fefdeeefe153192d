/*
 * How it went (see trend.h).
 *
 * Each row is what was counted since the row before, and of what there is at a
 * time (sessions, bans) the most that was seen. Rows are of the wall clock; a
 * clock that goes back adds none until it has caught up. Each minute the store
 * is given the minute that is over and the hour that goes on; a crash costs the
 * graphs a minute.
 */
#include "trend.h"

#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "peers.h"
#include "watch.h"

enum { MINUTE_S = 60, HOUR_S = 3600 };

enum column {
#define COUNTED(id, name) TREND_##id,
#define PRESENT(id, name) TREND_##id,
#include "trend.def"
#undef COUNTED
#undef PRESENT
	COLUMNS,
};

static const struct {
	const char *name;
	bool counted; /* else it is what there is at a time */
} columns[COLUMNS] = {
#define COUNTED(id, name) {name, true},
#define PRESENT(id, name) {name, false},
#include "trend.def"
#undef COUNTED
#undef PRESENT
};

struct row {
	int64_t at; /* wall time of its begin */
	uint64_t values[COLUMNS];
};

struct ring {
	struct row *rows;
	size_t room, count; /* count: ever */
	struct row open;    /* not over yet */
};

struct trend {
	struct ring minutes, hours;
	uint64_t last[COLUMNS]; /* as counted at the last look */
	wall_s_t looked;
	bool begun;
};

struct trend *trend_new(void)
{
	struct trend *trend = calloc(1, sizeof(*trend));

	if (trend == NULL)
		return NULL;
	trend->minutes.room = TREND_MINUTES;
	trend->hours.room = TREND_HOURS;
	trend->minutes.rows = calloc(TREND_MINUTES, sizeof(struct row));
	trend->hours.rows = calloc(TREND_HOURS, sizeof(struct row));
	if (trend->minutes.rows == NULL || trend->hours.rows == NULL)
		trend_free(&trend);
	return trend;
}

void trend_free(struct trend **trend)
{
	if (*trend == NULL)
		return;
	free((*trend)->minutes.rows);
	free((*trend)->hours.rows);
	free(*trend);
	*trend = NULL;
}

static void look(struct hub *hub, uint64_t now[COLUMNS])
{
	struct message_stats sum;
	struct policy_stats stats;

	peers_totals(hub->peers, &sum);
	policy_stats(judge_policy(hub->judge), &stats);
	now[TREND_SESSIONS] = sum.sessions_total;
	now[TREND_MESSAGES] = sum.messages_total;
	now[TREND_LOGINS] = stats.outcomes[OUTCOME_OK];
	now[TREND_FAILED] = stats.outcomes[OUTCOME_FAILED] +
			    stats.outcomes[OUTCOME_ABANDONED];
	now[TREND_REFUSED] = stats.verdicts[VERDICT_ANSWER_TEMPORARY] +
			     stats.verdicts[VERDICT_ANSWER_REFUSED] +
			     stats.verdicts[VERDICT_TURN_AWAY];
	now[TREND_TURNED_AWAY] = sum.turned_away_total;
	now[TREND_HURT] = watch_hurt_count(hub);
	now[TREND_SERVER_ERRORS] = sum.server_errors_total;
	now[TREND_OPEN] = sum.sessions_open;
	now[TREND_TARPIT] = sum.tarpit_open;
	now[TREND_BANS] = stats.bans;
}

static void close_open(struct ring *ring)
{
	if (ring->open.at != 0)
		ring->rows[ring->count++ % ring->room] = ring->open;
	ring->open = (struct row){0};
}

static void add(struct ring *ring, int64_t at, const uint64_t delta[COLUMNS])
{
	if (ring->open.at < at) {
		close_open(ring);
		ring->open = (struct row){.at = at};
	}
	for (size_t i = 0; i < COLUMNS; i++) {
		uint64_t *value = &ring->open.values[i];

		if (columns[i].counted)
			*value += delta[i];
		else if (*value < delta[i])
			*value = delta[i];
	}
}

void trend_tick(struct hub *hub)
{
	struct trend *trend = hub->trend;
	wall_s_t wall = hub_wall(hub);
	uint64_t now[COLUMNS], delta[COLUMNS];

	if (trend->looked == wall)
		return; /* once a second is often enough */
	trend->looked = wall;
	look(hub, now);
	for (size_t i = 0; i < COLUMNS; i++)
		delta[i] = !columns[i].counted ? now[i]
			   : trend->begun && now[i] > trend->last[i]
				   ? now[i] - trend->last[i]
				   : 0;
	memcpy(trend->last, now, sizeof(now));
	trend->begun = true;
	if (trend->minutes.open.at != 0 &&
		trend->minutes.open.at < wall - wall % MINUTE_S)
		trend_flush(hub);
	add(&trend->minutes, wall - wall % MINUTE_S, delta);
	add(&trend->hours, wall - wall % HOUR_S, delta);
}

/* ---- the store ---- */

/* Into memory of ours: a text of json_dumps() may be one of spare.c's, which
 * is not free()'s. No memory: a gap in the graph. */
static void put(struct hub *hub, const struct ring *ring, uint32_t step_s)
{
	struct store_point point = {.at = ring->open.at, .step_s = step_s};
	json_t *values = json_object();
	bool whole = values != NULL;
	size_t n;

	for (size_t i = 0; i < COLUMNS && whole; i++)
		whole = json_object_set_new(values, columns[i].name,
				json_integer(
					(json_int_t)ring->open.values[i])) == 0;
	n = whole ? json_dumpb(values, point.values, sizeof(point.values) - 1,
			    JSON_COMPACT)
		  : 0;
	json_decref(values);
	if (n > 0 && n < sizeof(point.values)) {
		point.values[n] = '\0';
		store_put_point(hub->store, &point, (unsigned)ring->room);
	}
}

void trend_flush(struct hub *hub)
{
	if (hub->trend->minutes.open.at != 0)
		put(hub, &hub->trend->minutes, MINUTE_S);
	if (hub->trend->hours.open.at != 0)
		put(hub, &hub->trend->hours, HOUR_S);
}

/* A column that this version does not have is left out; one that that one had
 * not is 0. */
void trend_restore(struct hub *hub, const struct store_point *point)
{
	struct ring *ring = point->step_s == HOUR_S ? &hub->trend->hours
						    : &hub->trend->minutes;
	json_t *values = json_loads(point->values, 0, NULL);

	if (json_is_object(values) &&
		(point->step_s == HOUR_S || point->step_s == MINUTE_S) &&
		point->at > ring->open.at && point->at <= hub_wall(hub)) {
		close_open(ring);
		ring->open.at = point->at;
		for (size_t i = 0; i < COLUMNS; i++) {
			json_int_t value = json_integer_value(
				json_object_get(values, columns[i].name));

			ring->open.values[i] = value > 0 ? (uint64_t)value : 0;
		}
	}
	json_decref(values);
}

static json_t *row_array(const struct row *row)
{
	json_t *array = json_array();

	(void)json_array_append_new(array, json_integer((json_int_t)row->at));
	for (size_t i = 0; i < COLUMNS; i++)
		(void)json_array_append_new(
			array, json_integer((json_int_t)row->values[i]));
	return array;
}

static json_t *rows_array(const struct ring *ring)
{
	size_t n = ring->count < ring->room ? ring->count : ring->room;
	json_t *rows = json_array();

	for (size_t i = ring->count - n; i < ring->count; i++)
		(void)json_array_append_new(
			rows, row_array(&ring->rows[i % ring->room]));
	if (ring->open.at != 0)
		(void)json_array_append_new(rows, row_array(&ring->open));
	return rows;
}

json_t *trend_object(struct hub *hub, bool hours)
{
	const struct ring *ring =
		hours ? &hub->trend->hours : &hub->trend->minutes;
	json_t *names = json_array();

	for (size_t i = 0; i < COLUMNS; i++)
		(void)json_array_append_new(
			names, json_string(columns[i].name));
	return json_pack("{s:b, s:i, s:o, s:o}", "ok", 1, "step_s",
		hours ? (int)HOUR_S : (int)MINUTE_S, "names", names, "rows",
		rows_array(ring));
}
