/*
 * The lockout shield.
 *
 * Domino can lock a user after N failures since the last success, so whoever
 * knows a name can lock its owner out. postern counts what reaches the server
 * for each name and answers strangers 454 while the last few of the N are left:
 * those are kept for people who have been here before. They are kept from what
 * was refused once, too: a pair whose time is over is not asked again then.
 *
 * Logins under way count as failures, for all of them may fail. A holder waits
 * for the one before him when both could bring the lock about.
 *
 * Called by gate.c. Knows neither secrets nor places. What can go wrong: the
 * server heard of failures that did not pass here (its web server); the option
 * `spare` leaves room for those.
 */
#include "shield.h"

unsigned shield_failures(
	const struct policy *policy, mono_ms_t now, const struct person *person)
{
	uint64_t reset_ms = policy->conf.shield.reset_ms;

	if (person == NULL)
		return 0;
	if (reset_ms != 0 && now - person->last_failure >= reset_ms)
		return person->in_flight_count;
	return person->failure_count + person->in_flight_count;
}

static bool reached(const struct policy *policy, mono_ms_t now,
	const struct person *person, unsigned spare)
{
	unsigned lockout = policy->conf.shield.lockout;
	unsigned limit = lockout > spare ? lockout - spare : 1;

	return lockout != 0 && shield_failures(policy, now, person) >= limit;
}

bool shield_scarce(
	const struct policy *policy, mono_ms_t now, const struct person *person)
{
	return reached(policy, now, person, policy->conf.shield.spare);
}

enum shield_answer shield_asks(const struct policy *policy, mono_ms_t now,
	const struct person *person, bool holder)
{
	if (!holder)
		return shield_scarce(policy, now, person) ? SHIELD_STOP
							  : SHIELD_PASS;
	if (reached(policy, now, person, 1) && person->in_flight_count > 0)
		return SHIELD_HOLD;
	return SHIELD_PASS;
}

void shield_opened(struct person *person)
{
	person->in_flight_count++;
}

void shield_closed(struct policy *policy, mono_ms_t now, struct person *person,
	bool failed)
{
	uint64_t reset_ms = policy->conf.shield.reset_ms;

	person->in_flight_count -= person->in_flight_count > 0;
	if (!failed)
		return;
	if (reset_ms != 0 && now - person->last_failure >= reset_ms)
		person->failure_count = 0;
	person->failure_count++;
	person->last_failure = now;
}
