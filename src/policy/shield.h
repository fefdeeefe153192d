/* The lockout shield: the server locks a user after so many failures; no
 * stranger and no forgotten phone may bring that about. */
#ifndef POLICY_SHIELD_H
#define POLICY_SHIELD_H

#include <stdbool.h>

#include "core.h"
#include "person.h"

enum shield_answer {
	SHIELD_PASS,
	SHIELD_HOLD, /* another login of this user decides first */
	SHIELD_STOP, /* 454: what is left is for those who are known */
};

/* Failures at the server, since its last success or shield.reset_ms. */
unsigned shield_failures(const struct policy *policy, mono_ms_t now,
	const struct person *person);
/* Is the next failure one too many for a stranger, or for what failed before?
 * person NULL: nothing is known. */
bool shield_scarce(const struct policy *policy, mono_ms_t now,
	const struct person *person);
/* May one more login of this user go to the server? */
enum shield_answer shield_asks(const struct policy *policy, mono_ms_t now,
	const struct person *person, bool holder);

/* One went there; it came back. A person that gave way in between counts from
 * the start again. */
void shield_opened(struct person *person);
void shield_closed(struct policy *policy, mono_ms_t now, struct person *person,
	bool failed);

#endif
