/* The numbers of the policy core, from the configuration. */
#ifndef KEEPER_NUMBERS_H
#define KEEPER_NUMBERS_H

#include "../conf/conf.h"
#include "../policy/policy_conf.h"
#include "allowed.h"

/* Its list of allowed prefixes is borrowed from `allowed`. */
struct policy_conf numbers_of(
	const struct conf *conf, const struct allowed *allowed);

#endif
