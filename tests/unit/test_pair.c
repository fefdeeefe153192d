/* Refused pairs: what the server has refused is not asked again. */
#include "policy_world.h"

#define HOME "192.0.2.7"
#define BOT  "198.51.100.7"

static struct policy_verdict refuse(
	struct world *world, const char *addr, const char *user, uint64_t tag)
{
	return world_try(world, addr, user, tag, OUTCOME_FAILED);
}

static void refused_pair_is_answered_here_to_anybody(void **state)
{
	struct policy_verdict verdict;
	struct world world;

	world_init_people(&world);
	(void)refuse(&world, BOT, "anna", 7);
	verdict = refuse(&world, BOT, "ANNA", 7);
	assert_int_equal(verdict.kind, VERDICT_ANSWER_REFUSED);
	assert_int_equal(verdict.rule, RULE_REFUSED_PAIR);
	assert_int_equal(verdict.wait_ms, 1000); /* as the server's would */
	assert_int_equal(
		refuse(&world, HOME, "anna", 7).kind, VERDICT_ANSWER_REFUSED);
	assert_int_equal(refuse(&world, HOME, "anna", 8).kind, VERDICT_DELAY);
	assert_int_equal(refuse(&world, HOME, "bert", 7).kind, VERDICT_DELAY);
	world_done(&world);
}

/* How long each refusal is remembered: it doubles up to four hours. */
static void lifetimes_double_up_to_the_longest(void **state)
{
	static const unsigned minutes[] = {5, 10, 20, 40, 80, 160, 240, 240};
	struct world world;

	world_init_people(&world);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(
			refuse(&world, BOT, "anna", 7).kind, VERDICT_DELAY);
		world_wait(&world, minutes[i] * MINUTES - 1);
		assert_int_equal(refuse(&world, BOT, "anna", 7).kind,
			VERDICT_ANSWER_REFUSED);
		world_wait(&world, 1);
	}
	world_done(&world);
}

static void unknown_secrets_are_no_pairs(void **state)
{
	struct world world;

	world_init_people(&world);
	(void)refuse(&world, BOT, "anna", 0);
	assert_int_equal(refuse(&world, BOT, "anna", 0).kind, VERDICT_DELAY);
	(void)refuse(&world, BOT, "", 7);
	assert_int_equal(refuse(&world, BOT, "", 7).kind, VERDICT_DELAY);
	world_done(&world);
}

static void success_of_the_user_clears_his_pairs_only(void **state)
{
	struct world world;

	world_init_people(&world);
	(void)refuse(&world, BOT, "anna", 7);
	(void)refuse(&world, BOT, "bert", 7);
	world_wait(&world, 1);
	(void)world_try(&world, HOME, "anna", 1, OUTCOME_OK);
	world_wait(&world, 1);
	assert_int_equal(refuse(&world, BOT, "anna", 7).kind, VERDICT_DELAY);
	assert_int_equal(
		refuse(&world, BOT, "bert", 7).kind, VERDICT_ANSWER_REFUSED);
	world_done(&world);
}

static void operator_forgets_what_is_held_against_a_user(void **state)
{
	struct world world;

	world_init_people(&world);
	(void)refuse(&world, HOME, "anna", 7);
	world_wait(&world, 1);
	(void)world_step(&world, &(struct policy_event){
					 .kind = EVENT_OPERATOR_FORGET,
					 .user = slice_str("Anna"),
				 });
	assert_int_equal(world_try(&world, HOME, "anna", 7, OUTCOME_OK).kind,
		VERDICT_PASS);
	world_done(&world);
}

static void temporary_and_lost_logins_are_no_refusals(void **state)
{
	static const enum policy_outcome outcomes[] = {OUTCOME_TEMPORARY,
		OUTCOME_CANCELLED, OUTCOME_OTHER, OUTCOME_ABANDONED};
	struct world world;

	world_init_people(&world);
	for (uint64_t tag = 1; tag <= 4; tag++) {
		(void)world_try(&world, BOT, "anna", tag, outcomes[tag - 1]);
		assert_int_equal(
			world_ask(&world, 900 + tag, BOT, "anna", tag).kind,
			VERDICT_PASS);
	}
	world_done(&world);
}

/* A phone with an old password, every five minutes for two days: the server
 * hears of it a dozen times a day, its office is not touched, and the help
 * desk gets a line a day. */
static void stale_phone_is_noted_and_hurts_nobody(void **state)
{
	struct policy_action note;
	unsigned heard = 0;
	struct world world;

	world_init_people(&world);
	(void)world_try(&world, HOME, "anna", 1, OUTCOME_OK);
	for (unsigned i = 0; i < 2 * 288; i++) {
		world_wait(&world, 5 * MINUTES);
		heard += refuse(&world, HOME, "Anna", 7).kind !=
			 VERDICT_ANSWER_REFUSED;
	}
	assert_in_range(heard, 20, 60);
	assert_int_equal(world_said(&world, ACTION_BAN), 0);
	assert_int_equal(world_said(&world, ACTION_NOTE), 2);
	note = world_last(&world, ACTION_NOTE);
	assert_int_equal(note.rule, RULE_STALE_DEVICE);
	assert_string_equal(note.user, "anna");
	world_done(&world);
}

/* He types it at 0, the server knows it at `learns`; when does it get in? */
static unsigned minutes_late(unsigned learns)
{
	struct world world;
	unsigned minute = 0;

	world_init_people(&world);
	(void)world_try(&world, HOME, "anna", 1, OUTCOME_OK);
	while (world_try(&world, HOME, "anna", 9,
		       minute < learns ? OUTCOME_FAILED : OUTCOME_OK)
			.kind != VERDICT_PASS) {
		world_wait(&world, 1 * MINUTES);
		minute++;
	}
	world_done(&world);
	return minute - learns;
}

static void new_password_typed_too_early_is_late_by_no_more(void **state)
{
	static const unsigned learns[] = {1, 3, 5, 10, 15, 30, 60, 120, 240};

	for (unsigned i = 0; i < sizeof(learns) / sizeof(learns[0]); i++)
		assert_true(minutes_late(learns[i]) <=
			    (learns[i] <= 120 ? 1 : learns[i]));
}

static void observe_passes_and_says_so(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct policy_verdict verdict;
	struct world world;

	conf.pair.mode = POLICY_OBSERVE;
	world_init_with(&world, &conf);
	(void)refuse(&world, BOT, "anna", 7);
	verdict = world_ask(&world, 900, BOT, "anna", 7);
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_REFUSED_PAIR);
	assert_int_equal(verdict.mode, POLICY_OBSERVE);
	world_done(&world);
	conf.pair.mode = POLICY_OFF;
	world_init_with(&world, &conf);
	(void)refuse(&world, BOT, "anna", 7);
	verdict = world_ask(&world, 900, BOT, "anna", 7);
	assert_int_equal(verdict.rule, RULE_NONE);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_pair_is_answered_here_to_anybody),
		cmocka_unit_test(lifetimes_double_up_to_the_longest),
		cmocka_unit_test(unknown_secrets_are_no_pairs),
		cmocka_unit_test(success_of_the_user_clears_his_pairs_only),
		cmocka_unit_test(operator_forgets_what_is_held_against_a_user),
		cmocka_unit_test(temporary_and_lost_logins_are_no_refusals),
		cmocka_unit_test(stale_phone_is_noted_and_hurts_nobody),
		cmocka_unit_test(
			new_password_typed_too_early_is_late_by_no_more),
		cmocka_unit_test(observe_passes_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
