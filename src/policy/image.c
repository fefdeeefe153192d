/*
 * All that the core has in memory, written down and read (see image.h).
 *
 *	head	magic, shape, seed, octets behind it, their checksum
 *	core	time, sums, outage, campaign
 *	tables	entries, oldest first; no index of one is in it
 *	logins	under way: with the key of their source, which counts them anew
 *
 * The checksum finds what is torn. What is wrong in itself (a length beyond its
 * array, a source twice, a ban of no rule) is refused by the table that it is
 * for; what no table minds can make a verdict wrong, and no more: whoever can
 * write an image was the keeper.
 *
 * PURE: the memory is the caller's. What can go wrong: a struct that changes
 * and keeps its size; then IMAGE_VERSION is to be raised.
 */
#include "image.h"

#include <string.h>

#include "../base/octets.h"
#include "../base/siphash.h"
#include "campaign.h"
#include "core.h"
#include "device.h"
#include "evidence.h"
#include "flight.h"
#include "keyed.h"
#include "known.h"
#include "list_score.h"
#include "operator.h"
#include "pair.h"
#include "passport.h"
#include "prefix_limit.h"
#include "retry.h"
#include "sentence.h"
#include "sketch_count_min.h"
#include "sketch_hll.h"
#include "source_days.h"

enum { IMAGE_VERSION = 1, SHAPE_SIZES = 16 };

static const uint8_t magic[8] = {'p', 's', 't', 'n', 'c', 'o', 'r', 'e'};
static const uint8_t sum_key[16] = {0}; /* against accidents only */

struct head {
	uint8_t magic[8];
	uint64_t shape, seed, bytes, sum;
};

/* A login under way, or lapsed. */
struct login {
	struct attempt attempt;
	struct prefix source;
	uint64_t tag;
	uint8_t charged;
};

/* ---- its head ---- */

/* Equal where structs and rules are. */
static uint64_t shape(void)
{
	const uint64_t sizes[SHAPE_SIZES] = {IMAGE_VERSION,
		sizeof(struct source), sizeof(struct ban), sizeof(struct login),
		sizeof(struct person), sizeof(struct passport),
		sizeof(struct pair), sizeof(struct retry),
		sizeof(struct outage), sizeof(struct policy_stats),
		SOURCE_DAYS_BYTES, SENTENCE_BYTES, LIST_SCORE_BYTES,
		sizeof(struct hll), sizeof(struct count_min), RULE_COUNT};
	uint64_t sum = siphash(sum_key, sizes, sizeof(sizes));

	for (unsigned rule = RULE_NONE; rule < RULE_COUNT; rule++) {
		const char *name = policy_rule_name((enum policy_rule)rule);

		sum = sum * 31 + siphash(sum_key, name, strlen(name));
	}
	return sum;
}

/* Behind `head`, which may lie anywhere. */
static bool head_read(const void *image, size_t n, struct head *ret_head)
{
	if (n < sizeof(*ret_head))
		return false;
	memcpy(ret_head, image, sizeof(*ret_head));
	return memcmp(ret_head->magic, magic, sizeof(magic)) == 0 &&
	       ret_head->bytes == n - sizeof(*ret_head);
}

enum policy_image policy_image_look(
	const void *image, size_t n, uint64_t *ret_seed)
{
	struct head head;

	if (!head_read(image, n, &head))
		return POLICY_IMAGE_TORN;
	if (head.shape != shape())
		return POLICY_IMAGE_OTHER;
	if (siphash(sum_key, (const uint8_t *)image + sizeof(head),
		    head.bytes) != head.sum)
		return POLICY_IMAGE_TORN;
	*ret_seed = head.seed;
	return POLICY_IMAGE_SOUND;
}

/* ---- writing ---- */

static void save_core(const struct policy *policy, struct octets *out)
{
	octets_put_number(out, policy->now);
	octets_put(out, policy->limit_told, sizeof(policy->limit_told));
	octets_put(out, &policy->stats, sizeof(policy->stats));
	octets_put(out, &policy->outage, sizeof(policy->outage));
	campaign_save(policy->campaign, out);
}

static void save_allow(const struct policy *policy, struct octets *out)
{
	struct prefix prefix;
	size_t cursor = 0;
	uint64_t count = 0;

	while (allow_next(policy->allow, &cursor, &prefix))
		count++;
	octets_put_number(out, count);
	cursor = 0;
	while (allow_next(policy->allow, &cursor, &prefix))
		octets_put(out, &prefix, sizeof(prefix));
}

static void save_login(const struct policy *policy,
	const struct attempt *attempt, struct octets *out)
{
	struct login login;
	const struct guess *guess;

	memset(&login, 0, sizeof(login));
	login.attempt = *attempt;
	if (!attempt_lapsed(attempt)) {
		guess = attempt_guess(policy->attempts, attempt);
		login.source = core_source(policy, attempt)->key;
		login.tag = guess->tag;
		login.charged = guess->charged;
	}
	octets_put(out, &login, sizeof(login));
}

static void save_logins(
	const struct policy *policy, bool lapsed, struct octets *out)
{
	const struct attempt *attempt = NULL;
	uint64_t count = 0;

	while ((attempt = attempt_next(policy->attempts, attempt, lapsed)) !=
		NULL)
		count++;
	octets_put_number(out, count);
	while ((attempt = attempt_next(policy->attempts, attempt, lapsed)) !=
		NULL)
		save_login(policy, attempt, out);
}

static void save_all(const struct policy *policy, struct octets *out)
{
	save_core(policy, out);
	save_allow(policy, out);
	ban_table_save(policy->bans, out);
	evidence_save(policy->evidence, out);
	keyed_save(policy->passports, out);
	keyed_save(policy->places, out);
	keyed_save(policy->pairs, out);
	keyed_save(policy->tries, out);
	person_table_save(policy->persons, out);
	devices_save(policy->devices, out);
	source_table_save(policy->sources, out);
	save_logins(policy, true, out);
	save_logins(policy, false, out);
}

size_t policy_image_save(const struct policy *policy, void *to, size_t room)
{
	struct octets out = octets_to(NULL, 0);
	struct head head;
	uint8_t *body;

	save_all(policy, &out);
	memset(&head, 0, sizeof(head));
	memcpy(head.magic, magic, sizeof(magic));
	head.shape = shape();
	head.seed = policy->seed;
	head.bytes = out.n;
	if (to == NULL || room < sizeof(head) || room - sizeof(head) < out.n)
		return sizeof(head) + out.n;
	body = (uint8_t *)to + sizeof(head);
	out = octets_to(body, head.bytes);
	save_all(policy, &out);
	head.sum = siphash(sum_key, body, head.bytes);
	memcpy(to, &head, sizeof(head));
	return sizeof(head) + head.bytes;
}

/* ---- reading ---- */

static bool load_core(struct policy *policy, mono_ms_t now, struct octets *in)
{
	policy->now = octets_take_number(in, now);
	(void)octets_take(in, policy->limit_told, sizeof(policy->limit_told));
	(void)octets_take(in, &policy->stats, sizeof(policy->stats));
	(void)octets_take(in, &policy->outage, sizeof(policy->outage));
	return campaign_load(policy->campaign, in);
}

static bool load_allow(struct policy *policy, struct octets *in)
{
	uint64_t count = octets_take_number(in, ALLOW_OPERATOR_MOST);
	struct prefix prefix;

	while (count-- > 0)
		if (!octets_take(in, &prefix, sizeof(prefix)) ||
			!octets_prefix_sound(&prefix) ||
			!allow_add(policy->allow, &prefix))
			octets_fail(in);
	return !in->failed;
}

/* As ladder.c did when it began. Without room it is not counted. */
static void reopen(struct policy *policy, const struct login *login)
{
	const struct attempt *was = &login->attempt;
	struct source *source =
		source_take(policy->sources, &login->source, policy->now);
	struct attempt *attempt = NULL;
	struct guess *guess;

	if (source != NULL)
		attempt = attempt_open(policy->attempts, was->began, was->id,
			source_index(policy->sources, source), was->user,
			login->tag);
	if (attempt == NULL)
		return;
	source_flight_begin(policy->sources, source);
	attempt->device = was->device;
	attempt->standing = was->standing;
	attempt->relation = was->relation;
	attempt->spent = was->spent;
	guess = attempt_guess(policy->attempts, attempt);
	source->place_count += login->charged && !guess->charged;
	guess->charged |= login->charged;
}

static void relapse(struct policy *policy, const struct attempt *was)
{
	struct attempt *attempt = attempt_open(
		policy->attempts, was->began, was->id, 0, was->user, 0);

	if (attempt != NULL)
		(void)attempt_lapse(policy->attempts, attempt);
}

static bool login_sound(const struct policy *policy, const struct login *login)
{
	const struct attempt *attempt = &login->attempt;

	return octets_prefix_sound(&login->source) && login->charged <= 1 &&
	       attempt->standing <= ATTEMPT_IGNORED &&
	       attempt->relation <= RELATION_HOME &&
	       attempt->spent < BUDGET_COUNT &&
	       attempt_find(policy->attempts, attempt->id) == NULL;
}

static bool load_logins(struct policy *policy, bool lapsed, struct octets *in)
{
	uint64_t count = octets_take_number(in, UINT32_MAX);
	struct login login;

	while (count-- > 0 && !in->failed) {
		if (!octets_take(in, &login, sizeof(login)) ||
			!login_sound(policy, &login))
			octets_fail(in);
		else if (lapsed)
			relapse(policy, &login.attempt);
		else
			reopen(policy, &login);
	}
	return !in->failed;
}

/* Sources of a prefix that may fail any moment are those with a place. */
static void reflight(struct policy *policy)
{
	struct source *source;
	size_t cursor = 0;

	while ((source = source_next(policy->sources, &cursor)) != NULL)
		if (source->place_count == 0)
			source->in_flight_of_prefix = 0;
	flight_recount(policy);
}

static bool load_people(struct policy *policy, struct octets *in)
{
	return keyed_load(policy->passports, in, NULL) &&
	       keyed_load(policy->places, in, known_sound) &&
	       keyed_load(policy->pairs, in, NULL) &&
	       keyed_load(policy->tries, in, NULL) &&
	       person_table_load(policy->persons, in) &&
	       devices_load(policy->devices, in);
}

static bool load_all(struct policy *policy, mono_ms_t now, struct octets *in)
{
	return load_core(policy, now, in) && load_allow(policy, in) &&
	       ban_table_load(policy->bans, in) &&
	       evidence_load(policy->evidence, in) && load_people(policy, in) &&
	       source_table_load(policy->sources, in) &&
	       load_logins(policy, true, in) && load_logins(policy, false, in);
}

bool policy_image_load(
	struct policy *policy, mono_ms_t now, const void *image, size_t n)
{
	struct octets in;
	struct head head;

	if (!head_read(image, n, &head) || head.seed != policy->seed)
		return false;
	in = octets_of((const uint8_t *)image + sizeof(head), head.bytes);
	if (!load_all(policy, now, &in) || in.n != in.room)
		return false;
	policy->now = now;
	reflight(policy);
	operator_reconcile(policy, now);
	return true;
}
