/*
 * The mode in which a rule acts.
 *
 * A table and nothing else: penalty.c asks it whether a ban is in earnest, and
 * operator.c whether a new configuration would still have made it.
 *
 * A rule that bans and is not named here acts in the mode of the ladder.
 */
#include "mode.h"

#include "core.h"
#include "offence.h"

enum policy_mode mode_within(const struct policy *policy, enum policy_mode mode)
{
	return mode < policy->conf.mode ? mode : policy->conf.mode;
}

static const enum policy_mode *own_mode(
	const struct policy_conf *conf, enum policy_rule rule)
{
	const enum policy_mode *modes[RULE_COUNT] = {
		[RULE_SOURCE_DAYS] = &conf->source_days.mode,
		[RULE_SOURCE_USERS] = &conf->source_users.mode,
		[RULE_PREFIX_LIMIT] = &conf->prefix_limit.mode,
		[RULE_PREFIX_IN_FLIGHT] = &conf->prefix_limit.mode,
		[RULE_COUNTRY] = &conf->places.mode,
		[RULE_ASN] = &conf->places.mode,
		[RULE_DNS_LISTS] = &conf->lists.mode,
		[RULE_LIST] = &conf->mode,
	};

	return modes[rule] != NULL ? modes[rule] : offence_mode(conf, rule);
}

enum policy_mode mode_of_rule(
	const struct policy *policy, enum policy_rule rule)
{
	const enum policy_mode *mode = own_mode(&policy->conf, rule);

	return mode != NULL ? mode_within(policy, *mode) : policy->ladder_mode;
}
