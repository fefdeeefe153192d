/* A prefix whose strange sources log in all at once. */
#include "policy_world.h"

enum { HOSTS = 254 };

static struct policy_conf conf_flight(void)
{
	struct policy_conf conf = world_people_conf();

	conf.campaign.mode = conf.budget.mode = POLICY_OFF;
	conf.prefix_limit = world_prefix_limit();
	return conf;
}

static void world_flying(struct world *world)
{
	struct policy_conf conf = conf_flight();

	world_init_with(world, &conf);
}

/* Of a network: text before and behind the number, which is octets of IPv6 if
 * anything is behind it. */
struct net {
	const char *before, *after;
};

static const struct net v4 = {"192.0.2.", ""};

static const char *host(char text[64], struct net net, unsigned number)
{
	if (net.after[0] == '\0' || net.after[0] == '.')
		(void)snprintf(
			text, 64, "%s%u%s", net.before, number, net.after);
	else
		(void)snprintf(
			text, 64, "%s%02x%s", net.before, number, net.after);
	return text;
}

/* All ask at once, each a guess of its own; ids are their numbers. Returns how
 * many are passed; the others are held. */
static unsigned ask_all(
	struct world *world, struct net net, unsigned first, unsigned count)
{
	unsigned passed = 0;
	char text[64];

	for (unsigned i = first; i < first + count; i++) {
		struct policy_verdict verdict = world_ask(
			world, i, host(text, net, i), "guess", 1000 + i);

		if (verdict.kind == VERDICT_HOLD) {
			assert_int_equal(verdict.rule, RULE_PREFIX_IN_FLIGHT);
			continue;
		}
		assert_int_equal(verdict.kind, VERDICT_PASS);
		passed++;
	}
	return passed;
}

static void settle_all(struct world *world, struct net net, unsigned first,
	unsigned count, enum policy_outcome outcome)
{
	char text[64];

	for (unsigned i = first; i < first + count; i++)
		(void)world_settle_of(
			world, i, host(text, net, i), "guess", outcome);
}

static void five_of_a_24_pass_at_once(void **state)
{
	struct prefix want = world_prefix("192.0.2.0/24");
	struct policy_action ban;
	struct world world;

	world_flying(&world);
	assert_int_equal(ask_all(&world, v4, 1, HOSTS), 5);
	settle_all(&world, v4, 1, 4, OUTCOME_FAILED);
	/* Four failed, one is under way: there is no place for another. */
	assert_int_equal(ask_all(&world, v4, 6, HOSTS - 5), 0);
	settle_all(&world, v4, 5, 1, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	ban = world_last(&world, ACTION_BAN);
	assert_true(prefix_eq(&ban.prefix, &want));
	world_done(&world);
}

static void so_do_five_of_what_a_customer_has(void **state)
{
	static const struct net nets[] = {
		{"2001:db8:1:aa", "::1"}, /* a /56 */
		{"2001:db8:1:", "00::1"}, /* a /48 */
	};

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		struct world world;

		world_flying(&world);
		assert_int_equal(ask_all(&world, nets[i], 1, HOSTS), 5);
		settle_all(&world, nets[i], 1, HOSTS, OUTCOME_FAILED);
		assert_int_equal(world_said(&world, ACTION_BAN), 1);
		world_done(&world);
	}
}

/* Each failure takes the place of one that was under way, each other end gives
 * one back: whatever the order, five fail before the ban. */
static void ends_give_places_back(void **state)
{
	struct world world;
	unsigned next = 6;

	world_flying(&world);
	assert_int_equal(ask_all(&world, v4, 1, 5), 5);
	for (unsigned end = OUTCOME_TEMPORARY; end <= OUTCOME_OTHER; end++) {
		settle_all(&world, v4, next - 5, 1, (enum policy_outcome)end);
		assert_int_equal(ask_all(&world, v4, next, HOSTS - next), 1);
		next++;
	}
	settle_all(&world, v4, next - 5, 1, OUTCOME_ABANDONED);
	assert_int_equal(ask_all(&world, v4, next, HOSTS - next), 0);
	world_done(&world);
}

static void lapsed_ones_have_failed(void **state)
{
	struct world world;

	world_flying(&world);
	assert_int_equal(ask_all(&world, v4, 1, HOSTS), 5);
	world_wait(&world, 3 * MINUTES);
	assert_int_equal(world_said(&world, ACTION_BAN), 1);
	world_done(&world);
}

/* The second of two connections of a phone needs no place; nor does a source
 * that failed before. */
static void known_sources_are_not_held(void **state)
{
	struct world world;

	world_flying(&world);
	world_fail(&world, "192.0.2.200", 1);
	assert_int_equal(ask_all(&world, v4, 1, 50), 4);
	assert_int_equal(
		world_ask(&world, 900, "192.0.2.1", "guess", 1001).kind,
		VERDICT_PASS);
	assert_int_equal(world_ask(&world, 901, "192.0.2.200", "x", 5).kind,
		VERDICT_PASS);
	/* Its failures are no second place. */
	(void)world_settle(&world, 901, "192.0.2.200", OUTCOME_FAILED);
	settle_all(&world, v4, 1, 1, OUTCOME_CANCELLED);
	assert_int_equal(ask_all(&world, v4, 60, 50), 0); /* 900 is its */
	(void)world_settle(&world, 900, "192.0.2.1", OUTCOME_CANCELLED);
	assert_int_equal(ask_all(&world, v4, 60, 50), 1);
	world_done(&world);
}

static void people_are_never_held_back(void **state)
{
	struct world world;

	world_flying(&world);
	(void)world_try(&world, "192.0.2.77", "anna", 1, OUTCOME_OK);
	assert_int_equal(ask_all(&world, v4, 1, HOSTS), HOSTS);
	world_done(&world);
}

/* The store knows where people are when the core does not yet. */
static void nor_after_a_restart(void **state)
{
	struct world world;

	world_flying(&world);
	(void)world_step(&world, &(struct policy_event){
					 .kind = EVENT_RESTORE_PASSPORT,
					 .prefix = world_prefix("192.0.2.0/24"),
					 .user = slice_str("anna"),
					 .span_ms = 5 * DAYS,
				 });
	assert_int_equal(ask_all(&world, v4, 1, HOSTS), HOSTS);
	world_done(&world);
}

/* People in another part of a /48 hold no hand over a whole /56. */
static void neighbours_of_people_are(void **state)
{
	static const struct net strange = {"2001:db8:1:aa", "::1"};
	static const struct net hers = {"2001:db8:1:55", "::1"};
	struct world world;

	world_flying(&world);
	(void)world_try(&world, "2001:db8:1:5500::1", "anna", 1, OUTCOME_OK);
	assert_int_equal(ask_all(&world, strange, 1, 250), 5);
	assert_int_equal(ask_all(&world, hers, 1, 50), 50);
	world_done(&world);
}

/* A ban that ended: one at a time, and the first that fails bans again. */
static void then_one_at_a_time(void **state)
{
	struct policy_conf conf = conf_flight();
	struct world world;

	conf.prefix_limit.ban_ms = 1 * HOURS;
	world_init_with(&world, &conf);
	assert_int_equal(ask_all(&world, v4, 1, 5), 5);
	settle_all(&world, v4, 1, 5, OUTCOME_FAILED);
	world_wait(&world, 2 * HOURS);
	assert_int_equal(ask_all(&world, v4, 6, HOSTS - 5), 1);
	settle_all(&world, v4, 6, 1, OUTCOME_FAILED);
	assert_int_equal(world_said(&world, ACTION_BAN), 2);
	world_done(&world);
}

static void observe_says_what_it_would_do(void **state)
{
	struct policy_conf conf = conf_flight();
	struct policy_verdict verdict = {0};
	struct world world;
	char text[64];

	conf.prefix_limit.mode = POLICY_OBSERVE;
	world_init_with(&world, &conf);
	for (unsigned i = 1; i <= 6; i++)
		verdict = world_ask(&world, i, host(text, v4, i), "guess", i);
	assert_int_equal(verdict.kind, VERDICT_PASS);
	assert_int_equal(verdict.rule, RULE_PREFIX_IN_FLIGHT);
	assert_int_equal(verdict.mode, POLICY_OBSERVE);
	world_done(&world);
}

/* What is under way is found again, and let go of, under the new size. */
static void a_reload_changes_the_size(void **state)
{
	static const struct net wider = {"192.0.", ".1"};
	struct policy_conf conf = conf_flight();
	struct world world;

	world_flying(&world);
	assert_int_equal(ask_all(&world, v4, 1, 5), 5);
	conf.prefix_limit.v4_bits = 16;
	policy_configure(world.policy, world.now, &conf);
	assert_int_equal(ask_all(&world, wider, 10, 200), 0);
	settle_all(&world, v4, 1, 5, OUTCOME_CANCELLED);
	assert_int_equal(ask_all(&world, wider, 10, 200), 5);
	world_done(&world);
}

/* Many ask and end in any order, from one network and from two addresses that
 * have all the tries they like: never more than five that can fail. */
static void any_interleaving(void **state)
{
	uint64_t random = 88172645463325252;

	for (unsigned round = 0; round < 200; round++) {
		unsigned passed = 0;
		bool open[HOSTS + 1] = {false};
		struct world world;
		char text[64];

		world_flying(&world);
		for (unsigned step = 0; step < 600; step++) {
			unsigned i;

			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			i = 1 + (unsigned)(random % HOSTS);
			host(text, v4, i);
			if (open[i]) {
				(void)world_settle_of(&world, i, text, "guess",
					OUTCOME_FAILED);
				open[i] = false;
			} else if (world_ask(&world, i, text, "guess", 1000 + i)
					   .kind == VERDICT_PASS) {
				open[i] = true;
				passed++;
			}
			world_wait(&world, random >> 40 & 1023);
		}
		assert_int_equal(passed, 5);
		world_done(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_of_a_24_pass_at_once),
		cmocka_unit_test(so_do_five_of_what_a_customer_has),
		cmocka_unit_test(ends_give_places_back),
		cmocka_unit_test(lapsed_ones_have_failed),
		cmocka_unit_test(known_sources_are_not_held),
		cmocka_unit_test(people_are_never_held_back),
		cmocka_unit_test(nor_after_a_restart),
		cmocka_unit_test(neighbours_of_people_are),
		cmocka_unit_test(then_one_at_a_time),
		cmocka_unit_test(observe_says_what_it_would_do),
		cmocka_unit_test(a_reload_changes_the_size),
		cmocka_unit_test(any_interleaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
