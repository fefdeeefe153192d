/* Rows of the graphs: what came in each minute and hour. */
#include "hub_world.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../src/keeper/store.h"

static char dir[64];

/* The value of a name in the row that is so many from the end. */
static json_int_t value(
	struct hub *hub, bool hours, size_t from_end, const char *name)
{
	json_t *object = trend_object(hub, hours), *names, *row;
	size_t rows, i = 0;
	json_int_t found;

	names = json_object_get(object, "names");
	rows = json_array_size(json_object_get(object, "rows"));
	assert_true(from_end < rows);
	row = json_array_get(
		json_object_get(object, "rows"), rows - 1 - from_end);
	while (strcmp(json_string_value(json_array_get(names, i)), name) != 0)
		assert_true(++i < json_array_size(names));
	found = json_integer_value(json_array_get(row, i + 1));
	json_decref(object);
	return found;
}

static size_t row_count(struct hub *hub, bool hours)
{
	json_t *object = trend_object(hub, hours);
	size_t rows = json_array_size(json_object_get(object, "rows"));

	json_decref(object);
	return rows;
}

static int open_store(void **state)
{
	struct hub *hub = calloc(1, sizeof(*hub));
	const struct store_readers readers = {0};

	(void)snprintf(dir, sizeof(dir), "/tmp/postern-trend-XXXXXX");
	assert_non_null(mkdtemp(dir));
	hub_init(hub);
	hub->store = store_open(dir, 1000, HUB_WALL_S, &readers);
	assert_non_null(hub->store);
	assert_true(store_start(hub->store));
	*state = hub;
	return 0;
}

static int close_store(void **state)
{
	static const char *const names[] = {
		"postern.db", "postern.db-wal", "postern.db-shm"};
	struct hub *hub = *state;
	char path[128];

	store_close(&hub->store);
	hub_done(hub);
	free(hub);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static void rows_have_what_came_since_and_the_most_there_was(void **state)
{
	struct hub *hub = *state;
	struct message_stats stats = {.sessions_total = 100};

	hub_count(hub, &stats);
	trend_tick(hub); /* what was before is nobody's minute */
	hub_pass(hub, 1);
	stats.sessions_total = 103;
	stats.messages_total = 2;
	hub_count(hub, &stats);
	trend_tick(hub);
	assert_int_equal(value(hub, false, 0, "sessions"), 3);
	assert_int_equal(value(hub, false, 0, "messages"), 2);
	assert_int_equal(row_count(hub, false), 1);
	hub_pass(hub, 60);
	stats.sessions_total = 104;
	hub_count(hub, &stats);
	trend_tick(hub);
	assert_int_equal(row_count(hub, false), 2);
	assert_int_equal(value(hub, false, 0, "sessions"), 1);
	assert_int_equal(value(hub, false, 1, "sessions"), 3);
	assert_int_equal(value(hub, true, 0, "sessions"), 4);
}

static void counters_that_fall_count_nothing(void **state)
{
	struct hub *hub = *state;
	struct message_stats stats = {.sessions_total = 100};

	hub_count(hub, &stats);
	trend_tick(hub);
	hub_pass(hub, 1);
	stats.sessions_total = 7;
	hub_count(hub, &stats);
	trend_tick(hub);
	hub_pass(hub, 1);
	stats.sessions_total = 9;
	hub_count(hub, &stats);
	trend_tick(hub);
	assert_int_equal(value(hub, false, 0, "sessions"), 2);
}

static void a_day_of_minutes_is_kept(void **state)
{
	struct hub *hub = *state;

	for (unsigned i = 0; i < TREND_MINUTES + 10; i++) {
		trend_tick(hub);
		hub_pass(hub, 60);
	}
	assert_int_equal(row_count(hub, false), TREND_MINUTES + 1);
	assert_int_equal(row_count(hub, true), 25);
}

static void a_clock_that_goes_back_adds_no_row(void **state)
{
	struct hub *hub = *state;

	trend_tick(hub);
	hub->turn_wall_ms -= 3600 * 1000;
	trend_tick(hub);
	assert_int_equal(row_count(hub, false), 1);
	assert_int_equal(row_count(hub, true), 1);
}

static void on_point(void *arg, const struct store_point *point)
{
	trend_restore(arg, point);
}

/* The next keeper: the same store, other memory. */
static void restart(struct hub *hub)
{
	const struct store_readers readers = {.point = on_point, .arg = hub};

	store_close(&hub->store);
	trend_free(&hub->trend);
	hub->trend = trend_new();
	hub->store = store_open(dir, 1000, HUB_WALL_S, &readers);
	assert_non_null(hub->store);
	assert_true(store_start(hub->store));
}

static void rows_outlast_a_restart_and_the_open_ones_go_on(void **state)
{
	struct hub *hub = *state;
	struct message_stats stats = {.sessions_total = 0};

	for (unsigned i = 1; i <= 3; i++) {
		trend_tick(hub);
		hub_pass(hub, 1);
		stats.sessions_total += i;
		hub_count(hub, &stats);
		trend_tick(hub);
		hub_pass(hub, 59);
	}
	hub_pass(hub, (uint64_t)-60); /* still the third minute */
	trend_flush(hub);
	restart(hub);
	assert_int_equal(row_count(hub, false), 3);
	assert_int_equal(value(hub, false, 2, "sessions"), 1);
	assert_int_equal(value(hub, false, 0, "sessions"), 3);
	assert_int_equal(value(hub, true, 0, "sessions"), 6);
	trend_tick(hub);
	hub_pass(hub, 1);
	stats.sessions_total += 10;
	hub_count(hub, &stats);
	trend_tick(hub);
	assert_int_equal(row_count(hub, false), 3);
	assert_int_equal(value(hub, false, 0, "sessions"), 13);
	assert_int_equal(value(hub, true, 0, "sessions"), 16);
}

/* And nothing that a wrong clock wrote. */
static void the_store_keeps_no_more_than_the_graph(void **state)
{
	struct hub *hub = *state;
	struct store_point point = {
		.at = HUB_WALL_S + 86400, .step_s = 60, .values = "{}"};

	store_put_point(hub->store, &point, 3);
	restart(hub);
	for (unsigned i = 0; i < 5; i++) {
		point.at = HUB_WALL_S + 60 * (int64_t)i;
		store_put_point(hub->store, &point, 3);
		restart(hub);
	}
	hub_pass(hub, 10 * 86400);
	restart(hub);
	assert_int_equal(row_count(hub, false), 3);
}

static void what_is_yet_to_come_or_no_point_is_left(void **state)
{
	struct hub *hub = *state;
	struct store_point point = {
		.at = HUB_WALL_S + 60, .step_s = 60, .values = "{}"};

	trend_restore(hub, &point);
	assert_int_equal(row_count(hub, false), 0);
	point.at = HUB_WALL_S - 60;
	memcpy(point.values, "[1", 3);
	trend_restore(hub, &point);
	point.step_s = 61;
	memcpy(point.values, "{}", 3);
	trend_restore(hub, &point);
	assert_int_equal(row_count(hub, false), 0);
	point.step_s = 60;
	(void)snprintf(point.values, sizeof(point.values),
		"{\"sessions\":-4,\"failed\":2,\"of another version\":3}");
	trend_restore(hub, &point);
	assert_int_equal(value(hub, false, 0, "sessions"), 0);
	assert_int_equal(value(hub, false, 0, "failed"), 2);
	point.at -= 60; /* not in its order */
	trend_restore(hub, &point);
	assert_int_equal(row_count(hub, false), 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rows_have_what_came_since_and_the_most_there_was),
		T(counters_that_fall_count_nothing),
		T(a_day_of_minutes_is_kept),
		T(a_clock_that_goes_back_adds_no_row),
		T(rows_outlast_a_restart_and_the_open_ones_go_on),
		T(the_store_keeps_no_more_than_the_graph),
		T(what_is_yet_to_come_or_no_point_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
