/*
 * prefix-limit: an attacker who rotates through the addresses of a prefix.
 *
 * He fails once from each and no address is ever banned. So what counts is
 * that different strange sources of a prefix failed, not that they were banned:
 * five in a /24 or /48 in a day. When all of them lie in one /56, what a single
 * customer has, only that is banned, and the others of the /48 are not; when he
 * goes on beside it the /48 follows.
 *
 * The neighbours of a guesser send mail from there, and have done nothing. So
 * unless the operator wants it otherwise the ban acts at logins alone: nobody
 * is turned away at the door, and the kernel never hears of it.
 *
 * A source from which people log in is not counted, and a prefix in which
 * people are known is not banned for strangers in it. The allow list holds
 * inside a banned prefix.
 *
 * Memory: 28 octets a prefix, 12 for each source that is kept of it (as many
 * as the limit) and a chain: 6 MB for 65,536 prefixes. That which was touched
 * longest ago gives way.
 */
#include "prefix_limit.h"

#include <string.h>

#include "known.h"
#include "mode.h"
#include "sentence.h"

enum { MS_PER_S = 1000 };

struct neighbour {
	uint32_t source, narrow; /* hashes */
	uint32_t at_s;		 /* of its last failure */
};

/* Those that failed, by their last failure, oldest first. */
struct block {
	uint32_t count;
	struct neighbour neighbours[];
};

void prefix_limit_init(
	struct evidence *evidence, const struct policy_conf *conf)
{
	unsigned most = conf->prefix_limit.limit;

	evidence->prefix_sources_most = most > 0 ? most : 1;
	evidence->prefixes = keyed_table_new(
		conf->prefix_limit.prefixes_most > 0
			? conf->prefix_limit.prefixes_most
			: 1,
		sizeof(struct block) + evidence->prefix_sources_most *
					       sizeof(struct neighbour));
}

struct prefix prefix_limit_wide(
	const struct policy *policy, const struct prefix *source)
{
	const struct policy_prefix_limit *conf = &policy->conf.prefix_limit;

	return prefix_of(&source->addr, conf->v4_bits, conf->v6_bits);
}

struct prefix prefix_limit_narrow(
	const struct policy *policy, const struct prefix *source)
{
	const struct policy_prefix_limit *conf = &policy->conf.prefix_limit;

	return prefix_of(&source->addr, conf->v4_bits, conf->v6_narrow_bits);
}

static uint64_t key_of(const struct policy *policy, const struct prefix *prefix)
{
	return hash_prefix(&policy->key, prefix);
}

static void block_remove(struct block *block, unsigned at)
{
	block->count--;
	memmove(block->neighbours + at, block->neighbours + at + 1,
		(block->count - at) * sizeof(block->neighbours[0]));
}

static void block_drop_old(
	struct block *block, mono_ms_t now, uint64_t window_ms)
{
	while (block->count > 0 && now / MS_PER_S - block->neighbours[0].at_s >=
					   window_ms / MS_PER_S)
		block_remove(block, 0);
}

static void block_forget(struct block *block, uint32_t source)
{
	for (unsigned i = 0; i < block->count; i++)
		if (block->neighbours[i].source == source) {
			block_remove(block, i);
			return;
		}
}

static void block_add(
	struct block *block, unsigned most, const struct neighbour *neighbour)
{
	block_forget(block, neighbour->source);
	if (block->count == most)
		block_remove(block, 0);
	block->neighbours[block->count++] = *neighbour;
}

static bool block_in_narrow(const struct block *block, uint32_t narrow)
{
	for (unsigned i = 0; i < block->count; i++)
		if (block->neighbours[i].narrow != narrow)
			return false;
	return true;
}

static unsigned limit_of(const struct policy *policy)
{
	unsigned most = policy->evidence->prefix_sources_most;
	unsigned limit = policy->conf.prefix_limit.limit;

	return limit < most ? limit : most;
}

/* The narrow prefix if all lie in it, else the wide one. */
static void judge(struct policy *policy, mono_ms_t now,
	const struct prefix *source, const struct block *block)
{
	struct prefix narrow = prefix_limit_narrow(policy, source);
	struct prefix prefix = prefix_limit_wide(policy, source);

	if (block_in_narrow(block, (uint32_t)key_of(policy, &narrow)))
		prefix = narrow;
	if (!known_prefix(policy, now, &prefix))
		(void)sentence_pass(policy, now, &prefix, RULE_PREFIX_LIMIT,
			policy->conf.prefix_limit.ban_ms, block->count);
}

/* Allowed ones are no strangers, and a source may be as wide as a prefix. */
static bool counts(
	const struct policy *policy, mono_ms_t now, const struct prefix *source)
{
	struct prefix wide = prefix_limit_wide(policy, source);

	return policy->conf.prefix_limit.mode != POLICY_OFF &&
	       source->bits > wide.bits &&
	       !allow_covers(policy->allow, source) &&
	       !known_prefix(policy, now, source);
}

/* Of the block's those that lie in the prefix and are not too old. */
static void count_failed(const struct policy *policy, mono_ms_t now,
	const struct prefix *source, const struct block *block,
	struct prefix_limit_state *state)
{
	uint64_t window_s = policy->conf.prefix_limit.window_ms / MS_PER_S;
	struct prefix narrow = prefix_limit_narrow(policy, source);
	bool in_narrow = prefix_eq(&state->prefix, &narrow);
	uint32_t narrow_key = (uint32_t)key_of(policy, &narrow);
	uint32_t source_key = (uint32_t)key_of(policy, source);

	for (unsigned i = 0; i < block->count; i++) {
		const struct neighbour *neighbour = &block->neighbours[i];

		if (now / MS_PER_S - neighbour->at_s >= window_s ||
			(in_narrow && neighbour->narrow != narrow_key))
			continue;
		state->failed_count++;
		state->failed_before |= neighbour->source == source_key;
	}
}

bool prefix_limit_state(const struct policy *policy, mono_ms_t now,
	const struct prefix *source, struct prefix_limit_state *ret_state)
{
	struct prefix wide = prefix_limit_wide(policy, source);
	struct prefix_limit_state state = {
		.prefix = wide,
		.limit = limit_of(policy),
	};
	const struct block *block;

	if (!counts(policy, now, source))
		return false;
	if (known_prefix(policy, now, &wide)) {
		state.prefix = prefix_limit_narrow(policy, source);
		if (known_prefix(policy, now, &state.prefix))
			return false;
	}
	block = keyed_find(policy->evidence->prefixes, key_of(policy, &wide));
	if (block != NULL)
		count_failed(policy, now, source, block, &state);
	*ret_state = state;
	return true;
}

void prefix_limit_failed(
	struct policy *policy, mono_ms_t now, const struct prefix *source)
{
	struct evidence *evidence = policy->evidence;
	struct prefix narrow = prefix_limit_narrow(policy, source);
	struct prefix wide = prefix_limit_wide(policy, source);
	struct block *block;

	if (!counts(policy, now, source))
		return;
	block = keyed_take(evidence->prefixes, key_of(policy, &wide));
	block_drop_old(block, now, policy->conf.prefix_limit.window_ms);
	block_add(block, evidence->prefix_sources_most,
		&(struct neighbour){
			.source = (uint32_t)key_of(policy, source),
			.narrow = (uint32_t)key_of(policy, &narrow),
			.at_s = (uint32_t)(now / MS_PER_S),
		});
	if (block->count >= limit_of(policy))
		judge(policy, now, source, block);
}

void prefix_limit_forget(struct policy *policy, const struct prefix *source)
{
	struct prefix wide = prefix_limit_wide(policy, source);
	struct block *block =
		keyed_find(policy->evidence->prefixes, key_of(policy, &wide));

	if (block != NULL)
		block_forget(block, (uint32_t)key_of(policy, source));
}

void prefix_limit_pardon(struct policy *policy, const struct prefix *prefix)
{
	struct prefix wide = prefix_limit_wide(policy, prefix);
	struct prefix narrow = prefix_limit_narrow(policy, prefix);

	if (prefix_eq(prefix, &wide) || prefix_eq(prefix, &narrow))
		keyed_remove(policy->evidence->prefixes, key_of(policy, &wide));
	else
		prefix_limit_forget(policy, prefix);
}

bool prefix_limit_sound(void *value, size_t value_bytes)
{
	struct block *block = value;
	size_t most =
		(value_bytes - sizeof(*block)) / sizeof(block->neighbours[0]);

	if (block->count > most)
		block->count = (uint32_t)most;
	return true;
}
