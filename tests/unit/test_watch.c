/* What an operator who looks on sees: decisions, people, guessers. */
#include "hub_world.h"

static struct message_ask guess_of(const char *text)
{
	struct message_ask ask = {.user = "anna", .user_n = 4};

	assert_true(addr_parse(text, &ask.addr));
	return ask;
}

static void decide(struct hub *hub, enum watch_kind kind, const char *text)
{
	struct policy_action action = {
		.kind = ACTION_BAN, .rule = RULE_SOURCE_LIMIT};

	assert_true(prefix_parse("192.0.2.1", &action.prefix));
	watch_decision(hub, kind, &action, "anna", text);
}

static size_t count_of(struct hub *hub, const char *array)
{
	json_t *object = watch_object(hub, WATCH_GUESSERS_SHOWN);
	size_t count = json_array_size(json_object_get(object, array));

	json_decref(object);
	return count;
}

/* A member of the first. */
static json_t *first(json_t *object, const char *array, const char *member)
{
	return json_object_get(
		json_array_get(json_object_get(object, array), 0), member);
}

static void newest_are_kept_and_the_oldest_overwritten(void **state)
{
	struct hub hub;

	hub_init(&hub);
	for (unsigned i = 0; i < WATCH_NEWS_MOST + 5; i++)
		decide(&hub, WATCH_BAN, "too many failures");
	assert_int_equal(count_of(&hub, "decisions"), WATCH_NEWS_MOST);
	hub_done(&hub);
}

static void bans_do_not_wash_people_away(void **state)
{
	const struct message_ask ask = guess_of("192.0.2.7");
	struct hub hub;

	hub_init(&hub);
	watch_hurt(&hub, &ask);
	assert_int_equal(watch_hurt_count(&hub), 1);
	for (unsigned i = 0; i < 3 * WATCH_NEWS_MOST; i++)
		decide(&hub, WATCH_BAN, "too many failures");
	assert_int_equal(count_of(&hub, "people"), 1);
	hub_done(&hub);
}

static void the_serial_goes_on_with_what_changes_among_bans(void **state)
{
	json_int_t before, after;
	struct hub hub;
	json_t *object;

	hub_init(&hub);
	object = watch_serial_object(&hub);
	before = json_integer_value(json_object_get(object, "serial"));
	json_decref(object);
	watch_bans_changed(&hub);
	object = watch_serial_object(&hub);
	after = json_integer_value(json_object_get(object, "serial"));
	json_decref(object);
	assert_int_not_equal(before, after);
	hub_done(&hub);
}

static void the_busiest_guesser_comes_first_and_the_silent_go(void **state)
{
	const struct message_ask one = guess_of("192.0.2.1");
	const struct message_ask two = guess_of("192.0.2.2");
	struct hub hub;
	json_t *object;

	hub_init(&hub);
	watch_guess(&hub, &one);
	watch_guess(&hub, &two);
	watch_guess(&hub, &two);
	object = watch_object(&hub, WATCH_GUESSERS_SHOWN);
	assert_string_equal(
		json_string_value(first(object, "guessers", "source")),
		"192.0.2.2");
	json_decref(object);
	assert_int_equal(count_of(&hub, "guessers"), 2);
	hub_pass(&hub, WATCH_GUESSER_MS / 1000 - 1);
	watch_guess(&hub, &one);
	hub_pass(&hub, 2);
	assert_int_equal(count_of(&hub, "guessers"), 1);
	hub_done(&hub);
}

static void more_guessers_than_places_push_the_longest_silent_out(void **state)
{
	const struct message_ask late = guess_of("203.0.113.1");
	char text[ADDR_TEXT_LONGEST];
	struct hub hub;
	json_t *object;

	hub_init(&hub);
	for (unsigned i = 0; i < WATCH_GUESSERS_MOST; i++) {
		struct message_ask ask;

		(void)snprintf(
			text, sizeof(text), "192.0.%u.%u", i / 256, i % 256);
		ask = guess_of(text);
		watch_guess(&hub, &ask);
		hub.turn_now++;
	}
	watch_guess(&hub, &late);
	watch_guess(&hub, &late);
	object = watch_object(&hub, WATCH_GUESSERS_SHOWN);
	assert_string_equal(
		json_string_value(first(object, "guessers", "source")),
		"203.0.113.1");
	json_decref(object);
	hub_done(&hub);
}

static void what_is_handed_over_is_looked_at(void **state)
{
	static uint8_t room[1 << 20];
	struct octets out = octets_to(room, sizeof(room)), in;
	const struct message_ask ask = guess_of("192.0.2.7");
	unsigned refused = 0;
	struct hub hub;

	hub_init(&hub);
	watch_hurt(&hub, &ask);
	watch_guess(&hub, &ask);
	decide(&hub, WATCH_BAN, "too many failures");
	watch_save(hub.watch, &out);
	watch_free(&hub.watch);
	for (size_t at = 0; at < out.n; at += 7) {
		uint8_t was = room[at];

		room[at] = 0xff;
		in = octets_of(room, out.n);
		hub.watch = watch_new();
		if (watch_load(hub.watch, &in)) /* then it can be shown */
			(void)count_of(&hub, "decisions");
		else
			refused++;
		watch_free(&hub.watch);
		room[at] = was;
	}
	assert_true(refused > 0);
	hub.watch = watch_new();
	in = octets_of(room, out.n);
	assert_true(watch_load(hub.watch, &in));
	assert_int_equal(watch_hurt_count(&hub), 1);
	assert_int_equal(count_of(&hub, "decisions"), 1);
	assert_int_equal(count_of(&hub, "guessers"), 1);
	hub_done(&hub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newest_are_kept_and_the_oldest_overwritten),
		cmocka_unit_test(bans_do_not_wash_people_away),
		cmocka_unit_test(
			the_serial_goes_on_with_what_changes_among_bans),
		cmocka_unit_test(
			the_busiest_guesser_comes_first_and_the_silent_go),
		cmocka_unit_test(
			more_guessers_than_places_push_the_longest_silent_out),
		cmocka_unit_test(what_is_handed_over_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
