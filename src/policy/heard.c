/*
 * What was read from a server's log.
 *
 * A failure there is over: nothing was asked and nothing can be answered, but
 * it counts as any other does. No log has the secret, so each one counts: of
 * two equal tries nobody knows that they are equal. What comes while the source
 * is banned adds nothing: those are lines that were under way, or logins at a
 * door that this ban does not close, and either would make the next ban longer
 * than what was done.
 *
 * Called by policy.c. Bans by failure.c. What can go wrong: a full table.
 */
#include "heard.h"

#include "evidence.h"
#include "failure.h"
#include "gate.h"
#include "ladder.h"
#include "penalty.h"

static struct source *source_of(struct policy *policy, mono_ms_t now,
	const struct addr *addr, bool *ret_allowed)
{
	struct prefix key = ladder_key(policy, addr, ret_allowed);
	struct source *source = source_take(policy->sources, &key, now);

	if (source == NULL)
		penalty_tell_limit(policy, now, RULE_SOURCES_FULL, &key);
	return source;
}

void heard_failure(struct policy *policy, mono_ms_t now,
	const struct policy_event *event, struct policy_verdict *verdict)
{
	uint64_t user = hash_user(&policy->key, event->user);
	struct source *source;
	bool allowed;

	if (policy->ladder_mode == POLICY_OFF)
		return;
	source = source_of(policy, now, &event->addr, &allowed);
	if (source == NULL)
		return;
	source->failure_total++;
	source->last_failure = now;
	if (!allowed &&
		ban_match(policy->bans, &event->addr, now, true) != NULL)
		verdict->rule = RULE_BANNED;
	else
		verdict->rule = failure_add(policy, now, source, user, 0);
	verdict->failure_count = failure_count_fast(policy, now, source);
}

/* It is a login as any other, and mints a passport. Its user's failures are
 * forgiven where he is at home, too: of those that were heard none is his own
 * affair, as the first of a day are that come through here (gate.c). */
void heard_success(
	struct policy *policy, mono_ms_t now, const struct policy_event *event)
{
	uint64_t user = hash_user(&policy->key, event->user);
	struct source *source;
	bool allowed;

	if (policy->conf.mode == POLICY_OFF ||
		!gate_heard(policy, now, event) ||
		policy->ladder_mode == POLICY_OFF)
		return;
	source = source_of(policy, now, &event->addr, &allowed);
	if (source == NULL)
		return;
	source->success_count++;
	source->last_success = now;
	if (user != 0)
		source_forgive(policy->sources, source, user);
	evidence_succeeded(policy, now, source);
}
