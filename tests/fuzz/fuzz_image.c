/*
 * What a keeper hands to the next one, written by somebody who took it over
 * (src/policy/image.c). Input: changes to a sound image, four octets each: at
 * which of its octets, and what is put there; its checksum is made anew.
 *
 *	- it is refused, or taken: then the core does its work, and what it
 *	  hands on itself is taken, and handed on again as it came;
 *	- whatever was changed without a new checksum is refused.
 */
#include <string.h>

#include "../../src/base/siphash.h"
#include "../../src/policy/image.h"
#include "fuzz.h"

enum { HEAD_BYTES = 40, SUM_AT = 32, CHANGES_MOST = 64, LOGINS = 16 };

static const mono_ms_t begin = 1000000;

static struct policy_conf numbers(void)
{
	return (struct policy_conf){
		.mode = POLICY_ENFORCE,
		.source_mode = POLICY_ENFORCE,
		.v4_bits = 32,
		.v6_bits = 64,
		.failure_limit = 3,
		.window_ms = 600000,
		.ban_ms = 600000,
		.ban_growth = 2,
		.ban_longest_ms = 86400000,
		.attempt_longest_ms = 120000,
		.hold_step_ms = 200,
		.hold_longest_ms = 30000,
		.repeat_memory_ms = 86400000,
		.sources_most = 32,
		.bans_most = 8,
		.attempts_most = LOGINS,
		.prefix_limit = {.mode = POLICY_ENFORCE,
			.limit = 3,
			.window_ms = 86400000,
			.ban_ms = 86400000,
			.v4_bits = 24,
			.v6_bits = 48,
			.v6_narrow_bits = 56,
			.prefixes_most = 8},
		.passport = {.life_ms = 86400000,
			.v4_bits = 24,
			.v6_bits = 48,
			.near_v4_bits = 16,
			.near_v6_bits = 32,
			.most = 8},
		.pair = {.mode = POLICY_ENFORCE,
			.first_ms = 300000,
			.longest_ms = 600000,
			.most = 8},
	};
}

/* Logins from some sources; most of them end. */
static void work(struct policy *policy, mono_ms_t now)
{
	struct policy_verdict verdict;
	struct policy_action action;

	for (unsigned i = 0; i < 3 * LOGINS; i++) {
		struct policy_event event = {.kind = EVENT_AUTH_BEGINS,
			.attempt = i % LOGINS,
			.secret_tag = 1 + i % 7,
			.user = slice_str(i % 3 ? "anna" : "berta"),
			.outcome = i % 5 ? OUTCOME_FAILED : OUTCOME_OK};

		memcpy(event.addr.octets + 10, "\xff\xff\xc0\x00\x02", 5);
		event.addr.octets[15] = (uint8_t)(i % 6);
		policy_step(policy, now + 1000 * i, &event, &verdict);
		while (policy_next_action(policy, &action))
			continue;
		event.kind = EVENT_AUTH_SETTLED;
		if (i % 4 != 0)
			policy_step(policy, now + 1000 * i, &event, &verdict);
		while (policy_next_action(policy, &action))
			continue;
	}
}

static uint8_t *save(const struct policy *policy, size_t *ret_n)
{
	size_t n = policy_image_save(policy, NULL, 0);
	uint8_t *image = malloc(n);

	MUST(image && policy_image_save(policy, image, n) == n);
	*ret_n = n;
	return image;
}

/* NULL: refused. */
static struct policy *load(const uint8_t *image, size_t n, mono_ms_t now)
{
	const struct policy_conf conf = numbers();
	struct policy_action action;
	struct policy *policy;
	uint64_t seed;

	if (policy_image_look(image, n, &seed) != POLICY_IMAGE_SOUND)
		return NULL;
	policy = policy_new(&conf, seed);
	MUST(policy);
	if (!policy_image_load(policy, now, image, n))
		policy_free(&policy);
	while (policy && policy_next_action(policy, &action))
		continue;
	return policy;
}

/* Is it another one then? */
static bool change(uint8_t *image, size_t n, struct slice *in)
{
	uint8_t *was = malloc(n);
	bool changed;

	MUST(was);
	memcpy(was, image, n);
	for (unsigned i = 0; i < CHANGES_MOST && in->n > 0; i++) {
		size_t at = HEAD_BYTES + fuzz_number(in, 3) % (n - HEAD_BYTES);

		image[at] = fuzz_octet(in);
	}
	changed = memcmp(was, image, n) != 0;
	free(was);
	return changed;
}

static void sum_again(uint8_t *image, size_t n)
{
	static const uint8_t key[16];
	uint64_t sum = siphash(key, image + HEAD_BYTES, n - HEAD_BYTES);

	memcpy(image + SUM_AT, &sum, sizeof sum);
}

/* What it hands on is taken, and is the same again. */
static void hand_on(const struct policy *policy, mono_ms_t now)
{
	size_t n, again_n;
	uint8_t *image = save(policy, &n), *again;
	struct policy *next = load(image, n, now);

	MUST(next);
	again = save(next, &again_n);
	MUST(again_n == n);
	policy_free(&next);
	next = load(again, again_n, now);
	MUST(next);
	policy_free(&next);
	free(image);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct policy_conf conf = numbers();
	struct slice in = slice_of(p, n);
	struct policy *policy = policy_new(&conf, 7), *next;
	mono_ms_t now = begin + 200000;
	size_t image_n;
	uint8_t *image;

	MUST(policy);
	work(policy, begin);
	image = save(policy, &image_n);
	policy_free(&policy);
	if (change(image, image_n, &in))
		MUST(!load(image, image_n, now));
	sum_again(image, image_n);
	next = load(image, image_n, now);
	free(image);
	if (!next)
		return 0;
	hand_on(next, now);
	work(next, now);
	policy_free(&next);
	return 0;
}
