/* How many failures strangers may have while a campaign goes on. */
#ifndef POLICY_BUDGET_H
#define POLICY_BUDGET_H

#include <stdbool.h>

#include "core.h"
#include "person.h"
#include "retry.h"

/* What an attempt was granted of; 0: of nothing. */
enum budget_of {
	BUDGET_ANY = 1,	 /* whoever comes first */
	BUDGET_PATIENCE, /* who came so often */
	BUDGET_LASTING,	 /* who came for so long */
	BUDGET_NEAR,	 /* neighbours */
	BUDGET_DEVICE,	 /* whose device is known */
	BUDGET_QUIET,	 /* whom no other stranger tries */
	BUDGET_COUNT,
};

/* What a try says for itself, apart from coming back. */
struct budget_claim {
	const struct person *person; /* of the user; NULL: nothing is known */
	bool near;		     /* he is a neighbour */
	bool device;		     /* by a name of his */
	bool notorious;		     /* by a name that strangers have */
	uint32_t source;	     /* of the hash */
};

/* A neighbour's, or a known device's, that passes at once, in a campaign or
 * not. *ret_spent: what it costs; nothing is taken yet. */
bool budget_grants_at_once(struct policy *policy, mono_ms_t now,
	const struct budget_claim *claim, uint8_t *ret_spent);
/* May this try of a stranger, who came back, go on in a campaign? */
bool budget_grants(struct policy *policy, mono_ms_t now,
	const struct budget_claim *claim, const struct retry *retry,
	uint8_t *ret_spent);
void budget_take(struct policy *policy, mono_ms_t now, struct person *person,
	uint8_t spent);
void budget_give_back(
	struct policy *policy, struct person *person, uint8_t spent);

#endif
