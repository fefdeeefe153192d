/* Counts by what they are of, as metrics show them. */
#include "hub_world.h"

static struct message_ask ask_of(uint8_t listener, uint8_t mech)
{
	return (struct message_ask){.listener = listener, .mech = mech};
}

static struct policy_verdict verdict_of(enum policy_verdict_kind kind)
{
	return (struct policy_verdict){.kind = kind,
		.rule = RULE_SOURCE_LIMIT,
		.mode = POLICY_ENFORCE};
}

static void tell(struct hub *hub, enum policy_verdict_kind kind,
	const struct message_ask *ask)
{
	const struct policy_verdict verdict = verdict_of(kind);

	tally_verdict(hub, ask, &verdict);
}

/* Of the rows of an array those whose member is this word: their counts. */
static json_int_t sum_of(struct hub *hub, const char *array, const char *member,
	const char *word)
{
	json_t *object = tally_object(hub), *row;
	json_int_t sum = 0;
	size_t i;

	json_array_foreach(json_object_get(object, array), i,
		row) if (strcmp(json_string_value(json_object_get(row, member)),
				 word) == 0) sum +=
		json_integer_value(json_object_get(row, "count"));
	json_decref(object);
	return sum;
}

static void logins_are_counted_when_they_are_over(void **state)
{
	const struct message_ask ask = ask_of(0, 1);
	struct hub hub;

	hub_init(&hub);
	tell(&hub, VERDICT_PASS, &ask);
	tell(&hub, VERDICT_HOLD, &ask);
	assert_int_equal(sum_of(&hub, "logins", "listener", "mx"), 0);
	tally_outcome(&hub, &ask, OUTCOME_FAILED);
	tally_outcome(&hub, &ask, OUTCOME_FAILED);
	tally_outcome(&hub, &ask, OUTCOME_OK);
	tell(&hub, VERDICT_ANSWER_TEMPORARY, &ask);
	tell(&hub, VERDICT_ANSWER_REFUSED, &ask);
	tell(&hub, VERDICT_TURN_AWAY, &ask);
	assert_int_equal(sum_of(&hub, "logins", "result", "failed"), 2);
	assert_int_equal(sum_of(&hub, "logins", "result", "ok"), 1);
	assert_int_equal(sum_of(&hub, "logins", "result", "postern-454"), 1);
	assert_int_equal(sum_of(&hub, "logins", "result", "postern-535"), 1);
	assert_int_equal(sum_of(&hub, "logins", "result", "turned-away"), 1);
	assert_int_equal(sum_of(&hub, "logins", "listener", "mx"), 6);
	hub_done(&hub);
}

static void verdicts_are_counted_by_rule_kind_and_mode(void **state)
{
	const struct message_ask ask = ask_of(0, 1);
	struct policy_verdict observed = verdict_of(VERDICT_PASS);
	struct hub hub;

	hub_init(&hub);
	tell(&hub, VERDICT_TURN_AWAY, &ask);
	tell(&hub, VERDICT_DELAY, NULL); /* nobody knows whose */
	observed.mode = POLICY_OBSERVE;
	tally_verdict(&hub, &ask, &observed);
	assert_int_equal(sum_of(&hub, "verdicts", "rule", "source-limit"), 3);
	assert_int_equal(sum_of(&hub, "verdicts", "verdict", "delay"), 1);
	assert_int_equal(sum_of(&hub, "verdicts", "mode", "observe"), 1);
	assert_int_equal(sum_of(&hub, "logins", "listener", "mx"), 1);
	hub_done(&hub);
}

/* A worker that was taken over says what it likes. */
static void numbers_beyond_the_tables_make_no_place(void **state)
{
	const struct message_ask wild = ask_of(UINT8_MAX, UINT8_MAX);
	const struct message_ask mech = ask_of(0, UINT8_MAX);
	const struct message_ask nobody = ask_of(5, 0); /* no such listener */
	struct hub hub;
	json_t *object;

	hub_init(&hub);
	tally_outcome(&hub, &wild, OUTCOME_OK);
	tally_outcome(&hub, &nobody, OUTCOME_OK);
	tally_outcome(&hub, &mech, OUTCOME_OK);
	object = tally_object(&hub);
	assert_int_equal(json_array_size(json_object_get(object, "logins")), 1);
	json_decref(object);
	hub_done(&hub);
}

static void what_is_handed_over_is_the_same(void **state)
{
	static uint8_t room[1 << 20];
	const struct message_ask ask = ask_of(0, 1);
	struct octets out = octets_to(room, sizeof(room)), in;
	struct hub hub;

	hub_init(&hub);
	tally_outcome(&hub, &ask, OUTCOME_OK);
	tally_save(hub.tally, &out);
	assert_false(out.failed);
	tally_free(&hub.tally);
	hub.tally = tally_new();
	in = octets_of(room, out.n - 1);
	assert_false(tally_load(hub.tally, &in));
	in = octets_of(room, out.n);
	assert_true(tally_load(hub.tally, &in));
	assert_int_equal(sum_of(&hub, "logins", "result", "ok"), 1);
	hub_done(&hub);
}

/* Of one that was never made there is a whole histogram, too. */
static void syncs_of_the_firewall_are_a_histogram(void **state)
{
	struct hub hub;
	json_t *object, *syncs;

	hub_init(&hub);
	object = tally_object(&hub);
	syncs = json_object_get(object, "firewall_syncs");
	assert_int_equal(json_array_size(json_object_get(syncs, "buckets")),
		MESSAGE_BUCKETS);
	assert_int_equal(
		json_integer_value(json_object_get(syncs, "count")), 0);
	json_decref(object);
	hub_done(&hub);
}

static void counts_of_replies_are_those_below_each_bound(void **state)
{
	struct message_stats stats = {
		.replies = {1, 2, 3}, .replies_total = 7, .replies_ms = 50};
	struct hub hub;
	json_t *object, *buckets;

	hub_init(&hub);
	hub_count(&hub, &stats);
	object = tally_object(&hub);
	buckets =
		json_object_get(json_object_get(object, "replies"), "buckets");
	assert_int_equal(json_array_size(buckets), MESSAGE_BUCKETS);
	assert_int_equal(json_integer_value(
				 json_array_get(json_array_get(buckets, 2), 1)),
		6);
	assert_int_equal(
		json_integer_value(json_array_get(
			json_array_get(buckets, MESSAGE_BUCKETS - 1), 1)),
		6);
	json_decref(object);
	hub_done(&hub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logins_are_counted_when_they_are_over),
		cmocka_unit_test(verdicts_are_counted_by_rule_kind_and_mode),
		cmocka_unit_test(numbers_beyond_the_tables_make_no_place),
		cmocka_unit_test(what_is_handed_over_is_the_same),
		cmocka_unit_test(syncs_of_the_firewall_are_a_histogram),
		cmocka_unit_test(counts_of_replies_are_those_below_each_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
