/* The mode in which a rule acts: its own, but never above that of the whole. */
#ifndef POLICY_MODE_H
#define POLICY_MODE_H

#include "policy.h"

struct policy;

/* Of the bans that this rule makes; of all others that of the ladder. */
enum policy_mode mode_of_rule(
	const struct policy *policy, enum policy_rule rule);
/* The lower of a rule's mode and that of the whole. */
enum policy_mode mode_within(
	const struct policy *policy, enum policy_mode mode);

#endif
