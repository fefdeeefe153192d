/* The compromise alarm: a success that looks like a guess that was right. */
#ifndef POLICY_COMPROMISE_H
#define POLICY_COMPROMISE_H

#include <stdbool.h>

#include "core.h"
#include "gate.h"
#include "person.h"

/*
 * A stranger succeeded. person: of the user, before this success; NULL: nothing
 * is known. true: the success is not to be believed until the operator says
 * EVENT_OPERATOR_FORGET of the user: the verdict of the settling is
 * VERDICT_ANSWER_TEMPORARY then, and no octet of the 235 goes out.
 */
bool compromise_looks(struct policy *policy, mono_ms_t now,
	const struct gate_end *end, const struct person *person);

#endif
