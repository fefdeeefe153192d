/*
 * What must hold whatever happens: random people, bots and orders against two
 * cores that know nothing of each other.
 */
#include "policy_world.h"

enum {
	STEPS = 60000,
	SOURCES = 400,
	USERS = 30,
	OPEN_MOST = 64,
	DAY_TESTED_MOST = 2 + 1 + 6, /* budget, patience, lasting */
};

static uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	uint64_t x = *state;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

struct open {
	uint64_t id;
	struct addr addr;
	unsigned user;
	bool right;
};

struct game {
	struct policy *core, *twin;
	uint64_t random;
	mono_ms_t now;
	uint64_t next_id;
	struct open open[OPEN_MOST];
	unsigned open_count;
};

static struct policy_conf game_conf(const struct prefix *allow)
{
	struct policy_conf conf = world_people_conf();

	conf.allow = allow;
	conf.allow_count = 1;
	conf.shield.lockout = 6;
	return conf;
}

/* Both cores say the same, action by action. */
static struct policy_verdict both(
	struct game *game, const struct policy_event *event)
{
	struct policy_verdict verdict, other;
	struct policy_action action, twin;

	policy_step(game->core, game->now, event, &verdict);
	policy_step(game->twin, game->now, event, &other);
	assert_int_equal(verdict.kind, other.kind);
	assert_int_equal(verdict.rule, other.rule);
	assert_true(verdict.wait_ms == other.wait_ms);
	while (policy_next_action(game->core, &action)) {
		assert_true(policy_next_action(game->twin, &twin));
		assert_int_equal(action.kind, twin.kind);
		assert_int_equal(action.rule, twin.rule);
		assert_true(prefix_eq(&action.prefix, &twin.prefix));
	}
	assert_false(policy_next_action(game->twin, &twin));
	return verdict;
}

static struct addr addr_of(unsigned n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "10.%u.%u.%u", n % 50, n / 50, n);
	return world_addr(text);
}

static const char *user_of(unsigned n)
{
	static char text[16];

	(void)snprintf(text, sizeof(text), "user%u", n);
	return text;
}

static void begin(struct game *game, bool allowed)
{
	unsigned user = (unsigned)(next_random(&game->random) % USERS);
	unsigned from = (unsigned)(next_random(&game->random) % SOURCES);
	bool right = next_random(&game->random) % 4 == 0;
	struct policy_event event = {.kind = EVENT_AUTH_BEGINS};
	struct policy_verdict verdict;

	if (game->open_count == OPEN_MOST)
		return;
	event.attempt = game->next_id++;
	event.addr = allowed ? world_addr("192.0.2.200") : addr_of(from % 256);
	event.user = slice_str(user_of(user));
	event.secret_tag =
		right ? 1 + user : 1000 + next_random(&game->random) % 500;
	verdict = both(game, &event);
	if (allowed)
		assert_int_equal(verdict.kind, VERDICT_PASS);
	if (verdict.kind == VERDICT_PASS)
		game->open[game->open_count++] =
			(struct open){event.attempt, event.addr, user, right};
}

static void settle(struct game *game)
{
	unsigned at;
	struct open *open;

	if (game->open_count == 0)
		return;
	at = (unsigned)(next_random(&game->random) % game->open_count);
	open = &game->open[at];
	(void)both(game,
		&(struct policy_event){
			.kind = EVENT_AUTH_SETTLED,
			.attempt = open->id,
			.addr = open->addr,
			.user = slice_str(user_of(open->user)),
			.outcome = open->right ? OUTCOME_OK : OUTCOME_FAILED,
		});
	*open = game->open[--game->open_count];
}

static void order(struct game *game)
{
	unsigned user = (unsigned)(next_random(&game->random) % USERS);

	(void)both(game, &(struct policy_event){
				 .kind = EVENT_OPERATOR_FORGET,
				 .user = slice_str(user_of(user)),
			 });
}

static void random_days_are_judged_alike_and_allow_wins(void **state)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct prefix allow = world_prefix("192.0.2.0/24");
		struct policy_conf conf = game_conf(&allow);
		struct game game = {.random = seed, .now = 1 * DAYS};

		game.core = policy_new(&conf, 42);
		game.twin = policy_new(&conf, 42);
		game.next_id = 1;
		for (unsigned i = 0; i < STEPS / 3; i++) {
			unsigned dice =
				(unsigned)(next_random(&game.random) % 100);

			game.now += next_random(&game.random) % 60000;
			if (dice < 45)
				begin(&game, dice < 5);
			else if (dice < 99)
				settle(&game);
			else
				order(&game);
		}
		policy_free(&game.core);
		policy_free(&game.twin);
	}
}

/* Bots of every manner against people who are known: of all guesses of a day
 * no more reach the server than the budgets say, whoever comes how often. */
static void no_manners_bring_more_guesses_than_the_budgets(void **state)
{
	struct policy_conf conf = world_people_conf();
	uint64_t random = 7;
	struct world world;

	conf.budget.patience_all = 1;
	conf.budget.all = 2;
	world_init_with(&world, &conf);
	for (unsigned day = 0; day < 2; day++) {
		for (unsigned n = 0; n < USERS; n++)
			(void)world_try(&world, "192.0.2.7", user_of(n), 1 + n,
				OUTCOME_OK);
		world_wait(&world, 1 * DAYS);
	}
	for (unsigned day = 0; day < 10; day++) {
		unsigned tested = 0;

		for (unsigned i = 0; i < 2880; i++) {
			unsigned n = (unsigned)(next_random(&random) % 200);
			char addr[32];

			/* Each bot has one guess a day and all patience. */
			(void)snprintf(
				addr, sizeof(addr), "100.%u.%u.1", 64 + day, n);
			tested += world_try(&world, addr, user_of(n % USERS),
					  5000 + day * 200 + n, OUTCOME_FAILED)
					  .kind == VERDICT_DELAY;
			world_wait(&world, 30 * SECONDS);
		}
		assert_true(tested <= (day == 0 ? 20 : DAY_TESTED_MOST));
	}
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_days_are_judged_alike_and_allow_wins),
		cmocka_unit_test(
			no_manners_bring_more_guesses_than_the_budgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
