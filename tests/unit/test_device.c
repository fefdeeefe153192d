/* Devices: who is known by the name that his program gives in EHLO. */
#include "policy_world.h"

#define CARRIER "100.64.5."
#define LAPTOP	"anna-laptop"
#define PHONE	"smtpclient.apple"

enum { PEOPLE = 20 };

static const char *name(unsigned n)
{
	static char text[16];

	(void)snprintf(text, sizeof(text), "user%u", n);
	return text;
}

static const char *strange(unsigned n)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "203.%u.%u.9", 1 + n / 250, n % 250);
	return text;
}

static const char *shared(unsigned n)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), CARRIER "%u", n);
	return text;
}

/* All have a telephone behind a carrier's addresses, user1 a laptop. */
static void people_come(struct world *world)
{
	for (unsigned day = 0; day < 10; day++) {
		for (unsigned n = 0; n < PEOPLE; n++)
			(void)world_try_by(world, PHONE, shared(day), name(n),
				10000 + n, OUTCOME_OK);
		(void)world_try_by(
			world, LAPTOP, "192.0.2.7", name(1), 10001, OUTCOME_OK);
		world_wait(world, 1 * DAYS);
	}
}

/* Bots that call themselves so, on users whom nobody has. */
static void botnet(struct world *world, const char *as, unsigned count)
{
	static unsigned n;

	for (unsigned i = 0; i < count; i++, n++) {
		(void)world_try_by(world, as, strange(n), "nobody", 20000 + n,
			OUTCOME_FAILED);
		(void)world_try_by(world, as, strange(n), name(n % PEOPLE),
			30000 + n, OUTCOME_FAILED);
		world_wait(world, 1 * MINUTES);
	}
}

static void begin_with(struct world *world, enum policy_mode mode)
{
	struct policy_conf conf = world_people_conf();

	conf.device.mode = mode;
	world_init_with(world, &conf);
	people_come(world);
	botnet(world, "ylmf-pc", 40);
}

static enum policy_rule rule_at(struct world *world, const char *as,
	const char *addr, const char *user, uint64_t tag,
	enum policy_outcome outcome)
{
	struct policy_verdict verdict =
		world_try_by(world, as, addr, user, tag, outcome);

	return verdict.kind == VERDICT_ANSWER_TEMPORARY ? verdict.rule
							: RULE_NONE;
}

/* An address that does not change is not a carrier's: a new laptop there is
 * one of the office. */
static void new_device_of_an_office_is_no_bad_sign(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;

	world_init_with(&world, &conf);
	for (unsigned day = 0; day < 8; day++) {
		for (unsigned n = 0; n < PEOPLE; n++)
			(void)world_try_by(&world, name(n), "192.0.2.7",
				name(n), 10000 + n, OUTCOME_OK);
		world_wait(&world, 1 * DAYS);
	}
	botnet(&world, "ylmf-pc", 40);
	for (unsigned n = 0; n < 8; n++) /* neighbours have six in all */
		(void)rule_at(&world, "new-laptop", "192.0.2.7", name(n),
			60 + n, OUTCOME_FAILED);
	for (unsigned n = 0; n < PEOPLE; n++)
		assert_int_equal(rule_at(&world, "new-laptop", "192.0.2.7",
					 name(n), 10000 + n, OUTCOME_OK),
			RULE_NONE);
	world_done(&world);
}

static void known_device_passes_a_campaign_at_once(void **state)
{
	struct world world;

	begin_with(&world, POLICY_ENFORCE);
	assert_int_equal(rule_at(&world, "other-laptop", "198.18.1.1", name(1),
				 10001, OUTCOME_OK),
		RULE_GREYLIST);
	assert_int_equal(rule_at(&world, "ANNA-Laptop", "198.18.1.1", name(1),
				 10001, OUTCOME_OK),
		RULE_NONE);
	/* It is hers, and nobody else's. */
	assert_int_equal(rule_at(&world, LAPTOP, "198.18.2.1", name(2), 10002,
				 OUTCOME_OK),
		RULE_GREYLIST);
	world_done(&world);
}

static const struct policy_action *said_device(const struct world *world)
{
	for (unsigned i = 0; i < world->said_count; i++)
		if (world->said[i].kind == ACTION_DEVICE &&
			strcmp(world->said[i].device, LAPTOP) == 0)
			return &world->said[i];
	return NULL;
}

/* What was said to the store is as good after a start. */
static void restored_device_is_as_good(void **state)
{
	struct policy_conf conf = world_people_conf();
	const struct policy_action *told;
	struct world world, next;

	world_init_with(&world, &conf);
	(void)world_step(&world, &(struct policy_event){
					 .kind = EVENT_AUTH_BEGINS,
					 .attempt = 9,
					 .addr = world_addr("192.0.2.7"),
					 .user = slice_str("User1"),
					 .text = slice_str("Anna-Laptop"),
					 .secret_tag = 1,
				 });
	(void)world_step(&world, &(struct policy_event){
					 .kind = EVENT_AUTH_SETTLED,
					 .attempt = 9,
					 .addr = world_addr("192.0.2.7"),
					 .user = slice_str("User1"),
					 .text = slice_str("Anna-Laptop"),
					 .outcome = OUTCOME_OK,
				 });
	told = said_device(&world);
	assert_non_null(told);
	assert_string_equal(told->user, "user1");
	assert_true(told->until == world.now + 30 * DAYS);
	conf.campaign.learned_percent = 0;
	conf.campaign.learn_ms = 0;
	world_init_with(&next, &conf);
	(void)world_step(&next, &(struct policy_event){
					.kind = EVENT_RESTORE_DEVICE,
					.user = slice_str(told->user),
					.text = slice_str(told->device),
					.span_ms = 1 * DAYS,
				});
	(void)world_try(&next, "192.0.2.1", "user1", 1, OUTCOME_OK);
	botnet(&next, "ylmf-pc", 12);
	assert_int_equal(
		rule_at(&next, LAPTOP, "198.18.1.1", "user1", 1, OUTCOME_OK),
		RULE_NONE);
	world_done(&next);
	world_done(&world);
}

static void its_failures_have_a_budget(void **state)
{
	struct world world;

	begin_with(&world, POLICY_ENFORCE);
	for (unsigned n = 0; n < 2; n++)
		assert_int_equal(rule_at(&world, LAPTOP, strange(500 + n),
					 name(1), 70 + n, OUTCOME_FAILED),
			RULE_NONE);
	assert_int_equal(rule_at(&world, LAPTOP, strange(502), name(1), 72,
				 OUTCOME_FAILED),
		RULE_GREYLIST);
	world_done(&world);
}

/* A botnet that takes to a common name makes it worthless, for all of those
 * who have it, and for the next day. */
static void name_of_strangers_says_nothing(void **state)
{
	struct world world;

	begin_with(&world, POLICY_ENFORCE);
	assert_int_equal(rule_at(&world, PHONE, "198.18.1.1", name(2), 10002,
				 OUTCOME_OK),
		RULE_NONE);
	botnet(&world, PHONE, 8);
	assert_int_equal(rule_at(&world, PHONE, "198.18.2.1", name(3), 10003,
				 OUTCOME_OK),
		RULE_GREYLIST);
	world_wait(&world, 1 * DAYS + 12 * HOURS);
	assert_int_equal(rule_at(&world, PHONE, "198.18.4.1", name(4), 10004,
				 OUTCOME_OK),
		RULE_NONE);
	world_done(&world);
}

/* Behind a carrier a passport is everybody's who is there. */
static void strange_device_behind_a_carrier_is_a_neighbour(void **state)
{
	struct world world;
	unsigned passed = 0;

	begin_with(&world, POLICY_ENFORCE);
	for (unsigned n = 0; n < PEOPLE; n++)
		assert_int_not_equal(rule_at(&world, "ylmf-pc", shared(n % 8),
					     name(n), 30 + n, OUTCOME_FAILED),
			RULE_NONE); /* all bots have that name */
	for (unsigned n = 0; n < PEOPLE; n++)
		passed += rule_at(&world, "new-phone", shared(n % 8), name(n),
				  50 + n, OUTCOME_FAILED) == RULE_NONE;
	assert_int_equal(passed, 6);
	for (unsigned n = 0; n < PEOPLE; n++)
		assert_int_equal(rule_at(&world, PHONE, shared(4), name(n),
					 10000 + n, OUTCOME_OK),
			RULE_NONE);
	world_done(&world);
}

/* What he was asked to come back with is no key for others who have it right:
 * the guesser next door is told what he was told before. */
static void retry_ends_with_the_success(void **state)
{
	struct world world;

	begin_with(&world, POLICY_ENFORCE);
	world_wait(&world, 2 * DAYS);
	for (unsigned n = 5; n < 11; n++)
		(void)rule_at(&world, "other", shared(n % 8), name(n), 60 + n,
			OUTCOME_FAILED);
	assert_int_equal(rule_at(&world, "new-phone", shared(2), name(1), 10001,
				 OUTCOME_OK),
		RULE_GREYLIST);
	world_wait(&world, 1 * MINUTES);
	assert_int_equal(rule_at(&world, "new-phone", shared(2), name(1), 10001,
				 OUTCOME_OK),
		RULE_NONE);
	assert_int_equal(rule_at(&world, "guesser", shared(3), name(1), 10001,
				 OUTCOME_OK),
		RULE_GREYLIST);
	world_done(&world);
}

/* Where nobody has an address for himself, and nobody a name either. */
static void strange_name_of_the_fickle_is_no_bad_sign(void **state)
{
	struct policy_conf conf = world_people_conf();
	struct world world;
	char as[32];

	world_init_with(&world, &conf);
	for (unsigned day = 0; day < 8; day++) {
		for (unsigned n = 0; n < PEOPLE; n++) {
			(void)snprintf(as, sizeof(as), "[10.%u.%u.1]", day, n);
			(void)world_try_by(&world, as, shared(day), name(n),
				10000 + n, OUTCOME_OK);
		}
		world_wait(&world, 1 * DAYS);
	}
	botnet(&world, "ylmf-pc", 40);
	for (unsigned n = 0; n < 8; n++) { /* neighbours have six in all */
		(void)snprintf(as, sizeof(as), "[10.77.%u.1]", n);
		(void)rule_at(
			&world, as, shared(n), name(n), 60 + n, OUTCOME_FAILED);
	}
	for (unsigned n = 0; n < PEOPLE; n++)
		assert_int_equal(rule_at(&world, "[10.99.9.9]", shared(3),
					 name(n), 10000 + n, OUTCOME_OK),
			RULE_NONE);
	world_done(&world);
}

/* Whoever comes first of those without a name that strangers have. */
static void budget_is_not_for_names_of_bots(void **state)
{
	struct world world;

	begin_with(&world, POLICY_ENFORCE);
	world_wait(&world, 2 * DAYS);
	botnet(&world, "ylmf-pc", 10);
	for (unsigned turn = 0; turn < 2; turn++) {
		assert_int_equal(rule_at(&world, "ylmf-pc", "198.18.1.1",
					 name(1), 10001, OUTCOME_OK),
			turn == 0 ? RULE_GREYLIST : RULE_BUDGET);
		assert_int_equal(rule_at(&world, "new-laptop", "198.18.2.1",
					 name(1), 10001, OUTCOME_OK),
			turn == 0 ? RULE_GREYLIST : RULE_NONE);
		world_wait(&world, 1 * MINUTES);
	}
	world_done(&world);
}

static void observed_devices_change_nothing(void **state)
{
	struct world world;

	begin_with(&world, POLICY_OBSERVE);
	assert_int_equal(rule_at(&world, LAPTOP, "198.18.1.1", name(1), 10001,
				 OUTCOME_OK),
		RULE_GREYLIST);
	assert_int_equal(rule_at(&world, "ylmf-pc", shared(3), name(5), 10005,
				 OUTCOME_OK),
		RULE_NONE);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_device_passes_a_campaign_at_once),
		cmocka_unit_test(restored_device_is_as_good),
		cmocka_unit_test(its_failures_have_a_budget),
		cmocka_unit_test(name_of_strangers_says_nothing),
		cmocka_unit_test(
			strange_device_behind_a_carrier_is_a_neighbour),
		cmocka_unit_test(retry_ends_with_the_success),
		cmocka_unit_test(strange_name_of_the_fickle_is_no_bad_sign),
		cmocka_unit_test(new_device_of_an_office_is_no_bad_sign),
		cmocka_unit_test(budget_is_not_for_names_of_bots),
		cmocka_unit_test(observed_devices_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
