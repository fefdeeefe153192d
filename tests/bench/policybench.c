/*
 * How long a verdict of the policy core takes with a million tracked sources,
 * and how much memory they take.
 *
 * The numbers are the defaults of the configuration. Fills the table of
 * sources, each in a network of its own so that no ban of a network answers for
 * it, then times AUTH_BEGINS and AUTH_SETTLED of sources, users and secrets
 * drawn at random; nobody is held back for being a stranger, so that each login
 * goes the whole way. Prints nanoseconds of processor time (others may load the
 * machine) and whether the goal (5 us a verdict) is met; exit 1 when not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../src/conf/conf.h"
#include "../../src/keeper/allowed.h"
#include "../../src/keeper/numbers.h"
#include "../../src/policy/policy.h"

enum { SOURCES = 1000000, LOGINS = 500000, GOAL_NS = 5000 };
enum { ROUNDS = 2 }; /* of each source, to fill the tables */

/* A site that exists nowhere, and what is not a default. */
static const char text[] =
	"listener \"any\" { bind = {\"127.0.0.1:25\"} backend = \"any\" }\n"
	"backend \"any\" { servers = {\"127.0.0.1:2525\"} }\n"
	"source_limit { sources_most = 1000000 }\n";

static struct policy *make_policy(void)
{
	static const struct allowed nobody;
	struct conf_errors errors = {0};
	struct conf *conf = conf_parse(text, "policybench", &errors);
	struct policy_conf numbers;
	struct policy *policy;

	if (conf == NULL) {
		(void)fputs(errors.text != NULL ? errors.text : "", stderr);
		return NULL;
	}
	numbers = numbers_of(conf, &nobody);
	numbers.campaign.learn_ms = MONO_NEVER; /* else strangers are stopped */
	policy = policy_new(&numbers, 1);
	conf_free(&conf);
	conf_errors_done(&errors);
	return policy;
}

static double resident_mib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long all = 0, resident = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu %lu", &all, &resident) != 2)
		resident = 0;
	(void)fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 24;
}

static void drain(struct policy *policy)
{
	struct policy_action action;

	while (policy_next_action(policy, &action))
		continue;
}

static void login(
	struct policy *policy, mono_ms_t now, uint64_t id, uint64_t *random)
{
	uint32_t from = (uint32_t)(id % SOURCES);
	char name[24];
	struct policy_event event = {.kind = EVENT_AUTH_BEGINS, .attempt = id};
	struct policy_verdict verdict;

	event.addr.octets[10] = event.addr.octets[11] = 0xff;
	event.addr.octets[12] = (uint8_t)(11 + (from >> 16));
	event.addr.octets[13] = (uint8_t)(from >> 8);
	event.addr.octets[14] = (uint8_t)from;
	event.addr.octets[15] = 1;
	(void)snprintf(name, sizeof(name), "user%u",
		(unsigned)(next_random(random) % 5000));
	event.user = slice_str(name);
	event.secret_tag = 1 + next_random(random) % 100000;
	policy_step(policy, now, &event, &verdict);
	drain(policy);
	if (verdict.kind != VERDICT_PASS)
		return;
	event.kind = EVENT_AUTH_SETTLED;
	event.outcome = next_random(random) % 8 ? OUTCOME_FAILED : OUTCOME_OK;
	policy_step(policy, now, &event, &verdict);
	drain(policy);
}

static double verdict_count(const struct policy *policy)
{
	struct policy_stats stats;
	double count = 0;

	policy_stats(policy, &stats);
	for (unsigned i = 0; i < 6; i++)
		count += (double)stats.verdicts[i];
	return count;
}

static uint64_t ns_between(
	const struct timespec *from, const struct timespec *until)
{
	return (uint64_t)((until->tv_sec - from->tv_sec) * 1000000000 +
			  (until->tv_nsec - from->tv_nsec));
}

int main(void)
{
	double empty_mib = resident_mib(), verdicts;
	struct policy *policy = make_policy();
	struct policy_stats stats;
	struct timespec from, until;
	uint64_t random = 1, ns;
	mono_ms_t now = 100000;

	if (policy == NULL)
		return 1;
	for (uint64_t id = 1; id <= ROUNDS * (uint64_t)SOURCES; id++)
		login(policy, now += 2, id, &random);
	verdicts = verdict_count(policy);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (uint64_t id = 1; id <= LOGINS; id++)
		login(policy, now += 2, next_random(&random), &random);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &until);
	policy_stats(policy, &stats);
	ns = (uint64_t)((double)ns_between(&from, &until) /
			(verdict_count(policy) - verdicts));
	(void)printf("%zu sources, %zu bans: %" PRIu64
		     " ns of processor a verdict (goal: "
		     "at most %d), %.0f MiB\n",
		stats.sources, stats.bans, ns, GOAL_NS,
		resident_mib() - empty_mib);
	policy_free(&policy);
	return ns > GOAL_NS;
}
