/* A core that goes on with what another one had in memory. */
#include "../../src/policy/image.h"

#include <stdlib.h>

#include "../../src/base/siphash.h"
#include "policy_world.h"

enum {
	RUNS = 12,
	EVENTS = 1500, /* before the image, and behind it */
	LOGINS = 24,   /* that may be under way */
	HEAD_BYTES = 40,
	SUM_AT = 32,
};

struct image {
	uint8_t *octets;
	size_t n;
};

static struct image image_of(const struct policy *policy)
{
	struct image image = {.n = policy_image_save(policy, NULL, 0)};

	image.octets = malloc(image.n);
	assert_non_null(image.octets);
	assert_int_equal(
		policy_image_save(policy, image.octets, image.n), image.n);
	return image;
}

static void image_done(struct image *image)
{
	free(image->octets);
	image->octets = NULL;
}

/* Whoever changes it on purpose can do that as well. */
static void sum_again(struct image *image)
{
	static const uint8_t key[16];
	uint64_t sum =
		siphash(key, image->octets + HEAD_BYTES, image->n - HEAD_BYTES);

	memcpy(image->octets + SUM_AT, &sum, sizeof(sum));
}

/* The next one, with these numbers; policy NULL: it was refused. */
static void inherit(struct world *next, const struct world *world,
	const struct policy_conf *conf, const struct image *image)
{
	uint64_t seed;

	*next = *world;
	next->conf = *conf;
	next->policy = NULL;
	if (policy_image_look(image->octets, image->n, &seed) !=
		POLICY_IMAGE_SOUND)
		return;
	next->policy = policy_new(conf, seed);
	assert_non_null(next->policy);
	if (policy_image_load(next->policy, next->now, image->octets, image->n))
		world_listen(next);
	else
		policy_free(&next->policy);
}

static void hand_over(struct world *next, const struct world *world)
{
	struct image image = image_of(world->policy);

	inherit(next, world, &world->conf, &image);
	assert_non_null(next->policy);
	image_done(&image);
}

/* ---- what is counted goes on ---- */

static void failures_short_of_a_ban_are_not_forgotten(void **state)
{
	struct world old, next;

	world_init(&old);
	world_fail(&old, "192.0.2.1", 3);
	hand_over(&next, &old);
	world_fail(&next, "192.0.2.1", 1);
	assert_int_equal(world_said(&next, ACTION_BAN), 0);
	world_fail(&next, "192.0.2.1", 1);
	assert_int_equal(world_said(&next, ACTION_BAN), 1);
	assert_int_equal(world_last(&next, ACTION_BAN).rule, RULE_SOURCE_LIMIT);
	world_done(&old);
	world_done(&next);
}

static void logins_under_way_keep_their_places(void **state)
{
	struct world old, next;

	world_init(&old);
	for (uint64_t id = 1; id <= 5; id++)
		assert_int_equal(
			world_ask(&old, id, "192.0.2.1", "anna", id).kind,
			VERDICT_PASS);
	hand_over(&next, &old);
	assert_int_equal(
		world_ask(&next, 6, "192.0.2.1", "anna", 6).kind, VERDICT_HOLD);
	for (uint64_t id = 1; id <= 5; id++)
		(void)world_settle(&next, id, "192.0.2.1", OUTCOME_FAILED);
	assert_int_equal(world_said(&next, ACTION_BAN), 1);
	world_done(&old);
	world_done(&next);
}

static void one_that_lapsed_does_not_count_twice(void **state)
{
	struct policy_source_info info;
	struct addr addr = world_addr("192.0.2.1");
	struct world old, next;

	world_init(&old);
	(void)world_ask(&old, 1, "192.0.2.1", "anna", 1);
	world_wait(&old, old.conf.attempt_longest_ms);
	hand_over(&next, &old);
	(void)world_settle(&next, 1, "192.0.2.1", OUTCOME_FAILED);
	policy_explain(next.policy, next.now, &addr, &info);
	assert_int_equal(info.failure_count, 1);
	world_done(&old);
	world_done(&next);
}

static void neighbours_under_way_count_for_their_prefix(void **state)
{
	struct policy_conf conf = world_conf();
	struct world old, next;
	char text[ADDR_TEXT_LONGEST];

	conf.prefix_limit = world_prefix_limit();
	world_init_with(&old, &conf);
	for (unsigned i = 1; i <= 5; i++) {
		(void)snprintf(text, sizeof(text), "192.0.2.%u", i);
		assert_int_equal(
			world_ask(&old, i, text, "anna", i).kind, VERDICT_PASS);
	}
	hand_over(&next, &old);
	assert_int_equal(
		world_ask(&next, 6, "192.0.2.6", "anna", 6).kind, VERDICT_HOLD);
	(void)world_settle(&next, 1, "192.0.2.1", OUTCOME_OK);
	assert_int_equal(
		world_ask(&next, 6, "192.0.2.6", "anna", 6).kind, VERDICT_PASS);
	world_done(&old);
	world_done(&next);
}

static void bans_and_their_repeats_and_allowed_ones_go_on(void **state)
{
	struct addr addr = world_addr("192.0.2.1");
	struct policy_ban was, is;
	struct world old, next;

	world_init(&old);
	world_order(&old, EVENT_OPERATOR_ALLOW, "198.51.100.0/24", 0);
	world_fail(&old, "192.0.2.1", 5);
	world_wait(&old, old.conf.ban_ms);
	world_fail(&old, "192.0.2.1", 5);
	assert_true(policy_banned(old.policy, old.now, &addr, &was));
	hand_over(&next, &old);
	assert_true(policy_banned(next.policy, next.now, &addr, &is));
	assert_int_equal(is.until, was.until);
	assert_int_equal(is.repeat_count, 1);
	world_fail(&next, "198.51.100.1", 20);
	addr = world_addr("198.51.100.1");
	assert_false(policy_banned(next.policy, next.now, &addr, &is));
	world_wait(&next, was.until - next.now);
	assert_int_equal(world_said(&next, ACTION_UNBAN), 2);
	world_done(&old);
	world_done(&next);
}

static void what_new_numbers_lift_is_told(void **state)
{
	struct prefix allowed = world_prefix("192.0.2.0/24");
	struct policy_conf conf;
	struct world old, next;
	struct image image;

	world_init(&old);
	world_fail(&old, "192.0.2.1", 5);
	conf = old.conf;
	conf.allow = &allowed;
	conf.allow_count = 1;
	image = image_of(old.policy);
	inherit(&next, &old, &conf, &image);
	assert_non_null(next.policy);
	assert_int_equal(world_said(&next, ACTION_UNBAN), 1);
	image_done(&image);
	world_done(&old);
	world_done(&next);
}

static void smaller_tables_keep_the_youngest(void **state)
{
	struct policy_conf conf;
	struct policy_source_info info;
	struct world old, next;
	struct image image;
	struct addr addr;

	world_init(&old);
	world_fail(&old, "192.0.2.1", 3);
	world_fail(&old, "192.0.2.2", 3);
	world_fail(&old, "192.0.2.3", 3);
	conf = old.conf;
	conf.sources_most = 2;
	conf.failure_limit = 2;
	conf.slow_limit = 2;
	conf.bans_most = conf.attempts_most = conf.passport.most = 1;
	image = image_of(old.policy);
	inherit(&next, &old, &conf, &image);
	assert_non_null(next.policy);
	addr = world_addr("192.0.2.1");
	policy_explain(next.policy, next.now, &addr, &info);
	assert_false(info.known);
	addr = world_addr("192.0.2.3");
	policy_explain(next.policy, next.now, &addr, &info);
	assert_int_equal(info.failure_count, 2);
	image_done(&image);
	world_done(&old);
	world_done(&next);
}

/* ---- any history ---- */

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) +
		 UINT64_C(1442695040888963407);
	return *state >> 33;
}

/* The same for the same numbers. */
static struct policy_event event_of(uint64_t *random)
{
	static const char *const users[] = {"anna", "berta", "carl", "dora",
		"emil@example.com", "decoy", "f", ""};
	static const char *const names[] = {"phone", "laptop", "win-1", ""};
	static const enum policy_event_kind kinds[] = {EVENT_AUTH_BEGINS,
		EVENT_AUTH_BEGINS, EVENT_AUTH_BEGINS, EVENT_AUTH_SETTLED,
		EVENT_AUTH_SETTLED, EVENT_AUTH_SETTLED, EVENT_AUTH_REFUSED,
		EVENT_CONNECT, EVENT_HELO, EVENT_LIST_SCORE, EVENT_LOG_FAILURE,
		EVENT_LOG_SUCCESS, EVENT_PROTOCOL_ERROR};
	struct policy_event event = {
		.kind = kinds[next_random(random) % 13],
		.attempt = 1 + next_random(random) % LOGINS,
		.user = slice_str(users[next_random(random) % 8]),
		.text = slice_str(names[next_random(random) % 4]),
		.secret_tag = next_random(random) % 9,
		.score = 7,
		.span_ms = 1 * HOURS,
		.outcome = next_random(random) % 4 == 0 ? OUTCOME_OK
							: OUTCOME_FAILED,
	};
	char text[ADDR_TEXT_LONGEST];
	uint64_t which = next_random(random);

	(void)snprintf(text, sizeof(text), "192.%u.2.%u",
		(unsigned)(which / 32 % 3), (unsigned)(which % 32));
	event.addr = world_addr(text);
	if (next_random(random) % 500 == 0) {
		event.kind = EVENT_OPERATOR_BAN + next_random(random) % 4;
		event.prefix = prefix_of(&event.addr, 30, 64);
	}
	return event;
}

static struct policy_conf busy_conf(unsigned run)
{
	static const char *const decoys[] = {"decoy"};
	const struct policy_offence offence = {
		.mode = POLICY_ENFORCE,
		.limit = 3,
		.window_ms = 1 * HOURS,
		.ban_ms = 1 * HOURS,
	};
	struct policy_conf conf = world_people_conf();

	conf.prefix_limit = world_prefix_limit();
	conf.source_days = (struct policy_source_days){.mode = POLICY_ENFORCE,
		.limit = 3,
		.window_ms = 7 * DAYS,
		.ban_ms = 1 * DAYS};
	conf.source_users = (struct policy_source_users){.mode = POLICY_ENFORCE,
		.limit = 3,
		.known_limit = 6,
		.window_ms = 1 * HOURS,
		.ban_ms = 1 * HOURS};
	conf.auth_refused = conf.protocol_errors = conf.connections = offence;
	conf.decoys = (struct policy_decoys){
		.mode = POLICY_ENFORCE, .ban_ms = DAYS, decoys, 1};
	conf.lists = (struct policy_lists){
		.mode = POLICY_ENFORCE, .threshold = 10, .sources_most = 20};
	conf.shield.lockout = run % 3 == 0 ? 6 : 0;
	conf.mode = run % 4 == 3 ? POLICY_OBSERVE : POLICY_ENFORCE;
	if (run % 2) { /* with tables that overflow */
		conf.sources_most = 20;
		conf.bans_most = 6;
		conf.attempts_most = 12;
		conf.passport.most = conf.pair.most = 4;
		conf.prefix_limit.prefixes_most = 2;
	}
	return conf;
}

static void play(struct world *world, uint64_t *random, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct policy_event event = event_of(random);

		(void)world_step(world, &event);
		world->said_count = 0;
		world_wait(world, next_random(random) % (20 * SECONDS));
	}
}

static bool same_action(
	const struct policy_action *a, const struct policy_action *b)
{
	return a->kind == b->kind && a->rule == b->rule &&
	       a->until == b->until && a->repeat_count == b->repeat_count &&
	       a->failure_count == b->failure_count && a->soft == b->soft &&
	       prefix_eq(&a->prefix, &b->prefix) &&
	       strcmp(a->user, b->user) == 0;
}

/* In any order: an operator lifts bans as they lie in the table. */
static void both_said(const struct world *a, const struct world *b)
{
	assert_int_equal(a->said_count, b->said_count);
	for (unsigned i = 0; i < a->said_count; i++) {
		unsigned j = 0;

		while (j < b->said_count &&
			!same_action(&a->said[i], &b->said[j]))
			j++;
		assert_true(j < b->said_count);
	}
}

/* Both hear the same, and must say the same. */
static void play_both(struct world *a, struct world *b, uint64_t *random)
{
	for (unsigned i = 0; i < EVENTS; i++) {
		struct policy_event event = event_of(random);
		uint64_t wait_ms = next_random(random) % (20 * SECONDS);
		struct policy_verdict va, vb;

		a->said_count = b->said_count = 0;
		va = world_step(a, &event);
		vb = world_step(b, &event);
		assert_int_equal(va.kind, vb.kind);
		assert_int_equal(va.rule, vb.rule);
		assert_int_equal(va.wait_ms, vb.wait_ms);
		assert_int_equal(va.failure_count, vb.failure_count);
		world_wait(a, wait_ms);
		world_wait(b, wait_ms);
		both_said(a, b);
	}
}

static void after_any_history_it_goes_on_as_if_nothing_had_been(void **state)
{
	static struct world old, next;

	for (unsigned run = 0; run < RUNS; run++) {
		struct policy_conf conf = busy_conf(run);
		struct policy_stats a, b;
		uint64_t random = run;

		world_init_with(&old, &conf);
		play(&old, &random, EVENTS);
		old.said_count = 0;
		hand_over(&next, &old);
		assert_int_equal(next.said_count, 0);
		play_both(&old, &next, &random);
		policy_stats(old.policy, &a);
		policy_stats(next.policy, &b);
		assert_memory_equal(&a, &b, sizeof(a));
		world_done(&old);
		world_done(&next);
	}
}

/* ---- what is none is refused ---- */

static struct image busy_image(struct world *world)
{
	struct policy_conf conf = busy_conf(1);
	uint64_t random = 7;

	world_init_with(world, &conf);
	play(world, &random, EVENTS);
	policy_tick(world->policy, world->now);
	world_listen(world);
	return image_of(world->policy);
}

static void one_that_is_cut_or_changed_is_refused_whole(void **state)
{
	static struct world old;
	struct image image = busy_image(&old);
	uint64_t seed = 99;

	for (size_t n = 0; n < image.n; n += n < 200 ? 1 : 997)
		assert_int_equal(policy_image_look(image.octets, n, &seed),
			POLICY_IMAGE_TORN);
	for (size_t at = 0; at < image.n; at += at < 200 ? 1 : 9973) {
		image.octets[at] ^= 4;
		if (at < 16 || at >= 24) /* the seed is anybody's */
			assert_int_not_equal(
				policy_image_look(image.octets, image.n, &seed),
				POLICY_IMAGE_SOUND);
		image.octets[at] ^= 4;
	}
	assert_int_equal(seed, 99);
	image.octets[8]++;
	assert_int_equal(policy_image_look(image.octets, image.n, &seed),
		POLICY_IMAGE_OTHER);
	image_done(&image);
	world_done(&old);
}

static void one_of_a_later_time_is_refused(void **state)
{
	static struct world old, next;
	struct image image = busy_image(&old);

	old.now -= 1;
	inherit(&next, &old, &old.conf, &image);
	assert_null(next.policy);
	image_done(&image);
	world_done(&old);
}

/* Whatever it says: it is refused, or the core can live with it. */
static void one_with_any_octet_wrong_harms_nobody(void **state)
{
	static struct world old, next;
	struct image image = busy_image(&old);
	uint64_t random = 3;
	unsigned refused = 0;

	for (unsigned i = 0; i < 300; i++) {
		size_t at = HEAD_BYTES +
			    next_random(&random) % (image.n - HEAD_BYTES);
		uint8_t was = image.octets[at];

		image.octets[at] = (uint8_t)next_random(&random);
		sum_again(&image);
		inherit(&next, &old, &old.conf, &image);
		image.octets[at] = was;
		if (next.policy == NULL) {
			refused++;
			continue;
		}
		play(&next, &random, 20);
		world_done(&next);
	}
	assert_true(refused > 0 && refused < 300);
	image_done(&image);
	world_done(&old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_short_of_a_ban_are_not_forgotten),
		cmocka_unit_test(logins_under_way_keep_their_places),
		cmocka_unit_test(one_that_lapsed_does_not_count_twice),
		cmocka_unit_test(neighbours_under_way_count_for_their_prefix),
		cmocka_unit_test(bans_and_their_repeats_and_allowed_ones_go_on),
		cmocka_unit_test(what_new_numbers_lift_is_told),
		cmocka_unit_test(smaller_tables_keep_the_youngest),
		cmocka_unit_test(
			after_any_history_it_goes_on_as_if_nothing_had_been),
		cmocka_unit_test(one_that_is_cut_or_changed_is_refused_whole),
		cmocka_unit_test(one_of_a_later_time_is_refused),
		cmocka_unit_test(one_with_any_octet_wrong_harms_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
