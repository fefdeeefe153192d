/* How many failures strangers may have while a campaign goes on. */
#ifndef POLICY_BUDGET_H
#define POLICY_BUDGET_H

#include <stdbool.h>

#include "core.h"
#include "person.h"
#include "retry.h"

/* What an attempt was granted of; a set. */
enum budget_of {
	BUDGET_USER = 1,
	BUDGET_ALL = 2,
	BUDGET_PATIENCE = 4,
	BUDGET_NEAR = 8,
	BUDGET_LASTING = 16,
};

/* May this try of a stranger go on? What it costs is in *ret_spent; nothing
 * is taken yet. */
bool budget_grants(struct policy *policy, mono_ms_t now,
	const struct person *person, const struct retry *retry,
	uint8_t *ret_spent);
/* The same of a neighbour, in a campaign or not. */
bool budget_grants_near(struct policy *policy, mono_ms_t now,
	const struct person *person, uint8_t *ret_spent);
void budget_take(struct policy *policy, mono_ms_t now, struct person *person,
	uint8_t spent);
void budget_give_back(
	struct policy *policy, struct person *person, uint8_t spent);

#endif
